"""A thousand callers of a cold key are one load; who leaves leaves alone; nothing outlives ``close``.

The tests that choose who is cancelled do so from a seed that is part of the test's name.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from freshly import Cache
from freshly.runtime.aio import AsyncioRuntime
from freshly.testing import ManualClock, Stepper, ThreadStepper

T = TypeVar("T")

LIMIT_SECONDS = 20.0


class Source:
    """What loaders read: it counts how often, and how many of its loads were cancelled."""

    def __init__(self) -> None:
        self.version = 1
        self.loads = 0
        self.cancelled = 0

    def read(self) -> int:
        self.loads += 1
        return self.version

    async def read_slowly(self, step: Stepper, point: str = "loading") -> int:
        seen = self.read()
        try:
            await step.stop(point)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return seen


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


@pytest.fixture(autouse=True)
async def _no_task_is_left() -> Any:
    yield
    assert names_of_our_tasks() == []


def names_of_our_tasks() -> list[str]:
    names = [task.get_name() for task in asyncio.all_tasks()]
    return sorted(name for name in names if name.startswith("freshly"))


class LoopInAThread:
    """A second event loop, in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="second loop")

    def start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self.loop))

    def __enter__(self) -> LoopInAThread:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(LIMIT_SECONDS)
        self.loop.close()


@pytest.fixture
def second_loop() -> Iterator[LoopInAThread]:
    with LoopInAThread() as loop:
        yield loop


class TestOneLoad:
    async def test_for_a_thousand_callers_of_a_cold_key(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h")
        async def get(user_id: int) -> int:
            return await source.read_slowly(step)

        callers = [step.start(get(1)) for _ in range(1000)]
        await step.reached("loading")
        await step.settle()
        step.go("loading")

        assert await asyncio.gather(*callers) == [1] * 1000
        assert source.loads == 1
        stats = cache.stats()
        assert (stats.loads, stats.misses, stats.waits) == (1, 1000, 999)

    async def test_answers_who_had_joined_before_everything_was_cleared(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h")
        async def get() -> int:
            seen = source.read()
            if source.loads == 1:
                await step.stop("loading")
            return seen

        readers = [step.start(get())]
        await step.reached("loading")
        # It begins to read when the load has begun, and so has to be judged at the end.
        readers.append(step.start(get()))
        await step.settle()
        await cache.clear()
        source.version = 2
        step.go("loading")

        assert [await reader for reader in readers] == [1, 1]
        assert source.loads == 1

    async def test_that_cannot_begin_is_in_nobodys_way(
        self, cache: Cache, source: Source, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        @cache("1h")
        async def get() -> int:
            return source.read()

        async def refuse(*what: object, **how: object) -> None:
            raise RuntimeError("this loop takes no tasks")

        with monkeypatch.context() as patch:
            patch.setattr(AsyncioRuntime, "launch", refuse)
            with pytest.raises(RuntimeError, match="takes no tasks"):
                await get()

        assert cache._home.parts.flights.in_the_air() == []
        assert await asyncio.wait_for(get(), LIMIT_SECONDS) == 1

    async def test_for_each_of_many_keys(self, cache: Cache, source: Source, step: Stepper) -> None:
        @cache("1h")
        async def get(user_id: int) -> tuple[int, int]:
            return user_id, await source.read_slowly(step)

        callers = [step.start(get(number % 10)) for number in range(1000)]
        await step.settle()
        for _ in range(10):
            step.go("loading")

        assert await asyncio.gather(*callers) == [(number % 10, 1) for number in range(1000)]
        assert source.loads == 10

    async def test_that_fails_is_one_error_for_all_and_nothing_is_kept(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h")
        async def get() -> int:
            await source.read_slowly(step)
            raise LookupError("mine")

        callers = [step.start(get()) for _ in range(1000)]
        await step.reached("loading")
        await step.settle()
        step.go("loading")
        outcomes = await asyncio.gather(*callers, return_exceptions=True)

        assert {repr(outcome) for outcome in outcomes} == {"LookupError('mine')"}
        assert source.loads == 1
        assert cache.stats().entries == 0

    async def test_with_copy_gives_each_caller_an_object_of_its_own(
        self, cache: Cache, step: Stepper
    ) -> None:
        @cache("1h", copy=True)
        async def get() -> list[int]:
            await step.stop("loading")
            return [1]

        callers = [step.start(get()) for _ in range(5)]
        await step.reached("loading")
        await step.settle()
        step.go("loading")
        values = [*await asyncio.gather(*callers), await get()]

        assert values == [[1]] * 6
        assert len({id(value) for value in values}) == 6


class TestCancelling:
    @pytest.mark.parametrize("seed", range(25))
    async def test_any_callers_leaves_the_rest_the_value_of_the_same_load(
        self, cache: Cache, source: Source, step: Stepper, seed: int
    ) -> None:
        """In any order, in any number, some before the load has begun; the first in every other."""
        chance = random.Random(seed)

        @cache("1h")
        async def get() -> int:
            return await source.read_slowly(step)

        callers = [step.start(get()) for _ in range(chance.randint(2, 20))]
        leaving = set(chance.sample(range(len(callers)), chance.randint(1, len(callers) - 1)))
        if seed % 2 and len(leaving | {0}) < len(callers):
            leaving.add(0)
        await step.settle(chance.randint(0, 4))
        for number in chance.sample(sorted(leaving), len(leaving)):
            callers[number].cancel()
            await step.settle(chance.randint(0, 3))
        await step.reached("loading")
        loads = source.loads
        await step.settle()
        while step.is_standing("loading"):
            step.go("loading")
            await step.settle()
        outcomes = await asyncio.gather(*callers, return_exceptions=True)

        for number, outcome in enumerate(outcomes):
            if number in leaving:
                assert isinstance(outcome, asyncio.CancelledError)
            else:
                assert outcome == 1
        assert source.loads == loads == 1
        assert source.cancelled == 0

    @pytest.mark.parametrize("seed", range(10))
    async def test_all_callers_cancels_the_load_and_the_next_one_loads_anew(
        self, cache: Cache, source: Source, step: Stepper, seed: int
    ) -> None:
        chance = random.Random(seed)

        @cache("1h")
        async def get() -> int:
            return await source.read_slowly(step)

        callers = [step.start(get()) for _ in range(chance.randint(1, 10))]
        await step.reached("loading")
        await step.settle()
        for caller in chance.sample(callers, len(callers)):
            caller.cancel()
            await step.settle(chance.randint(0, 2))
        await step.settle()
        assert (source.loads, source.cancelled) == (1, 1)
        assert names_of_our_tasks() == []

        newcomer = step.start(get())
        await step.reached("loading")
        step.go("loading")

        assert await newcomer == 1
        assert source.loads == 2

    async def test_a_caller_that_came_later_does_not_keep_the_first_waiting(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        """Cancelled means cancelled, at once: the load goes on, its caller does not."""

        @cache("1h")
        async def get() -> int:
            return await source.read_slowly(step)

        first = step.start(get())
        await step.reached("loading")
        other = step.start(get())
        await step.settle()

        first.cancel()
        await step.settle(5)

        assert first.cancelled()
        assert step.is_standing("loading")
        step.go("loading")
        assert await other == 1

    async def test_a_caller_whose_refresh_runs_behind_it_does_not_cancel_that(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        @cache.soft("1h", soft_ttl="1m")
        async def get() -> int:
            return await source.read_slowly(step) if source.loads else source.read()

        async def request() -> int:
            found = await get()
            await step.stop("answering")
            return found

        await get()
        source.version = 2
        clock.advance("1m")
        caller = step.start(request())
        await step.reached("loading")

        caller.cancel()
        await step.settle()
        step.go("loading")
        await step.settle()

        assert await get() == 2
        assert source.cancelled == 0

    async def test_a_waiter_of_a_refresh_does_not_cancel_that(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        @cache.soft("1h", soft_ttl="1m")
        async def get() -> int:
            return await source.read_slowly(step) if source.loads else source.read()

        await get()
        source.version = 2
        clock.advance("1m")
        await get()
        await step.reached("loading")
        clock.advance("59m")
        waiter = step.start(get())
        await step.settle()

        waiter.cancel()
        await step.settle()
        step.go("loading")
        await step.settle()

        entry = await get.peek()
        assert entry is not None
        assert entry.value == 2
        assert source.cancelled == 0


class TestClosing:
    async def test_loads_that_somebody_waits_for_end_by_themselves(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", key="a")
        async def get() -> int:
            return await source.read_slowly(step)

        readers = [step.start(get()) for _ in range(3)]
        await step.reached("loading")
        closing = step.start(cache.close(drain=LIMIT_SECONDS))
        await step.settle()
        assert not closing.done()
        step.go("loading")
        await closing

        assert await asyncio.gather(*readers) == [1, 1, 1]
        assert (source.loads, source.cancelled) == (1, 0)
        assert names_of_our_tasks() == []
        assert not await cache.exists("a")

    async def test_without_drain_they_are_cancelled_and_who_waits_loads_alone(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h")
        async def get() -> int:
            return await source.read_slowly(step)

        readers = [step.start(get()) for _ in range(2)]
        await step.reached("loading")

        await cache.close(drain=0)

        assert names_of_our_tasks() == []
        assert source.cancelled == 1
        await step.settle()
        step.go("loading")
        step.go("loading")
        assert await asyncio.gather(*readers) == [1, 1]
        assert source.loads == 3

    @pytest.mark.parametrize("drain", [0.0, LIMIT_SECONDS])
    async def test_refreshes_are_cancelled_and_waited_for(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper, drain: float
    ) -> None:
        @cache.soft("1h", soft_ttl="1m")
        async def get(number: int) -> int:
            seen = source.read()
            if source.loads > 5:
                await source.read_slowly(step, "refreshing")
            return seen

        for number in range(5):
            await get(number)
        clock.advance("1m")
        for number in range(5):
            await get(number)
        await step.settle()
        assert len(names_of_our_tasks()) == 5

        await cache.close(drain=drain)

        assert names_of_our_tasks() == []
        assert source.cancelled == 5

    async def test_a_refresh_that_has_not_begun_is_ended_too(
        self, cache: Cache, source: Source, clock: ManualClock
    ) -> None:
        @cache.soft("1h", soft_ttl="1m")
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("1m")
        await get()

        await cache.close()

        assert names_of_our_tasks() == []
        assert source.loads == 1

    async def test_a_load_that_begins_others_while_it_is_drained_leaves_no_task(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        """The other one is a refresh or a load of its own."""

        @cache.soft("1h", soft_ttl="1m")
        async def stale() -> int:
            seen = source.read()
            if source.loads > 1:
                await asyncio.Event().wait()
            return seen

        @cache("1h")
        async def cold() -> int:
            await step.settle(5)
            return 1

        @cache("1h")
        async def outer() -> int:
            await step.stop("loading")
            return await stale() + await cold()

        await stale()
        clock.advance("1m")
        reader = step.start(outer())
        await step.reached("loading")
        closing = step.start(cache.close(drain=LIMIT_SECONDS))
        await step.settle()
        step.go("loading")
        await closing

        assert names_of_our_tasks() == []
        assert await reader == 2

    async def test_the_cache_opens_again_by_itself(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        @cache.soft("1h", soft_ttl="1m", tags=["t"])
        async def get() -> int:
            return source.read()

        for round_ in range(3):
            source.version = 10 * round_
            assert [await get(), await get()] == [10 * round_] * 2
            source.version += 1
            clock.advance("1m")
            assert await get() == 10 * round_
            await step.settle()
            assert await get() == 10 * round_ + 1
            await cache.close()
        assert names_of_our_tasks() == []

    async def test_async_with_closes_it(self, source: Source, clock: ManualClock) -> None:
        async with Cache(clock=clock) as cache:

            @cache.soft("1h", soft_ttl="1m")
            async def get() -> int:
                if source.loads:
                    await asyncio.Event().wait()
                return source.read()

            await get()
            clock.advance("1m")
            await get()

        assert names_of_our_tasks() == []

    async def test_from_a_second_loop_it_ends_what_runs_on_the_first(
        self, cache: Cache, source: Source, clock: ManualClock, second_loop: LoopInAThread
    ) -> None:
        """It cannot wait for them there; they are cancelled, and gone a moment later."""
        step = Stepper()
        running = threading.Event()

        @cache.soft("1h", soft_ttl="1m")
        async def get() -> int:
            seen = source.read()
            if source.loads > 1:
                running.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    source.cancelled += 1
            return seen

        await get()
        clock.advance("1m")
        await get()
        await step.settle()
        assert running.is_set()

        await second_loop.start(cache.close(drain=0))
        await step.settle()

        assert names_of_our_tasks() == []
        assert source.cancelled == 1

    async def test_from_a_second_loop_who_waits_on_the_first_still_gets_a_value(
        self, cache: Cache, source: Source, step: Stepper, second_loop: LoopInAThread
    ) -> None:
        @cache("1h")
        async def get() -> int:
            return await source.read_slowly(step)

        reader = step.start(get())
        await step.reached("loading")

        await second_loop.start(cache.close(drain=LIMIT_SECONDS))
        await step.settle()
        await step.reached("loading")
        step.go("loading")

        assert await reader == 1
        assert source.cancelled == 1

    async def test_the_blocking_face_ends_tasks_too(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        @cache.soft("1h", soft_ttl="1m")
        async def get() -> int:
            if source.loads:
                await asyncio.Event().wait()
            return source.read()

        await get()
        clock.advance("1m")
        await get()
        await step.settle()

        await asyncio.to_thread(cache.blocking.close)
        await step.settle()

        assert names_of_our_tasks() == []


class TestThreadsAndTasks:
    async def test_two_threads_and_two_tasks_share_the_load_of_a_task(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", key="a")
        async def get() -> int:
            return await source.read_slowly(step)

        @cache("1h", key="a")
        def get_blocking() -> int:
            return source.read()

        tasks = [step.start(get()) for _ in range(2)]
        await step.reached("loading")
        with ThreadStepper() as threads:
            blocking = [threads.start(get_blocking) for _ in range(2)]
            await until_waits(cache, 3)
            step.go("loading")

            answers = await asyncio.gather(*tasks, *map(asyncio.wrap_future, blocking))

        assert answers == [1] * 4
        assert source.loads == 1

    async def test_they_share_the_load_of_a_thread(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        with ThreadStepper() as threads:

            @cache("1h", key="a")
            def get_blocking() -> int:
                seen = source.read()
                threads.stop("loading")
                return seen

            @cache("1h", key="a")
            async def get() -> int:
                return source.read()

            blocking = [threads.start(get_blocking) for _ in range(2)]
            threads.reached("loading")
            tasks = [step.start(get()) for _ in range(2)]
            await until_waits(cache, 3)
            threads.go("loading")

            answers = await asyncio.gather(*tasks, *map(asyncio.wrap_future, blocking))

        assert answers == [1] * 4
        assert source.loads == 1

    async def test_an_error_of_a_threads_load_reaches_the_tasks(
        self, cache: Cache, step: Stepper
    ) -> None:
        with ThreadStepper() as threads:

            @cache("1h", key="a")
            def get_blocking() -> int:
                threads.stop("loading")
                raise LookupError("mine")

            @cache("1h", key="a")
            async def get() -> int:
                return 2

            blocking = threads.start(get_blocking)
            threads.reached("loading")
            task = step.start(get())
            await until_waits(cache, 1)
            threads.go("loading")
            outcomes = await asyncio.gather(task, asyncio.wrap_future(blocking), return_exceptions=True)

        assert [repr(outcome) for outcome in outcomes] == ["LookupError('mine')"] * 2

    async def test_a_task_that_is_cancelled_does_not_end_the_load_a_thread_waits_for(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", key="a")
        async def get() -> int:
            return await source.read_slowly(step)

        @cache("1h", key="a")
        def get_blocking() -> int:
            return source.read()

        task = step.start(get())
        await step.reached("loading")
        with ThreadStepper() as threads:
            blocking = threads.start(get_blocking)
            await until_waits(cache, 1)
            task.cancel()
            await step.settle()
            step.go("loading")

            assert await asyncio.wrap_future(blocking) == 1
        assert source.loads == 1

    async def test_two_loops_share_one_load(
        self, cache: Cache, source: Source, step: Stepper, second_loop: LoopInAThread
    ) -> None:
        @cache("1h")
        async def get() -> int:
            return await source.read_slowly(step)

        async def call() -> int:
            return await get()

        here = step.start(get())
        await step.reached("loading")
        there = second_loop.start(call())
        await until_waits(cache, 1)
        step.go("loading")

        assert [await here, await there] == [1, 1]
        assert source.loads == 1

    def test_a_loader_interrupted_in_one_thread_leaves_the_waiter_to_load(
        self, cache: Cache, source: Source
    ) -> None:
        """``KeyboardInterrupt`` says nothing about the value."""
        with ThreadStepper() as threads:

            @cache("1h")
            def get() -> int:
                if source.read() and source.loads == 1:
                    threads.stop("loading")
                    raise KeyboardInterrupt
                return source.loads

            pilot = threads.start(get)
            threads.reached("loading")
            waiter = threads.start(get)
            while not cache.stats().waits:
                threading.Event().wait(0)
            threads.go("loading")

            assert isinstance(pilot.exception(LIMIT_SECONDS), KeyboardInterrupt)
            assert waiter.result(LIMIT_SECONDS) == 2


async def until_waits(cache: Cache, number: int) -> None:
    """Run the loop until so many readers wait for the load of another one."""
    for _ in range(100_000):
        if cache.stats().waits >= number:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"only {cache.stats().waits} of {number} readers wait")
