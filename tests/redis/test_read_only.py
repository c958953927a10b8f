"""A primary that is one no more refuses writes: the call goes to its successor, and nobody notices.

The connection stays open when a server is made a replica by hand, and an address may lead elsewhere
from one moment to the next. So it is the reply that has to be understood.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.connection import _RESP2Parser

from freshly import Cache, StoreError
from freshly.stores.redis.failures import is_not_primary
from freshly.stores.redis.replies import PlainReader
from tests.servers.fixtures import Start
from tests.servers.kinds import REDIS_8, VALKEY_9, Kind
from tests.servers.proxy import Proxy
from tests.servers.server import Server

hiredis = pytest.importorskip("hiredis")
both_kinds = pytest.mark.parametrize("server_kind", [VALKEY_9, REDIS_8], ids=lambda kind: kind.name)

Verb = Callable[[Any], Awaitable[Any]]
VERBS: dict[str, Verb] = {
    "delete_tags": lambda commands: commands.delete_tags("tag"),
    "mark_stale": lambda commands: commands.mark_stale("tag"),
    "delete": lambda commands: commands.delete("key"),
    "delete_match": lambda commands: commands.delete_match("other*"),
    "set": lambda commands: commands.set("key", 2),
    "clear": lambda commands: commands.clear(),
}
# These ask before they write, and the answer tells them already.
ASKING = ("delete", "set")
# Each verb once: by each colour of caller and on each kind of server in turn.
CASES = [
    (verb, ("async", "blocking")[place % 2], (VALKEY_9, REDIS_8)[place // 2 % 2])
    for place, verb in enumerate(VERBS)
]


@pytest.mark.parametrize(
    ("said", "is_one"),
    [
        ("READONLY You can't write against a read only replica.", True),
        ("READONLY this server is no primary script: 12ab, on @user_script:26.", True),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", True),
        ("ERR a key named READONLY is none", False),
        ("LAYOUT 1:1", False),
        ("OOM command not allowed when used memory > 'maxmemory'.", False),
    ],
)
@pytest.mark.parametrize("is_fast", [False, True], ids=["in Python", "hiredis"])
def test_what_says_that_a_server_is_no_primary(said: str, is_one: bool, is_fast: bool) -> None:
    error = _RESP2Parser(socket_read_size=1).parse_error
    reader: Any = hiredis.Reader(replyError=error) if is_fast else PlainReader(error)
    reader.feed(f"-{said}\r\n".encode())

    assert is_not_primary(reader.gets()) is is_one


def make_way(start_server: Start, proxy: Proxy, former: Server) -> Server:
    """Make ``former`` a replica of the server that ``proxy`` leads to from now on."""
    successor = start_server(kind=former.kind)
    former.admin.execute_command("REPLICAOF", "127.0.0.1", successor.port)
    proxy.lead_to(successor.socket)
    former.admin.config_resetstat()
    return successor


def refusals(server: Server) -> int:
    told: dict[str, Any] = server.admin.info("errorstats")
    return int(told.get("errorstat_READONLY", {"count": 0})["count"])


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("verb", "colour", "server_kind"), CASES, ids=lambda one: getattr(one, "name", one)
)
async def test_a_write_that_is_refused_is_sent_once_more_to_the_new_primary(
    verb: str, colour: str, server_kind: Kind, start_server: Start
) -> None:
    former = start_server()
    with Proxy(former.socket) as proxy:
        cache = Cache(proxy.url, timeout=5)
        commands = cache if colour == "async" else cache.blocking
        await _done(commands.set("key", 1, tags=["tag"]))
        successor = make_way(start_server, proxy, former)

        await _done(VERBS[verb](commands))

        assert refusals(former) == (verb not in ASKING), "once, and then its connection is dropped"
        assert refusals(successor) == 0
        assert successor.calls().get("evalsha", 0) + successor.calls().get("eval", 0) > 0
        await cache.close()


@pytest.mark.real_time
@both_kinds
async def test_a_load_lands_at_the_new_primary(server_kind: Kind, start_server: Start) -> None:
    former = start_server()
    with Proxy(former.socket) as proxy:
        cache = Cache(proxy.url, timeout=5)
        loads = []

        @cache(ttl="1h", tags=["tag"])
        async def get(number: int) -> int:
            loads.append(number)
            return number

        await get(1)
        make_way(start_server, proxy, former)

        assert [await get(2), await get(2)] == [2, 2]
        assert loads == [1, 2]
        await cache.close()


@pytest.mark.real_time
async def test_where_there_is_no_other_it_says_so(start_server: Start) -> None:
    former = start_server()
    with Proxy(former.socket) as proxy:
        cache = Cache(proxy.url, timeout=5)
        await cache.set("key", 1)
        make_way(start_server, proxy, former)
        proxy.lead_to(former.socket)

        with pytest.raises(StoreError, match="is no primary, or changes its role"):
            await cache.delete_tags("tag")
        await cache.close()


async def _done(work: Any) -> Any:
    return await work if hasattr(work, "__await__") else work
