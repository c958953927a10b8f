"""Caches on a server, and a count of what they ask it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from freshly import Cache
from freshly.stores.redis.aio import AsyncWire
from freshly.stores.redis.leases import RedisLeases
from tests.servers.server import Server

Open = Callable[..., Cache]


@pytest.fixture
async def open_cache(server: Server) -> AsyncIterator[Open]:
    """Open a cache on the server: called twice, it stands for two processes."""
    opened: list[Cache] = []

    def one(url: str = "", **options: Any) -> Cache:
        # The tests share two cores with the server and with each other.
        options.setdefault("timeout", 5)
        opened.append(Cache(url or server.url, **options))
        return opened[-1]

    yield one
    for cache in opened:
        await cache.close()


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The names of the commands of each round trip of the awaited side."""
    trips: list[list[str]] = []
    original = AsyncWire.exchange

    async def exchange(self: AsyncWire, commands: Any) -> Any:
        trips.append([str(command[0]) for command in commands])
        return await original(self, commands)

    monkeypatch.setattr(AsyncWire, "exchange", exchange)
    return trips


class Bids:
    """Counts the answers to bids for leases, those of all caches: who lost one bids again later."""

    def __init__(self) -> None:
        self.answered = 0

    async def until(self, answered: int) -> None:
        async with asyncio.timeout(20):
            while self.answered < answered:  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def more(self, count: int) -> None:
        await self.until(self.answered + count)


@pytest.fixture
def bids(monkeypatch: pytest.MonkeyPatch) -> Bids:
    counted = Bids()

    def count(name: str) -> None:
        original = getattr(RedisLeases, name)

        async def bid(self: RedisLeases, *asked: Any) -> Any:
            found = await original(self, *asked)
            counted.answered += 1
            return found

        monkeypatch.setattr(RedisLeases, name, bid)

    for name in ("look", "look_many", "claim_many"):
        count(name)
    return counted
