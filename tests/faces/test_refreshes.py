"""How many refreshes run behind the readers, which come first, and what becomes of the others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from freshly import Cache
from freshly.testing import ManualClock, Stepper, ThreadStepper

LIMIT_SECONDS = 20.0

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


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


@pytest.fixture
def threads() -> Iterator[ThreadStepper]:
    with ThreadStepper() as stepper:
        yield stepper


async def test_no_more_run_than_setup_says_and_those_that_wait_run_after_them(
    cache: Cache, clock: ManualClock, step: Stepper
) -> None:
    refreshed: list[str] = []
    is_filled = False

    @cache.soft("1h", soft_ttl="1m")
    async def get(name: str) -> str:
        if is_filled:
            refreshed.append(name)
            await step.stop("refreshing")
        return name

    for name in "abc":
        await get(name)
    is_filled = True
    clock.advance("1m")
    for name in "abc":
        await get(name)
    await step.reached("refreshing")
    await step.settle()
    assert refreshed == ["a"]

    step.go("refreshing")
    await step.settle()
    assert refreshed == ["a", "b"]
    step.go("refreshing")
    await step.settle()
    assert refreshed == ["a", "b", "c"]
    step.go("refreshing")
    await step.settle()
    assert cache.stats().refreshes_dropped == 0


async def test_their_number_may_stand_in_the_query_of_the_url(
    cache: Cache, clock: ManualClock, step: Stepper
) -> None:
    cache.setup("mem://?max_refreshes=2&max_entries=5")

    @cache.soft("1h", soft_ttl="1m")
    async def get(name: str) -> str:
        if clock.now():
            await step.stop("refreshing")
        return name

    for name in "abc":
        await get(name)
    clock.advance("1m")
    for name in "abc":
        await get(name)
    await step.reached("refreshing")
    await step.settle()
    assert step.visits("refreshing") == 2

    for _ in range(3):
        await step.reached("refreshing")
        step.go("refreshing")
        await step.settle()
    assert step.visits("refreshing") == 3


async def test_a_stale_value_goes_before_an_early_one_and_then_what_is_read_most(
    cache: Cache, clock: ManualClock, step: Stepper
) -> None:
    refreshed: list[str] = []
    is_filled = False

    async def load(name: str) -> str:
        if is_filled:
            refreshed.append(name)
            await step.stop("refreshing")
        return name

    @cache.soft("1h", soft_ttl="1m")
    async def soft(name: str) -> str:
        return await load(name)

    @cache.early("1h", early_ttl="1m")
    async def early(name: str) -> str:
        return await load(name)

    await early("early")
    for name in ["first", "seldom", "often"]:
        await soft(name)
    is_filled = True
    clock.advance("1m")
    await soft("first")
    await early("early")
    await soft("seldom")
    for _ in range(3):
        await soft("often")
    for _ in range(4):
        await step.reached("refreshing")
        step.go("refreshing")
        await step.settle()

    assert refreshed == ["first", "often", "seldom", "early"]


async def test_one_whose_value_has_gone_or_is_new_by_its_turn_does_nothing(
    cache: Cache, clock: ManualClock, step: Stepper
) -> None:
    loads: list[str] = []

    @cache.soft("1h", soft_ttl="1m", tags=["t:{name}"])
    async def get(name: str) -> str:
        loads.append(name)
        if len(loads) == 4:
            await step.stop("refreshing")
        return name

    for name in "abc":
        await get(name)
    clock.advance("1m")
    for name in "abc":
        await get(name)
    await step.reached("refreshing")
    await cache.delete_tags("t:b")
    await get.refresh("c")
    assert loads == ["a", "b", "c", "a", "c"]

    step.go("refreshing")
    await step.settle()

    assert loads == ["a", "b", "c", "a", "c"]


async def test_a_refresh_takes_its_stamp_when_its_turn_has_come(
    cache: Cache, clock: ManualClock, step: Stepper
) -> None:
    """What is invalidated while it waits does not overtake it; what comes later does."""
    version = 1
    loads = 0

    @cache.soft("1h", soft_ttl="1m", tags=["t", "t:{name}"])
    async def get(name: str) -> int:
        nonlocal loads
        loads += 1
        seen = version
        if loads > 2:
            await step.stop("refreshing")
        return seen

    await get("a"), await get("b")
    clock.advance("1m")
    await get("a"), await get("b")
    await step.reached("refreshing")
    await cache.mark_stale("t:b")
    step.go("refreshing")
    await step.settle()
    await step.reached("refreshing")
    version = 2
    await cache.delete_tags("t:b")
    step.go("refreshing")
    await step.settle()

    assert cache.stats().overtaken == 1
    reader = step.start(get("b"))
    await step.reached("refreshing")
    step.go("refreshing")
    assert await reader == 2


async def test_a_reader_that_needs_the_value_does_not_wait_for_a_turn(
    cache: Cache, clock: ManualClock, step: Stepper
) -> None:
    loads: list[str] = []

    @cache.soft("1h", soft_ttl="1m")
    async def get(name: str) -> int:
        loads.append(name)
        if len(loads) == 3:
            await step.stop("refreshing")
        return len(loads)

    await get("a"), await get("b")
    clock.advance("1m")
    await get("a"), await get("b")
    await step.reached("refreshing")

    clock.advance("1h")
    assert await get("b") == 4

    step.go("refreshing")
    await step.settle()
    assert loads == ["a", "b", "a", "b"]


async def test_it_sees_the_context_of_the_read_that_asked_for_it_first(
    cache: Cache, clock: ManualClock, step: Stepper
) -> None:
    seen: list[str] = []

    @cache.soft("1h", soft_ttl="1m")
    async def get(name: str) -> str:
        seen.append(tenant.get())
        if len(seen) == 3:
            await step.stop("refreshing")
        return name

    await get("a"), await get("b")
    clock.advance("1m")
    await get("a")
    await step.reached("refreshing")
    for who in ["first", "second"]:
        tenant.set(who)
        await get("b")
    tenant.set("nobody")
    step.go("refreshing")
    await step.settle()

    assert seen[3:] == ["first"]


async def test_closing_forgets_those_that_wait(cache: Cache, clock: ManualClock, step: Stepper) -> None:
    loads: list[str] = []

    @cache.soft("1h", soft_ttl="1m")
    async def get(name: str) -> str:
        loads.append(name)
        if len(loads) == 3:
            await step.stop("refreshing")
        return name

    await get("a"), await get("b")
    clock.advance("1m")
    await get("a"), await get("b")
    await step.reached("refreshing")

    await cache.close()
    await step.settle()

    assert loads == ["a", "b", "a"]


async def test_those_that_find_no_room_are_counted_and_asked_for_by_the_next_read(
    cache: Cache, clock: ManualClock, step: Stepper
) -> None:
    loads: list[int] = []
    is_filled = False

    @cache.soft("1h", soft_ttl="1m")
    async def get(number: int) -> int:
        if is_filled:
            loads.append(number)
            await step.stop("refreshing")
        return number

    for number in range(7):
        await get(number)
    is_filled = True
    clock.advance("1m")
    for number in range(7):
        await get(number)
    await step.reached("refreshing")
    assert cache.stats().refreshes_dropped == 2

    for _ in range(5):
        step.go("refreshing")
        await step.settle()
    assert len(loads) == 5
    left = ({*range(7)} - {*loads}).pop()
    await get(left)
    await step.reached("refreshing")
    step.go("refreshing")
    await step.settle()

    assert loads[-1] == left


def test_on_threads_no_more_run_and_those_that_wait_run_after_them(
    cache: Cache, clock: ManualClock, threads: ThreadStepper
) -> None:
    refreshed: list[str] = []
    done = threading.Semaphore(0)
    is_filled = False
    cache.observe(lambda event: done.release() if getattr(event, "background", False) else None)

    @cache.soft("1h", soft_ttl="1m")
    def get(name: str) -> str:
        if is_filled:
            refreshed.append(name)
            threads.stop("refreshing")
        return name

    for name in "abc":
        get(name)
    is_filled = True
    clock.advance("1m")
    for name in "abc":
        get(name)
    threads.reached("refreshing")
    assert refreshed == ["a"]
    for _ in "abc":
        threads.reached("refreshing")
        threads.go("refreshing")
        assert done.acquire(timeout=LIMIT_SECONDS)

    assert refreshed == ["a", "b", "c"]


def test_one_that_waits_on_a_loop_that_has_ended_leaves_its_turn_to_others(
    cache: Cache, clock: ManualClock
) -> None:
    """Its reader's loop is gone: nobody can run it."""
    loads: list[str] = []
    is_filled = False
    step = Stepper()

    @cache.soft("1h", soft_ttl="1m")
    async def get(name: str) -> str:
        loads.append(name)
        if is_filled and len(loads) == 4:
            await step.stop("refreshing")
        return name

    async def fill() -> None:
        for name in "abc":
            await get(name)

    async def read_in_another_loop() -> None:
        await get("b")

    async def main() -> None:
        await get("a")
        await step.reached("refreshing")
        await asyncio.to_thread(lambda: asyncio.run(read_in_another_loop()))
        await get("c")
        step.go("refreshing")
        await step.settle()
        await cache.close()

    asyncio.run(fill())
    is_filled = True
    clock.advance("1m")
    asyncio.run(main())

    assert loads[3:] == ["a", "c"]
