"""A thousand callers at a time, on the connections of a default pool: none gets an error."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from freshly import Cache
from freshly.core.events import StoreDown, StoreFailed
from tests.servers.server import Server

pytestmark = pytest.mark.real_time

MANY = 1_000


class Crowd:
    """A cache on the server, what its observers hear, and how often each thing was loaded."""

    def __init__(self, url: str) -> None:
        # Not the default time-out: the machine that runs the tests may do so for others as well.
        self.cache = Cache(url, timeout=5)
        self.failures: list[object] = []
        self.loads: Counter[int] = Counter()
        self.cache.observe(self._hear)

    def _hear(self, event: object) -> None:
        if isinstance(event, StoreFailed | StoreDown):
            self.failures.append(event)


@pytest.fixture
def crowd(server: Server) -> Iterator[Crowd]:
    one = Crowd(server.url)
    yield one
    one.cache.blocking.close()


async def test_a_thousand_callers_of_one_key_load_it_once(crowd: Crowd) -> None:
    @crowd.cache(ttl="1h", tags=["all"])
    async def get(number: int) -> int:
        crowd.loads[number] += 1
        await asyncio.sleep(0.05)
        return number

    values = await asyncio.gather(*(get(7) for _ in range(MANY)))
    again = await asyncio.gather(*(get(7) for _ in range(MANY)))
    await crowd.cache.close()

    assert set(values) == set(again) == {7}
    assert crowd.loads == {7: 1}
    assert crowd.failures == []


async def test_a_thousand_callers_of_a_thousand_keys(crowd: Crowd) -> None:
    @crowd.cache(ttl="1h", tags=["all", "n:{number}"])
    async def get(number: int) -> int:
        crowd.loads[number] += 1
        await asyncio.sleep(0.01)
        return number

    values = await asyncio.gather(*map(get, range(MANY)))
    again = await asyncio.gather(*map(get, range(MANY)))
    await crowd.cache.close()

    assert values == again == list(range(MANY))
    assert crowd.loads == dict.fromkeys(range(MANY), 1)
    assert crowd.failures == []


async def test_a_thousand_commands_of_all_kinds(crowd: Crowd) -> None:
    cache = crowd.cache
    commands: list[Any] = [
        lambda number: cache.set(f"k:{number}", number, "1h", tags=["all"]),
        lambda number: cache.get(f"k:{number}"),
        lambda number: cache.get_or_set(f"k:{number}", lambda: number, "1h"),
        lambda number: cache.delete(f"k:{number}"),
        lambda number: cache.delete_tags(f"t:{number}", "all"),
        lambda number: cache.mark_stale(f"t:{number}"),
        lambda number: cache.exists(f"k:{number}"),
        lambda number: cache.stamp(),
    ]

    await asyncio.gather(*(commands[n % len(commands)](n // 8) for n in range(MANY)))
    await cache.close()

    assert crowd.failures == []


def test_two_hundred_threads_of_five_calls_each(crowd: Crowd) -> None:
    @crowd.cache(ttl="1h", tags=["n:{number}"])
    def get(number: int) -> int:
        crowd.loads[number] += 1
        return number

    def call_five_times(first: int) -> list[int]:
        return [get((first + step) % 100) for step in range(5)]

    with ThreadPoolExecutor(200) as threads:
        values = list(threads.map(call_five_times, range(200)))

    assert values == [[(first + step) % 100 for step in range(5)] for first in range(200)]
    assert crowd.failures == []


async def test_both_colours_together(crowd: Crowd) -> None:
    @crowd.cache(ttl="1h", key="n:{number}")
    async def get(number: int) -> int:
        await asyncio.sleep(0.01)
        return number

    @crowd.cache(ttl="1h", key="n:{number}")
    def get_plainly(number: int) -> int:
        return number

    with ThreadPoolExecutor(50) as threads:
        loop = asyncio.get_running_loop()
        plain = [loop.run_in_executor(threads, get_plainly, number % 50) for number in range(500)]
        awaited = [get(number % 50) for number in range(500)]
        values = await asyncio.gather(*plain, *awaited)
    await crowd.cache.close()

    assert values == [number % 50 for number in range(500)] * 2
    assert crowd.failures == []
