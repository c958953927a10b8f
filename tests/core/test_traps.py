"""The four traps that an engine for two colours falls into, and its neighbours.

The traps are those of ``research/models.md``, C.2: a pilot that is cancelled; a blocking call on the
thread of the loop that loads; a loader that reads its own key; an invalidation during a load.

No test here sleeps. Where a mistake would be a deadlock, the blocking calls stand in threads of a
``ThreadStepper``, whose futures are asked with a limit, so that the test fails and does not hang.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

import pytest

from freshly import Cache, DeadlockError
from freshly.testing import ManualClock, Stepper, ThreadStepper

LIMIT_SECONDS = 20.0


class Source:
    """What loaders read: it counts how often, and its value is its version."""

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


class TestAPilotThatIsCancelled:
    """Its waiters must not be cancelled with it."""

    async def test_its_waiters_get_the_value_of_the_load_it_began(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h")
        async def get() -> int:
            seen = source.read()
            await step.stop("loading")
            return seen

        pilot = step.start(get())
        await step.reached("loading")
        waiters = [step.start(get()) for _ in range(3)]
        await step.settle()

        pilot.cancel()
        await step.settle()
        step.go("loading")

        assert await asyncio.gather(*waiters) == [1, 1, 1]
        assert pilot.cancelled()
        assert source.loads == 1

    async def test_when_its_load_then_fails_a_waiter_starts_anew_with_its_own_arguments(
        self, cache: Cache, step: Stepper
    ) -> None:
        """What failed may have been the starter's: its session was closed when it left."""
        asked: list[str] = []

        @cache("1h", exclude=["session"])
        async def get_user(user_id: int, session: str) -> str:
            asked.append(session)
            await step.stop("loading")
            if session == "closed":
                raise ConnectionError("the session is closed")
            return f"from {session}"

        pilot = step.start(get_user(1, "closed"))
        await step.reached("loading")
        waiters = [step.start(get_user(1, f"open {number}")) for number in range(3)]
        await step.settle()

        pilot.cancel()
        await step.settle()
        step.go("loading")
        await step.reached("loading")
        step.go("loading")

        assert await asyncio.gather(*waiters) == ["from open 0"] * 3
        assert asked == ["closed", "open 0"]

    async def test_when_its_load_fails_while_it_waits_all_get_the_error(
        self, cache: Cache, step: Stepper
    ) -> None:
        asked: list[str] = []

        @cache("1h", exclude=["session"])
        async def get_user(user_id: int, session: str) -> str:
            asked.append(session)
            await step.stop("loading")
            raise ConnectionError("the source is down")

        readers = [step.start(get_user(1, f"open {number}")) for number in range(3)]
        await step.reached("loading")
        await step.settle()
        step.go("loading")
        errors = await asyncio.gather(*readers, return_exceptions=True)

        assert [type(error) for error in errors] == [ConnectionError] * 3
        assert asked == ["open 0"]

    async def test_when_a_refresh_fails_whoever_had_come_to_wait_for_it_starts_anew(
        self, cache: Cache, clock: ManualClock, step: Stepper
    ) -> None:
        """Who had it begun did not wait, and its session may be closed by now."""
        asked: list[str] = []

        @cache.soft("1h", soft_ttl="10m", exclude=["session"])
        async def get_user(user_id: int, session: str) -> str:
            asked.append(session)
            if session == "closed":
                await step.stop("refreshing")
                raise ConnectionError("the session is closed")
            return f"from {session}"

        await get_user(1, "first")
        clock.advance("10m")
        assert await get_user(1, "closed") == "from first"
        await step.reached("refreshing")
        clock.advance("50m")
        waiter = step.start(get_user(1, "open"))
        await step.settle()

        step.go("refreshing")

        assert await waiter == "from open"
        assert asked == ["first", "closed", "open"]

    async def test_when_all_have_left_the_load_is_cancelled(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        outcomes: list[str] = []

        @cache("1h", key="a")
        async def get() -> int:
            try:
                await step.stop("loading")
            except asyncio.CancelledError:
                outcomes.append("cancelled")
                raise
            return source.read()

        readers = [step.start(get()) for _ in range(3)]
        await step.reached("loading")
        for reader in readers[:-1]:
            reader.cancel()
            await step.settle()
        assert outcomes == []

        readers[-1].cancel()
        await step.settle()

        assert outcomes == ["cancelled"]
        assert not await cache.exists("a")

    async def test_who_comes_in_the_same_tick_as_the_last_one_leaves_gets_a_new_load(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h")
        async def get() -> int:
            seen = source.read()
            await step.stop("loading")
            return seen

        last = step.start(get())
        await step.reached("loading")

        last.cancel()
        newcomer = step.start(get())
        await step.settle()
        source.version = 2
        assert step.is_standing("loading")
        step.go("loading")

        assert await newcomer == 1
        assert source.loads == 2

    @pytest.mark.parametrize("turns", range(8))
    async def test_who_comes_while_a_cancelled_load_cleans_up_gets_a_new_load(
        self, cache: Cache, source: Source, step: Stepper, turns: int
    ) -> None:
        """However many turns of the loop it comes later."""

        @cache("1h")
        async def get() -> int:
            seen = source.read()
            if source.loads == 1:
                try:
                    await step.stop("loading")
                finally:
                    await step.stop("cleaning up")
            return seen

        last = step.start(get())
        await step.reached("loading")

        last.cancel()
        await step.settle(turns)
        newcomer = step.start(get())

        assert await newcomer == 1
        assert source.loads == 2
        await step.reached("cleaning up")
        step.go("cleaning up")
        await asyncio.gather(last, return_exceptions=True)
        await step.settle()

    async def test_a_loader_that_is_cancelled_from_inside_cancels_its_pilot_only(
        self, cache: Cache, step: Stepper
    ) -> None:
        """The waiters try for themselves: nothing says that theirs will be."""
        loads: list[int] = []

        @cache("1h")
        async def get() -> int:
            loads.append(1)
            await step.stop("loading")
            if len(loads) == 1:
                raise asyncio.CancelledError
            return len(loads)

        pilot = step.start(get())
        await step.reached("loading")
        waiters = [step.start(get()) for _ in range(2)]
        await step.settle()
        step.go("loading")
        await step.reached("loading")
        step.go("loading")

        assert await asyncio.gather(*waiters) == [2, 2]
        with pytest.raises(asyncio.CancelledError):
            await pilot


class TestABlockingCallOnTheThreadOfALoop:
    async def test_for_a_key_that_this_loop_loads_is_an_error_and_no_deadlock(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", key="a")
        async def get() -> int:
            seen = source.read()
            await step.stop("loading")
            return seen

        @cache("1h", key="a")
        def get_blocking() -> int:
            return source.read()

        reader = step.start(get())
        await step.reached("loading")

        with pytest.raises(DeadlockError, match="'a' on the thread of the event loop"):
            get_blocking()
        with pytest.raises(DeadlockError, match="'a' on the thread of the event loop"):
            cache.blocking.get_or_set("a", source.read)

        step.go("loading")
        assert await reader == 1
        assert get_blocking() == 1
        assert source.loads == 1

    async def test_it_is_not_answered_with_an_expired_value(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        """An expired value stands in for a failing source, not for a mistake."""

        @cache("1m", key="a", grace="1h")
        async def get() -> int:
            seen = source.read()
            if source.loads == 2:
                await step.stop("loading")
            return seen

        @cache("1m", key="a", grace="1h")
        def get_blocking() -> int:
            return source.read()

        await get()
        clock.advance("1m")
        reader = step.start(get())
        await step.reached("loading")

        with pytest.raises(DeadlockError):
            get_blocking()

        step.go("loading")
        await reader

    async def test_a_stale_value_is_served_without_waiting(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        @cache.soft("1h", soft_ttl="1m", key="a")
        async def get() -> int:
            seen = source.read()
            if source.loads == 2:
                await step.stop("refreshing")
            return seen

        @cache.soft("1h", soft_ttl="1m", key="a")
        def get_blocking() -> int:
            return source.read()

        await get()
        clock.advance("1m")
        await get()
        await step.reached("refreshing")

        assert get_blocking() == 1

        step.go("refreshing")
        await step.settle()
        assert source.loads == 2

    async def test_in_another_thread_it_waits_for_the_load_and_gets_its_value(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", key="a")
        async def get() -> int:
            seen = source.read()
            await step.stop("loading")
            return seen

        @cache("1h", key="a")
        def get_blocking() -> int:
            return source.read()

        reader = step.start(get())
        await step.reached("loading")
        with ThreadStepper() as threads:
            blocking = threads.start(get_blocking)
            step.go("loading")

            assert await asyncio.wrap_future(blocking) == 1
            assert await reader == 1
        assert source.loads == 1


class TestALoaderThatReadsItsOwnKey:
    """The message names the key and the ways out; nobody hangs."""

    async def test_directly(self, cache: Cache) -> None:
        @cache("1h", key="a")
        async def get() -> int:
            return await get()

        with pytest.raises(DeadlockError, match="the load of 'a' reads 'a' again"):
            await get()

    async def test_through_another_function(self, cache: Cache) -> None:
        @cache("1h", key="outer")
        async def outer() -> int:
            return await inner()

        @cache("1h", key="inner")
        async def inner() -> int:
            return await outer()

        with pytest.raises(DeadlockError, match="'outer'"):
            await outer()

    async def test_through_a_task_that_it_waits_for(self, cache: Cache) -> None:
        @cache("1h", key="a")
        async def get() -> int:
            return await asyncio.create_task(get())

        with pytest.raises(DeadlockError):
            await get()

    async def test_through_get_or_set(self, cache: Cache) -> None:
        async def load() -> int:
            return await cache.get_or_set("a", load)

        with pytest.raises(DeadlockError):
            await cache.get_or_set("a", load)

    async def test_two_circles_from_two_callers(self, cache: Cache, step: Stepper) -> None:
        """
        1. one caller loads a, the other b
        2. the load of a waits for b
        3. the load of b would wait for a: it is refused
        """

        @cache("1h", key="a")
        async def get_a() -> int:
            await step.stop("in a")
            return await get_b()

        @cache("1h", key="b")
        async def get_b() -> int:
            await step.stop("in b")
            return await get_a()

        one, other = step.start(get_a()), step.start(get_b())
        await step.reached("in a")
        await step.reached("in b")
        step.go("in a")
        await step.settle()
        step.go("in b")
        outcomes = await asyncio.gather(one, other, return_exceptions=True)

        assert [type(outcome) for outcome in outcomes] == [DeadlockError] * 2

    async def test_a_circle_of_three_from_three_callers(self, cache: Cache, step: Stepper) -> None:
        @cache("1h", key="{name}")
        async def get(name: str) -> int:
            await step.stop("loading")
            return await get({"a": "b", "b": "c", "c": "a"}[name])

        callers = [step.start(get(name)) for name in "abc"]
        await step.settle()
        for _ in callers:
            step.go("loading")
            await step.settle()
        outcomes = await asyncio.gather(*callers, return_exceptions=True)

        assert [type(outcome) for outcome in outcomes] == [DeadlockError] * 3

    async def test_a_loader_that_catches_the_error_goes_on(self, cache: Cache) -> None:
        @cache("1h")
        async def depth(of: int) -> int:
            try:
                return await depth(of)
            except DeadlockError:
                return 0

        assert await depth(1) == 0
        assert await depth(1) == 0

    async def test_another_key_of_the_same_function_is_no_circle(self, cache: Cache) -> None:
        @cache("1h")
        async def factorial(number: int) -> int:
            return number * await factorial(number - 1) if number else 1

        assert await factorial(20) == 2_432_902_008_176_640_000

    async def test_a_key_that_two_of_its_tasks_read_is_no_circle(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h")
        async def inner() -> int:
            seen = source.read()
            await step.settle()
            return seen

        @cache("1h")
        async def outer() -> list[int]:
            return await asyncio.gather(inner(), inner())

        assert await outer() == [1, 1]
        assert source.loads == 1

    async def test_a_task_that_outlives_its_load_may_read_the_key(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        """It was begun inside the load and inherits its context, but nobody waits for it."""
        later: list[asyncio.Task[int]] = []

        @cache("1h", key="a")
        async def get() -> int:
            later.append(step.start(read_again()))
            return source.read()

        async def read_again() -> int:
            await step.stop("later")
            await cache.delete("a")
            return await get.uncached() if source.loads > 5 else await again()

        @cache("1h", key="a")
        async def again() -> int:
            return source.read()

        await get()
        await step.reached("later")
        source.version = 2
        step.go("later")

        assert await later[0] == 2

    def test_blocking_directly(self, cache: Cache) -> None:
        @cache("1h", key="a")
        def get() -> int:
            return get()

        with ThreadStepper() as threads, pytest.raises(DeadlockError, match="'a'"):
            threads.start(get).result(LIMIT_SECONDS)

    def test_blocking_through_another_function(self, cache: Cache) -> None:
        @cache("1h")
        def outer() -> int:
            return inner()

        @cache("1h")
        def inner() -> int:
            return outer()

        with ThreadStepper() as threads, pytest.raises(DeadlockError, match="outer"):
            threads.start(outer).result(LIMIT_SECONDS)

    def test_blocking_two_circles_from_two_threads(self, cache: Cache) -> None:
        with ThreadStepper() as threads:

            @cache("1h")
            def get_a() -> int:
                threads.stop("in a")
                return get_b()

            @cache("1h")
            def get_b() -> int:
                threads.stop("in b")
                return get_a()

            one, other = threads.start(get_a), threads.start(get_b)
            threads.reached("in a")
            threads.reached("in b")
            threads.go("in a")
            threads.go("in b")

            outcomes = [caller.exception(LIMIT_SECONDS) for caller in (one, other)]
        assert [type(outcome) for outcome in outcomes] == [DeadlockError] * 2

    async def test_an_async_loader_through_a_blocking_one(self, cache: Cache) -> None:
        @cache("1h", key="a")
        async def get() -> int:
            return middle()

        @cache("1h", key="b")
        def middle() -> int:
            return last()

        @cache("1h", key="a")
        def last() -> int:
            return 1

        with pytest.raises(DeadlockError):
            await get()


class TestAnInvalidationDuringALoad:
    """The stamp is read before the loader runs; more of it in tests/faces/test_surprises.py."""

    async def test_its_result_is_not_kept(self, cache: Cache, source: Source, step: Stepper) -> None:
        @cache("1h", key="a", tags=["t"])
        async def get() -> int:
            seen = source.read()
            await step.stop("loading")
            return seen

        reader = step.start(get())
        await step.reached("loading")
        source.version = 2
        await cache.delete_tags("t")
        step.go("loading")

        assert await reader == 1
        assert not await cache.exists("a")
        assert cache.stats().overtaken == 1

    async def test_the_loader_itself_may_invalidate_what_it_makes(
        self, cache: Cache, source: Source
    ) -> None:
        @cache("1h", key="a", tags=["t"])
        async def get() -> int:
            seen = source.read()
            if seen == 1:
                source.version = 2
                await cache.delete_tags("t")
            return seen

        assert await get() == 1
        assert await get() == 2
        assert await get() == 2
        assert source.loads == 2

    async def test_a_tag_known_from_the_result_is_covered_too(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", tags=["author:{result[author]}"])
        async def get_post(post_id: int) -> dict[str, int]:
            seen = source.read()
            await step.stop("loading")
            return {"author": 7, "version": seen}

        before = step.start(get_post(1))
        await step.reached("loading")
        source.version = 2
        await cache.delete_tags("author:7")
        after = step.start(get_post(1))
        await step.settle()
        while step.is_standing("loading"):
            step.go("loading")
            await step.settle()

        assert (await before)["version"] == 1
        assert (await after)["version"] == 2
        assert (await step.start(get_post(1)))["version"] == 2

    @pytest.mark.parametrize("how", ["tag", "nested", "function"])
    async def test_a_tag_that_the_loader_adds_is_covered_too(
        self, cache: Cache, source: Source, step: Stepper, how: str
    ) -> None:
        """By ``cache.tag``, by reading another cached function, or by a function of the result."""

        @cache("1h", tags=["late"])
        async def inner() -> int:
            return source.read()

        @cache("1h", tags=(lambda result: ["late"]) if how == "function" else ())
        async def get() -> int:
            seen = await inner() if how == "nested" else source.read()
            if how == "tag":
                cache.tag("late")
            await step.stop("loading")
            return seen

        before = step.start(get())
        await step.reached("loading")
        source.version = 2
        await cache.delete_tags("late")
        after = step.start(get())
        await step.settle()
        while step.is_standing("loading"):
            step.go("loading")
            await step.settle()

        assert [await before, await after, await get()] == [1, 2, 2]

    async def test_an_invalidation_of_something_else_leaves_the_load_alone(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", key="a", tags=["t", "{result}"])
        async def get() -> int:
            seen = source.read()
            await step.stop("loading")
            return seen

        reader = step.start(get())
        await step.reached("loading")
        await cache.delete_tags("u", "A", "2")
        await cache.delete("b")
        await cache.delete_match("b*")
        await cache.set("b", 1, tags=["t"])
        joined = step.start(get())
        await step.settle()
        step.go("loading")

        assert [await reader, await joined] == [1, 1]
        assert await cache.exists("a")
        assert source.loads == 1

    async def test_what_came_in_after_the_join_does_not_trouble_who_had_joined(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        """Its read started before the invalidation, so the value answers it."""

        @cache("1h", tags=["t"])
        async def get() -> int:
            seen = source.read()
            await step.stop("loading")
            return seen

        readers = [step.start(get()) for _ in range(3)]
        await step.reached("loading")
        await step.settle()
        await cache.delete_tags("t")
        step.go("loading")

        assert await asyncio.gather(*readers) == [1, 1, 1]
        assert source.loads == 1


class TestARefreshByHand:
    async def test_during_a_load_it_loads_anew_and_the_older_load_does_not_land_over_it(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", key="a")
        async def get() -> int:
            seen = source.read()
            await step.stop(f"load {source.loads}")
            return seen

        older = step.start(get())
        await step.reached("load 1")
        source.version = 2
        newer = step.start(get.refresh())
        await step.reached("load 2")

        step.go("load 2")
        assert await newer == 2
        step.go("load 1")
        assert await older == 1

        assert await cache.get("a") == 2

    async def test_the_older_load_does_not_land_before_it_either(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", key="a")
        async def get() -> int:
            seen = source.read()
            await step.stop(f"load {source.loads}")
            return seen

        older = step.start(get())
        await step.reached("load 1")
        source.version = 2
        newer = step.start(get.refresh())
        await step.reached("load 2")

        step.go("load 1")
        assert await older == 1
        assert not await cache.exists("a")
        step.go("load 2")

        assert await newer == 2
        assert await cache.get("a") == 2

    async def test_several_at_once_are_one_load(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h")
        async def get() -> int:
            return source.read()

        await get()
        source.version = 2

        refreshes = [step.start(get.refresh()) for _ in range(10)]

        assert await asyncio.gather(*refreshes) == [2] * 10
        assert source.loads == 2

    async def test_it_does_not_join_a_load_that_had_begun_before_it(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h")
        async def get() -> int:
            seen = source.read()
            await step.stop(f"load {source.loads}")
            return seen

        refresh = step.start(get.refresh())
        await step.reached("load 1")
        source.version = 2
        later = step.start(get.refresh())
        await step.settle()
        step.go("load 1")
        await step.reached("load 2")
        step.go("load 2")

        assert [await refresh, await later] == [1, 2]

    async def test_a_read_that_comes_during_it_and_finds_nothing_joins_it(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", tags=["t"])
        async def get() -> int:
            seen = source.read()
            await step.stop("loading")
            return seen

        refresh = step.start(get.refresh())
        await step.reached("loading")
        reader = step.start(get())
        await step.settle()
        step.go("loading")

        assert [await refresh, await reader] == [1, 1]
        assert source.loads == 1


Command = Callable[[Cache], Awaitable[object]]

OVERTAKING: dict[str, Command] = {
    "delete_tags": lambda cache: cache.delete_tags("t"),
    "delete": lambda cache: cache.delete("a"),
    "delete_match": lambda cache: cache.delete_match("?"),
    "clear": lambda cache: cache.clear(),
    "set": lambda cache: cache.set("a", "by another"),
}
HARMLESS: dict[str, Command] = {
    "delete_tags": lambda cache: cache.delete_tags("u"),
    "delete": lambda cache: cache.delete("b"),
    "delete_match": lambda cache: cache.delete_match("b*"),
    "mark_stale": lambda cache: cache.mark_stale("u"),
    "set": lambda cache: cache.set("b", 1, tags=["t"]),
    "nothing": lambda cache: cache.exists("a"),
}


class TestAStampTakenByHand:
    @pytest.mark.parametrize("command", OVERTAKING)
    async def test_what_was_overtaken_since_is_not_stored(self, cache: Cache, command: str) -> None:
        stamp = await cache.stamp()
        await OVERTAKING[command](cache)

        assert not await cache.set("a", "old", tags=["t"], stamp=stamp)

        assert await cache.get("a") != "old"

    @pytest.mark.parametrize("command", HARMLESS)
    async def test_what_was_not_is_stored(self, cache: Cache, command: str) -> None:
        stamp = await cache.stamp()
        await HARMLESS[command](cache)

        assert await cache.set("a", "new", tags=["t"], stamp=stamp)

        assert await cache.get("a") == "new"

    @pytest.mark.parametrize("command", OVERTAKING)
    async def test_what_was_overtaken_before_it_is_stored(self, cache: Cache, command: str) -> None:
        await OVERTAKING[command](cache)
        stamp = await cache.stamp()

        assert await cache.set("a", "new", tags=["t"], stamp=stamp)

        assert await cache.get("a") == "new"

    async def test_marked_stale_since_it_is_stored_and_stale(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        stamp = await cache.stamp()
        await cache.mark_stale("t")
        await cache.set("a", 0, tags=["t"], stamp=stamp)

        assert await cache.get_or_set("a", source.read) == 0
        await step.settle()
        assert await cache.get_or_set("a", source.read) == 1

    async def test_a_load_that_runs_meanwhile_is_not_stored_over_it(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        """As ``set`` says, with a stamp as without: the load may have read before the stamp."""

        async def load() -> int:
            seen = source.read()
            await step.stop("loading")
            return seen

        reader = step.start(cache.get_or_set("a", load))
        await step.reached("loading")
        source.version = 2
        stamp = await cache.stamp()
        assert await cache.set("a", source.version, stamp=stamp)
        step.go("loading")

        assert await reader == 1
        assert await cache.get("a") == 2

    async def test_a_stamp_of_the_former_store_stores_nothing(self, cache: Cache) -> None:
        stamp = await cache.stamp()
        cache.setup("mem://")

        assert not await cache.set("a", 1, stamp=stamp)

    async def test_a_stamp_older_than_all_that_is_remembered_stores_nothing(self, cache: Cache) -> None:
        """Marks are forgotten in bulk; what cannot be known to be valid counts as overtaken."""
        stamp = await cache.stamp()
        for number in range(30_000):
            await cache.delete_tags(f"t:{number}")

        assert not await cache.set("a", 1, tags=["t:0"], stamp=stamp)


class TestTheContextOfALoad:
    async def test_a_loader_sees_the_context_of_the_caller_who_began_it(self, cache: Cache) -> None:
        tenant: ContextVar[str] = ContextVar("tenant")

        @cache("1h", vary=[tenant])
        async def get() -> str:
            return tenant.get()

        tenant.set("acme")

        assert await get() == "acme"

    async def test_a_refresh_is_no_part_of_the_load_that_had_it_begun(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        """Else its tags would become those of the outer entry, and a circle would be seen."""

        @cache.soft("1h", soft_ttl="1m", key="inner")
        async def inner() -> int:
            seen = source.read()
            if seen > 1:
                await outer()
            return seen

        @cache("1h", key="outer")
        async def outer() -> int:
            return await inner()

        await inner()
        source.version = 2
        clock.advance("1m")

        assert await outer() == 1
        await step.settle()
        assert await inner() == 2
