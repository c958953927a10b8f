"""Dead entries leave on the loop, in slices, also when nobody writes any more.

The loop of these tests has a time of its own, which a test moves; the timers on it are real ones.
"""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from freshly import Cache
from freshly.runtime import sweeper
from freshly.testing import ManualClock


class MovedLoop(asyncio.SelectorEventLoop):
    seconds = 0.0

    def time(self) -> float:
        return self.seconds


Story = Callable[[MovedLoop, ManualClock], Coroutine[Any, Any, None]]


def told(story: Story) -> None:
    loop = MovedLoop()
    try:
        loop.run_until_complete(story(loop, ManualClock()))
    finally:
        loop.close()


async def pass_time(loop: MovedLoop, clock: ManualClock, seconds: float, step: float = 1.0) -> None:
    """Let time pass for both, and the timers that are due run."""
    for _ in range(round(seconds / step)):
        clock.advance(step)
        loop.seconds += step
        await asyncio.sleep(0)
        await asyncio.sleep(0)


def test_what_died_leaves_though_nobody_writes_or_reads() -> None:
    async def story(loop: MovedLoop, clock: ManualClock) -> None:
        cache = Cache(clock=clock)
        for number in range(100):
            await cache.set(f"{number}", number, "1m")
        await cache.set("stays", 1, "1h")

        await pass_time(loop, clock, 50)
        assert cache.stats().entries == 101
        await pass_time(loop, clock, 30)
        assert cache.stats().entries == 1
        await cache.close()

    told(story)


def test_it_works_in_slices_and_gives_the_loop_its_turn_between_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Each look at the real time is later than a slice may take: a slice is a handful.
    ticks = iter(range(10**6))
    monkeypatch.setattr(sweeper, "monotonic", lambda: float(next(ticks)))

    async def story(loop: MovedLoop, clock: ManualClock) -> None:
        cache = Cache(clock=clock)
        for number in range(10 * sweeper.A_HANDFUL):
            await cache.set(f"{number}", number, "1m")
        await pass_time(loop, clock, 60)

        sizes = [cache.stats().entries]
        while sizes[-1]:
            await pass_time(loop, clock, 1, step=sweeper.PAUSE)
            sizes.append(cache.stats().entries)
            break_after = 100
            assert len(sizes) < break_after
        await cache.close()

    told(story)

    assert next(ticks) >= 2 * 10  # at least ten slices, with two looks at the time in each


def test_an_entry_that_dies_sooner_than_the_next_look_leaves_soon_all_the_same() -> None:
    async def story(loop: MovedLoop, clock: ManualClock) -> None:
        cache = Cache(clock=clock)
        await cache.set("long", 1, "1d")
        await cache.set("short", 1, "1s")

        await pass_time(loop, clock, sweeper.LATEST + 2)

        assert cache.stats().entries == 1
        await cache.close()

    told(story)


def test_a_loop_that_ended_takes_its_timer_along_and_the_next_one_gets_one() -> None:
    clock = ManualClock()
    cache = Cache(clock=clock)

    async def fill(loop: MovedLoop, _: ManualClock) -> None:
        await cache.set("first", 1, "1m")

    async def fill_and_wait(loop: MovedLoop, _: ManualClock) -> None:
        await cache.set("second", 1, "1m")
        await pass_time(loop, clock, 80)

    told(fill)
    told(fill_and_wait)

    assert cache.stats().entries == 0


def test_close_leaves_no_timer_behind() -> None:
    async def story(loop: MovedLoop, clock: ManualClock) -> None:
        cache = Cache(clock=clock)
        await cache.set("k", 1, "1m")
        timers = [handle for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
        assert len(timers) == 1

        await cache.close()

        assert all(handle.cancelled() for handle in timers)

    told(story)


def test_setup_leaves_no_timer_of_the_former_store_behind() -> None:
    async def story(loop: MovedLoop, clock: ManualClock) -> None:
        cache = Cache(clock=clock)
        await cache.set("k", 1, "1m")
        cache.setup("mem://")
        await cache.get("k")

        assert all(handle.cancelled() for handle in loop._scheduled)  # type: ignore[attr-defined]

    told(story)


def test_a_cache_that_was_forgotten_is_not_kept_by_its_timer() -> None:
    async def story(loop: MovedLoop, clock: ManualClock) -> None:
        cache = Cache(clock=clock)
        await cache.set("k", 1, "1d")
        gone = weakref.ref(cache._home.parts.store)

        del cache
        gc.collect()

        assert gone() is None

    told(story)


def test_a_thread_without_a_loop_has_no_timer_and_needs_none() -> None:
    clock = ManualClock()
    cache = Cache(clock=clock)

    cache.blocking.set("k", 1, "1m")
    clock.advance("2m")
    cache.blocking.set("other", 1)

    assert cache.stats().entries == 1
