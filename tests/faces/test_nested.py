"""Cached calls inside cached calls: the outer entry lives no longer than what it was made from.

It has the tags of everything that was read while it was made, so an invalidation of any of them
reaches it. In most stories ``inner`` reads the source and ``outer`` reads ``inner``.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from freshly import Cache
from freshly.testing import ManualClock, Stepper


class Source:
    """What loaders read: its value is its version."""

    def __init__(self) -> None:
        self.version = 1
        self.loads: list[str] = []

    def read(self, name: str) -> str:
        self.loads.append(name)
        return f"{name}{self.version}"


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


async def call(outcome: Any) -> Any:
    """Return what a function of either colour gave."""
    return await outcome if inspect.isawaitable(outcome) else outcome


@pytest.fixture(params=["async", "plain"])
def colour(request: pytest.FixtureRequest) -> str:
    colour: str = request.param
    return colour


def chain(cache: Cache, source: Source, colour: str) -> tuple[Any, Any, Any]:
    """Return three cached functions, each of which reads the one before; each has its own tag."""

    @cache("1h", tags=["inner"])
    async def inner() -> str:
        return source.read("inner")

    @cache("1h", tags=["middle"])
    async def middle() -> str:
        source.read("middle")
        return await inner()

    @cache("1h", tags=["outer"])
    async def outer() -> str:
        source.read("outer")
        return await middle()

    @cache("1h", tags=["inner"])
    def plain_inner() -> str:
        return source.read("inner")

    @cache("1h", tags=["middle"])
    def plain_middle() -> str:
        source.read("middle")
        return plain_inner()

    @cache("1h", tags=["outer"])
    def plain_outer() -> str:
        source.read("outer")
        return plain_middle()

    if colour == "async":
        return inner, middle, outer
    return plain_inner, plain_middle, plain_outer


class TestTags:
    async def test_the_outer_entry_has_the_tags_of_all_below_it(
        self, cache: Cache, source: Source, colour: str
    ) -> None:
        inner, middle, outer = chain(cache, source, colour)

        await call(outer())

        assert (await call(inner.peek())).tags == ("inner",)
        assert set((await call(middle.peek())).tags) == {"middle", "inner"}
        assert set((await call(outer.peek())).tags) == {"outer", "middle", "inner"}

    async def test_an_invalidation_at_the_bottom_reaches_the_top(
        self, cache: Cache, source: Source, colour: str
    ) -> None:
        _, _, outer = chain(cache, source, colour)
        await call(outer())

        source.version = 2
        await cache.delete_tags("inner")

        assert await call(outer()) == "inner2"

    async def test_an_invalidation_at_the_top_leaves_the_bottom(
        self, cache: Cache, source: Source, colour: str
    ) -> None:
        _, _, outer = chain(cache, source, colour)
        await call(outer())
        source.loads.clear()

        await cache.delete_tags("outer")
        await call(outer())

        assert source.loads == ["outer"]

    async def test_tags_of_a_hit_count_as_those_of_a_load(
        self, cache: Cache, source: Source, colour: str
    ) -> None:
        """Also of the second hit, which takes the short way."""
        inner, _, outer = chain(cache, source, colour)
        for _ in range(3):
            await call(inner())

        await call(outer())
        source.version = 2
        await cache.delete_tags("inner")

        assert await call(outer()) == "inner2"

    async def test_tags_of_a_short_hit_on_a_method_count_too(
        self, cache: Cache, source: Source
    ) -> None:
        class Service:
            @cache("1h", tags=["inner"])
            def get(self, number: int) -> str:
                return source.read("inner")

        service = Service()
        for _ in range(3):
            service.get(1)

        @cache("1h")
        def outer() -> str:
            return service.get(1)

        outer()
        source.version = 2
        cache.blocking.delete_tags("inner")

        assert outer() == "inner2"

    async def test_tags_of_a_load_that_was_joined_count(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", tags=["inner"])
        async def inner() -> str:
            value = source.read("inner")
            await step.stop("loading")
            return value

        @cache("1h")
        async def outer() -> str:
            return await inner()

        one = step.start(inner())
        await step.reached("loading")
        other = step.start(outer())
        await step.settle()
        step.go("loading")
        assert [await one, await other] == ["inner1", "inner1"]
        entry = await outer.peek()
        assert entry is not None
        assert entry.tags == ("inner",)

    async def test_tags_of_the_result_count(self, cache: Cache, colour: str) -> None:
        @cache("1h", tags=["post:{result[].id}", "all:{result[0].author}"])
        def inner() -> list[Any]:
            return [type("Post", (), {"id": number, "author": "ann"}) for number in (1, 2)]

        @cache("1h")
        def outer() -> int:
            return len(inner())

        outer()

        entry = outer.peek()
        assert entry is not None
        assert set(entry.tags) == {"post:1", "post:2", "all:ann"}

    async def test_tags_of_a_function_count(self, cache: Cache) -> None:
        @cache("1h", tags=lambda result: [f"n:{result}"])
        async def inner() -> int:
            return 7

        @cache("1h")
        async def outer() -> int:
            return await inner()

        await outer()

        entry = await outer.peek()
        assert entry is not None
        assert entry.tags == ("n:7",)

    async def test_tags_of_values_got_by_hand_count(self, cache: Cache, source: Source) -> None:
        @cache("1h")
        async def outer() -> Any:
            return [
                await cache.get("a"),
                cache.blocking.get("b"),
                await cache.get_or_set("c", lambda: source.read("c"), "1h", tags=["t:c"]),
            ]

        await cache.set("a", 1, tags=["t:a"])
        await cache.set("b", 2, tags=["t:b"])
        await outer()

        entry = await outer.peek()
        assert entry is not None
        assert set(entry.tags) == {"t:a", "t:b", "t:c"}

    async def test_a_value_refused_by_its_condition_hands_its_tags_on(
        self, cache: Cache, source: Source
    ) -> None:
        """It is not stored; what was made from it is."""

        @cache("1h", tags=["inner"], condition=lambda: False)
        async def inner() -> str:
            return source.read("inner")

        @cache("1h")
        async def outer() -> str:
            return await inner()

        await outer()
        source.version = 2
        await cache.delete_tags("inner")

        assert await outer() == "inner2"

    async def test_what_was_read_before_the_loader_raised_and_was_caught_counts(
        self, cache: Cache, source: Source
    ) -> None:
        @cache("1h", tags=["inner"])
        async def inner() -> str:
            return source.read("inner")

        @cache("1h")
        async def broken() -> str:
            await inner()
            raise LookupError

        @cache("1h")
        async def outer() -> str:
            try:
                return await broken()
            except LookupError:
                return await inner()

        assert await outer() == "inner1"
        source.version = 2
        await cache.delete_tags("inner")

        assert await outer() == "inner2"

    async def test_tags_are_not_said_twice(self, cache: Cache, source: Source) -> None:
        @cache("1h", tags=["same"])
        async def inner(number: int) -> str:
            return source.read("inner")

        @cache("1h", tags=["same"])
        async def outer() -> str:
            return await inner(1) + await inner(2) + await inner(1)

        await outer()

        entry = await outer.peek()
        assert entry is not None
        assert entry.tags == ("same",)

    async def test_the_next_load_has_only_the_tags_of_its_own(
        self, cache: Cache, source: Source
    ) -> None:
        names = iter("ab")

        @cache("1h", tags=["n:{name}"])
        async def inner(name: str) -> str:
            return source.read(name)

        @cache("1h")
        async def outer() -> str:
            return await inner(next(names))

        await outer()
        await outer.refresh()

        entry = await outer.peek()
        assert entry is not None
        assert entry.tags == ("n:b",)

    async def test_an_outer_call_that_is_not_cached_changes_nothing(
        self, cache: Cache, source: Source, colour: str
    ) -> None:
        inner, _, _ = chain(cache, source, colour)

        async def outer() -> str:
            return f"{await call(inner())}{await call(inner())}"

        assert await outer() == "inner1inner1"
        assert (await call(inner.peek())).tags == ("inner",)


class TestByHandTags:
    async def test_a_tag_said_inside_the_loader_is_the_entrys(self, cache: Cache, colour: str) -> None:
        def load() -> int:
            cache.tag("author:7", "author:8")
            return 1

        async def load_async() -> int:
            return load()

        get: Any = cache("1h", tags=["t"])(load if colour == "plain" else load_async)
        await call(get())

        assert (await call(get.peek())).tags == ("t", "author:7", "author:8")
        await cache.delete_tags("author:8")
        assert await call(get.peek()) is None

    async def test_it_belongs_to_the_innermost_load_and_reaches_the_outer(self, cache: Cache) -> None:
        @cache("1h")
        async def inner() -> int:
            cache.tag("mine")
            return 1

        @cache("1h")
        async def outer() -> int:
            value = await inner()
            cache.tag("outers")
            return value

        await outer()

        one, other = await inner.peek(), await outer.peek()
        assert one is not None
        assert other is not None
        assert one.tags == ("mine",)
        assert set(other.tags) == {"mine", "outers"}

    async def test_outside_of_a_load_it_does_nothing(self, cache: Cache) -> None:
        cache.tag("nobody's")

    async def test_it_is_checked_also_outside_of_a_load(self, cache: Cache) -> None:
        wrong: Any
        for wrong in (["a"], "", 5, "user:{user_id}"):
            with pytest.raises(ValueError, match=r"^tag"):
                cache.tag(wrong)

    async def test_an_invalidation_during_the_load_before_the_tag_was_said_counts(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        """The stamp is the load's, whenever the tag comes."""

        @cache("1h")
        async def get() -> str:
            value = source.read("inner")
            if source.version == 1:
                await step.stop("before the tag")
            cache.tag("late")
            return value

        reader = step.start(get())
        await step.reached("before the tag")
        await cache.delete_tags("late")
        source.version = 2
        step.go("before the tag")
        await reader

        assert await get() == "inner2"

    async def test_from_a_helper_and_a_thread_of_the_loader_it_reaches_the_entry(
        self, cache: Cache
    ) -> None:
        @cache("1h")
        async def get() -> int:
            await asyncio.to_thread(cache.tag, "from a thread")
            return 1

        await get()

        entry = await get.peek()
        assert entry is not None
        assert entry.tags == ("from a thread",)


class TestStale:
    async def test_what_is_made_from_a_stale_value_is_stale_from_its_birth(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1h", soft_ttl="30m")
        async def inner() -> str:
            return source.read("inner")

        @cache("1h")
        async def outer() -> str:
            return await inner()

        await inner()
        clock.advance("30m")
        source.version = 2
        assert await outer() == "inner1"
        entry = await outer.peek()
        assert entry is not None
        assert entry.stale_at == entry.born

        await step.settle()
        assert await outer() == "inner1"
        await step.settle()
        assert await outer() == "inner2"

    async def test_also_three_levels_up(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1h", tags=["t"])
        async def inner() -> str:
            return source.read("inner")

        @cache("1h")
        async def middle() -> str:
            return await inner()

        @cache("1h")
        async def outer() -> str:
            return await middle()

        await inner()
        source.version = 2
        await cache.mark_stale("t")
        assert await outer() == "inner1"
        for _ in range(3):
            await step.settle()
            await outer()
        await step.settle()

        assert await outer() == "inner2"

    async def test_what_is_made_from_an_expired_value_that_stood_in_is_stale(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h")
        async def inner() -> str:
            if source.version == 0:
                raise OSError("down")
            return source.read("inner")

        @cache("1h")
        async def outer() -> str:
            return await inner()

        await inner()
        clock.advance("1m")
        source.version = 0

        assert await outer() == "inner1"
        entry = await outer.peek()
        assert entry is not None
        assert entry.stale_at == entry.born

    async def test_what_is_made_from_an_early_value_is_fresh(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1h", early_ttl="30m")
        async def inner() -> str:
            return source.read("inner")

        @cache("1h")
        async def outer() -> str:
            return await inner()

        await inner()
        clock.advance("30m")
        await outer()
        await step.settle()

        entry = await outer.peek()
        assert entry is not None
        assert entry.stale_at > entry.born

    async def test_marking_the_inner_tag_makes_the_outer_entry_stale(
        self, cache: Cache, source: Source, colour: str, step: Stepper
    ) -> None:
        _, _, outer = chain(cache, source, "async")
        await outer()
        source.version = 2
        await cache.mark_stale("inner")

        for _ in range(4):
            await outer()
            await step.settle()

        assert await outer() == "inner2"

    async def test_a_refresh_behind_is_nobodys_inner_load(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        """What the refresh reads later is not what the outer value was made from."""
        tags = iter(["first", "second"])

        @cache("1h", soft_ttl="30m")
        async def inner() -> str:
            cache.tag(next(tags))
            return source.read("inner")

        @cache("1h")
        async def outer() -> str:
            value = await inner()
            await step.settle()
            return value

        await inner()
        clock.advance("30m")
        await outer()

        entry = await outer.peek()
        assert entry is not None
        assert entry.tags == ("first",)


class TestRaces:
    async def test_an_inner_value_invalidated_while_the_outer_was_loading_is_not_kept_in_it(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", tags=["inner"])
        async def inner() -> str:
            return source.read("inner")

        @cache("1h")
        async def outer() -> str:
            value = await inner()
            if source.version == 1:
                await step.stop("after the inner call")
            return value

        reader = step.start(outer())
        await step.reached("after the inner call")
        source.version = 2
        await cache.delete_tags("inner")
        step.go("after the inner call")

        assert await reader == "inner1"
        assert await outer.peek() is None
        assert await outer() == "inner2"

    async def test_also_if_the_inner_value_was_loaded_anew_meanwhile(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", tags=["inner"])
        async def inner() -> str:
            return source.read("inner")

        @cache("1h")
        async def outer() -> str:
            value = await inner()
            if source.version == 1:
                await step.stop("after the inner call")
            return value

        reader = step.start(outer())
        await step.reached("after the inner call")
        source.version = 2
        await cache.delete_tags("inner")
        assert await inner() == "inner2"
        step.go("after the inner call")
        await reader

        assert await outer() == "inner2"

    async def test_an_inner_entry_older_than_the_outer_load_is_as_old_as_it_is(
        self, cache: Cache, source: Source
    ) -> None:
        """Its tag was invalidated between the loads: the outer load begins later and is valid."""

        @cache("1h", tags=["inner"])
        async def inner() -> str:
            return source.read("inner")

        @cache("1h")
        async def outer() -> str:
            return await inner()

        await cache.delete_tags("inner")
        await inner()
        await outer()

        assert await outer.peek() is not None

    async def test_who_joined_the_outer_load_after_the_invalidation_gets_a_new_value(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        """The tag was not known when it joined; it is judged at the end."""

        @cache("1h", tags=["inner"])
        async def inner() -> str:
            return source.read("inner")

        @cache("1h")
        async def outer() -> str:
            value = await inner()
            if source.version == 1:
                await step.stop("after the inner call")
            return value

        early = step.start(outer())
        await step.reached("after the inner call")
        source.version = 2
        await cache.delete_tags("inner")
        late = step.start(outer())
        await step.settle()
        step.go("after the inner call")

        assert await early == "inner1"
        assert await late == "inner2"


class TestTasks:
    @pytest.mark.parametrize("how", ["gather", "create_task", "TaskGroup", "to_thread"])
    async def test_calls_in_tasks_of_the_loader_count(
        self, cache: Cache, source: Source, how: str
    ) -> None:
        @cache("1h", tags=["n:{number}"])
        async def inner(number: int) -> str:
            return source.read("inner")

        @cache("1h", tags=["n:{number}"])
        def plain_inner(number: int) -> str:
            return source.read("inner")

        @cache("1h")
        async def outer() -> Any:
            if how == "gather":
                return await asyncio.gather(inner(1), inner(2))
            if how == "create_task":
                tasks = [asyncio.create_task(inner(number)) for number in (1, 2)]
                return [await task for task in tasks]
            if how == "TaskGroup":
                async with asyncio.TaskGroup() as group:
                    started = [group.create_task(inner(number)) for number in (1, 2)]
                return [task.result() for task in started]
            return [await asyncio.to_thread(plain_inner, number) for number in (1, 2)]

        await outer()
        source.version = 2
        await cache.delete_tags("n:2")

        assert await outer() == ["inner1", "inner2"]

    async def test_a_task_that_outlives_the_load_changes_nothing_any_more(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        tasks: list[asyncio.Task[str]] = []

        @cache("1h", tags=["inner"])
        async def inner() -> str:
            return source.read("inner")

        async def later() -> str:
            await step.stop("later")
            return await inner()

        @cache("1h", tags=["outer"])
        async def outer() -> str:
            tasks.append(asyncio.create_task(later()))
            return source.read("outer")

        await outer()
        await step.reached("later")
        step.go("later")
        await tasks[0]

        entry = await outer.peek()
        assert entry is not None
        assert entry.tags == ("outer",)

    async def test_two_loads_at_once_do_not_mix_their_tags(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", tags=["n:{number}"])
        async def inner(number: int) -> str:
            await step.stop(f"inner {number}")
            return source.read("inner")

        @cache("1h")
        async def outer(number: int) -> str:
            return await inner(number)

        readers = [step.start(outer(number)) for number in (1, 2)]
        for number in (2, 1):
            await step.reached(f"inner {number}")
        for number in (2, 1):
            step.go(f"inner {number}")
        for reader in readers:
            await reader

        for number in (1, 2):
            entry = await outer.peek(number)
            assert entry is not None
            assert entry.tags == (f"n:{number}",)


class TestColours:
    async def test_a_plain_function_inside_an_async_one(self, cache: Cache, source: Source) -> None:
        @cache("1h", tags=["inner"])
        def inner() -> str:
            return source.read("inner")

        @cache("1h")
        async def outer() -> str:
            return inner()

        await outer()
        source.version = 2
        await cache.delete_tags("inner")

        assert await outer() == "inner2"

    def test_an_async_function_inside_a_plain_one(self, cache: Cache, source: Source) -> None:
        """On a loop of its own."""

        @cache("1h", tags=["inner"])
        async def inner() -> str:
            return source.read("inner")

        @cache("1h")
        def outer() -> str:
            return asyncio.run(inner())

        outer()
        source.version = 2
        cache.blocking.delete_tags("inner")

        assert outer() == "inner2"

    async def test_an_async_one_inside_a_plain_one_inside_an_async_one(
        self, cache: Cache, source: Source
    ) -> None:
        @cache("1h", tags=["inner"])
        async def inner() -> str:
            return source.read("inner")

        @cache("1h", tags=["middle"])
        def middle() -> str:
            return asyncio.run(inner())

        @cache("1h", tags=["outer"])
        async def outer() -> str:
            return await asyncio.to_thread(middle)

        await outer()

        entry = await outer.peek()
        assert entry is not None
        assert set(entry.tags) == {"inner", "middle", "outer"}


class TestOtherCaches:
    async def test_two_caches_do_not_mix(self, cache: Cache, source: Source) -> None:
        """The tags of one mean nothing to the clock of the other."""
        other = Cache()

        @other("1h", tags=["inner"])
        async def inner() -> str:
            return source.read("inner")

        @cache("1h", tags=["outer"])
        async def outer() -> str:
            return await inner()

        await outer()

        entry = await outer.peek()
        assert entry is not None
        assert entry.tags == ("outer",)
        await cache.delete_tags("inner")
        assert await outer.peek() is not None

    async def test_a_load_of_another_cache_between_them_hides_nothing(
        self, cache: Cache, source: Source
    ) -> None:
        other = Cache()

        @cache("1h", tags=["inner"])
        async def inner() -> str:
            return source.read("inner")

        @other("1h", tags=["middle"])
        async def middle() -> str:
            return await inner()

        @cache("1h", tags=["outer"])
        async def outer() -> str:
            return await middle()

        await outer()

        entry = await outer.peek()
        assert entry is not None
        assert set(entry.tags) == {"outer", "inner"}
        between = await middle.peek()
        assert between is not None
        assert between.tags == ("middle",)

    async def test_cache_tag_speaks_of_its_own_loads(self, cache: Cache) -> None:
        other = Cache()

        @cache("1h")
        async def outer() -> int:
            other.tag("of the other")
            cache.tag("of this one")
            return 1

        await outer()

        entry = await outer.peek()
        assert entry is not None
        assert entry.tags == ("of this one",)


class TestNotCaching:
    async def test_commands_that_give_no_value_hand_nothing_on(
        self, cache: Cache, source: Source
    ) -> None:
        @cache("1h")
        async def outer() -> bool:
            await cache.set("b", 1, tags=["b"])
            return await cache.exists("a")

        await cache.set("a", 1, tags=["a"])
        await outer()

        entry = await outer.peek()
        assert entry is not None
        assert entry.tags == ()

    async def test_a_refresh_asked_for_inside_a_load_hands_its_tags_on(
        self, cache: Cache, source: Source, colour: str
    ) -> None:
        inner, _, _ = chain(cache, source, colour)

        @cache("1h")
        async def outer() -> Any:
            return await call(inner.refresh())

        await call(inner())
        await outer()
        source.version = 2
        await cache.delete_tags("inner")

        assert await outer() == "inner2"

    async def test_uncached_hands_nothing_on(self, cache: Cache, source: Source) -> None:
        @cache("1h", tags=["inner"])
        async def inner() -> str:
            return source.read("inner")

        @cache("1h")
        async def outer() -> str:
            return await inner.uncached()

        await outer()

        entry = await outer.peek()
        assert entry is not None
        assert entry.tags == ()

    async def test_while_the_cache_is_disabled_nothing_is_collected(
        self, cache: Cache, source: Source
    ) -> None:
        _, _, outer = chain(cache, source, "async")

        with cache.disabled():
            await outer()
            source.version = 2
            assert await outer() == "inner2"

        assert cache.stats().entries == 0


class TestCircles:
    """A loader that reads itself through others would wait for itself."""

    async def test_a_function_may_call_itself_for_another_key(self, cache: Cache) -> None:
        loads: list[int] = []

        @cache("1h", tags=["n:{n}"])
        async def fibonacci(n: int) -> int:
            loads.append(n)
            return n if n < 2 else await fibonacci(n - 1) + await fibonacci(n - 2)

        assert await fibonacci(20) == 6765
        assert sorted(loads) == list(range(21))
        await cache.delete_tags("n:1")
        assert await fibonacci.peek(20) is None

    def test_a_plain_function_may_too(self, cache: Cache) -> None:
        @cache("1h")
        def fibonacci(n: int) -> int:
            return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

        assert fibonacci(20) == 6765
