"""A ttl that depends on the value: empty results, answers that bring their own age, and none at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from freshly import Cache, ConfigurationError
from freshly.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock, dice=lambda: 0.0)


async def test_an_empty_result_has_a_ttl_of_its_own(cache: Cache, clock: ManualClock) -> None:
    """What is not there yet may be there soon; what is there stays."""
    found: dict[str, list[str]] = {"tea": ["green"], "coffee": []}
    loads: list[str] = []

    @cache(ttl=lambda result: "1h" if result else "10s")
    async def search(text: str) -> list[str]:
        loads.append(text)
        return found[text]

    await search("tea"), await search("coffee")
    found["coffee"] = ["black"]
    clock.advance("9s")
    assert await search("coffee") == []
    clock.advance("1s")

    assert await search("coffee") == ["black"]
    assert await search("tea") == ["green"]
    assert loads == ["tea", "coffee", "coffee"]


@pytest.mark.parametrize("over", [0, 0.0, -5, timedelta(0), timedelta(seconds=-1)])
async def test_zero_or_less_means_that_it_is_not_kept(cache: Cache, over: Any) -> None:
    """A remaining life is a subtraction, and a value may arrive after its end."""
    loads = 0

    @cache(ttl=lambda result: over, key="a")
    async def get() -> int:
        nonlocal loads
        loads += 1
        return loads

    assert [await get(), await get()] == [1, 2]
    assert not await cache.exists("a")


async def test_an_older_value_stays_when_the_new_one_is_not_kept(
    cache: Cache, clock: ManualClock
) -> None:
    """As with a condition that refuses it."""
    ttls: list[Any] = ["1h", 0]

    @cache(ttl=lambda result: ttls[result - 1], key="a")
    async def get() -> int:
        return 2 if await cache.exists("a") else 1

    assert await get() == 1
    assert await get.refresh() == 2
    assert await cache.get("a") == 1


async def test_none_means_as_long_as_the_store_keeps_anything(clock: ManualClock) -> None:
    cache = Cache("mem://?max_ttl=1h", clock=clock)

    @cache(ttl=lambda result: None, key="a")
    async def get() -> int:
        return 1

    await get()
    clock.advance("59m")
    assert await cache.exists("a")
    clock.advance("1m")
    assert not await cache.exists("a")


async def test_get_or_set_computes_it_too(cache: Cache) -> None:
    assert await cache.get_or_set("a", list, lambda result: 0 if not result else "1h") == []
    assert await cache.get_or_set("b", lambda: [1], lambda result: 0 if not result else "1h") == [1]

    assert [await cache.exists(key) for key in "ab"] == [False, True]


@pytest.mark.parametrize("wrong", [True, "0s", "soon", float("nan"), float("inf"), object()])
async def test_what_is_no_duration_is_an_error_that_names_the_option(cache: Cache, wrong: Any) -> None:
    @cache(ttl=lambda result: wrong)
    async def get() -> int:
        return 1

    with pytest.raises(ConfigurationError, match="the result of ttl="):
        await get()


@pytest.mark.parametrize("option", ["soft_ttl", "early_ttl"])
async def test_zero_is_an_error_for_the_instants_within_a_life(cache: Cache, option: str) -> None:
    options: dict[str, Any] = {option: lambda result: 0}

    @cache("1h", **options)
    async def get() -> int:
        return 1

    with pytest.raises(ConfigurationError, match=f"the result of {option}=0"):
        await get()


def test_a_fixed_ttl_of_zero_is_a_mistake(cache: Cache) -> None:
    with pytest.raises(ConfigurationError, match=r"ttl=0: it is not above zero"):
        cache(0)(lambda: 1)
