"""The near tier as it runs: its thread, real time, servers that break, and what they are asked.

Each test waits with a deadline for what has to happen. What may not happen is asked for at the end of
the time in which it could have.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable
from threading import enumerate as enumerate_threads
from time import monotonic
from typing import Any

import pytest

from freshly import Cache
from freshly.observe import NearLost, NearReady
from freshly.stores.near import keeping
from freshly.stores.redis.address import address_of
from tests.redis.fixtures import Open
from tests.redis.streams import near_of
from tests.servers.combinations import Combination
from tests.servers.fixtures import Servers, Start
from tests.servers.proxy import Proxy
from tests.servers.server import Server
from tests.servers.tls import Tls
from tests.servers.waiting import LIMIT_SECONDS, wait_until

pytestmark = pytest.mark.real_time

Get = Callable[[], Awaitable[int]]


async def until(condition: Callable[[], Any], what: str) -> None:
    """Wait until ``condition()`` is true, or what it awaits."""
    ends_at = monotonic() + LIMIT_SECONDS
    while True:
        met = condition()
        if asyncio.iscoroutine(met):
            met = await met
        if met:
            return
        assert monotonic() < ends_at, f"waited in vain: {what}"
        await asyncio.sleep(0.005)


def has_lease(cache: Cache) -> bool:
    near = cache.stats().near
    return near is not None and near.lease_seconds > 0


def reader(cache: Cache, source: dict[str, int]) -> Get:
    @cache(ttl="1h", key="row", tags=["row"])
    async def get() -> int:
        return source["row"]

    return get


async def begun(cache: Cache, source: dict[str, int]) -> Get:
    """Return a function whose value is near, under a lease."""
    get = reader(cache, source)
    await get()
    await until(lambda: has_lease(cache), "a lease")
    await get()
    return get


async def sees(get: Get, value: int) -> None:
    async def is_there() -> bool:
        return await get() == value

    await until(is_there, f"a read of {value}")


async def test_messages_reach_near_entries_on_each_server_and_by_each_protocol(
    combination: Combination, servers: Servers
) -> None:
    server, source = servers.get(combination.kind), {"row": 1}
    options: dict[str, Any] = {"near": True, "timeout": 5, "protocol": combination.protocol}
    one, other = Cache(server.url, **options), Cache(server.url, **options)
    try:
        get = await begun(one, source)
        source["row"] = 2
        await other.delete_tags("row")
        await sees(get, 2)
        coherence = near_of(one).tier.coherence
        assert coherence is not None
        assert coherence.hears == (combination.protocol == 3)
    finally:
        await one.close()
        await other.close()


@pytest.mark.parametrize("way", ["unix", "tls"])
async def test_so_they_do_by_a_socket_and_by_tls(
    way: str, server: Server, tls_proxy: Proxy, tls: Tls
) -> None:
    url = server.unix_url if way == "unix" else tls_proxy.url
    options: dict[str, Any] = {"near": True, "timeout": 5}
    if way == "tls":
        options["ssl_ca_certs"] = str(tls.ca_file)
    source = {"row": 1}
    one, other = Cache(url, **options), Cache(url, **options)
    try:
        get = await begun(one, source)
        source["row"] = 2
        await other.delete_tags("row")
        await sees(get, 2)
        near = one.stats().near
        assert near is not None
        assert near.messages >= 1
    finally:
        await one.close()
        await other.close()


async def test_a_thousand_near_hits_cost_the_server_heartbeats_and_nothing_else(
    open_cache: Open, server: Server
) -> None:
    # So long that no machine is too slow for one lease.
    cache = open_cache(near=True, max_staleness="30s")
    get = await begun(cache, {"row": 1})
    near = cache.stats().near
    assert near is not None
    server.admin.config_resetstat()
    for _ in range(1000):
        await get()
    later = cache.stats().near
    assert later is not None

    told = server.admin.info("commandstats")
    beats = later.heartbeats - near.heartbeats
    for name in ("cmdstat_hmget", "cmdstat_time"):
        assert told.get(name, {"calls": 0})["calls"] <= beats
    assert not {"cmdstat_get", "cmdstat_mget", "cmdstat_evalsha"} & set(told)


async def test_a_silent_stream_lets_nothing_older_through_after_the_max_staleness(
    open_cache: Open, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the coherence connection goes through the proxy. Everything else goes on."""
    link = keeping.Link
    monkeypatch.setattr(
        keeping, "Link", lambda _, timeout: link(address_of(proxy.url, {}, timeout).dial, timeout)
    )
    options: dict[str, Any] = {"near": True, "max_staleness": "500ms"}
    source = {"row": 1}
    one, other = open_cache(**options), open_cache(max_staleness="500ms")
    get = await begun(one, source)
    proxy.mode = "freeze"
    for version in (2, 3):
        source["row"] = version
        await other.delete_tags("row")
        returned = monotonic()
        while (began := monotonic()) < returned + 0.6:
            value = await get()
            assert value == version or began < returned + 0.5
            await asyncio.sleep(0.002)
        assert await get() == version

    proxy.mode = "pass"
    await until(lambda: has_lease(one), "a lease again")
    source["row"] = 4
    await other.delete_tags("row")
    await sees(get, 4)


async def test_a_stream_that_is_cut_comes_back_and_is_told_of(
    open_cache: Open, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = keeping.Link
    monkeypatch.setattr(
        keeping, "Link", lambda _, timeout: link(address_of(proxy.url, {}, timeout).dial, timeout)
    )
    source, heard = {"row": 1}, []
    one, other = open_cache(near=True), open_cache()
    one.observe(heard.append, NearReady, NearLost)
    get = await begun(one, source)
    proxy.cut()
    await until(lambda: len(heard) >= 3, "lost and ready again")

    assert [type(event) for event in heard[:3]] == [NearReady, NearLost, NearReady]
    source["row"] = 2
    await other.delete_tags("row")
    await sees(get, 2)
    near = one.stats().near
    assert near is not None
    assert near.losses >= 1


async def test_a_server_that_starts_anew_is_followed(private_server: Server) -> None:
    source = {"row": 1}
    one = Cache(private_server.url, near=True, timeout=5)
    other = Cache(private_server.url, timeout=5)
    try:
        get = await begun(one, source)
        private_server.restart()
        source["row"] = 2
        await other.delete_tags("row")
        returned = monotonic()
        while (began := monotonic()) < returned + 1.1:
            value = await get()
            assert value == 2 or began < returned + 1.0
            await asyncio.sleep(0.005)
        await until(lambda: has_lease(one), "a lease of the new server")
        source["row"] = 3
        await other.delete_tags("row")
        await sees(get, 3)
    finally:
        await one.close()
        await other.close()


async def test_a_primary_that_was_superseded_gives_no_lease(start_server: Start) -> None:
    """A to B to A: the process stays connected to A, and everything is invalidated on B."""
    a, b = start_server(), start_server()
    source = {"row": 1}
    one, other = Cache(a.url, near=True, timeout=5), Cache(b.url, timeout=5)
    try:
        get = await begun(one, source)
        b.admin.replicaof("127.0.0.1", a.port)
        await until(lambda: b.admin.info("replication")["master_link_status"] == "up", "a replica")
        await until(lambda: has_lease(one), "a lease under the replid of a primary with a replica")
        await get()
        b.admin.replicaof("no", "one")
        a.admin.replicaof("127.0.0.1", b.port)
        source["row"] = 2
        await other.delete_tags("row")
        returned = monotonic()
        while (began := monotonic()) < returned + 1.1:
            value = await get()
            assert value == 2 or began < returned + 1.0
            await asyncio.sleep(0.01)

        await until(lambda: a.admin.info("replication")["master_link_status"] == "up", "all of B")
        a.admin.replicaof("no", "one")
        await until(lambda: has_lease_after(get, one), "a lease of A again")
        assert await get() == 2
    finally:
        await one.close()
        await other.close()


async def has_lease_after(get: Get, cache: Cache) -> bool:
    await get()
    return has_lease(cache)


async def test_a_blocked_event_loop_does_not_end_the_lease(open_cache: Open) -> None:
    """The thread goes on; what it heard meanwhile the next read sees."""
    source = {"row": 1}
    one, other = open_cache(near=True, max_staleness="400ms"), open_cache(max_staleness="400ms")
    get = await begun(one, source)

    def write() -> None:
        source["row"] = 2
        other.blocking.delete_tags("row")
        ends_at = monotonic() + 0.6
        while monotonic() < ends_at:
            pass

    write()  # on the loop's own thread
    assert await get() == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_a_stream_of_its_own(server: Server) -> None:
    source = {"row": 1}
    cache = Cache(server.url, near=True, timeout=5)
    parent = near_of(cache).tier

    @cache(ttl="1h", key="row", tags=["row"])
    def get() -> int:
        return source["row"]

    with cache.blocking:
        get()
        child = os.fork()
        if child == 0:
            os._exit(_in_the_child(cache, get, source, parent))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _in_the_child(cache: Cache, get: Callable[[], int], source: dict[str, int], parent: Any) -> int:
    try:
        tier = near_of(cache).tier
        assert tier is not parent
        assert max(parent.mirrors.leases()) < 0
        assert get() == 1
        source["row"] = 2
        cache.blocking.delete_tags("row")
        assert get() == 2
        ends_at = monotonic() + LIMIT_SECONDS
        while not cache.stats().near.renewals:
            assert monotonic() < ends_at
        return 0
    except BaseException:
        import traceback

        traceback.print_exc()
        return 1


async def test_a_thread_that_died_is_begun_again(
    open_cache: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake in our code must not cost a process its near hits for ever."""
    cache, source = open_cache(near=True), {"row": 1}
    coherence = near_of(cache).tier.coherence
    assert coherence is not None
    make, died = coherence._make, []

    def fails_once() -> Any:
        if not died:
            died.append(True)
            raise KeyError("a mistake")
        return make()

    monkeypatch.setattr(coherence, "_make", fails_once)
    monkeypatch.setattr("threading.excepthook", lambda *_: None)
    get = reader(cache, source)

    await until(lambda: has_lease_after(get, cache), "a lease")
    assert died


def test_a_cache_that_is_dropped_and_not_closed_leaves_no_thread(server: Server) -> None:
    def use() -> None:
        cache = Cache(server.url, near=True, max_staleness="200ms", timeout=5)

        @cache(ttl="1h", key="row")
        def get() -> int:
            return 1

        wait_until(lambda: get() == 1 and has_lease(cache), "there is no lease")

    def are_gone() -> bool:
        gc.collect()
        return not any(thread.name.startswith("freshly") for thread in enumerate_threads())

    use()

    wait_until(are_gone, "threads of the cache are left")
