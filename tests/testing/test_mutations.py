"""The guard against callers who change what the cache holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import freshly
from freshly import Cache
from freshly.testing import ManualClock, Stepper, assert_no_mutations, isolated

HERE = Path(__file__).name


@pytest.fixture
def cache() -> Cache:
    return Cache(clock=ManualClock())


async def test_callers_who_only_read_pass(cache: Cache) -> None:
    @cache("1h")
    async def get(number: int) -> list[int]:
        return [number]

    with assert_no_mutations(cache):
        for number in (1, 1, 2):
            assert await get(number) == [number]
        await cache.set("k", {"a": 1})
        assert await cache.get("k") == {"a": 1}
        await cache.set_many({"l": 1, "m": [2]})
        await cache.get_many(["l", "m"])


async def test_a_change_is_told_with_function_key_place_and_who_had_it(cache: Cache) -> None:
    @cache("1h")
    async def get_user(user_id: int) -> dict[str, Any]:
        return {"name": "Ada", "tags": ["a"]}

    async def careless() -> None:
        user = await get_user(7)
        user["tags"].append("b")

    with pytest.raises(AssertionError) as caught:  # noqa: SIM117
        with assert_no_mutations(cache):
            await get_user(7)
            await careless()

    text = str(caught.value)
    for words in (
        "1 cached values were changed by somebody who had got them",
        "get_user, key ",
        "get_user(user_id=7)'",
        "['tags'][1] was missing and is 'b'",
        "last asked for at ",
        HERE,
        ".careless",
        "copy=True",
    ):
        assert words in text


def test_the_same_in_blocking_code_and_for_values_by_hand(cache: Cache) -> None:
    @cache("1h")
    def get() -> list[int]:
        return []

    with (
        pytest.raises(AssertionError, match=r"2 cached values") as caught,
        assert_no_mutations(cache),
    ):
        cache.blocking.set("k", {"a": 1})
        get()
        get().append(1)
        cache.blocking.get("k")["a"] = 2

    text = str(caught.value)
    assert "by hand, key 'k': ['a'] was 1 and is 2" in text
    assert "[0] was missing and is 1" in text


async def test_the_first_caller_is_handed_the_stored_object_too(cache: Cache) -> None:
    @cache("1h")
    async def get() -> list[int]:
        return []

    with (
        pytest.raises(AssertionError, match=rf"last asked for at .*{HERE}"),
        assert_no_mutations(cache),
    ):
        (await get()).append(1)


async def test_it_is_found_also_if_somebody_puts_it_back(cache: Cache) -> None:
    """Whoever read in between was served the changed one."""

    @cache("1h")
    async def get() -> list[int]:
        return []

    with pytest.raises(AssertionError, match="was missing and is 1"), assert_no_mutations(cache):
        mine = await get()
        mine.append(1)
        await get()
        mine.clear()


async def test_who_gets_a_copy_may_do_as_they_like(cache: Cache) -> None:
    @cache("1h", copy=True)
    async def get() -> list[int]:
        return []

    with assert_no_mutations(cache):
        for _ in range(3):
            (await get()).append(1)


async def test_a_value_that_left_the_cache_is_nobodys_business(cache: Cache) -> None:
    @cache("1h", tags=["t"])
    async def get() -> list[int]:
        return []

    with assert_no_mutations(cache):
        mine = await get()
        await cache.delete_tags("t")
        assert await get() == []
        mine.append(1)


async def test_a_loader_that_returns_what_it_goes_on_changing_is_found(cache: Cache) -> None:
    everything: list[int] = []

    @cache("1h")
    async def get() -> list[int]:
        return everything

    with pytest.raises(AssertionError, match="was missing and is 1"), assert_no_mutations(cache):
        await get()
        everything.append(1)


async def test_what_was_cached_before_is_watched_from_its_first_read(cache: Cache) -> None:
    @cache("1h")
    async def get() -> list[int]:
        return []

    await get()
    with pytest.raises(AssertionError), assert_no_mutations(cache):
        (await get()).append(1)


async def test_a_refresh_behind_names_no_event_loop_as_the_caller(cache: Cache) -> None:
    step, clock = Stepper(), ManualClock()
    cache = Cache(clock=clock)

    @cache.soft("1h", soft_ttl="1m")
    async def get() -> list[int]:
        return [int(clock.now())]

    with pytest.raises(AssertionError) as caught, assert_no_mutations(cache):
        await get()
        clock.advance("1m")
        await get()
        await step.settle()
        (await get()).append(1)

    assert f"{HERE}:" in str(caught.value)
    assert "asyncio" not in str(caught.value)


async def test_the_error_of_the_block_is_what_one_sees(cache: Cache) -> None:
    @cache("1h")
    async def get() -> list[int]:
        return []

    with pytest.raises(LookupError), assert_no_mutations(cache):
        (await get()).append(1)
        raise LookupError


def test_without_a_name_it_is_the_default_cache(cache: Cache) -> None:
    @freshly.cache("1h")
    def get() -> list[int]:
        return []

    with isolated(), pytest.raises(AssertionError), assert_no_mutations():
        get().append(1)


def test_several_caches_are_watched_together(cache: Cache) -> None:
    other = Cache()
    for each in (cache, other):
        each.blocking.set("k", [])

    with pytest.raises(AssertionError, match="1 cached values"), assert_no_mutations(cache, other):
        other.blocking.get("k").append(1)
        cache.blocking.get("k")


def test_afterwards_hits_take_the_short_way_again(cache: Cache) -> None:
    @cache("1h")
    def get() -> list[int]:
        return []

    with assert_no_mutations(cache):
        get()
        assert not get.__freshly__._rows.entries  # type: ignore[attr-defined]
    get()
    get()
    assert get.__freshly__._rows.entries  # type: ignore[attr-defined]
