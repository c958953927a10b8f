"""``assert_no_leaks``: what still runs, waits or is remembered, by name."""

from __future__ import annotations

import asyncio

import pytest

import freshly
from freshly import Cache
from freshly.testing import ManualClock, Stepper, ThreadStepper, assert_no_leaks, isolated


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock)


@pytest.fixture
def step() -> Stepper:
    return Stepper()


def leaks(cache: Cache) -> str:
    with pytest.raises(AssertionError) as caught:
        assert_no_leaks(cache)
    return str(caught.value)


async def test_after_ordinary_use_nothing_is_left(cache: Cache, clock: ManualClock) -> None:
    @cache.soft("1h", soft_ttl="1m", tags=["t"])
    async def get(number: int) -> int:
        return number

    @cache("1h")
    def blocking(number: int) -> int:
        return number

    for number in range(20):
        await get(number)
        blocking(number)
        await cache.delete_tags("t")
    clock.advance("1m")
    await get(1)

    await cache.close()
    assert_no_leaks(cache)


async def test_a_load_and_those_who_wait_for_it_are_told(cache: Cache, step: Stepper) -> None:
    @cache("1h", key="k")
    async def get() -> int:
        await step.stop("loading")
        return 1

    readers = [step.start(get()) for _ in range(3)]
    await step.reached("loading")
    await step.settle()

    assert leaks(cache) == (
        "1 left over:\n  the task 'freshly loads k' still runs, 3 callers wait for it"
    )
    step.go("loading")
    await asyncio.gather(*readers)
    assert_no_leaks(cache)


async def test_a_load_inside_of_a_transaction_is_told(cache: Cache, step: Stepper) -> None:
    @cache("1h", key="k")
    async def get() -> int:
        await step.stop("loading")
        return 1

    async def reads() -> int:
        async with cache.transaction():
            await cache.delete("k")
            return await get()

    reader = step.start(reads())
    await step.reached("loading")

    assert leaks(cache) == (
        "1 left over:\n  the load of 'k' in the thread of its caller still runs, nobody waits for it"
    )
    step.go("loading")
    await step.ended(reader)
    assert_no_leaks(cache)


async def test_a_refresh_behind_is_told(cache: Cache, clock: ManualClock, step: Stepper) -> None:
    @cache.soft("1h", soft_ttl="1m", key="k")
    async def get() -> int:
        if clock.now():
            await step.stop("refreshing")
        return 1

    await get()
    clock.advance("1m")
    await get()
    await step.reached("refreshing")

    assert "the task 'freshly refreshes k' still runs, nobody waits for it" in leaks(cache)
    await cache.close()
    assert_no_leaks(cache)


async def test_a_loader_that_does_not_let_itself_be_cancelled_is_told(
    cache: Cache, step: Stepper
) -> None:
    @cache("1h", key="k")
    async def get() -> int:
        while not step.visits("ended"):
            try:
                await step.stop("loading")
            except asyncio.CancelledError:
                continue
        return 1

    reader = step.start(get())
    await step.reached("loading")
    reader.cancel()
    await step.settle()

    assert "the task 'freshly loads k' still runs" in leaks(cache)
    step._visits["ended"] = 1
    step.go("loading")
    await step.settle()
    assert_no_leaks(cache)


def test_threads_are_told(cache: Cache, clock: ManualClock) -> None:
    with ThreadStepper() as step:

        @cache.soft("1h", soft_ttl="1m", key="k")
        def get() -> int:
            step.stop("loading")
            return 1

        reader = step.start(get)
        step.reached("loading")
        assert "the load of 'k' in the thread of its caller still runs, 1 callers" in leaks(cache)
        step.go("loading")
        reader.result(20)
        assert_no_leaks(cache)

        clock.advance("1m")
        get()
        step.reached("loading")
        assert "a thread that refreshes 'k' still runs, nobody waits" in leaks(cache)
        step.go("loading")
    cache.blocking.close()
    assert_no_leaks(cache)


async def test_a_store_that_setup_replaced_is_told_until_it_is_closed(cache: Cache) -> None:
    cache.setup("mem://")

    assert "a store that setup() replaced is not closed: await cache.close()" in leaks(cache)
    await cache.exists("k")
    assert_no_leaks(cache)


async def test_whoever_waits_on_the_clock_is_told(
    cache: Cache, clock: ManualClock, step: Stepper
) -> None:
    silence = clock.call_at(60.0, lambda: None)

    assert "1 callers wait on the clock" in leaks(cache)
    silence()
    assert_no_leaks(cache)


async def test_marks_that_a_load_without_an_end_keeps_are_told(cache: Cache, step: Stepper) -> None:
    @cache("1h", key="k")
    async def get() -> int:
        await step.stop("loading")
        return 1

    reader = step.start(get())
    await step.reached("loading")
    for number in range(30):
        await cache.delete_tags(*(f"tag {number} {each}" for each in range(1000)))

    assert "30000 marks of invalidations are remembered for 0 entries" in leaks(cache)
    step.go("loading")
    await reader
    await cache.delete_tags(*(f"tag {each}" for each in range(1000)))
    assert_no_leaks(cache)


async def test_without_a_name_it_is_the_default_cache(step: Stepper) -> None:
    with isolated():

        @freshly.cache("1h")
        async def get() -> int:
            await step.stop("loading")
            return 1

        reader = step.start(get())
        await step.reached("loading")
        with pytest.raises(AssertionError, match="1 left over"):
            assert_no_leaks()
        step.go("loading")
        await reader
        assert_no_leaks()
