"""The naive cache is a fair one: it does what it looks like it does, and it breaks in one place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from examples.demo.naive import NaiveCache


@dataclass
class Row:
    id: int


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> NaiveCache:
    return NaiveCache(clock)


async def test_a_value_is_kept_for_its_ttl(cache: NaiveCache, clock: Clock) -> None:
    loads = []

    @cache(ttl="10m")
    async def load(number: int, page: int = 1) -> int:
        loads.append((number, page))
        return number

    await load(1)
    await load(number=1, page=1)
    clock.time = 599.9
    await load(1)
    assert loads == [(1, 1)]

    clock.time = 600.0
    await load(1)
    assert loads == [(1, 1), (1, 1)]


async def test_delete_tags_deletes_what_the_arguments_and_the_result_name(
    cache: NaiveCache,
) -> None:
    loads = []

    @cache.soft(ttl="1m", soft_ttl="2s", tags=["all", "country:{code}", "city:{result[].id}"])
    async def load(code: str) -> list[Row]:
        loads.append(code)
        return [Row(1), Row(2)]

    for tag in ("all", "country:FR", "city:2"):
        await load("FR")
        await load("FR")
        await cache.delete_tags(tag, "city:3")

    assert loads == ["FR", "FR", "FR"]


async def test_a_writer_deletes_after_it_has_written(cache: NaiveCache) -> None:
    rows = {"FR": 1}

    @cache(ttl="1h", tags=["country:{code}"])
    async def load(code: str) -> int:
        return rows[code]

    @cache.invalidates("country:{code}")
    async def write(code: str, number: int) -> None:
        rows[code] = number

    assert await load("FR") == 1
    await write("FR", 2)
    assert await load("FR") == 2


async def test_a_delete_during_a_load_is_lost(cache: NaiveCache) -> None:
    """This is what the demo counts, and why freshly exists."""
    row = "old"
    loading, written = asyncio.Event(), asyncio.Event()

    @cache(ttl="1h", tags=["row"])
    async def load() -> str:
        value = row
        loading.set()
        await written.wait()
        return value

    read = asyncio.ensure_future(load())
    await loading.wait()
    row = "new"
    await cache.delete_tags("row")
    written.set()
    await read

    assert await load() == "old"
