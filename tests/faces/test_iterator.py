"""``cache.iterator``: generators whose whole sequence is kept, or nothing of it.

``Source`` is what the generators read. Each goes on from element to element at ``"reading"`` where a
test wants to step it.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import pytest

from freshly import Cache, ConfigurationError, DeadlockError, FreshlyError
from freshly.core.shape import Shape
from freshly.observe import Loaded, LoadFailed, SequenceTooLong
from freshly.testing import ChaosStore, Fail, ManualClock, Stepper, ThreadStepper

LIMIT_SECONDS = 20.0


@dataclass
class Post:
    id: int
    version: int = 1


class Source:
    """Three posts. ``runs`` counts generators, ``read`` what they yielded, ``closed`` their ends."""

    def __init__(self) -> None:
        self.version = 1
        self.length = 3
        self.runs = 0
        self.read = 0
        self.closed = 0
        self.fails_at: int | None = None

    def posts(self) -> Generator[Post, None, None]:
        self.runs += 1
        version = self.version
        try:
            for number in range(1, self.length + 1):
                if number == self.fails_at:
                    raise ConnectionError("down")
                self.read += 1
                yield Post(number, version)
        finally:
            self.closed += 1

    async def slow_posts(self, step: Stepper, point: str = "reading") -> AsyncGenerator[Post, None]:
        with_posts = self.posts()
        try:
            for post in with_posts:
                await step.stop(point)
                yield post
        finally:
            with_posts.close()


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
async def _nothing_is_left(cache: Cache) -> Any:
    yield
    gc.collect()
    await Stepper().settle()
    flights = cache._home.parts.flights
    assert (flights.loads, flights.in_the_air(), flights._by_key) == (0, [], {})
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("freshly")] == []


async def all_of(elements: AsyncIterator[Any]) -> list[Any]:
    return [element async for element in elements]


async def ids_of(elements: AsyncIterator[Post]) -> list[int]:
    return [post.id async for post in elements]


class TestAHit:
    async def test_gives_the_elements_of_the_run_that_was_kept(
        self, cache: Cache, source: Source
    ) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        first, second = await all_of(posts()), await all_of(posts())

        assert first == second == [Post(1), Post(2), Post(3)]
        assert [one is other for one, other in zip(first, second, strict=True)] == [True] * 3
        assert source.runs == 1
        stats = cache.stats()
        assert (stats.hits, stats.misses, stats.loads) == (1, 1, 1)

    def test_does_so_for_plain_generators(self, cache: Cache, source: Source) -> None:
        @cache.iterator("1h")
        def posts() -> Iterator[Post]:
            yield from source.posts()

        assert [*posts()] == [*posts()] == [Post(1), Post(2), Post(3)]
        assert source.runs == 1
        stats = cache.stats()
        assert (stats.hits, stats.misses, stats.loads) == (1, 1, 1)

    async def test_of_an_empty_sequence_and_of_false_elements_is_one(self, cache: Cache) -> None:
        runs: list[int] = []

        @cache.iterator("1h")
        async def numbers(elements: tuple[Any, ...]) -> AsyncIterator[Any]:
            runs.append(1)
            for element in elements:
                yield element

        for elements in ((), (None, 0, "", False)):
            assert await all_of(numbers(elements)) == [*elements]
            assert await all_of(numbers(elements)) == [*elements]
        assert len(runs) == 2

    async def test_may_be_left_at_any_place(self, cache: Cache, source: Source) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        await all_of(posts())
        async for _ in posts():
            break

        assert await ids_of(posts()) == [1, 2, 3]
        assert source.runs == 1

    async def test_is_by_arguments_and_context(self, cache: Cache) -> None:
        tenant: ContextVar[str] = ContextVar("tenant", default="a")
        runs: list[Any] = []

        @cache.iterator("1h", exclude=["session"], vary=[tenant])
        async def numbers(most: int, *, session: str = "") -> AsyncIterator[str]:
            runs.append((most, tenant.get()))
            for number in range(most):
                yield f"{tenant.get()}{number}"

        await all_of(numbers(2, session="x"))
        await all_of(numbers(most=2, session="y"))
        await all_of(numbers(1))
        tenant.set("b")
        assert await all_of(numbers(2)) == ["b0", "b1"]
        assert runs == [(2, "a"), (1, "a"), (2, "b")]

    async def test_gives_copies_if_asked_to(self, cache: Cache) -> None:
        @cache.iterator("1h", copy=True)
        async def lists() -> AsyncIterator[list[int]]:
            yield [1]
            yield [2]

        async for one in lists():
            one.append(9)
        async for one in lists():
            one.append(9)

        assert await all_of(lists()) == [[1], [2]]


class TestTagsAndTimes:
    async def test_an_element_gives_its_tag_to_the_whole(self, cache: Cache, source: Source) -> None:
        @cache.iterator("1h", tags=["posts:{page}", "post:{result[].id}"])
        async def posts(page: int) -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        for tag in ("post:2", "posts:1"):
            await all_of(posts(1))
            await cache.delete_tags(tag)
            assert await posts.peek(1) is None
        await all_of(posts(1))
        await cache.delete_tags("post:4", "posts:2")
        assert await posts.peek(1) is not None

    async def test_ttl_and_condition_may_ask_the_tuple_of_elements(
        self, cache: Cache, source: Source, clock: ManualClock
    ) -> None:
        @cache.iterator(lambda result: len(result), condition=lambda result: result)
        async def posts(length: int) -> AsyncIterator[Post]:
            source.length = length
            for post in source.posts():
                yield post

        await all_of(posts(3))
        await all_of(posts(0))
        assert await posts.peek(0) is None
        clock.advance(2)
        assert await posts.peek(3) is not None
        clock.advance(1)
        assert await posts.peek(3) is None

    async def test_a_stale_sequence_is_given_and_refreshed_behind(
        self, cache: Cache, source: Source, clock: ManualClock
    ) -> None:
        @cache.iterator("1h", soft_ttl="1m")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        await all_of(posts())
        clock.advance("1m")
        source.version = 2

        assert (await all_of(posts()))[0].version == 1
        await Stepper().settle()
        assert (await all_of(posts()))[0].version == 2
        assert source.runs == 2

    async def test_an_expired_one_stands_in_for_a_run_that_fails_wherever_it_fails(
        self, cache: Cache, source: Source, clock: ManualClock
    ) -> None:
        @cache.iterator("1m", grace="1h")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        await all_of(posts())
        clock.advance("1m")
        source.fails_at, source.version = 2, 2

        assert await all_of(posts()) == [Post(1), Post(2), Post(3)]
        source.fails_at = None
        clock.advance("1m")
        assert (await all_of(posts()))[0].version == 2

    def test_so_for_plain_generators(self, cache: Cache, source: Source, clock: ManualClock) -> None:
        @cache.iterator("1m", grace="1h", tags=["post:{result[].id}"])
        def posts() -> Iterator[Post]:
            yield from source.posts()

        [*posts()]
        clock.advance("1m")
        source.fails_at = 2
        assert [post.id for post in posts()] == [1, 2, 3]
        cache.blocking.delete_tags("post:3")
        with pytest.raises(ConnectionError):
            [*posts()]

    async def test_one_that_comes_between_the_look_and_the_run_is_given_and_refreshed(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        """Found by the checker: the refresh behind took the consumer's run for its own."""

        @cache.iterator("1h", key="posts", soft_ttl="1m")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        consumer = step.start(ids_of(posts()))
        await step.settle(1)
        await cache.set("posts", (Post(9),), "1h", soft_ttl="1m")
        clock.advance("1m")

        assert await consumer == [9]
        await step.settle()
        assert await ids_of(posts()) == [1, 2, 3]
        assert source.runs == 1


class TestARun:
    async def test_comes_as_the_generator_yields_and_never_runs_ahead(
        self, cache: Cache, source: Source
    ) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        read = []
        async for _ in posts():
            await Stepper().settle()
            read.append(source.read)

        assert read == [1, 2, 3]

    def test_nor_does_a_plain_one(self, cache: Cache, source: Source) -> None:
        @cache.iterator("1h")
        def posts() -> Iterator[Post]:
            yield from source.posts()

        assert [source.read for _ in posts()] == [1, 2, 3]

    async def test_stores_nothing_before_its_end(self, cache: Cache, source: Source) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        async for _ in posts():
            assert await posts.peek() is None
        assert await posts.peek() is not None

    async def test_that_its_consumer_leaves_stores_nothing_and_is_closed(
        self, cache: Cache, source: Source
    ) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            with_posts = source.posts()
            try:
                for post in with_posts:
                    yield post
            finally:
                with_posts.close()

        async with aclosing(posts()) as elements:
            async for _ in elements:
                break
        assert (source.closed, source.read) == (1, 1)  # closed when aclose() has returned
        assert await posts.peek() is None

        async for _ in posts():
            break
        gc.collect()
        await Stepper().settle()
        assert (source.closed, source.read) == (2, 2)
        assert await posts.peek() is None

        with pytest.raises(KeyError):
            async for _ in posts():
                raise KeyError
        gc.collect()
        await Stepper().settle()
        assert source.closed == 3
        assert await posts.peek() is None

        assert await ids_of(posts()) == [1, 2, 3]
        assert source.runs == 4

    def test_so_for_plain_generators(self, cache: Cache, source: Source) -> None:
        @cache.iterator("1h")
        def posts() -> Iterator[Post]:
            yield from source.posts()

        for _ in posts():
            break
        elements = posts()
        next(elements)
        elements.close()
        with pytest.raises(KeyError):
            for _ in posts():
                raise KeyError
        elements = posts()
        next(elements)
        with pytest.raises(LookupError):
            elements.throw(LookupError)

        gc.collect()
        assert (source.runs, source.closed) == (4, 4)
        assert posts.peek() is None
        assert [post.id for post in posts()] == [1, 2, 3]

    async def test_whose_consumer_is_cancelled_stores_nothing_and_is_closed(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            async for post in source.slow_posts(step):
                yield post

        consumer = step.start(ids_of(posts()))
        await step.reached("reading")
        step.go("reading")
        await step.reached("reading")

        consumer.cancel()
        await asyncio.gather(consumer, return_exceptions=True)

        assert consumer.cancelled()
        await step.settle()
        assert (source.runs, source.closed) == (1, 1)
        assert await posts.peek() is None

    @pytest.mark.parametrize("fails_at", [1, 2])
    async def test_that_fails_gives_what_it_had_and_the_error_and_stores_nothing(
        self, cache: Cache, source: Source, fails_at: int
    ) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        @cache.iterator("1h")
        def plain_posts() -> Iterator[Post]:
            yield from source.posts()

        source.fails_at = fails_at
        got: list[Post] = []
        with pytest.raises(ConnectionError):
            async for post in posts():
                got += [post]
        with pytest.raises(ConnectionError):
            for post in plain_posts():
                got += [post]

        assert [post.id for post in got] == [*range(1, fails_at)] * 2
        assert await posts.peek() is None
        assert cache.stats().load_errors == 2

    async def test_tells_observers_of_its_end(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        events: list[Any] = []
        cache.observe(events.append)

        @cache.iterator("1h", key="posts")
        async def posts() -> AsyncIterator[Post]:
            clock.advance(3)
            for post in source.posts():
                yield post

        @cache.iterator("1h", key="plain")
        def plain_posts() -> Iterator[Post]:
            clock.advance(3)
            yield from source.posts()

        await all_of(posts())
        [*plain_posts()]
        await cache.clear()
        source.fails_at = 1
        with pytest.raises(ConnectionError):
            [*plain_posts()]

        loads = [event for event in events if isinstance(event, Loaded | LoadFailed)]
        assert [(type(event), event.key) for event in loads] == [
            (Loaded, "posts"),
            (Loaded, "plain"),
            (LoadFailed, "plain"),
        ]
        assert [(event.seconds, event.background) for event in loads] == [(3.0, False)] * 3
        assert cache._home.parts.flights.in_the_air() == []
        assert all(event.stored for event in loads[:2] if isinstance(event, Loaded))

    async def test_runs_in_the_context_of_its_consumer_and_in_one_task(self, cache: Cache) -> None:
        request: ContextVar[str] = ContextVar("request", default="none")
        tasks: list[Any] = []

        @cache.iterator("1h")
        async def numbers() -> AsyncIterator[str]:
            try:
                for _ in range(2):
                    tasks.append(asyncio.current_task())
                    yield request.get()
            finally:
                tasks.append(asyncio.current_task())

        request.set("mine")
        assert await all_of(numbers()) == ["mine", "mine"]
        assert len({id(task) for task in tasks}) == 1


class TestOthersWhoWait:
    async def test_get_the_whole_of_one_run(self, cache: Cache, source: Source, step: Stepper) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            async for post in source.slow_posts(step):
                yield post

        consumers = [step.start(ids_of(posts())) for _ in range(100)]
        for _ in range(3):
            await step.reached("reading")
            step.go("reading")

        assert await asyncio.gather(*consumers) == [[1, 2, 3]] * 100
        assert source.runs == 1
        stats = cache.stats()
        assert (stats.misses, stats.waits, stats.loads) == (100, 99, 1)

    async def test_are_not_kept_waiting_by_a_slow_consumer(self, cache: Cache, source: Source) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        slow = posts()
        assert (await anext(slow)).id == 1
        await Stepper().settle()
        assert source.read == 1

        assert await ids_of(posts()) == [1, 2, 3]

        assert source.runs == 1
        assert await posts.peek() is not None
        assert await ids_of(slow) == [2, 3]

    async def test_keep_a_run_going_that_its_consumer_leaves(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            async for post in source.slow_posts(step):
                yield post

        first = step.start(ids_of(posts()))
        await step.reached("reading")
        other = step.start(ids_of(posts()))
        await step.settle()
        first.cancel()
        await step.settle()
        for _ in range(3):
            await step.reached("reading")
            step.go("reading")

        assert await other == [1, 2, 3]
        assert (source.runs, source.closed) == (1, 1)
        assert await posts.peek() is not None

    async def test_that_have_all_left_leave_the_pace_to_the_consumer(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            async for post in source.slow_posts(step):
                yield post

        slow = posts()
        first = step.start(anext(slow))
        await step.reached("reading")
        other = step.start(ids_of(posts()))
        await step.settle()
        other.cancel()
        await step.settle()
        step.go("reading")
        assert (await first).id == 1
        await step.settle()

        assert not step.is_standing("reading")
        await slow.aclose()
        await step.settle()  # the generator inside the generator is Python's to close
        assert source.closed == 1

    async def test_get_an_error_of_the_run(self, cache: Cache, source: Source, step: Stepper) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            async for post in source.slow_posts(step):
                yield post

        source.fails_at = 2
        consumers = [step.start(ids_of(posts())) for _ in range(3)]
        await step.reached("reading")
        step.go("reading")
        outcomes = await asyncio.gather(*consumers, return_exceptions=True)

        assert [type(outcome) for outcome in outcomes] == [ConnectionError] * 3
        assert source.runs == 1

    async def test_run_their_own_if_the_consumer_left_before_the_error(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            async for post in source.slow_posts(step):
                yield post

        source.fails_at = 2
        first = step.start(ids_of(posts()))
        await step.reached("reading")
        other = step.start(ids_of(posts()))
        await step.settle()
        first.cancel()
        await step.settle()
        step.go("reading")
        await step.settle()
        source.fails_at = None
        for _ in range(3):
            await step.reached("reading")
            step.go("reading")

        assert await other == [1, 2, 3]
        assert source.runs == 2

    async def test_in_the_body_of_the_consumers_own_loop_are_no_deadlock(
        self, cache: Cache, source: Source
    ) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        pairs = [(one.id, await ids_of(posts())) async for one in posts()]

        assert pairs == [(1, [1, 2, 3]), (2, [1, 2, 3]), (3, [1, 2, 3])]
        assert source.runs == 1

    async def test_a_generator_that_iterates_over_itself_is_found_out(self, cache: Cache) -> None:
        @cache.iterator("1h")
        async def numbers() -> AsyncIterator[int]:
            async for number in numbers():
                yield number

        with pytest.raises(DeadlockError):
            await all_of(numbers())

    async def test_may_be_on_another_loop(self, cache: Cache, source: Source) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        slow = posts()
        await anext(slow)

        other = asyncio.ensure_future(asyncio.to_thread(lambda: asyncio.run(ids_of(posts()))))

        assert await other == [1, 2, 3]
        assert source.runs == 1
        await slow.aclose()


class TestAnInvalidationDuringARun:
    @pytest.mark.parametrize("tag", ["posts", "post:1", "post:3"])
    async def test_keeps_it_from_being_stored(self, cache: Cache, source: Source, tag: str) -> None:
        @cache.iterator("1h", tags=["posts", "post:{result[].id}"])
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        @cache.iterator("1h", tags=["posts", "post:{result[].id}"])
        def plain_posts() -> Iterator[Post]:
            yield from source.posts()

        async for post in posts():
            if post.id == 2:
                await cache.delete_tags(tag)
        for post in plain_posts():
            if post.id == 2:
                cache.blocking.delete_tags(tag)

        assert await posts.peek() is None
        assert plain_posts.peek() is None
        assert cache.stats().overtaken == 2

    async def test_at_each_step_never_leaves_an_older_sequence(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        steps, is_over = 0, False
        while not is_over:
            own, data = Cache(), Source()

            @own.iterator("1h", key="posts", tags=["post:{result[].id}"])
            async def posts(data: Source = data) -> AsyncIterator[Post]:
                async for post in data.slow_posts(step):
                    yield post

            reading = step.start(all_of(posts()))
            for _ in range(steps):
                await step.settle(1)
                if step.is_standing("reading"):
                    step.go("reading")
            is_over = reading.done()
            data.version = 2
            await own.delete_tags("post:2")
            later = step.start(all_of(posts()))
            while not (reading.done() and later.done()):
                await step.settle(1)
                if step.is_standing("reading"):
                    step.go("reading")

            versions = {post.version for post in await later}
            assert versions == {2}, f"after {steps} steps"
            entry = await posts.peek()
            assert entry is None or entry.value[0].version == 2, f"after {steps} steps"
            steps += 1
            await own.close()

        assert steps > 8

    async def test_is_not_shared_by_who_comes_after_it(self, cache: Cache, source: Source) -> None:
        @cache.iterator("1h", tags=["posts"])
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        first = posts()
        await anext(first)
        source.version = 2
        await cache.delete_tags("posts")

        assert {post.version for post in await all_of(posts())} == {2}
        assert {post.version for post in await all_of(first)} == {1}
        entry = await posts.peek()
        assert entry is not None
        assert entry.value[0].version == 2

    async def test_a_refresh_is_not_stored_over_by_a_run_on_a_thread_that_began_before(
        self, cache: Cache, source: Source
    ) -> None:
        @cache.iterator("1h")
        def posts() -> Iterator[Post]:
            yield from source.posts()

        first = posts()
        next(first)
        source.version = 2
        assert posts.refresh()[0].version == 2
        [*first]

        assert next(posts()).version == 2


class TestALongSequence:
    @pytest.mark.parametrize(("length", "is_kept"), [(3, True), (4, False), (10, False)])
    async def test_passes_through_and_is_not_stored(
        self, cache: Cache, source: Source, length: int, is_kept: bool
    ) -> None:
        @cache.iterator("1h", max_length=3)
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        @cache.iterator("1h", max_length=3)
        def plain_posts() -> Iterator[Post]:
            yield from source.posts()

        source.length = length

        assert await ids_of(posts()) == [*range(1, length + 1)]
        assert [post.id for post in plain_posts()] == [*range(1, length + 1)]
        assert (await posts.peek() is not None) == is_kept
        assert (plain_posts.peek() is not None) == is_kept

    async def test_may_be_without_end(self, cache: Cache, source: Source) -> None:
        @cache.iterator("1h", max_length=3)
        async def numbers() -> AsyncIterator[int]:
            number = 0
            try:
                while True:
                    yield (number := number + 1)
            finally:
                source.closed += 1

        @cache.iterator("1h", max_length=3)
        def plain_numbers() -> Iterator[int]:
            number = 0
            try:
                while True:
                    yield (number := number + 1)
            finally:
                source.closed += 1

        async with aclosing(numbers()) as elements:
            async for number in elements:
                if number == 100:
                    break
        for number in plain_numbers():
            if number == 100:
                break
        gc.collect()

        assert source.closed == 2

    async def test_is_told_to_observers_once_a_run(
        self, cache: Cache, source: Source, caplog: pytest.LogCaptureFixture
    ) -> None:
        events: list[Any] = []
        cache.observe(events.append, SequenceTooLong)

        @cache.iterator("1h", key="posts", max_length=2)
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        @cache.iterator("1h", key="plain", max_length=2)
        def plain_posts() -> Iterator[Post]:
            yield from source.posts()

        await all_of(posts())
        await all_of(posts())
        [*plain_posts()]

        assert [event.key for event in events] == ["posts", "posts", "plain"]
        assert events[0].most == 2
        # In the log once for each function, for a while.
        texts = [record.getMessage() for record in caplog.records]
        assert len(texts) == 2
        assert "posts has more than 2 elements, which is never stored: raise max_length" in texts[0]

    async def test_lets_who_waits_run_their_own(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache.iterator("1h", max_length=2)
        async def posts() -> AsyncIterator[Post]:
            async for post in source.slow_posts(step):
                yield post

        consumers = [step.start(ids_of(posts())) for _ in range(2)]
        await step.reached("reading")
        while not all(consumer.done() for consumer in consumers):
            await step.settle()
            if step.is_standing("reading"):
                step.go("reading")

        assert await asyncio.gather(*consumers) == [[1, 2, 3]] * 2
        assert (source.runs, source.closed) == (2, 2)

    async def test_lets_them_though_the_consumer_has_left(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache.iterator("1h", max_length=2)
        async def posts() -> AsyncIterator[Post]:
            async for post in source.slow_posts(step):
                yield post

        first = step.start(ids_of(posts()))
        await step.reached("reading")
        other = step.start(ids_of(posts()))
        await step.settle()
        first.cancel()
        while not other.done():
            await step.settle()
            if step.is_standing("reading"):
                step.go("reading")

        assert await other == [1, 2, 3]
        assert (source.runs, source.closed) == (2, 2)

    async def test_leaves_the_older_one_in_its_place(
        self, cache: Cache, source: Source, clock: ManualClock
    ) -> None:
        @cache.iterator("1h", max_length=3, soft_ttl="1m")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        await all_of(posts())
        clock.advance("1m")
        source.length = 4
        assert await ids_of(posts()) == [1, 2, 3]
        await Stepper().settle()
        assert await ids_of(posts()) == [1, 2, 3]
        clock.advance("59m")
        assert await ids_of(posts()) == [1, 2, 3, 4]

    async def test_after_an_expired_one_is_run_from_its_beginning(
        self, cache: Cache, source: Source, clock: ManualClock
    ) -> None:
        @cache.iterator("1m", max_length=3, grace="1h")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        @cache.iterator("1m", max_length=3, grace="1h")
        def plain_posts() -> Iterator[Post]:
            yield from source.posts()

        await all_of(posts())
        [*plain_posts()]
        clock.advance("1m")
        source.length = 4

        assert await ids_of(posts()) == [1, 2, 3, 4]
        assert [post.id for post in plain_posts()] == [1, 2, 3, 4]


class TestInsideAnotherLoad:
    async def test_a_sequence_hands_its_tags_on(self, cache: Cache, source: Source) -> None:
        @cache.iterator("1h", tags=["posts", "post:{result[].id}"])
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        @cache("1h")
        async def count() -> int:
            return len(await all_of(posts()))

        for tag in ("post:3", "posts"):
            for _ in ("run", "hit"):
                await count()
                assert await count.peek() is not None
                await count.delete()
            await count()
            await cache.delete_tags(tag)
            assert await count.peek() is None

    def test_so_does_a_plain_one(self, cache: Cache, source: Source) -> None:
        @cache.iterator("1h", tags=["posts", "post:{result[].id}"])
        def posts() -> Iterator[Post]:
            yield from source.posts()

        @cache("1h")
        def count() -> int:
            return len([*posts()])

        for tag in ("post:3", "posts"):
            count()
            cache.blocking.delete_tags(tag)
            assert count.peek() is None

    def test_what_a_plain_generator_finds_in_the_cache_is_a_part_of_its_sequence(
        self, cache: Cache, source: Source
    ) -> None:
        @cache("1h", tags=["inner"])
        def inner() -> int:
            return 1

        @cache.iterator("1h")
        def outer() -> Iterator[int]:
            source.runs += 1
            yield inner()

        inner()
        assert [list(outer()), list(outer()), source.runs] == [[1], [1], 1]

        cache.blocking.delete_tags("inner")

        assert [list(outer()), source.runs] == [[1], 2]

    @pytest.mark.parametrize("max_length", [1, 3])
    @pytest.mark.parametrize("tag", ["posts", "post:2", "inner"])
    async def test_so_does_what_was_seen_of_one_that_was_left_or_is_too_long(
        self, cache: Cache, source: Source, max_length: int, tag: str
    ) -> None:
        @cache("1h", tags=["inner"])
        async def inner() -> int:
            return 1

        @cache("1h", tags=["inner"])
        def plain_inner() -> int:
            return 1

        @cache.iterator("1h", tags=["posts", "post:{result[].id}"], max_length=max_length)
        async def posts() -> AsyncIterator[Post]:
            await inner()
            for post in source.posts():
                yield post

        @cache.iterator("1h", tags=["posts", "post:{result[].id}"], max_length=max_length)
        def plain_posts() -> Iterator[Post]:
            plain_inner()
            yield from source.posts()

        @cache("1h")
        async def second() -> int:
            async with aclosing(posts()) as elements:
                async for post in elements:
                    if post.id == 2:
                        return post.version
            return 0

        @cache("1h")
        def plain_second() -> int:
            return next(post.version for post in plain_posts() if post.id == 2)

        @cache("1h")
        async def second_in_peace() -> int:
            async with aclosing(posts()) as elements:
                async for post in elements:
                    await Stepper().settle()
                    if post.id == 2:
                        return post.version
            return 0

        await second()
        await second_in_peace()
        plain_second()
        gc.collect()
        assert await posts.peek() is None
        assert await second.peek() is not None
        assert source.closed == source.runs

        await cache.delete_tags(tag)

        assert await second.peek() is None
        assert await second_in_peace.peek() is None
        assert plain_second.peek() is None

    async def test_the_tags_of_what_it_reads_are_its_own(self, cache: Cache) -> None:
        @cache("1h", tags=["rate:{number}"])
        async def get_rate(number: int) -> int:
            return number

        @cache("1h", tags=["rate:{number}"])
        def get_plain_rate(number: int) -> int:
            return number

        @cache.iterator("1h")
        async def rates() -> AsyncIterator[int]:
            for number in range(3):
                yield await get_rate(number)

        @cache.iterator("1h")
        def plain_rates() -> Iterator[int]:
            for number in range(3):
                yield get_plain_rate(number)

        await all_of(rates())
        [*plain_rates()]
        await cache.delete_tags("rate:2")

        assert await rates.peek() is None
        assert plain_rates.peek() is None


class TestInsideATransaction:
    async def test_a_run_is_its_own_and_nothing_of_it_is_stored(
        self, cache: Cache, source: Source
    ) -> None:
        @cache.iterator("1h", key="posts", tags=["posts", "post:{result[].id}"])
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        @cache.iterator("1h", key="plain", tags=["posts", "post:{result[].id}"])
        def plain_posts() -> Iterator[Post]:
            yield from source.posts()

        async with cache.transaction():
            source.version = 2
            await cache.delete_tags("posts")
            assert {post.version for post in await all_of(posts())} == {2}
        with cache.blocking.transaction():
            assert len([*plain_posts()]) == 3
        assert await posts.peek() is None
        assert plain_posts.peek() is None

    async def test_what_is_untouched_is_served_and_what_is_invalidated_is_not(
        self, cache: Cache, source: Source
    ) -> None:
        @cache.iterator("1h", tags=["post:{result[].id}"])
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        await all_of(posts())
        source.version = 2
        async with cache.transaction():
            assert (await all_of(posts()))[0].version == 1
            await cache.delete_tags("post:3")
            assert (await all_of(posts()))[0].version == 2

    async def test_what_a_load_makes_of_it_is_not_stored_either(
        self, cache: Cache, source: Source
    ) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        @cache("1h")
        async def count() -> int:
            async with cache.transaction():
                return len(await all_of(posts()))

        assert await count() == 3
        assert await count.peek() is None


class TestClosingTheCache:
    async def test_ends_a_run_that_had_begun_to_give(self, cache: Cache, source: Source) -> None:
        """What it has given cannot be taken back, and another run may give other elements."""

        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        elements = posts()
        await anext(elements)
        await cache.close(drain=0)

        with pytest.raises(FreshlyError, match="had got 1 of its elements"):
            await anext(elements)
        gc.collect()
        assert source.closed == 1

    async def test_begins_one_anew_that_had_given_nothing(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache.iterator("1h")
        async def posts() -> AsyncIterator[Post]:
            async for post in source.slow_posts(step):
                yield post

        consumer = step.start(ids_of(posts()))
        await step.reached("reading")
        await cache.close(drain=0)
        for _ in range(3):
            await step.reached("reading")
            step.go("reading")

        assert await consumer == [1, 2, 3]


class TestTheFunction:
    async def test_stays_a_generator_function(self, cache: Cache) -> None:
        async def numbers(most: int, *, first: int = 0) -> AsyncIterator[int]:
            """Count."""
            for number in range(first, most):
                yield number

        def plain_numbers(most: int) -> Iterator[int]:
            yield from range(most)

        cached: Any = cache.iterator("1h")(numbers)
        plain: Any = cache.iterator("1h")(plain_numbers)

        assert inspect.isasyncgenfunction(cached)
        assert inspect.isgeneratorfunction(plain)
        assert inspect.signature(cached) == inspect.signature(numbers)
        assert (cached.__name__, cached.__doc__) == ("numbers", "Count.")
        elements = cached(2)
        assert inspect.isasyncgen(elements)
        await elements.aclose()
        assert cached.uncached is numbers

    async def test_has_the_verbs_of_any(self, cache: Cache, source: Source) -> None:
        @cache.iterator("1h", key="page:{page}", tags=["page:{page}", "post:{result[].id}"])
        async def posts(page: int) -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        @cache.iterator("1h")
        def plain_posts(page: int) -> Iterator[Post]:
            yield from source.posts()

        assert posts.key(1) == posts.key(page=1) == "page:1"
        assert posts.tags(1) == ("page:1",)
        assert await posts.peek(1) is None
        assert await posts.refresh(1) == (Post(1), Post(2), Post(3))
        entry = await posts.peek(1)
        assert entry is not None
        assert entry.value == (Post(1), Post(2), Post(3))
        assert entry.tags == ("page:1", "post:1", "post:2", "post:3")
        assert await posts.delete(1)
        assert not await posts.delete(1)
        assert plain_posts.refresh(1) == (Post(1), Post(2), Post(3))
        assert plain_posts.peek(1) is not None
        assert plain_posts.delete(1)

    async def test_refuses_to_refresh_what_is_too_long(self, cache: Cache, source: Source) -> None:
        @cache.iterator("1h", max_length=2)
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        with pytest.raises(ConfigurationError, match="more than max_length=2 elements"):
            await posts.refresh()
        assert source.closed == 1

    async def test_may_be_a_method(self, cache: Cache) -> None:
        class Blog:
            def __init__(self, name: str) -> None:
                self.name = name
                self.runs = 0

            @cache.iterator("1h")
            async def titles(self, most: int) -> AsyncIterator[str]:
                self.runs += 1
                for number in range(most):
                    yield f"{self.name} {number}"

            @cache.iterator("1h")
            @classmethod
            def kinds(cls, most: int) -> Iterator[str]:
                for number in range(most):
                    yield f"{cls.__name__} {number}"

            @cache.iterator("1h")
            @staticmethod
            def numbers(most: int) -> Iterator[int]:
                yield from range(most)

        one, other = Blog("one"), Blog("other")
        assert await all_of(one.titles(2)) == await all_of(one.titles(2)) == ["one 0", "one 1"]
        assert await all_of(other.titles(1)) == ["other 0"]
        assert await one.titles.delete(2)
        assert (one.runs, other.runs) == (1, 1)
        assert [*Blog.kinds(1)] == ["Blog 0"]
        assert Blog.kinds.delete(1)
        assert [*Blog.numbers(2)] == [0, 1]
        assert one.numbers.delete(2)

    async def test_runs_as_it_is_while_the_cache_is_disabled(
        self, cache: Cache, source: Source
    ) -> None:
        @cache.iterator("1h", max_length=2)
        async def posts() -> AsyncIterator[Post]:
            for post in source.posts():
                yield post

        @cache.iterator("1h")
        def plain_posts() -> Iterator[Post]:
            yield from source.posts()

        with cache.disabled():
            assert await ids_of(posts()) == [1, 2, 3]
            assert len([*plain_posts()]) == 3
            assert len(plain_posts.refresh()) == 3
            assert await posts.peek() is None
        assert source.runs == 3
        assert plain_posts.peek() is None

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"max_length": 0}, "max_length=0 is no number of elements"),
            ({"max_length": None}, "max_length=None is no number"),
            ({"soft_timeout": "1s"}, "cache.iterator has no option 'soft_timeout'"),
            ({"tags": ["post:{id}"]}, "it may use"),
            ({"soft_ttl": "2h"}, "soft_ttl='2h' is longer"),
        ],
    )
    def test_refuses_options_that_do_not_fit(
        self, cache: Cache, options: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):

            @cache.iterator("1h", **options)
            async def posts(page: int) -> AsyncIterator[Post]:
                yield Post(1)

    def test_has_to_be_a_generator(self, cache: Cache) -> None:
        def listed() -> list[int]:
            return []

        async def awaited() -> list[int]:
            return []

        decorator: Any = cache.iterator("1h")
        for function in (listed, awaited):
            with pytest.raises(ConfigurationError, match=r"has no yield.*use @cache"):
                decorator(function)

    @pytest.mark.parametrize(
        ("annotation", "kept"),
        [
            (AsyncIterator[Post], tuple[Post, ...]),
            (AsyncGenerator[int, None], tuple[int, ...]),
            (Iterator[str | None], tuple[str | None, ...]),
            (AsyncIterator, Any),
        ],
    )
    def test_tells_a_store_the_type_of_what_is_kept(
        self, cache: Cache, annotation: Any, kept: Any
    ) -> None:
        async def posts() -> Any:
            yield 1

        cached: Any = cache.iterator("1h")(posts)
        shape: Shape = cached.__freshly__.recipe.shape

        assert shape.part is not None
        assert shape.part(annotation) == kept


class TestThreads:
    def test_each_run_their_own(self, cache: Cache, source: Source) -> None:
        """A generator belongs to the thread that began it."""
        with ThreadStepper() as step:

            @cache.iterator("1h")
            def posts() -> Iterator[Post]:
                for post in source.posts():
                    step.stop("reading")
                    yield post

            one = step.start(lambda: [post.id for post in posts()])
            step.reached("reading")
            other = step.start(lambda: [post.id for post in posts()])
            for _ in range(6):
                step.reached("reading")
                step.go("reading")

            assert one.result(LIMIT_SECONDS) == other.result(LIMIT_SECONDS) == [1, 2, 3]
        assert source.runs == 2
        assert posts.peek() is not None


def test_nothing_is_stored_where_nobody_can_say_whether_somebody_else_has_stored_it(
    cache: Cache, source: Source
) -> None:
    """The first look is that of the reader, the second that of its load, the third is at the end."""

    @cache.iterator("1h")
    def stream() -> Iterator[Post]:
        yield from source.posts()

    with ChaosStore.behind(cache, Fail("look", 3)) as store:
        assert len([*stream()]) == 3
        assert (store.count("look"), store.count("land")) == (3, 0)

    assert cache.stats().entries == 0
