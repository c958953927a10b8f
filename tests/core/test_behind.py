"""Refreshes behind their readers that cannot take off: what was given to them is free again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from freshly import Cache
from freshly.testing import ManualClock, Stepper

Read = Callable[[], Awaitable[Any]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    cache = Cache(clock=clock, dice=lambda: 0.0)
    cache.setup(max_refreshes=1)
    return cache


@pytest.fixture
def step() -> Stepper:
    return Stepper()


class Reads:
    """Reads of "a", alone or as one of many; ``loads`` counts."""

    def __init__(self, cache: Cache, *, together: bool) -> None:
        self.loads = 0
        self.stands_at: Stepper | None = None

        @cache.soft("1h", soft_ttl="1m", key="{name}")
        async def one(name: str) -> int:
            return await self.load()

        @cache.many("1h", soft_ttl="1m", key="{name}")
        async def many(names: list[str]) -> dict[str, int]:
            return dict.fromkeys(names, await self.load())

        self.one, self.many = one, many
        self.together = together

    async def load(self) -> int:
        self.loads += 1
        loaded = self.loads
        if self.stands_at is not None:
            await self.stands_at.stop("loading")
        return loaded

    async def __call__(self) -> int:
        return (await self.many(["a"]))["a"] if self.together else await self.one("a")


@pytest.fixture(params=["alone", "together"])
async def read(request: pytest.FixtureRequest, cache: Cache, clock: ManualClock) -> Reads:
    reads = Reads(cache, together=request.param == "together")
    assert await reads() == 1
    clock.advance("1m")
    return reads


async def test_another_thread_was_quicker(
    cache: Cache, read: Reads, step: Stepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took off between the question whether one is in the air, and the start."""
    with monkeypatch.context() as patch:
        patch.setattr(cache._home.parts.flights, "take_off_behind", lambda *asked: False)
        assert await read() == 1
        await step.settle()
    assert read.loads == 1

    assert await read() == 1
    await step.settle()

    assert await read() == 2


async def test_a_loop_that_is_closing_takes_no_tasks(
    cache: Cache, read: Reads, step: Stepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        runtime = cache._home.parts.awaited.engine._runtime
        patch.setattr(runtime, "spawner", lambda: lambda flight, job: False)
        assert await read() == 1
    assert cache._home.parts.flights.in_the_air() == []

    assert await read() == 1
    await step.settle()

    assert await read() == 2


async def test_one_that_is_under_way_is_not_queued_once_more(
    cache: Cache, read: Reads, step: Stepper
) -> None:
    """It has the one place that there is, and a queue would be for another."""
    read.stands_at = step

    assert await read() == 1
    await step.reached("loading")
    assert await read() == 1
    awaited, _ = cache._home.parts._budgets
    assert awaited.waiting == 0

    step.go("loading")
    await step.settle()
    assert await read() == 2


async def test_at_the_instant_at_which_it_is_stale_a_value_goes_before_those_that_are_not_yet(
    cache: Cache, read: Reads, clock: ManualClock, step: Stepper
) -> None:
    """``read`` is stale, and keeps the one place busy. Of the others the early one is used more."""
    begun: list[str] = []

    async def load(names: list[str]) -> dict[str, str]:
        begun.extend(names)
        return {name: name for name in names}

    async def ask(name: str, **options: Any) -> None:
        if read.together:
            await cache.get_or_set_many([name], load, "1h", **options)
        else:
            await cache.get_or_set(name, lambda: load([name]), "1h", **options)

    async def ask_both() -> None:
        for _ in range(3):
            await ask("early", soft_ttl="30m", early_ttl="1m")
        await ask("stale", soft_ttl="1m")

    await ask_both()
    clock.advance("1m")
    begun.clear()
    read.stands_at = step
    await read()
    await step.reached("loading")

    await ask_both()
    step.go("loading")
    await step.settle()

    assert begun == ["stale", "early"]
