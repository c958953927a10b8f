"""Leases that travel with the first look at a key, and what becomes of those that nobody needs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from freshly.stores.redis.aio import AsyncWire
from freshly.stores.redis.leases import RedisLeases
from freshly.testing import Stepper
from tests.redis.fixtures import Bids, Open
from tests.redis.test_lease import LEASE, Source
from tests.servers.server import Server


async def lease_is_gone(server: Server) -> None:
    async with asyncio.timeout(2):
        while server.admin.exists(LEASE):  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_reader_that_is_cancelled_while_it_looks_leaves_no_lease(
    open_cache: Open, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, cache, answered = Source(), open_cache(), Stepper()
    get = source.on(cache)
    # So that the server knows all scripts.
    await cache.get_or_set("other", lambda: 1)
    original = AsyncWire.exchange

    async def exchange(self: AsyncWire, commands: Any) -> Any:
        replies = await original(self, commands)
        if commands[0][0] == "GET":
            await answered.stop("answered")
        return replies

    monkeypatch.setattr(AsyncWire, "exchange", exchange)
    reader = asyncio.ensure_future(get())
    await answered.reached("answered")
    assert server.admin.exists(LEASE)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader

    answered.go("answered")

    await lease_is_gone(server)
    assert source.loads == 0


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Stepper:
    """The first look that takes a lease stands at "looked", until the test lets it go."""
    step, original = Stepper(), RedisLeases.look

    async def look(self: RedisLeases, *asked: Any) -> Any:
        found = await original(self, *asked)
        if not step.visits("looked"):
            await step.stop("looked")
        return found

    monkeypatch.setattr(RedisLeases, "look", look)
    return step


async def test_a_reader_that_need_not_load_gives_back_the_lease_that_its_look_took(
    open_cache: Open, server: Server, looked: Stepper
) -> None:
    """The load that it joins began while it looked, for who asked for a refresh, and has no lease."""
    source = Source()
    get: Any = source.on(open_cache())
    reader = looked.start(get())
    await looked.reached("looked")
    assert server.admin.exists(LEASE)
    refresh = source.step.start(get.refresh())
    await source.step.reached("loading")

    looked.go("looked")
    source.step.go("loading")

    assert [await reader, await refresh] == [1, 1]
    assert source.loads == 1
    await lease_is_gone(server)


@pytest.mark.real_time
async def test_the_lease_that_one_reader_took_is_the_load_s_that_another_one_began(
    open_cache: Open, bids: Bids, looked: Stepper
) -> None:
    source = Source()
    get, elsewhere = source.on(open_cache()), source.on(open_cache())
    first = looked.start(get())
    await looked.reached("looked")
    readers = [asyncio.ensure_future(one()) for one in (get, elsewhere)]
    # One bid each, and one more of the two, in vain.
    await bids.until(5)
    assert source.loads == 0, "the lease is that of the first, who does not know it yet"

    looked.go("looked")
    await source.step.reached("loading")
    await bids.more(2)
    source.step.go("loading")

    assert [await first, *[await reader for reader in readers]] == [1, 1, 1]
    assert source.loads == 1
