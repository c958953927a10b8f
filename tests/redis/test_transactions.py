"""Transactions, holds and locks on a real server, with two caches that stand for two processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import Context
from secrets import token_hex
from typing import Any

import pytest

from freshly import Cache, LockLost, LockTimeout
from freshly.stores.redis.layout import Layout
from tests.servers.fixtures import Servers, needed
from tests.servers.kinds import VALKEY_9
from tests.servers.server import Server

pytestmark = pytest.mark.real_time


@pytest.fixture
def server(servers: Servers) -> Server:
    return servers.get(needed(VALKEY_9))


@pytest.fixture
async def caches(server: Server) -> AsyncIterator[list[Cache]]:
    namespace = f"tx-{token_hex(6)}"
    both = [Cache(server.url, namespace=namespace, max_hold="1m", timeout=5) for _ in range(2)]
    await both[0].ping()
    # A bucket that is new stores nothing for a minute.
    server.admin.hset(Layout(namespace).bucket(0), "^", "0")
    yield both
    for cache in both:
        await cache.close()


async def outside(work: Any) -> Any:
    return await asyncio.get_running_loop().create_task(work, context=Context())


async def test_a_transaction_is_carried_out_for_all_processes(caches: list[Cache]) -> None:
    mine, theirs = caches
    for key in ("deleted", "tagged", "replaced"):
        await mine.set(key, 1, tags=[f"t:{key}"])

    async with mine.transaction():
        await mine.delete("deleted")
        await mine.delete_tags("t:tagged", "t:replaced")
        await mine.set("replaced", 2, tags=["t:replaced"])
        assert await theirs.get_many(["deleted", "tagged", "replaced"]) == {
            "deleted": 1,
            "tagged": 1,
            "replaced": 1,
        }

    assert await theirs.get_many(["deleted", "tagged", "replaced"]) == {"replaced": 2}


async def test_a_value_that_another_process_overtook_is_not_stored(caches: list[Cache]) -> None:
    mine, theirs = caches

    async with mine.transaction():
        await mine.delete_tags("t")
        await mine.set("k", "mine", tags=["t"])
        await theirs.delete_tags("t")

    assert await theirs.get("k") is None


async def test_under_the_hold_of_one_nobody_stores_and_after_it_everybody(
    caches: list[Cache],
) -> None:
    mine, theirs = caches
    await theirs.set("k", "old", tags=["t"])

    async with mine.transaction(hold="10s"):
        await mine.delete_tags("t")
        await mine.set("own", "written", tags=["t"])
        assert await theirs.get_or_set("k", lambda: "old", tags=["t"]) == "old"
        assert await theirs.get("k") is None
        assert not await theirs.set("k", "old", tags=["t"])

    assert await theirs.get("own") == "written"
    assert await theirs.get_or_set("k", lambda: "new", tags=["t"]) == "new"
    assert await theirs.get("k") == "new"


async def test_rolled_back_it_leaves_neither_stamps_nor_holds(caches: list[Cache]) -> None:
    mine, theirs = caches

    with pytest.raises(ZeroDivisionError):
        async with mine.transaction(hold="10s"):
            await mine.delete_tags("t")
            await mine.delete("k")
            raise ZeroDivisionError

    assert await theirs.set("k", "old", tags=["t"])


def test_the_blocking_face_does_the_same(server: Server) -> None:
    namespace = f"tx-{token_hex(6)}"
    with (
        Cache(server.url, namespace=namespace, max_hold="1m", timeout=5).blocking as mine,
        Cache(server.url, namespace=namespace, max_hold="1m", timeout=5).blocking as theirs,
    ):
        mine.ping()
        server.admin.hset(Layout(namespace).bucket(0), "^", "0")
        mine.set("k", 1, tags=["t"])
        with mine.transaction(hold="10s"):
            mine.delete_tags("t")
            assert theirs.get("k") is None
            assert not theirs.set("k", 1, tags=["t"])
        assert theirs.set("k", 2, tags=["t"])
        with mine.lock("report"):
            with pytest.raises(LockTimeout), theirs.lock("report", timeout=0):
                pass
            with theirs.once("job", "1m") as is_first:
                assert is_first
        with theirs.lock("report"), mine.once("job", "1m") as is_first:
            assert not is_first


async def test_a_lock_keeps_processes_apart(caches: list[Cache]) -> None:
    inside: list[str] = []
    most = 0

    async def work(cache: Cache, name: str) -> None:
        nonlocal most
        async with cache.lock("report"):
            inside.append(name)
            most = max(most, len(inside))
            await asyncio.sleep(0.002)
            inside.remove(name)

    await asyncio.gather(*(work(cache, f"{cache}{n}") for cache in caches for n in range(5)))

    assert most == 1


async def test_a_lock_runs_out_on_the_server_and_a_renewed_one_does_not(caches: list[Cache]) -> None:
    mine, theirs = caches

    with pytest.raises(LockLost):
        async with mine.lock("short", ttl="50ms"), theirs.lock("short", timeout="5s"):
            pass
    async with mine.lock("renewed", ttl="300ms", renew=True) as lock:
        with pytest.raises(LockTimeout):
            async with theirs.lock("renewed", timeout="1s"):
                pass
        assert lock.is_held


async def test_a_read_inside_loads_what_the_transaction_has_invalidated(open_cache: Any) -> None:
    """The value lies on the server until the end, and every other process may be given it."""
    cache, rows = open_cache(), {"row": 1}

    @cache(ttl="1h", tags=["row"])
    async def get() -> int:
        return rows["row"]

    assert await get() == 1
    async with cache.transaction():
        await cache.delete_tags("row")
        rows["row"] = 2
        assert await get() == 2

    assert await get() == 2
