"""Loads of many keys among other loads, invalidations, errors and callers who leave.

The face is ``get_or_set_many``, which adds least. ``Source`` is what the loaders read: each load
stands at ``"loading"`` with what it has read, until the test lets it go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from freshly import Cache, DeadlockError, LoadTimeout
from freshly.core.events import Loaded, LoadFailed
from freshly.core.shape import ANY, Shape
from freshly.stores.memory import MemoryStore
from freshly.testing import ManualClock, Stepper, ThreadStepper

LIMIT_SECONDS = 20.0

Found = dict[str, Any]


class Source:
    """Rows with versions. ``errors`` stand in place of their rows; what is in ``gone`` is gone."""

    def __init__(self, step: Stepper) -> None:
        self.step = step
        self.version = 1
        self.asked: list[str] = []
        self.cancelled = 0
        self.errors: dict[str, Exception] = {}
        self.gone: set[str] = set()
        self.is_down = False

    def read(self, keys: list[str]) -> Found:
        self.asked.append("".join(keys))
        if self.is_down:
            raise ConnectionError("down")
        found = {key: self.errors.get(key, f"{key}{self.version}") for key in keys}
        return {key: value for key, value in found.items() if key not in self.gone}

    async def load(self, keys: list[str]) -> Found:
        found = self.read(keys)
        try:
            await self.step.stop("loading")
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.is_down:
            raise ConnectionError("down")
        return found

    async def load_one(self, key: str) -> Any:
        found = await self.load([key])
        return found[key]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock, dice=lambda: 0.0)


@pytest.fixture
def step() -> Stepper:
    return Stepper()


@pytest.fixture
def source(step: Stepper) -> Source:
    return Source(step)


@pytest.fixture(autouse=True)
async def _nothing_is_left(cache: Cache) -> Any:
    yield
    await Stepper().settle()
    flights = cache._home.parts.flights
    assert (flights.loads, flights.in_the_air(), flights._by_key) == (0, [], {})
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("freshly")] == []


class Reader:
    """Reads through one cache and source; ``options`` are those of every read."""

    def __init__(self, cache: Cache, source: Source, **options: Any) -> None:
        self.cache = cache
        self.source = source
        self.options: dict[str, Any] = {"ttl": "1h", "tags": ["t:{key}"], **options}

    def many(self, keys: str, **options: Any) -> Coroutine[Any, Any, Found]:
        return self.cache.get_or_set_many([*keys], self.source.load, **self.options | options)

    def one(self, key: str, **options: Any) -> Coroutine[Any, Any, Any]:
        options = {**self.options, "tags": [f"t:{key}"], **options}
        return self.cache.get_or_set(key, lambda: self.source.load_one(key), **options)

    async def filled(self, keys: str) -> None:
        """Have ``keys`` in the cache."""
        filling = self.source.step.start(self.many(keys))
        await self.source.step.reached("loading")
        self.source.step.go("loading")
        await filling


@pytest.fixture
def read(cache: Cache, source: Source) -> Reader:
    return Reader(cache, source)


def go(step: Stepper, times: int) -> None:
    for _ in range(times):
        step.go("loading")


class TestOverlappingReads:
    async def test_share_the_load_of_what_both_want(
        self, read: Reader, source: Source, step: Stepper
    ) -> None:
        one = step.start(read.many("abc"))
        await step.reached("loading")
        other = step.start(read.many("bcd"))
        await step.settle()
        go(step, 2)

        assert await one == {"a": "a1", "b": "b1", "c": "c1"}
        assert await other == {"b": "b1", "c": "c1", "d": "d1"}
        assert source.asked == ["abc", "d"]
        stats = read.cache.stats()
        assert (stats.loads, stats.misses, stats.waits, stats.entries) == (2, 6, 2, 4)

    async def test_wait_for_the_slower_of_the_loads(self, read: Reader, step: Stepper) -> None:
        one = step.start(read.many("ab"))
        await step.reached("loading")
        other = step.start(read.many("bc"))
        await step.settle()

        step.go("loading")
        await one
        await step.settle()
        assert not other.done()

        step.go("loading")
        assert await other == {"b": "b1", "c": "c1"}

    async def test_of_the_same_keys_are_one_load(
        self, read: Reader, source: Source, step: Stepper
    ) -> None:
        readers = [step.start(read.many("abc")) for _ in range(100)]
        await step.reached("loading")
        await step.settle()
        step.go("loading")

        assert [*await asyncio.gather(*readers)] == [{"a": "a1", "b": "b1", "c": "c1"}] * 100
        assert source.asked == ["abc"]

    async def test_that_wait_for_each_other_crosswise_end(self, read: Reader, step: Stepper) -> None:
        """1. One begins b. 2. The other begins a, and waits for b. 3. The first wants both."""
        first = step.start(read.one("b"))
        await step.reached("loading")
        other = step.start(read.many("ab"))
        await step.settle()
        third = step.start(read.many("bac"))
        await step.settle()
        go(step, 3)

        assert await asyncio.gather(first, other, third) == [
            "b1",
            {"a": "a1", "b": "b1"},
            {"b": "b1", "a": "a1", "c": "c1"},
        ]


class TestReadsOfOneKey:
    async def test_wait_for_a_load_of_many(self, read: Reader, source: Source, step: Stepper) -> None:
        many = step.start(read.many("abc"))
        await step.reached("loading")
        one = step.start(read.one("b"))
        await step.settle()
        step.go("loading")

        assert (await many, await one) == ({"a": "a1", "b": "b1", "c": "c1"}, "b1")
        assert source.asked == ["abc"]

    async def test_are_waited_for_by_a_read_of_many(
        self, read: Reader, source: Source, step: Stepper
    ) -> None:
        one = step.start(read.one("b"))
        await step.reached("loading")
        many = step.start(read.many("abc"))
        await step.settle()
        go(step, 2)

        assert (await one, await many) == ("b1", {"a": "a1", "b": "b1", "c": "c1"})
        assert source.asked == ["b", "ac"]

    async def test_find_the_entries_that_a_load_of_many_made(
        self, read: Reader, source: Source
    ) -> None:
        await read.filled("ab")

        assert await read.one("a") == "a1"
        assert source.asked == ["ab"]


class TestAnInvalidationDuringTheLoad:
    async def test_keeps_only_what_it_is_about_from_being_stored(
        self, cache: Cache, read: Reader, source: Source, step: Stepper
    ) -> None:
        reader = step.start(read.many("abc"))
        await step.reached("loading")

        source.version = 2
        await cache.delete_tags("t:b")
        step.go("loading")

        # It began before the invalidation, and may have any of the two.
        assert await reader == {"a": "a1", "b": "b1", "c": "c1"}
        assert await cache.get_many(["a", "b", "c"]) == {"a": "a1", "c": "c1"}
        assert cache.stats().overtaken == 1

    async def test_makes_later_readers_load_that_key_and_join_for_the_others(
        self, cache: Cache, read: Reader, source: Source, step: Stepper
    ) -> None:
        first = step.start(read.many("abc"))
        await step.reached("loading")
        source.version = 2
        await cache.delete_tags("t:b")

        later = step.start(read.many("abc"))
        await step.settle()
        assert source.asked == ["abc", "b"]
        go(step, 2)

        assert (await first)["b"] == "b1"
        assert await later == {"a": "a1", "b": "b2", "c": "c1"}
        assert await cache.get_many(["a", "b", "c"]) == {"a": "a1", "b": "b2", "c": "c1"}

    async def test_is_noticed_at_the_end_if_only_the_result_tells_the_tag(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        read = Reader(cache, source, tags=["r:{result[0]}"])
        first = step.start(read.many("abc"))
        await step.reached("loading")
        source.version = 2
        await cache.delete_tags("r:b")

        later = step.start(read.many("abc"))
        await step.settle()
        assert source.asked == ["abc"]  # it joined, since nothing was known against it
        step.go("loading")
        await step.settle()
        assert source.asked == ["abc", "b"]
        step.go("loading")

        assert (await first)["b"] == "b1"
        assert await later == {"a": "a1", "b": "b2", "c": "c1"}
        stats = cache.stats()
        assert (stats.misses, stats.waits, stats.overtaken) == (6, 2, 1)

    @pytest.mark.parametrize("verb", ["delete", "delete_many", "delete_match", "clear", "set"])
    async def test_may_be_of_any_kind(
        self, cache: Cache, read: Reader, source: Source, step: Stepper, verb: str
    ) -> None:
        first = step.start(read.many("abc"))
        await step.reached("loading")
        source.version = 2
        match verb:
            case "delete":
                await cache.delete("b")
            case "delete_many":
                await cache.delete_many(["b"])
            case "delete_match":
                await cache.delete_match("[b]")
            case "clear":
                await cache.clear()
            case "set":
                await cache.set("b", "b2")
        later = step.start(read.many("b"))
        await step.settle()
        while step.is_standing("loading"):
            step.go("loading")
            await step.settle()
        await first

        assert await later == {"b": "b2"}
        assert await cache.get_many(["b"]) == {"b": "b2"}

    async def test_before_its_second_part_began_counts_for_that_part_too(
        self, cache: Cache, read: Reader, source: Source, step: Stepper
    ) -> None:
        """All stamps are taken before the first part: later ones would be as good, and cost a look."""
        reader = step.start(read.many("abcd", max_batch=2))
        await step.reached("loading")
        await cache.delete_tags("t:a", "t:d")
        step.go("loading")
        await step.reached("loading")
        step.go("loading")

        assert await reader == {"a": "a1", "b": "b1", "c": "c1", "d": "d1"}
        assert await cache.get_many(["a", "b", "c", "d"]) == {"b": "b1", "c": "c1"}

    async def test_at_each_step_of_the_read_never_leaves_an_older_value(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        """The read is stepped by hand, await by await; each run is invalidated one step later."""
        steps = 0
        is_over = False
        while not is_over:
            cache = Cache()
            source = Source(step)
            read = Reader(cache, source)
            reading = step.start(read.many("ab"))
            for _ in range(steps):
                await asyncio.sleep(0)
                if step.is_standing("loading"):
                    step.go("loading")
            is_over = reading.done()
            source.version = 2
            await cache.delete_tags("t:b")
            later = step.start(read.many("ab"))
            while not (reading.done() and later.done()):
                await asyncio.sleep(0)
                if step.is_standing("loading"):
                    step.go("loading")

            assert (await later)["b"] == "b2", f"after {steps} steps"
            assert (await cache.get_many(["b"])) == {"b": "b2"}, f"after {steps} steps"
            steps += 1
            await cache.close()

        assert steps > 4


class TestAHold:
    async def test_keeps_only_what_it_is_about_from_being_stored(
        self, cache: Cache, read: Reader, step: Stepper
    ) -> None:
        await cache.delete_tags("t:b", hold="10s")
        reader = step.start(read.many("abc"))
        await step.reached("loading")
        step.go("loading")

        assert await reader == {"a": "a1", "b": "b1", "c": "c1"}
        assert await cache.get_many(["a", "b", "c"]) == {"a": "a1", "c": "c1"}

    @pytest.mark.parametrize("is_gone", [False, True])
    async def test_keeps_who_begins_after_it_from_the_loads_under_it(
        self,
        cache: Cache,
        read: Reader,
        source: Source,
        clock: ManualClock,
        step: Stepper,
        is_gone: bool,
    ) -> None:
        if is_gone:
            source.gone.add("b")
        await cache.delete_many(["b"], hold="10s")
        first = step.start(read.many("abc"))
        await step.reached("loading")
        source.gone.clear()
        source.version = 2
        clock.advance("10s")

        later = step.start(read.many("abc"))
        await step.settle()
        assert source.asked == ["abc", "b"]
        go(step, 2)
        await first

        assert await later == {"a": "a1", "b": "b2", "c": "c1"}

    async def test_that_only_the_result_tells_is_noticed_at_the_end(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        read = Reader(cache, source, tags=["r:{result[0]}"])
        await cache.delete_tags("r:b", hold="10s")
        first = step.start(read.many("ab"))
        await step.reached("loading")
        source.version = 2
        clock.advance("10s")
        later = step.start(read.many("ab"))
        await step.settle()
        step.go("loading")
        await step.settle()
        step.go("loading")
        await first

        assert await later == {"a": "a1", "b": "b2"}

    async def test_keeps_values_by_hand_out_too(self, cache: Cache) -> None:
        await cache.set_many({"a": 0, "b": 0}, tags=["t:{key}"])
        early = await cache.stamp()
        await cache.delete("b", hold="10s")

        assert await cache.set_many({"a": 1, "b": 1}, tags=["t:{key}"]) == 1
        assert await cache.get_many(["a", "b"]) == {"a": 1}
        assert await cache.set_many({"b": 1}, stamp=early) == 0


class TestACallerThatIsCancelled:
    async def test_leaves_the_load_to_who_waits_for_one_of_its_keys(
        self, read: Reader, source: Source, step: Stepper
    ) -> None:
        pilot = step.start(read.many("abc"))
        await step.reached("loading")
        waiter = step.start(read.one("b"))
        await step.settle()

        pilot.cancel()
        await step.settle()
        assert pilot.cancelled()
        step.go("loading")

        assert await waiter == "b1"
        assert (source.asked, source.cancelled) == (["abc"], 0)
        assert await read.cache.get_many(["a", "b", "c"]) == {"a": "a1", "b": "b1", "c": "c1"}

    async def test_leaves_keys_that_nobody_waits_for_to_who_comes_later(
        self, read: Reader, source: Source, step: Stepper
    ) -> None:
        """The load goes on for b, so there is no need to load a again."""
        pilot = step.start(read.many("abc"))
        await step.reached("loading")
        waiter = step.start(read.one("b"))
        await step.settle()
        pilot.cancel()
        await step.settle()

        newcomer = step.start(read.many("a"))
        await step.settle()
        step.go("loading")

        assert (await waiter, await newcomer) == ("b1", {"a": "a1"})
        assert source.asked == ["abc"]

    async def test_ends_the_load_if_it_was_the_last(
        self, read: Reader, source: Source, step: Stepper
    ) -> None:
        pilot = step.start(read.many("abc"))
        await step.reached("loading")
        others = [step.start(read.many("ab")), step.start(read.one("c"))]
        await step.settle()
        for reader in (pilot, others[0]):
            reader.cancel()
            await step.settle()
        assert source.cancelled == 0

        others[1].cancel()
        await step.settle()

        assert source.cancelled == 1
        assert await read.cache.get_many(["a", "b", "c"]) == {}

    async def test_ends_it_although_somebody_got_an_answer_from_an_earlier_part(
        self, read: Reader, source: Source, step: Stepper
    ) -> None:
        pilot = step.start(read.many("abcd", max_batch=2))
        await step.reached("loading")
        waiter = step.start(read.one("a"))
        await step.settle()
        step.go("loading")
        await step.reached("loading")
        assert await waiter == "a1"

        pilot.cancel()
        await step.settle()

        assert source.cancelled == 1
        assert await read.cache.get_many(["a", "b", "c", "d"]) == {"a": "a1", "b": "b1"}

    async def test_and_whose_load_then_fails_leaves_it_to_the_waiters_to_start_anew(
        self, read: Reader, source: Source, step: Stepper
    ) -> None:
        pilot = step.start(read.many("abc"))
        await step.reached("loading")
        waiters = [step.start(read.many("ab")), step.start(read.one("c"))]
        await step.settle()
        pilot.cancel()
        await step.settle()

        source.is_down = True
        step.go("loading")
        await step.settle()
        source.is_down = False
        await step.settle()
        while step.is_standing("loading"):
            step.go("loading")
            await step.settle()
        outcomes = await asyncio.gather(*waiters, return_exceptions=True)

        # Theirs were begun while the source was down.
        assert [type(outcome) for outcome in outcomes] == [ConnectionError, ConnectionError]
        assert source.asked == ["abc", "c", "ab"]

    async def test_does_not_cancel_a_refresh_that_it_had_begun(
        self, read: Reader, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        read.options["soft_ttl"] = "1m"
        await read.filled("ab")
        clock.advance("1m")
        source.version = 2
        assert await read.many("ab") == {"a": "a1", "b": "b1"}
        await step.reached("loading")

        clock.advance("59m")
        waiter = step.start(read.many("a"))
        await step.settle()
        waiter.cancel()
        await step.settle()
        assert waiter.cancelled()
        step.go("loading")
        await step.settle()

        assert await read.cache.get_many(["a", "b"]) == {"a": "a2", "b": "b2"}
        assert source.cancelled == 0


class TestErrors:
    async def test_that_the_loader_raises_are_everyones(
        self, read: Reader, source: Source, step: Stepper
    ) -> None:
        readers = [step.start(read.many("abc")), step.start(read.many("cd")), step.start(read.one("a"))]
        await step.reached("loading")
        await step.settle()
        source.is_down = True
        go(step, 2)

        outcomes = await asyncio.gather(*readers, return_exceptions=True)

        assert [type(outcome) for outcome in outcomes] == [ConnectionError] * 3
        assert read.cache.stats().load_errors == 2  # of two loaders
        assert read.cache.stats().entries == 0

    async def test_in_place_of_a_value_are_those_of_its_key_alone(
        self, read: Reader, source: Source, step: Stepper
    ) -> None:
        source.errors["b"] = error = LookupError("b")
        many = step.start(read.many("abc"))
        await step.reached("loading")
        others = [step.start(read.one("a")), step.start(read.one("b")), step.start(read.many("bd"))]
        await step.settle()
        go(step, 2)
        outcomes = await asyncio.gather(many, *others, return_exceptions=True)

        assert isinstance(outcomes[0], ExceptionGroup)
        assert outcomes[0].exceptions == (error,)
        assert outcomes[1] == "a1"
        assert outcomes[2] is error
        assert isinstance(outcomes[3], ExceptionGroup)
        assert str(outcomes[3].message) == "get_or_set_many: 1 of 2 ids failed: 'b'"
        assert await read.cache.get_many(["a", "b", "c", "d"]) == {"a": "a1", "c": "c1", "d": "d1"}

    async def test_in_place_of_values_can_be_caught_by_kind(self, read: Reader, source: Source) -> None:
        source.errors.update(a=LookupError("a"), b=PermissionError("b"))
        reader = source.step.start(read.many("abc"))
        await source.step.reached("loading")
        source.step.go("loading")
        caught: list[str] = []

        try:
            await reader
        except* LookupError as group:
            caught += [repr(error) for error in group.exceptions]
        except* PermissionError as group:
            caught += [repr(error) for error in group.exceptions]

        assert caught == ["LookupError('a')", "PermissionError('b')"]

    async def test_of_a_function_about_one_value_are_that_keys_alone(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        def ttl(key: str) -> str:
            return {"a": "1h"}[key]

        read = Reader(cache, source, ttl=ttl)
        reader = step.start(read.many("ab"))
        await step.reached("loading")
        step.go("loading")

        with pytest.raises(KeyError, match="b"):
            await reader
        assert await cache.get_many(["a", "b"]) == {"a": "a1"}

    async def test_tell_observers_which_keys_they_were_of(
        self, cache: Cache, read: Reader, source: Source, step: Stepper
    ) -> None:
        events: list[Any] = []
        cache.observe(events.append)
        source.errors["b"] = LookupError("b")
        reader = step.start(read.many("abc", on_error="return"))
        await step.reached("loading")
        step.go("loading")
        await reader

        assert [(type(event), event.key) for event in events] == [
            (Loaded, "a"),
            (LoadFailed, "b"),
            (Loaded, "c"),
        ]
        assert cache.stats().load_errors == 1

    async def test_that_the_loader_raises_are_told_of_for_each_key(
        self, cache: Cache, read: Reader, source: Source
    ) -> None:
        events: list[LoadFailed] = []
        cache.observe(events.append, LoadFailed)
        source.is_down = True

        with pytest.raises(ConnectionError):
            await read.many("ab")

        assert [event.key for event in events] == ["a", "b"]
        assert cache.stats().load_errors == 1  # of one loader

    async def test_there_are_none_of_values_that_are_not_kept(
        self, cache: Cache, read: Reader, source: Source, step: Stepper
    ) -> None:
        events: list[Any] = []
        cache.observe(events.append)
        reader = step.start(read.many("ab", condition=lambda result: False))
        await step.reached("loading")
        step.go("loading")

        assert await reader == {"a": "a1", "b": "b1"}
        assert [(type(event), event.key, event.stored) for event in events] == [
            (Loaded, "a", False),
            (Loaded, "b", False),
        ]
        assert cache.stats().load_errors == 0

    async def test_are_answered_with_expired_values_within_grace(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        read = Reader(cache, source, ttl="1m", grace="1h", retry_after="10s")
        await read.filled("abc")
        clock.advance("1m")
        await cache.delete_tags("t:c")
        source.is_down = True

        # c was invalidated: no value of it stands in, so there is none of this read.
        with pytest.raises(ConnectionError):
            await read.many("abc")
        assert await read.many("ab") == {"a": "a1", "b": "b1"}
        assert source.asked == ["abc", "abc"]  # the pause of a and b has begun

        source.is_down = False
        source.errors["a"] = LookupError("a")
        source.version = 2
        clock.advance("10s")
        reader = step.start(read.many("ab"))
        await step.reached("loading")
        step.go("loading")

        assert await reader == {"a": "a1", "b": "b2"}

    async def test_that_the_loader_raises_let_the_expired_values_of_all_stand_in(
        self, cache: Cache, source: Source, clock: ManualClock
    ) -> None:
        read = Reader(cache, source, ttl="1m", grace="1h")
        await read.filled("ab")
        clock.advance("1m")
        source.is_down = True

        assert await read.many("ab") == {"a": "a1", "b": "b1"}
        assert source.asked == ["ab", "ab"]

    async def test_are_over_with_the_next_load_that_goes_well(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        """The pause in which expired values spare the source is one after a failure."""
        version, is_down = 1, False

        @cache.many("1m", key="{name}", grace="1h", retry_after="1h")
        async def get(names: list[str]) -> dict[str, int]:
            if is_down:
                raise ConnectionError("down")
            return dict.fromkeys(names, version)

        await get(["a", "b"])
        clock.advance("1m")
        is_down = True
        assert await get(["a", "b"]) == {"a": 1, "b": 1}
        is_down, version = False, 2
        assert await get.refresh(["a"]) == {"a": 2}
        version = 3
        clock.advance("1m")

        assert await get(["a", "b"]) == {"a": 3, "b": 1}


class TestWhatThereIsNot:
    async def test_is_no_value_for_all_who_waited_for_many(
        self, read: Reader, source: Source, step: Stepper
    ) -> None:
        source.gone.add("b")
        one = step.start(read.many("abc"))
        await step.reached("loading")
        other = step.start(read.many("bc"))
        await step.settle()
        step.go("loading")

        assert (await one, await other) == ({"a": "a1", "c": "c1"}, {"c": "c1"})
        assert source.asked == ["abc"]

    async def test_is_asked_for_again_by_who_waited_for_it_alone(
        self, cache: Cache, read: Reader, source: Source, step: Stepper
    ) -> None:
        """A loader of one value always has one, or raises, and it is for it to say which."""

        def load_alone() -> str:
            return "made for b"

        source.gone.add("b")
        many = step.start(read.many("abc"))
        await step.reached("loading")
        one = step.start(cache.get_or_set("b", load_alone))
        await step.settle()
        step.go("loading")

        assert (await many, await one) == ({"a": "a1", "c": "c1"}, "made for b")

    async def test_is_judged_by_who_joined_as_a_value_is(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        """The row comes into being while a load is under way that has seen none."""
        read = Reader(cache, source, tags=lambda key: [f"t:{key}"])
        source.gone.add("b")
        first = step.start(read.many("ab"))
        await step.reached("loading")
        source.gone.clear()
        await cache.delete("b")

        later = step.start(read.many("ab"))
        await step.settle()
        go(step, 2)

        assert await first == {"a": "a1"}
        assert await later == {"a": "a1", "b": "b1"}

    async def test_is_judged_by_tags_that_only_the_load_tells(
        self, cache: Cache, step: Stepper
    ) -> None:
        rows: dict[str, str] = {}

        async def load(keys: list[str]) -> dict[str, str]:
            found = {key: rows[key] for key in keys if key in rows}
            await step.stop("loading")
            cache.tag("rows")
            return found

        first = step.start(cache.get_or_set_many(["a"], load))
        await step.reached("loading")
        rows["a"] = "row"
        await cache.delete_tags("rows")

        later = step.start(cache.get_or_set_many(["a"], load))
        await step.settle()
        go(step, 1)
        await step.reached("loading")
        go(step, 1)

        assert [await first, await later] == [{}, {"a": "row"}]

    async def test_takes_the_older_value_with_it(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        read = Reader(cache, source, soft_ttl="1m")
        await read.filled("ab")
        clock.advance("1m")
        source.gone.add("b")

        assert await read.many("ab") == {"a": "a1", "b": "b1"}  # stale, and refreshed behind
        await step.reached("loading")
        step.go("loading")
        await step.settle()

        assert await cache.get_many(["a", "b"]) == {"a": "a1"}

    async def test_hands_its_tags_to_the_load_around(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        read = Reader(cache, source)
        source.gone.add("b")

        @cache("1h")
        async def count() -> int:
            return len(await read.many("ab"))

        counting = step.start(count())
        await step.reached("loading")
        step.go("loading")
        assert await counting == 1

        source.gone.clear()
        await cache.delete_tags("t:b")
        counting = step.start(count())
        await step.reached("loading")
        step.go("loading")

        assert await counting == 2


class TestRefreshes:
    async def test_of_all_keys_of_a_read_that_need_one_are_one_load(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        read = Reader(cache, source, soft_ttl="1m")
        await read.filled("ab")
        clock.advance("30s")
        await read.filled("cd")
        clock.advance("30s")
        source.version = 2

        reader = step.start(read.many("abcde"))
        await step.settle()
        assert sorted(source.asked) == ["ab", "ab", "cd", "e"]
        go(step, 2)

        assert await reader == {"a": "a1", "b": "b1", "c": "c1", "d": "d1", "e": "e2"}
        await step.settle()
        assert await cache.get_many(["a", "b", "c"]) == {"a": "a2", "b": "b2", "c": "c1"}
        assert sorted(source.asked) == ["ab", "ab", "cd", "e"]

    async def test_are_not_begun_twice(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        read = Reader(cache, source, soft_ttl="1m")
        await read.filled("abc")
        clock.advance("1m")

        await read.many("ab")
        await read.many("bc")
        await read.one("c")
        await step.settle()

        assert source.asked == ["abc", "ab", "c"]
        go(step, 2)
        await step.settle()

    async def test_that_are_overtaken_keep_only_the_rest(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        read = Reader(cache, source, soft_ttl="1m")
        await read.filled("ab")
        clock.advance("1m")
        source.version = 2
        await read.many("ab")
        await step.reached("loading")

        await cache.delete_tags("t:a")
        step.go("loading")
        await step.settle()

        assert await cache.get_many(["a", "b"]) == {"b": "b2"}

    async def test_take_one_place_of_those_that_may_run(
        self, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        """Those that find no place wait for their turn, together as they came."""
        cache = Cache(clock=clock, max_refreshes=1)
        read = Reader(cache, source, soft_ttl="1m")
        await read.filled("abcde")
        clock.advance("1m")
        source.version = 2

        await read.many("ab")
        assert await read.many("cd") == {"c": "c1", "d": "d1"}
        await step.settle()
        assert source.asked == ["abcde", "ab"]

        await cache.set("d", "set", tags=["t:d"])  # no longer to be done when its turn comes
        step.go("loading")
        await step.settle()
        assert source.asked == ["abcde", "ab", "c"]
        step.go("loading")
        await step.settle()

        assert await cache.get_many(["a", "c", "d"]) == {"a": "a2", "c": "c2", "d": "set"}
        assert cache._home.parts.flights.loads == 0

    async def test_whose_turn_has_nothing_left_to_do_make_room(
        self, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        cache = Cache(clock=clock, max_refreshes=1)
        read = Reader(cache, source, soft_ttl="1m")
        await read.filled("abcd")
        clock.advance("1m")
        await read.many("ab")
        await read.many("c")
        await read.many("d")
        await step.settle()

        await cache.delete("c")
        step.go("loading")
        await step.settle()

        assert source.asked == ["abcd", "ab", "d"]
        step.go("loading")
        await step.settle()
        assert cache._home.parts.flights.loads == 0

    async def test_are_told_of_as_such_with_the_seconds_that_the_load_took(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        events: list[Loaded] = []
        read = Reader(cache, source, soft_ttl="1m")
        await read.filled("ab")
        cache.observe(events.append, Loaded)
        clock.advance("1m")
        await read.many("ab")
        await step.reached("loading")
        clock.advance("3s")
        step.go("loading")
        await step.settle()

        assert [(event.key, event.background, event.seconds) for event in events] == [
            ("a", True, 3.0),
            ("b", True, 3.0),
        ]
        entry = await cache._home.parts.awaited.engine.find("a")
        assert entry is not None
        assert entry.load_seconds == 3.0

    async def test_end_with_the_cache_though_they_had_to_wait_for_their_turn(
        self, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        cache = Cache(clock=clock, max_refreshes=1)
        read = Reader(cache, source, soft_ttl="1m")
        await read.filled("abcd")
        clock.advance("1m")
        await read.many("ab")
        await read.many("cd")
        await step.reached("loading")
        step.go("loading")
        await step.settle()
        await step.reached("loading")
        assert source.asked == ["abcd", "ab", "cd"]
        flights = cache._home.parts.flights

        await cache.close(drain=0)

        assert (flights.loads, flights.in_the_air(), flights._by_key) == (0, [], {})

    async def test_that_fail_leave_the_older_values(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        read = Reader(cache, source, soft_ttl="1m")
        await read.filled("ab")
        clock.advance("1m")
        await read.many("ab")
        await step.reached("loading")
        source.is_down = True
        step.go("loading")
        await step.settle()

        assert await read.many("ab") == {"a": "a1", "b": "b1"}
        assert source.asked == ["ab", "ab"]  # paused


class TestTimeouts:
    async def test_let_expired_values_answer_and_the_load_finish_behind(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        read = Reader(cache, source, ttl="1m", grace="1h", soft_timeout="1s")
        await read.filled("ab")
        clock.advance("1m")
        source.version = 2
        reader = step.start(read.many("ab"))
        await step.reached("loading")

        clock.advance("1s")
        assert await reader == {"a": "a1", "b": "b1"}
        step.go("loading")
        await step.settle()

        assert await cache.get_many(["a", "b"]) == {"a": "a2", "b": "b2"}
        assert source.asked == ["ab", "ab"]
        assert cache.stats().timeouts == 2

    async def test_wait_for_what_nothing_can_stand_in_for(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        read = Reader(cache, source, ttl="1m", grace="1h", soft_timeout="1s")
        await read.filled("a")
        clock.advance("1m")
        source.version = 2
        reader = step.start(read.many("ab"))
        await step.reached("loading")
        clock.advance("1s")
        await step.settle()
        assert not reader.done()

        step.go("loading")

        assert await reader == {"a": "a2", "b": "b2"}

    async def test_end_a_read_that_has_no_more_patience_and_not_the_load(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        read = Reader(cache, source, hard_timeout="1s")
        await read.filled("c")
        reader = step.start(read.many("abc"))
        await step.reached("loading")

        clock.advance("1s")
        with pytest.raises(LoadTimeout):
            await reader
        assert source.cancelled == 0
        step.go("loading")
        await step.settle()

        assert await cache.get_many(["a", "b", "c"]) == {"a": "a1", "b": "b1", "c": "c1"}
        stats = cache.stats()
        assert (stats.misses, stats.waits, stats.timeouts) == (3, 0, 2)

    async def test_of_one_reader_leave_the_others_waiting(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        patient, hasty = Reader(cache, source), Reader(cache, source, hard_timeout="1s")
        first = step.start(patient.many("ab"))
        await step.reached("loading")
        other = step.start(hasty.many("bc"))
        await step.settle()

        clock.advance("1s")
        with pytest.raises(LoadTimeout):
            await other
        go(step, 2)

        assert await first == {"a": "a1", "b": "b1"}
        await step.settle()
        assert await cache.get_many(["c"]) == {"c": "c1"}

    async def test_cancel_a_load_that_finds_no_place_behind(
        self, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        cache = Cache(clock=clock, max_refreshes=1)
        read = Reader(cache, source, hard_timeout="1s")
        readers = [step.start(read.many("ab")), step.start(read.many("cd"))]
        await step.settle()

        clock.advance("1s")
        outcomes = await asyncio.gather(*readers, return_exceptions=True)
        await step.settle()

        assert [type(outcome) for outcome in outcomes] == [LoadTimeout, LoadTimeout]
        assert source.cancelled == 1
        step.go("loading")
        await step.settle()
        assert await cache.get_many([*"abcd"]) == {"a": "a1", "b": "b1"}

    def test_let_a_thread_go_too(self, cache: Cache, clock: ManualClock) -> None:
        with ThreadStepper() as step:

            def load(keys: list[str]) -> Found:
                step.stop("loading")
                return {key: key.upper() for key in keys}

            reader = step.start(
                cache.blocking.get_or_set_many, ["a", "b"], load, "1h", hard_timeout="1s"
            )
            step.reached("loading")
            clock.advance("1s")
            with pytest.raises(LoadTimeout):
                reader.result(LIMIT_SECONDS)
            step.go("loading")
            cache.blocking.close()


class TestParts:
    async def test_come_one_after_another(self, read: Reader, source: Source, step: Stepper) -> None:
        reader = step.start(read.many("abcde", max_batch=2))
        for asked in (["ab"], ["ab", "cd"], ["ab", "cd", "e"]):
            await step.reached("loading")
            assert source.asked == asked
            step.go("loading")

        assert await reader == {key: f"{key}1" for key in "abcde"}
        assert read.cache.stats().loads == 3

    async def test_that_have_ended_are_there_for_others(
        self, read: Reader, source: Source, step: Stepper
    ) -> None:
        reader = step.start(read.many("abcd", max_batch=2))
        await step.reached("loading")
        waiter = step.start(read.one("b"))
        await step.settle()
        step.go("loading")

        assert await waiter == "b1"
        assert await read.one("a") == "a1"
        await step.reached("loading")
        step.go("loading")
        await reader

    async def test_fail_together(self, read: Reader, source: Source, step: Stepper) -> None:
        reader = step.start(read.many("abcd", max_batch=2))
        await step.reached("loading")
        waiter = step.start(read.one("d"))
        await step.settle()
        source.is_down = True
        step.go("loading")

        outcomes = await asyncio.gather(reader, waiter, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ConnectionError] * 2
        assert source.asked == ["ab"]

    async def left_to_one(self, read: Reader, step: Stepper) -> Any:
        """Return who waits for "f", which stands at loading: the others were given up after "ab"."""
        pilot = step.start(read.many("abcdef", max_batch=2))
        await step.reached("loading")
        waiter = step.start(read.one("f"))
        await step.settle()
        pilot.cancel()
        await step.settle()
        step.go("loading")
        await step.reached("loading")
        return waiter

    async def test_that_nobody_waits_for_any_more_are_left_out(
        self, read: Reader, source: Source, step: Stepper
    ) -> None:
        waiter = await self.left_to_one(read, step)
        step.go("loading")

        assert await waiter == "f1"
        assert source.asked == ["ab", "f"]

    async def test_that_were_left_out_are_loaded_anew_by_who_comes_before_the_end(
        self, read: Reader, source: Source, step: Stepper
    ) -> None:
        waiter = await self.left_to_one(read, step)
        assert source.asked == ["ab", "f"]

        later = step.start(read.one("c"))
        await step.settle()
        assert source.asked == ["ab", "f", "c"]
        go(step, 2)

        assert [await waiter, await later] == ["f1", "c1"]


class TestNesting:
    async def test_hands_the_tags_of_all_to_the_load_around(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        read = Reader(cache, source)
        await read.filled("a")

        @cache("1h")
        async def joined() -> str:
            return "".join((await read.many("ab")).values())

        for tag in ("t:a", "t:b"):
            joining = step.start(joined())
            await step.settle()
            if step.is_standing("loading"):
                step.go("loading")
            assert await joining == "a1b1"
            await cache.delete_tags(tag)
            entry = await joined.peek()
            assert entry is None

    async def test_gives_all_the_tags_of_what_the_loader_read(self, cache: Cache) -> None:
        """Which of the values it was for nobody knows, so it counts for all."""

        @cache("1h", tags=["rates"])
        async def get_rate() -> int:
            return 2

        async def load(keys: list[str]) -> dict[str, int]:
            rate = await get_rate()
            cache.tag("seen")
            return dict.fromkeys(keys, rate)

        for tag in ("rates", "seen"):
            await cache.get_or_set_many(["a", "b"], load, "1h")
            assert await cache.get_many(["a", "b"]) == {"a": 2, "b": 2}
            await cache.delete_tags(tag)
            assert await cache.get_many(["a", "b"]) == {}

    async def test_a_value_made_from_a_stale_one_is_stale(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        @cache("1h", soft_ttl="1m", key="rate")
        async def get_rate() -> int:
            return 2

        async def load(keys: list[str]) -> dict[str, int]:
            return {key: await get_rate() for key in keys}

        await get_rate()
        clock.advance("1m")
        await cache.get_or_set_many(["a"], load, "1h", soft_ttl="30m")
        await Stepper().settle()

        entry = await cache._home.parts.awaited.engine.find("a")
        assert entry is not None
        assert entry.stale_at == entry.born

    @pytest.mark.parametrize("inner", ["one", "many"])
    async def test_a_loader_that_reads_one_of_its_keys_is_found_out(
        self, cache: Cache, inner: str
    ) -> None:
        async def load(keys: list[str]) -> dict[str, Any]:
            if inner == "one":
                return {"a": await cache.get_or_set("b", lambda: 1)}
            return await cache.get_or_set_many(["x", "b"], load)

        with pytest.raises(DeadlockError, match="would wait for itself"):
            await cache.get_or_set_many(["a", "b"], load)

    async def test_so_are_two_loads_that_wait_for_each_other(self, cache: Cache, step: Stepper) -> None:
        """1. ab loads. 2. cd loads, reads a and waits. 3. ab reads d."""

        async def load_ab(keys: list[str]) -> dict[str, Any]:
            await step.stop("ab")
            return await cache.get_or_set_many(["d", "e"], load_cd)

        async def load_cd(keys: list[str]) -> dict[str, Any]:
            await step.stop("cd")
            return await cache.get_or_set_many(["a"], load_ab)

        one = step.start(cache.get_or_set_many(["a", "b"], load_ab))
        other = step.start(cache.get_or_set_many(["c", "d"], load_cd))
        await step.reached("ab")
        await step.reached("cd")
        step.go("cd")
        await step.settle()
        step.go("ab")
        outcomes = await asyncio.gather(one, other, return_exceptions=True)

        assert DeadlockError in [type(outcome) for outcome in outcomes]

    async def test_through_a_load_of_another_cache_what_it_reads_is_a_part_of_the_load_around(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        other = Cache(clock=clock)

        @cache("1h", key="inner", tags=["t"])
        async def inner() -> int:
            return 1

        async def load(keys: list[str]) -> dict[str, int]:
            return dict.fromkeys(keys, await inner())

        @cache("1h", key="outer")
        async def outer() -> dict[str, int]:
            return await other.get_or_set_many(["a"], load)

        assert await outer() == {"a": 1}

        entry = await outer.peek()
        assert entry is not None
        assert entry.tags == ("t",)

    async def test_a_task_that_outlives_the_load_which_began_it_is_inside_of_it_no_more(
        self, cache: Cache, step: Stepper
    ) -> None:
        async def read_again() -> dict[str, int]:
            await step.stop("outlives")
            async with cache.transaction():
                await cache.delete("a")
                return await cache.get_or_set_many(["a"], lambda keys: {"a": 2})

        tasks: list[asyncio.Task[dict[str, int]]] = []

        async def load(keys: list[str]) -> dict[str, int]:
            tasks.append(step.start(read_again()))
            return {"a": 1}

        assert await cache.get_or_set_many(["a"], load) == {"a": 1}
        await step.reached("outlives")
        step.go("outlives")

        assert await step.ended(tasks[0]) == {"a": 2}

    async def test_a_mistake_in_the_code_is_not_hidden_by_expired_values(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        async def load(keys: list[str]) -> dict[str, Any]:
            return {"a": 1, "b": 2}

        async def load_itself(keys: list[str]) -> dict[str, Any]:
            return await cache.get_or_set_many(["b"], load)

        await cache.get_or_set_many(["a", "b"], load, "1m", grace="1h")
        clock.advance("1m")

        with pytest.raises(DeadlockError, match="would wait for itself"):
            await cache.get_or_set_many(["a", "b"], load_itself, "1m", grace="1h")

    async def test_a_wait_that_was_refused_keeps_nobody_from_waiting_for_who_was_refused(
        self, cache: Cache, step: Stepper
    ) -> None:
        """
        1 b loads
        2 a loads, reads both and is refused: it would wait for itself; it goes on without
        3 b reads a, which does not wait for b any more
        """

        async def load_a() -> str:
            with pytest.raises(DeadlockError):
                await cache.get_or_set_many(["b", "a"], lambda keys: {})
            await step.stop("a")
            return "a"

        async def load_b() -> str:
            await step.stop("b")
            return "b" + await cache.get_or_set("a", load_a)

        of_b = step.start(cache.get_or_set("b", load_b))
        await step.reached("b")
        of_a = step.start(cache.get_or_set("a", load_a))
        await step.reached("a")
        step.go("b")
        await step.settle()
        step.go("a")

        assert [await step.ended(of_a), await step.ended(of_b)] == ["a", "ba"]

    async def test_a_wait_that_was_given_up_keeps_nobody_from_waiting_for_who_gave_it_up(
        self, cache: Cache, clock: ManualClock, step: Stepper
    ) -> None:
        """
        1 b loads
        2 a loads, and reads b; that takes too long, and a is given the older b
        3 b reads a, which does not wait for b any more
        """

        async def load_b(keys: list[str]) -> dict[str, str]:
            await step.stop("b")
            return {"b": "b" + await cache.get_or_set("a", load_a)}

        async def load_a() -> str:
            found = await read_b(soft_timeout="1s")
            await step.stop("a")
            return "a" + found["b"]

        def read_b(**options: Any) -> Coroutine[Any, Any, dict[str, str]]:
            return cache.get_or_set_many(["b"], load_b, "1m", grace="1h", **options)

        await cache.get_or_set_many(["b"], lambda keys: {"b": "old"}, "1m", grace="1h")
        clock.advance("1m")
        of_b = step.start(read_b())
        await step.reached("b")
        of_a = step.start(cache.get_or_set("a", load_a))
        await step.settle()
        clock.advance("1s")
        await step.reached("a")
        step.go("b")
        await step.settle()
        step.go("a")

        assert [await step.ended(of_a), await step.ended(of_b)] == ["aold", {"b": "baold"}]


class TestClosing:
    async def test_without_drain_has_who_waits_load_alone(
        self, cache: Cache, read: Reader, source: Source, step: Stepper
    ) -> None:
        readers = [step.start(read.many("abc")), step.start(read.one("b"))]
        await step.reached("loading")
        await step.settle()

        closing = step.start(cache.close(drain=0))
        await step.settle()
        while step.is_standing("loading"):
            step.go("loading")
            await step.settle()
        await closing

        assert await asyncio.gather(*readers) == [{"a": "a1", "b": "b1", "c": "c1"}, "b1"]
        assert source.cancelled == 1
        assert sorted(source.asked[1:]) == ["abc", "b"]

    async def test_whoever_loads_alone_then_is_given_its_errors_too(
        self, cache: Cache, read: Reader, source: Source, step: Stepper
    ) -> None:
        source.errors["b"] = LookupError("b")
        reader = step.start(read.many("ab", on_error="return"))
        await step.reached("loading")

        closing = step.start(cache.close(drain=0))
        await step.settle()
        step.go("loading")
        await step.ended(closing)

        assert await step.ended(reader) == {"a": "a1", "b": source.errors["b"]}

    async def test_a_load_of_a_former_store_lands_nowhere(
        self, cache: Cache, read: Reader, step: Stepper
    ) -> None:
        reader = step.start(read.many("ab"))
        await step.reached("loading")
        former = cache._home.parts
        cache.setup()
        step.go("loading")

        assert await reader == {"a": "a1", "b": "b1"}
        assert await cache.get_many(["a", "b"]) == {}
        assert former.flights.loads == 0

    async def test_ends_a_refresh_of_many(
        self, cache: Cache, read: Reader, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        read.options["soft_ttl"] = "1m"
        await read.filled("ab")
        clock.advance("1m")
        await read.many("ab")
        await step.reached("loading")

        await cache.close()

        assert source.cancelled == 1


class TestThreads:
    def test_share_loads_crosswise(self, cache: Cache) -> None:
        """Each runs its own load in its own thread first, and waits for the other's then."""
        asked: list[str] = []

        with ThreadStepper() as step:

            def load(keys: list[str]) -> dict[str, str]:
                asked.append("".join(keys))
                step.stop("".join(keys))
                return {key: key.upper() for key in keys}

            def read(keys: str) -> dict[str, str]:
                return cache.blocking.get_or_set_many([*keys], load, "1h")

            one = step.start(read, "ab")
            step.reached("ab")
            other = step.start(read, "bc")
            step.reached("c")
            third = step.start(read, "abc")
            step.go("c")
            step.go("ab")

            assert one.result(LIMIT_SECONDS) == {"a": "A", "b": "B"}
            assert other.result(LIMIT_SECONDS) == {"b": "B", "c": "C"}
            assert third.result(LIMIT_SECONDS) == {"a": "A", "b": "B", "c": "C"}
        assert asked == ["ab", "c"]

    async def test_wait_for_a_load_on_a_loop(
        self, cache: Cache, read: Reader, source: Source, step: Stepper
    ) -> None:
        reader = step.start(read.many("ab"))
        await step.reached("loading")

        with ThreadStepper() as threads:

            def load(keys: list[str]) -> Found:
                threads.stop("loading on a thread")
                return source.read(keys)

            other = threads.start(cache.blocking.get_or_set_many, ["b", "c"], load, "1h")
            threads.reached("loading on a thread")
            step.go("loading")
            await reader
            threads.go("loading on a thread")

            assert other.result(LIMIT_SECONDS) == {"b": "b1", "c": "c1"}
        assert source.asked == ["ab", "c"]

    async def test_on_the_thread_of_the_loop_that_loads_are_told_so(
        self, cache: Cache, read: Reader, source: Source, step: Stepper
    ) -> None:
        reader = step.start(read.many("ab"))
        await step.reached("loading")

        with pytest.raises(DeadlockError, match="would stop that load"):
            cache.blocking.get_or_set_many(["c", "b"], source.read, "1h")
        step.go("loading")
        assert await reader == {"a": "a1", "b": "b1"}

        assert cache.blocking.get_or_set_many(["c"], source.read, "1h") == {"c": "c1"}

    def test_refresh_behind_in_one_load(self, cache: Cache, clock: ManualClock) -> None:
        asked: list[str] = []

        with ThreadStepper() as step:

            def load(keys: list[str]) -> dict[str, int]:
                asked.append("".join(keys))
                if len(asked) > 1:
                    step.stop("refreshing")
                return dict.fromkeys(keys, len(asked))

            def read() -> dict[str, int]:
                return cache.blocking.get_or_set_many(["a", "b"], load, "1h", soft_ttl="1m")

            read()
            clock.advance("1m")
            assert read() == {"a": 1, "b": 1}
            step.reached("refreshing")
            step.go("refreshing")
            cache.blocking.close()
        assert asked == ["ab", "ab"]


class StampsAfterTheLoad(MemoryStore):
    """What most libraries do."""

    async def land_many(self, landings: Any, shape: Shape = ANY) -> list[bool]:
        for entry, _ in landings:
            entry.seen = self.logical.reading
        return await super().land_many(landings, shape)


async def test_the_story_of_an_invalidation_fails_with_stamps_from_after_the_load(
    source: Source, step: Stepper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freshly.home.open_store", lambda *_: StampsAfterTheLoad(_[-1].clock))
    cache = Cache()
    reader = step.start(Reader(cache, source).many("ab"))
    await step.reached("loading")
    await cache.delete_tags("t:b")
    step.go("loading")
    await reader

    assert await cache.get_many(["a", "b"]) == {"a": "a1", "b": "b1"}  # b must not be there
