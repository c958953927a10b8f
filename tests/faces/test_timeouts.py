"""Loads that take too long: who gets the older value, who gets an error, and what becomes of the load.

Time moves when a test moves it. A reader that has come to its timeout is rung by the clock, and goes
on when its loop or its thread comes to it.
"""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from freshly import Cache, ConfigurationError, FreshlyError, LoadTimeout
from freshly.core.patience import Timeouts
from freshly.observe import LoadTimedOut
from freshly.runtime.threads import LOAD_THREADS
from freshly.testing import ManualClock, Stepper, ThreadStepper

LIMIT_SECONDS = 20.0


class Source:
    def __init__(self) -> None:
        self.version = 1
        self.loads = 0

    def read(self) -> int:
        self.loads += 1
        return self.version


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock, dice=lambda: 0.0)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def step() -> Stepper:
    return Stepper()


@pytest.fixture
def threads() -> Iterator[ThreadStepper]:
    with ThreadStepper() as stepper:
        yield stepper


class TestSoftTimeout:
    """An older value that may be served answers; the load goes on behind."""

    async def test_the_expired_value_answers_and_the_load_lands_behind(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h", soft_timeout="2s")
        async def get() -> int:
            seen = source.read()
            if source.loads > 1:
                await step.stop("loading")
            return seen

        await get()
        source.version = 2
        clock.advance("1m")
        reader = step.start(get())
        await step.reached("loading")
        clock.advance("1.9s")
        await step.settle()
        assert not reader.done()

        clock.advance("100ms")
        assert await step.ended(reader) == 1

        step.go("loading")
        await step.settle()
        assert await get() == 2
        assert source.loads == 2
        assert clock.alarms == 0

    async def test_a_load_that_ends_in_time_answers(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h", soft_timeout="2s")
        async def get() -> int:
            seen = source.read()
            if source.loads > 1:
                await step.stop("loading")
            return seen

        await get()
        source.version = 2
        clock.advance("1m")
        reader = step.start(get())
        await step.reached("loading")
        clock.advance("1.9s")
        step.go("loading")

        assert await step.ended(reader) == 2
        assert clock.alarms == 0
        assert cache.stats().timeouts == 0

    async def test_each_reader_has_its_own_time(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h", soft_timeout="2s")
        async def get() -> int:
            seen = source.read()
            if source.loads > 1:
                await step.stop("loading")
            return seen

        await get()
        clock.advance("1m")
        first = step.start(get())
        await step.reached("loading")
        clock.advance("1s")
        second = step.start(get())
        await step.settle()

        clock.advance("1s")
        assert await step.ended(first) == 1
        assert not second.done()
        clock.advance("1s")
        assert await step.ended(second) == 1

        assert source.loads == 2
        step.go("loading")
        await step.settle()

    async def test_who_comes_while_the_load_goes_on_has_time_for_it_too(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h", soft_timeout="2s")
        async def get() -> int:
            seen = source.read()
            if source.loads > 1:
                await step.stop("loading")
            return seen

        await get()
        source.version = 2
        clock.advance("1m")
        reader = step.start(get())
        await step.reached("loading")
        clock.advance("2s")
        await step.ended(reader)

        newcomer = step.start(get())
        await step.settle()
        step.go("loading")

        assert await newcomer == 2
        assert source.loads == 2

    async def test_without_an_older_value_there_is_nothing_to_do_but_wait(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h", soft_timeout="2s")
        async def get() -> int:
            await step.stop("loading")
            return source.read()

        reader = step.start(get())
        await step.reached("loading")
        clock.advance("1h")
        await step.settle()
        assert not reader.done()
        step.go("loading")

        assert await step.ended(reader) == 1

    async def test_a_value_that_was_invalidated_before_the_read_is_never_served_so(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h", soft_timeout="2s", tags=["t"])
        async def get() -> int:
            seen = source.read()
            if source.loads > 1:
                await step.stop("loading")
            return seen

        await get()
        source.version = 2
        clock.advance("1m")
        await cache.delete_tags("t")
        reader = step.start(get())
        await step.reached("loading")
        clock.advance("10m")
        await step.settle()
        assert not reader.done()
        step.go("loading")

        assert await step.ended(reader) == 2

    async def test_nor_one_that_is_invalidated_while_the_read_waits(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h", soft_timeout="2s", tags=["t"])
        async def get() -> int:
            seen = source.read()
            if source.loads > 1:
                await step.stop("loading")
            return seen

        await get()
        source.version = 2
        clock.advance("1m")
        reader = step.start(get())
        await step.reached("loading")
        await cache.delete_tags("t")
        clock.advance("2s")
        await step.settle()
        assert not reader.done()
        step.go("loading")

        assert await step.ended(reader) == 2

    async def test_the_load_behind_lands_under_its_own_stamp(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        """An invalidation that comes after the timeout overtakes the load all the same."""

        @cache("1m", grace="1h", soft_timeout="2s", tags=["t"])
        async def get() -> int:
            seen = source.read()
            if source.loads == 2:
                await step.stop("loading")
            return seen

        await get()
        clock.advance("1m")
        reader = step.start(get())
        await step.reached("loading")
        clock.advance("2s")
        assert await step.ended(reader) == 1

        source.version = 2
        await cache.delete_tags("t")
        step.go("loading")
        await step.settle()

        assert await get() == 2
        assert cache.stats().overtaken == 1

    async def test_an_error_of_the_load_behind_pauses_the_next_try(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h", soft_timeout="2s", retry_after="5s")
        async def get() -> int:
            seen = source.read()
            if source.loads == 2:
                await step.stop("loading")
                raise ConnectionError("no route")
            return seen

        await get()
        source.version = 2
        clock.advance("1m")
        reader = step.start(get())
        await step.reached("loading")
        clock.advance("2s")
        assert await step.ended(reader) == 1
        step.go("loading")
        await step.settle()

        assert await get() == 1
        assert source.loads == 2
        clock.advance("5s")
        assert await get() == 2

    async def test_an_error_in_time_is_answered_as_without_a_timeout(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h", soft_timeout="2s")
        async def get() -> int:
            seen = source.read()
            if source.loads > 1:
                raise ConnectionError("no route")
            return seen

        await get()
        clock.advance("1m")

        assert await get() == 1
        assert cache.stats().timeouts == 0

    async def test_it_counts_as_a_stale_hit_and_a_timeout(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h", soft_timeout="2s")
        async def get() -> int:
            seen = source.read()
            if source.loads > 1:
                await step.stop("loading")
            return seen

        await get()
        clock.advance("1m")
        readers = [step.start(get()) for _ in range(3)]
        await step.reached("loading")
        clock.advance("2s")
        for reader in readers:
            await step.ended(reader)
        step.go("loading")
        await step.settle()

        stats = cache.stats()
        assert (stats.hits, stats.stale_hits, stats.timeouts) == (3, 3, 3)
        assert (stats.misses, stats.waits, stats.loads) == (1, 0, 2)


class TestHardTimeout:
    """The caller gets an error; nobody else suffers."""

    async def test_its_reader_gets_an_error_that_names_key_function_and_seconds(
        self, cache: Cache, clock: ManualClock, step: Stepper
    ) -> None:
        @cache("1m", key="a", hard_timeout="1500ms")
        async def get() -> int:
            await step.stop("loading")
            return 1

        reader = step.start(get())
        await step.reached("loading")
        clock.advance("1.5s")

        with pytest.raises(LoadTimeout) as caught:
            await step.ended(reader)
        error = caught.value
        assert isinstance(error, FreshlyError)
        assert isinstance(error, TimeoutError)
        assert (error.key, error.seconds) == ("a", 1.5)
        assert error.function.endswith("get")
        for word in ["'a'", error.function, "hard_timeout=1.5", "goes on behind"]:
            assert word in str(error)
        step.go("loading")
        await step.settle()

    def test_the_error_survives_the_way_to_another_process(self) -> None:
        error = LoadTimeout("a", "shop.get", 1.5)

        copied = pickle.loads(pickle.dumps(error))

        assert (str(copied), copied.key, copied.function, copied.seconds) == (
            str(error), "a", "shop.get", 1.5,
        )  # fmt: skip

    async def test_the_load_goes_on_and_the_next_read_has_its_value(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", hard_timeout="2s")
        async def get() -> int:
            await step.stop("loading")
            return source.read()

        reader = step.start(get())
        await step.reached("loading")
        clock.advance("2s")
        with pytest.raises(LoadTimeout):
            await step.ended(reader)

        step.go("loading")
        await step.settle()
        assert await get() == 1
        assert source.loads == 1

    async def test_who_waits_with_more_time_waits_on(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", key="a", hard_timeout="2s")
        async def get() -> int:
            await step.stop("loading")
            return source.read()

        hurried = step.start(get())
        await step.reached("loading")
        patient = step.start(cache.get_or_set("a", source.read))
        later = step.start(cache.get_or_set("a", source.read, hard_timeout="5s"))
        await step.settle()
        clock.advance("2s")
        with pytest.raises(LoadTimeout):
            await hurried
        assert not patient.done()
        assert not later.done()
        step.go("loading")

        assert await step.ended(patient) == 1
        assert await later == 1
        assert source.loads == 1

    async def test_an_expired_value_that_may_stand_in_is_better_than_an_error(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h", hard_timeout="2s")
        async def get() -> int:
            seen = source.read()
            if source.loads > 1:
                await step.stop("loading")
            return seen

        await get()
        clock.advance("1m")
        reader = step.start(get())
        await step.reached("loading")
        clock.advance("2s")

        assert await step.ended(reader) == 1
        step.go("loading")
        await step.settle()

    @pytest.mark.parametrize("invalidated", [False, True])
    async def test_with_both_the_soft_one_serves_and_the_hard_one_ends_a_wait_without_an_older_value(
        self,
        cache: Cache,
        clock: ManualClock,
        source: Source,
        step: Stepper,
        invalidated: bool,
    ) -> None:
        @cache("1m", grace="1h", soft_timeout="1s", hard_timeout="5s", tags=["t"])
        async def get() -> int:
            seen = source.read()
            if source.loads > 1:
                await step.stop("loading")
            return seen

        await get()
        clock.advance("1m")
        reader = step.start(get())
        await step.reached("loading")
        if invalidated:
            await cache.delete_tags("t")
        clock.advance("1s")
        await step.settle()

        if not invalidated:
            assert await step.ended(reader) == 1
        else:
            assert not reader.done()
            clock.advance("4s")
            with pytest.raises(LoadTimeout, match="hard_timeout=5 seconds"):
                await step.ended(reader)
        step.go("loading")
        await step.settle()

    async def test_the_load_behind_lands_under_its_own_stamp(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", hard_timeout="2s", tags=["t"])
        async def get() -> int:
            seen = source.read()
            if source.loads == 1:
                await step.stop("loading")
            return seen

        reader = step.start(get())
        await step.reached("loading")
        clock.advance("2s")
        with pytest.raises(LoadTimeout):
            await step.ended(reader)
        source.version = 2
        await cache.delete_tags("t")
        step.go("loading")
        await step.settle()

        assert await get() == 2

    async def test_a_reader_after_an_invalidation_does_not_get_the_load_behind(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", hard_timeout="2s", tags=["t"])
        async def get() -> int:
            seen = source.read()
            await step.stop("loading")
            return seen

        reader = step.start(get())
        await step.reached("loading")
        clock.advance("2s")
        with pytest.raises(LoadTimeout):
            await step.ended(reader)
        source.version = 2
        await cache.delete_tags("t")
        newcomer = step.start(get())
        await step.settle()
        assert step.visits("loading") == 2
        step.go("loading")
        step.go("loading")

        assert await newcomer == 2
        assert await get() == 2

    async def test_when_the_load_fails_behind_who_still_waits_starts_anew(
        self, cache: Cache, clock: ManualClock, step: Stepper
    ) -> None:
        """Its starter has gone, and its session with it."""
        asked: list[str] = []

        @cache("1m", exclude=["session"], hard_timeout="2s")
        async def get(session: str) -> str:
            asked.append(session)
            await step.stop("loading")
            if session == "closed":
                raise ConnectionError("the session is closed")
            return f"from {session}"

        starter = step.start(get("closed"))
        await step.reached("loading")
        clock.advance("1s")
        waiter = step.start(get("open"))
        await step.settle()
        clock.advance("1s")
        with pytest.raises(LoadTimeout):
            await starter
        step.go("loading")
        await step.reached("loading")
        step.go("loading")

        assert await waiter == "from open"
        assert asked == ["closed", "open"]

    async def test_who_is_cancelled_later_does_not_take_the_load_down(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", hard_timeout="2s")
        async def get() -> int:
            await step.stop("loading")
            return source.read()

        first = step.start(get())
        await step.reached("loading")
        clock.advance("2s")
        with pytest.raises(LoadTimeout):
            await step.ended(first)
        second = step.start(get())
        await step.settle()
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        step.go("loading")
        await step.settle()

        assert await get() == 1
        assert source.loads == 1

    async def test_a_refresh_by_hand_has_it_too(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h", soft_timeout="1s", hard_timeout="2s")
        async def get() -> int:
            seen = source.read()
            if source.loads > 1:
                await step.stop("loading")
            return seen

        await get()
        source.version = 2
        refreshed = step.start(get.refresh())
        await step.reached("loading")
        clock.advance("1s")
        await step.settle()
        assert not refreshed.done()
        clock.advance("1s")
        with pytest.raises(LoadTimeout):
            await refreshed
        step.go("loading")
        await step.settle()

        assert await get() == 2

    async def test_it_counts_as_a_miss_and_a_timeout(
        self, cache: Cache, clock: ManualClock, step: Stepper
    ) -> None:
        @cache("1m", hard_timeout="2s")
        async def get() -> int:
            await step.stop("loading")
            return 1

        readers = [step.start(get()) for _ in range(3)]
        await step.reached("loading")
        clock.advance("2s")
        await asyncio.gather(*readers, return_exceptions=True)
        step.go("loading")
        await step.settle()

        stats = cache.stats()
        assert (stats.hits, stats.misses, stats.timeouts, stats.loads) == (0, 3, 3, 1)

    async def test_the_function_around_it_gets_the_error_as_any_other(
        self, cache: Cache, clock: ManualClock, step: Stepper
    ) -> None:
        @cache("1m", key="inner", hard_timeout="2s")
        async def inner() -> int:
            await step.stop("loading")
            return 1

        @cache("1m", key="outer")
        async def outer() -> int:
            try:
                return await inner()
            except TimeoutError:
                return -1

        reader = step.start(outer())
        await step.reached("loading")
        clock.advance("2s")

        assert await step.ended(reader) == -1
        step.go("loading")
        await step.settle()


class TestTelling:
    """A slow source is hidden by an older value as one that fails is. So observers hear of it."""

    async def test_an_event_says_who_waited_how_long_and_that_an_older_value_stood_in(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        heard: list[LoadTimedOut] = []
        cache.observe(heard.append, LoadTimedOut)

        @cache("1m", grace="1h", soft_timeout="2s", hard_timeout="5s", key="k")
        async def get() -> int:
            seen = source.read()
            if source.loads > 1:
                await step.stop("loading")
            return seen

        await get()
        clock.advance("1m")
        reader = step.start(get())
        await step.reached("loading")
        assert heard == []
        clock.advance("2s")
        await step.ended(reader)

        [event] = heard
        assert (event.key, event.seconds, event.error) == ("k", 2.0, None)
        assert event.function.endswith("get")
        step.go("loading")
        await step.settle()

    async def test_or_which_error_the_reader_got(
        self, cache: Cache, clock: ManualClock, step: Stepper
    ) -> None:
        heard: list[LoadTimedOut] = []
        cache.observe(heard.append, LoadTimedOut)

        @cache("1m", hard_timeout="5s", key="k")
        async def get() -> int:
            await step.stop("loading")
            return 1

        reader = step.start(get())
        await step.reached("loading")
        clock.advance("5s")
        with pytest.raises(LoadTimeout) as caught:
            await step.ended(reader)

        assert [(one.key, one.seconds, one.error) for one in heard] == [("k", 5.0, caught.value)]
        step.go("loading")
        await step.settle()

    async def test_a_read_of_many_tells_it_of_each_value(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        heard: list[LoadTimedOut] = []
        cache.observe(heard.append, LoadTimedOut)

        @cache.many("1m", grace="1h", soft_timeout="2s", key="k:{one}", each="one")
        async def get(ones: list[int]) -> dict[int, int]:
            source.read()
            if source.loads > 1:
                await step.stop("loading")
            return dict.fromkeys(ones, 1)

        await get([1, 2])
        clock.advance("1m")
        reader = step.start(get([1, 2]))
        await step.reached("loading")
        clock.advance("2s")
        await step.ended(reader)

        assert [(one.key, one.error) for one in heard] == [("k:1", None), ("k:2", None)]
        step.go("loading")
        await step.settle()


def test_a_read_that_was_late_once_does_not_wait_for_its_soft_timeout_again() -> None:
    """It would come to it at once, and again and again."""
    patience = Timeouts(soft=2.0, hard=5.0).begin(now=100.0)
    assert patience.until(may_stand_in=True) == 102.0

    patience.run_out(102.0)

    assert patience.until(may_stand_in=True) == 105.0
    assert patience.is_late
    assert not patience.is_over


class TestTheLoadThatGoesOn:
    async def test_takes_a_place_among_the_refreshes(self, clock: ManualClock, step: Stepper) -> None:
        """One that finds none is cancelled, as if its last reader had been."""
        cache = Cache(clock=clock)
        cache.setup(max_refreshes=1)
        outcomes: list[str] = []

        @cache("1m", hard_timeout="2s")
        async def get(name: str) -> str:
            try:
                await step.stop(name)
            except asyncio.CancelledError:
                outcomes.append(f"{name} cancelled")
                raise
            outcomes.append(f"{name} ended")
            return name

        readers = [step.start(get("a")), step.start(get("b"))]
        await step.reached("a")
        await step.reached("b")
        clock.advance("2s")
        errors = await asyncio.gather(*readers, return_exceptions=True)
        assert [type(error) for error in errors] == [LoadTimeout] * 2
        await step.settle()
        assert outcomes == ["b cancelled"]

        step.go("a")
        await step.settle()
        assert outcomes == ["b cancelled", "a ended"]

        again = step.start(get("b"))
        await step.reached("b")
        clock.advance("2s")
        await asyncio.gather(again, return_exceptions=True)
        step.go("b")
        await step.settle()
        assert outcomes[2:] == ["b ended"]

    async def test_ends_with_the_cache(self, cache: Cache, clock: ManualClock, step: Stepper) -> None:
        outcomes: list[str] = []

        @cache("1m", hard_timeout="2s")
        async def get() -> int:
            try:
                await step.stop("loading")
            finally:
                outcomes.append("ended")
            return 1

        reader = step.start(get())
        await step.reached("loading")
        clock.advance("2s")
        with pytest.raises(LoadTimeout):
            await step.ended(reader)
        assert outcomes == []

        await cache.close()

        assert outcomes == ["ended"]

    async def test_ends_with_the_store_that_setup_replaces(
        self, cache: Cache, clock: ManualClock, step: Stepper
    ) -> None:
        @cache("1m", key="a", hard_timeout="2s")
        async def get() -> int:
            await step.stop("loading")
            return 1

        reader = step.start(get())
        await step.reached("loading")
        clock.advance("2s")
        with pytest.raises(LoadTimeout):
            await step.ended(reader)

        cache.setup()
        await cache.ping()
        await step.settle()

        assert not step.is_standing("loading")


class TestOnThreads:
    """The load runs in a thread of the cache, with the caller's context."""

    def test_the_expired_value_answers_and_the_load_lands_behind(
        self, cache: Cache, clock: ManualClock, source: Source, threads: ThreadStepper
    ) -> None:
        landed = threading.Event()
        cache.observe(lambda event: landed.set() if getattr(event, "background", False) else None)

        @cache("1m", grace="1h", soft_timeout="2s")
        def get() -> int:
            seen = source.read()
            if source.loads > 1:
                threads.stop("loading")
            return seen

        get()
        source.version = 2
        clock.advance("1m")
        reader = threads.start(get)
        threads.reached("loading")
        clock.advance("2s")
        assert reader.result(LIMIT_SECONDS) == 1

        threads.go("loading")
        assert landed.wait(LIMIT_SECONDS)
        assert get() == 2
        assert source.loads == 2

    def test_a_reader_without_an_older_value_gets_an_error_and_others_wait_on(
        self, cache: Cache, clock: ManualClock, source: Source, threads: ThreadStepper
    ) -> None:
        @cache("1m", key="a", hard_timeout="2s")
        def get() -> int:
            threads.stop("loading")
            return source.read()

        hurried = threads.start(get)
        threads.reached("loading")
        patient = threads.start(cache.blocking.get_or_set, "a", source.read)
        clock.advance("2s")
        with pytest.raises(LoadTimeout):
            hurried.result(LIMIT_SECONDS)
        threads.go("loading")

        assert patient.result(LIMIT_SECONDS) == 1

    async def test_a_task_may_wait_for_it(
        self, cache: Cache, clock: ManualClock, source: Source, threads: ThreadStepper, step: Stepper
    ) -> None:
        @cache("1m", key="a", hard_timeout="2s")
        def get() -> int:
            threads.stop("loading")
            return source.read()

        hurried = threads.start(get)
        threads.reached("loading")
        task = step.start(cache.get_or_set("a", source.read, hard_timeout="1s"))
        await step.settle()
        clock.advance("1s")
        with pytest.raises(LoadTimeout, match="hard_timeout=1 "):
            await task
        threads.go("loading")

        assert hurried.result(LIMIT_SECONDS) == 1

    def test_the_loader_sees_the_context_of_its_caller(
        self, cache: Cache, threads: ThreadStepper
    ) -> None:
        tenant: ContextVar[str] = ContextVar("tenant", default="nobody")

        @cache("1m", vary=[tenant], hard_timeout="2s")
        def get() -> tuple[str, int]:
            return tenant.get(), threading.get_ident()

        tenant.set("acme")
        seen, thread = get()

        assert seen == "acme"
        assert thread != threading.get_ident()

    def test_without_a_timeout_the_loader_runs_in_the_thread_of_its_caller(self, cache: Cache) -> None:
        @cache("1m")
        def get() -> int:
            return threading.get_ident()

        assert get() == threading.get_ident()

    def test_the_load_around_it_takes_its_tags_over(self, cache: Cache, source: Source) -> None:
        @cache("1m", tags=["inner"], hard_timeout="2s")
        def inner() -> int:
            return source.read()

        @cache("1m", hard_timeout="2s")
        def outer() -> int:
            return inner()

        assert outer() == 1
        source.version = 2
        cache.blocking.delete_tags("inner")

        assert outer() == 2

    def test_what_the_loader_raises_comes_to_its_caller(self, cache: Cache) -> None:
        @cache("1m", hard_timeout="2s")
        def get(error: BaseException) -> int:
            raise error

        for error in [ConnectionError("no route"), KeyboardInterrupt(), SystemExit(3)]:
            with pytest.raises(type(error)) as caught:
                get.uncached(error)
            with pytest.raises(type(error)) as caught:
                cache.blocking.get_or_set("k", lambda error=error: get.uncached(error), hard_timeout=2)  # type: ignore[misc]
            assert caught.value is error

    def test_a_load_without_a_thread_is_waited_for_no_longer_and_not_begun(
        self, clock: ManualClock
    ) -> None:
        """As many threads as there are may hang; whoever comes then keeps its time, too."""
        cache = Cache(clock=clock)
        begun: list[int] = []
        with ThreadStepper(threads=LOAD_THREADS + 2) as threads:

            @cache("1m", hard_timeout="2s")
            def get(number: int) -> int:
                begun.append(number)
                threads.stop("loading")
                return number

            readers = [threads.start(get, number) for number in range(LOAD_THREADS)]
            while threads.visits("loading") < LOAD_THREADS:
                threads.reached("loading")
            clock.advance("2s")
            outcomes = [type(reader.exception(LIMIT_SECONDS)) for reader in readers]
            assert outcomes == [LoadTimeout] * LOAD_THREADS

            late = threads.start(_with_a_sign, get, -1, sign := threading.Event())
            assert sign.wait(LIMIT_SECONDS)
            repeat(lambda: clock.advance("2s"), until=late.done)
            assert isinstance(late.exception(LIMIT_SECONDS), LoadTimeout)

            for _ in range(LOAD_THREADS):
                threads.go("loading")
        cache.blocking.close()
        assert sorted(begun) == list(range(LOAD_THREADS))

    def test_closing_ends_the_wait_for_a_load_that_has_not_begun(self, clock: ManualClock) -> None:
        """Who waits for it runs the loader itself."""
        cache = Cache(clock=clock)
        with ThreadStepper(threads=LOAD_THREADS + 3) as threads:

            @cache("1m", hard_timeout="1h")
            def get(number: int) -> int:
                if number >= 0:
                    threads.stop("loading")
                return number

            readers = [threads.start(get, number) for number in range(LOAD_THREADS)]
            while threads.visits("loading") < LOAD_THREADS:
                threads.reached("loading")
            late = threads.start(get, -1)
            # It may be a moment from its place in the queue; then the next one ends it.
            repeat(lambda: cache.blocking.close(drain=0), until=late.done)

            assert late.result(LIMIT_SECONDS) == -1
            for _ in range(LOAD_THREADS):
                threads.go("loading")
            assert [reader.result(LIMIT_SECONDS) for reader in readers] == list(range(LOAD_THREADS))

    def test_a_load_that_hangs_does_not_keep_the_program_from_ending(self) -> None:
        """Its thread is one of those that end with the program."""
        daemons: list[bool] = []
        cache = Cache()

        @cache("1m", hard_timeout="1h")
        def get() -> int:
            daemons.append(threading.current_thread().daemon)
            return 1

        get()

        assert daemons == [True]


def _with_a_sign(get: Any, number: int, sign: threading.Event) -> Any:
    sign.set()
    return get(number)


def repeat(act: Callable[[], object], *, until: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not until():
        assert time.monotonic() < end, "it did not happen"
        act()


class TestOptions:
    def test_a_soft_timeout_needs_something_to_serve(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError, match=r"soft_timeout='1s' has nothing to serve.*grace="):
            cache("1m", soft_timeout="1s")(lambda: 1)
        with pytest.raises(ConfigurationError, match="soft_timeout='1s' has nothing to serve"):
            cache.soft("1m", soft_ttl="1s", grace=0, soft_timeout="1s")(lambda: 1)

    @pytest.mark.parametrize("hard", ["1s", "500ms", 1])
    def test_the_soft_one_is_the_shorter_one(self, cache: Cache, hard: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"soft_timeout='1s' is not shorter than hard_tim"):
            cache("1m", grace="1h", soft_timeout="1s", hard_timeout=hard)(lambda: 1)

    @pytest.mark.parametrize("option", ["soft_timeout", "hard_timeout"])
    @pytest.mark.parametrize("value", [0, -1, "soon", True])
    def test_each_is_a_duration(self, cache: Cache, option: str, value: Any) -> None:
        options: dict[str, Any] = {option: value}
        with pytest.raises(ConfigurationError, match=f"{option}="):
            cache("1m", grace="1h", **options)(lambda: 1)

    async def test_get_or_set_has_both(self, cache: Cache, clock: ManualClock, step: Stepper) -> None:
        with pytest.raises(ConfigurationError, match="soft_timeout='1s' has nothing to serve"):
            await cache.get_or_set("a", lambda: 1, "1m", soft_timeout="1s")

        async def load() -> int:
            await step.stop("loading")
            return 2

        ask: dict[str, Any] = {"ttl": "1m", "grace": "1h", "soft_timeout": "1s", "hard_timeout": "2s"}
        await cache.get_or_set("a", lambda: 1, **ask)
        clock.advance("1m")
        reader = step.start(cache.get_or_set("a", load, **ask))
        await step.reached("loading")
        clock.advance("1s")
        assert await step.ended(reader) == 1
        step.go("loading")
        await step.settle()

    async def test_methods_have_both(self, cache: Cache, clock: ManualClock, step: Stepper) -> None:
        class Service:
            @cache("1m", hard_timeout="2s")
            async def get(self, name: str) -> str:
                await step.stop("loading")
                return name

        service = Service()
        reader = step.start(service.get("a"))
        await step.reached("loading")
        clock.advance("2s")
        with pytest.raises(LoadTimeout):
            await step.ended(reader)
        step.go("loading")
        await step.settle()

        assert await service.get("a") == "a"

    @pytest.mark.parametrize("value", [0, -1, "many", True])
    def test_the_number_of_refreshes_is_a_count(self, cache: Cache, value: Any) -> None:
        with pytest.raises(ConfigurationError, match="max_refreshes="):
            cache.setup(max_refreshes=value)
