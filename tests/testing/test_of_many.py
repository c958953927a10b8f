"""The kit and functions of many ids: what is about an entry takes one id, and a load is of several."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import pytest

from freshly import Cache
from freshly.testing import (
    ChaosError,
    ChaosLoader,
    Fail,
    ManualClock,
    Pause,
    Stepper,
    ThreadStepper,
    assert_fresh,
    assert_hit,
    assert_miss,
    assert_no_hidden_context,
    assert_no_mutations,
    count_loads,
    isolated,
)

locale: ContextVar[str] = ContextVar("locale", default="en")


@pytest.fixture
def cache() -> Cache:
    return Cache(clock=ManualClock())


@pytest.fixture
def names() -> dict[int, str]:
    return {1: "Ada", 2: "Bob"}


class Functions:
    def __init__(self, cache: Cache, names: dict[int, str]) -> None:
        @cache.many("1h", tags=["user:{user_id}"])
        async def get_users(user_ids: list[int]) -> dict[int, list[str]]:
            return {one: [names[one]] for one in user_ids if one in names}

        @cache.many("1h", tags=["user:{user_id}"])
        def get_in_order(user_ids: list[int]) -> list[list[str]]:
            return [[names[one]] for one in user_ids]

        self.get_users, self.get_in_order = get_users, get_in_order


@pytest.fixture
def functions(cache: Cache, names: dict[int, str]) -> Functions:
    return Functions(cache, names)


async def test_hits_and_misses_are_asked_of_one_id(functions: Functions) -> None:
    await functions.get_users([1, 3])
    functions.get_in_order([2])

    assert (await assert_hit(functions.get_users, 1)).value == ["Ada"]
    await assert_miss(functions.get_users, 2)
    assert assert_hit(functions.get_in_order, 2).value == ["Bob"]
    assert_miss(functions.get_in_order, user_id=1)
    with pytest.raises(AssertionError, match=r"get_users\(2\) is not cached"):
        await assert_hit(functions.get_users, 2)


async def test_what_is_out_of_date_is_found(functions: Functions, names: dict[int, str]) -> None:
    await functions.get_users([1, 2])
    functions.get_in_order([1])
    await assert_fresh(functions.get_users, 1)
    assert_fresh(functions.get_in_order, 1)
    names[1] = "Grace"
    del names[2]

    with pytest.raises(AssertionError, match=r"the source: \['Grace'\]"):
        await assert_fresh(functions.get_users, 1)
    with pytest.raises(AssertionError, match=r"the source: \['Grace'\]"):
        assert_fresh(functions.get_in_order, 1)
    with pytest.raises(AssertionError, match="ABSENT"):
        await assert_fresh(functions.get_users, 2)


async def test_methods_are_asked_on_their_object(cache: Cache) -> None:
    class Service:
        def __init__(self) -> None:
            self.names = {1: "Ada"}

        @cache.many("1h")
        async def get(self, user_ids: list[int]) -> dict[int, str]:
            return {one: self.names[one] for one in user_ids}

    service = Service()
    await service.get([1])
    await assert_fresh(service.get, 1)
    service.names[1] = "Grace"
    with pytest.raises(AssertionError, match="'Grace'"):
        await assert_fresh(service.get, 1)


async def test_loaders_of_both_colours_stand_and_fail(
    cache: Cache, functions: Functions, names: dict[int, str]
) -> None:
    step = Stepper()
    with ChaosLoader(functions.get_users, Pause("load", after=True), step=step) as loader:
        reader = step.start(functions.get_users([1, 2]))
        await step.reached("after load")
        names[1] = "Grace"
        await cache.delete_tags("user:1")
        step.go("after load")
        assert await reader == {1: ["Ada"], 2: ["Bob"]}
        assert loader.loads == 1
    await assert_miss(functions.get_users, 1)
    await assert_hit(functions.get_users, 2)

    with ChaosLoader(functions.get_in_order, Fail("load")):
        with pytest.raises(ChaosError):
            functions.get_in_order([1])
        assert functions.get_in_order([1]) == [["Grace"]]


def test_in_threads_too(cache: Cache, functions: Functions) -> None:
    pause = Pause("load", after=True)
    with ThreadStepper() as step, ChaosLoader(functions.get_in_order, pause, step=step):
        reader = step.start(functions.get_in_order, [1, 2])
        step.reached("after load")
        cache.blocking.delete_tags("user:2")
        step.go("after load")
        assert reader.result(20) == [["Ada"], ["Bob"]]

    assert_hit(functions.get_in_order, 1)
    assert_miss(functions.get_in_order, 2)


async def test_guards_watch_them(cache: Cache, functions: Functions) -> None:
    @cache.many("1h")
    async def greet(user_ids: list[int]) -> dict[int, str]:
        return {one: f"{locale.get()} {one}" for one in user_ids}

    with (
        pytest.raises(AssertionError, match=r"greet read 'locale' .* write vary=\[locale\]"),
        assert_no_hidden_context(cache),
    ):
        await greet([1])
    with (
        pytest.raises(AssertionError, match=r"\[1\] was missing and is 'x'"),
        assert_no_mutations(cache),
    ):
        found: dict[int, Any] = await functions.get_users([1, 2])
        found[2].append("x")


async def test_isolation_and_counts_hold_for_them(cache: Cache, functions: Functions) -> None:
    await functions.get_users([1])
    with isolated(cache), count_loads(functions.get_users) as loads:
        await assert_miss(functions.get_users, 1)
        await functions.get_users([1, 2])
        await functions.get_users([1, 2])
        assert loads.count == 1
    await assert_hit(functions.get_users, 1)
    await assert_miss(functions.get_users, 2)
