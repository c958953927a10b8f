"""What a flight and its entry are given by the pilot."""

from __future__ import annotations

import pytest

from freshly import Cache
from freshly.testing import ManualClock


@pytest.fixture
def cache() -> Cache:
    return Cache(clock=ManualClock())


async def test_a_tag_that_comes_twice_is_in_the_entry_once(cache: Cache) -> None:
    @cache("1h", tags=["users"])
    async def get() -> int:
        cache.tag("users")
        return 1

    await get()

    entry = await get.peek()
    assert entry is not None
    assert entry.tags == ("users",)


def test_the_hits_of_an_entry_stay_where_they_were_counted_when_another_function_finds_it(
    cache: Cache,
) -> None:
    @cache("1h", key="k")
    def one() -> int:
        return 1

    @cache("1h", key="k")
    def other() -> int:
        return 1

    for _ in range(4):
        one()
    assert cache.stats().hits == 3

    other()

    assert cache.stats().hits == 4
    assert cache.stats().by_function[f"{__name__}.{one.__qualname__}"].hits == 4
