"""Transactions, locks and ``once`` above a function: each call runs in a block of its own."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from freshly import Cache, ConfigurationError, LockLost, LockTimeout
from freshly.testing import ManualClock, Stepper, ThreadStepper

LIMIT_SECONDS = 20.0


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
def threads() -> Iterator[ThreadStepper]:
    with ThreadStepper() as stepper:
        yield stepper


class TestTransaction:
    async def test_what_a_call_invalidates_is_invalid_when_it_has_returned(
        self, cache: Cache, step: Stepper
    ) -> None:
        @cache.transaction()
        async def rename(user_id: int) -> str:
            await cache.delete_tags(f"user:{user_id}")
            await step.stop("written")
            return "renamed"

        await cache.set("k", "Ada", tags=["user:7"])
        writer = step.start(rename(7))
        await step.reached("written")
        assert await cache.get("k") == "Ada"
        step.go("written")

        assert await step.ended(writer) == "renamed"
        assert await cache.get("k") is None

    async def test_what_a_call_that_raises_has_invalidated_stays(self, cache: Cache) -> None:
        @cache.transaction()
        async def rename() -> None:
            await cache.delete_tags("t")
            raise LookupError("no such user")

        await cache.set("k", 1, tags=["t"])

        with pytest.raises(LookupError, match="no such user"):
            await rename()
        assert await cache.get("k") == 1

    async def test_calls_at_once_have_one_each(self, cache: Cache, step: Stepper) -> None:
        """In cashews a second call while the first one runs is an error."""

        @cache.transaction()
        async def write(key: str) -> None:
            await cache.delete(key)
            await step.stop(key)

        await cache.set_many({"a": 1, "b": 2})
        writers = [step.start(write("a")), step.start(write("b"))]
        await step.reached("a")
        await step.reached("b")
        step.go("b")
        await step.ended(writers[1])
        assert await cache.get_many(["a", "b"]) == {"a": 1}

        step.go("a")
        await step.ended(writers[0])
        assert await cache.get_many(["a", "b"]) == {}

    def test_a_plain_function_stays_one(self, cache: Cache) -> None:
        @cache.transaction()
        def rename() -> str:
            cache.blocking.delete_tags("t")
            return f"{cache.blocking.get('k')} outside"

        cache.blocking.set("k", 1, tags=["t"])

        assert rename() == "None outside"  # it sees what it has done itself
        assert cache.blocking.get("k") is None

    async def test_it_joins_the_one_around_it(self, cache: Cache) -> None:
        @cache.transaction()
        async def rename() -> None:
            await cache.delete_tags("t")

        await cache.set("k", 1, tags=["t"])
        with pytest.raises(ZeroDivisionError):
            async with cache.transaction():
                await rename()
                raise ZeroDivisionError

        assert await cache.get("k") == 1

    async def test_a_writer_under_invalidates_waits_for_its_end(self, cache: Cache) -> None:
        @cache.transaction()
        @cache.invalidates("user:{user_id}")
        async def rename(user_id: int) -> int:
            return user_id

        await cache.set("k", 1, tags=["user:7"])

        assert await rename(7) == 7
        assert await cache.get("k") is None

    async def test_its_hold_is_judged_by_the_store_of_the_call(self, cache: Cache) -> None:
        """Functions are decorated before ``setup`` says what the store allows."""

        @cache.transaction(hold="2m")
        async def write() -> None:
            await cache.delete_tags("t")

        with pytest.raises(ConfigurationError, match="hold='2m' is longer than max_hold="):
            await write()
        cache.setup(max_hold="5m")
        await write()

    def test_a_hold_that_is_no_duration_is_refused_at_decoration(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError, match="hold='soon'"):
            cache.transaction(hold="soon")


class TestLock:
    async def test_one_call_at_a_time_runs(self, cache: Cache, step: Stepper) -> None:
        @cache.lock("report")
        async def rebuild(number: int) -> int:
            await step.stop("inside")
            return number

        first, second = step.start(rebuild(1)), step.start(rebuild(2))
        await step.reached("inside")
        await step.settle()
        assert step.visits("inside") == 1

        step.go("inside")
        assert await step.ended(first) == 1
        await step.reached("inside")
        step.go("inside")
        assert await step.ended(second) == 2

    async def test_its_key_is_a_template_over_the_arguments(self, cache: Cache, step: Stepper) -> None:
        @cache.lock("report:{day}", timeout=0)
        async def rebuild(day: str = "mon") -> str:
            await step.stop(day)
            return day

        monday = step.start(rebuild())
        await step.reached("mon")
        tuesday = step.start(rebuild("tue"))
        await step.reached("tue")
        with pytest.raises(LockTimeout, match="report:mon"):
            await rebuild(day="mon")

        step.go("mon")
        step.go("tue")
        assert [await step.ended(monday), await step.ended(tuesday)] == ["mon", "tue"]

    async def test_an_argument_may_hold_braces(self, cache: Cache) -> None:
        @cache.lock("q:{text}")
        async def search(text: str) -> str:
            return text

        assert await search("{user_id}") == "{user_id}"

    async def test_it_is_the_lock_of_the_blocks_under_that_key(self, cache: Cache) -> None:
        @cache.lock("report:{day}", timeout=0)
        async def rebuild(day: str) -> None: ...

        async with cache.lock("report:mon"):
            outsider = asyncio.create_task(rebuild("mon"))
            with pytest.raises(LockTimeout):
                await outsider
        await rebuild("mon")

    async def test_a_call_that_took_too_long_is_told(self, cache: Cache, clock: ManualClock) -> None:
        @cache.lock("report", ttl="10s")
        async def rebuild() -> None:
            clock.advance("10s")

        with pytest.raises(LockLost):
            await rebuild()

    def test_plain_functions_keep_threads_out(self, cache: Cache, threads: ThreadStepper) -> None:
        inside: list[str] = []

        @cache.lock("report")
        def rebuild(name: str) -> str:
            inside.append(name)
            if name == "first":
                threads.stop("inside")
            return name

        first = threads.start(rebuild, "first")
        threads.reached("inside")
        second = threads.start(rebuild, "second")
        assert inside == ["first"]
        threads.go("inside")

        assert first.result(LIMIT_SECONDS) == "first"
        assert second.result(LIMIT_SECONDS) == "second"

    def test_on_the_blocking_face_too(self, cache: Cache, threads: ThreadStepper) -> None:
        def enter() -> None:
            with cache.blocking.lock("report:mon", timeout=0):
                pytest.fail("it was entered")

        @cache.blocking.lock("report:{day}")
        def rebuild(day: str) -> str:
            with pytest.raises(LockTimeout):
                threads.start(enter).result(LIMIT_SECONDS)
            return day

        assert rebuild("mon") == "mon"

    async def test_methods_name_what_of_their_object_counts(self, cache: Cache) -> None:
        class Queue:
            def __init__(self, name: str) -> None:
                self.name = name

            @cache.lock("queue:{self.name}", timeout=0)
            async def drain(self, other: Queue | None = None) -> str:
                return self.name if other is None else await other.drain()

        assert await Queue("a").drain(Queue("b")) == "b"

    async def test_static_and_class_methods_stay_what_they_are(self, cache: Cache) -> None:
        class Jobs:
            @cache.lock("one")
            @staticmethod
            def one() -> str:
                return "one"

            @cache.lock("two")
            @classmethod
            async def two(cls) -> str:
                return cls.__name__

        assert Jobs.one() == Jobs().one() == "one"
        assert await Jobs.two() == "Jobs"


class TestOnce:
    async def test_one_call_runs_and_the_others_return_none(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        sent: list[int] = []

        @cache.once("welcome:{user_id}", ttl="1d")
        async def welcome(user_id: int) -> str:
            sent.append(user_id)
            return "sent"

        assert [await welcome(7), await welcome(user_id=7), await welcome(8)] == ["sent", None, "sent"]
        clock.advance("1d")
        assert await welcome(7) == "sent"
        assert sent == [7, 8, 7]

    async def test_if_it_raises_the_next_call_runs(self, cache: Cache) -> None:
        outcomes: list[Any] = [OSError("no route"), "sent"]

        @cache.once("welcome", ttl="1d")
        async def welcome() -> str:
            outcome = outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return str(outcome)

        with pytest.raises(OSError, match="no route"):
            await welcome()
        assert await welcome() == "sent"
        assert await welcome() is None

    def test_plain_functions_too(self, cache: Cache) -> None:
        @cache.once("a", ttl="1d")
        def one() -> int:
            return 1

        @cache.blocking.once("b", ttl="1d")
        def two() -> int:
            return 2

        assert [one(), one(), two(), two()] == [1, None, 2, None]


async def a_coroutine() -> None: ...


def a_generator() -> Iterator[int]:
    yield 1


async def an_async_generator() -> AsyncIterator[int]:
    yield 1


class TestWhatIsDecorated:
    def test_name_and_parameters_stay(self, cache: Cache) -> None:
        @cache.lock("k")
        async def rebuild(day: str, *, hard: bool = False) -> int:
            """Rebuild it."""
            return 1

        assert (rebuild.__name__, rebuild.__doc__) == ("rebuild", "Rebuild it.")
        assert [*inspect.signature(rebuild).parameters] == ["day", "hard"]
        assert inspect.iscoroutinefunction(rebuild)

    @pytest.mark.parametrize("function", [a_generator, an_async_generator])
    def test_a_generator_runs_after_its_call_so_it_is_refused(
        self, cache: Cache, function: Any
    ) -> None:
        for decorator in (cache.transaction(), cache.lock("k"), cache.once("k", 60)):
            with pytest.raises(ConfigurationError, match="is a generator"):
                decorator(function)

    def test_a_coroutine_function_is_refused_by_the_blocking_face(self, cache: Cache) -> None:
        blocking: Any = cache.blocking
        for decorator in (blocking.transaction(), blocking.lock("k"), blocking.once("k", 60)):
            with pytest.raises(ConfigurationError, match=r"is an async def.*write @cache\."):
                decorator(a_coroutine)

    async def test_a_cached_function_is_refused_and_the_other_order_works(self, cache: Cache) -> None:
        """Above ``@cache`` each hit would take the lock."""

        async def get() -> int:
            return 1

        class Service:
            @cache("1h")
            def get(self) -> int:
                return 1

        for cached in (cache("1h")(get), vars(Service)["get"]):
            for decorator in (cache.transaction(), cache.lock("k"), cache.once("k", 60)):
                with pytest.raises(ConfigurationError, match=r"is cached already.*write @cache above"):
                    decorator(cached)

        @cache("1h")
        @cache.lock("k", timeout=0)
        async def locked() -> int:
            return 1

        assert await locked() == 1
        async with cache.lock("k"):
            assert await locked() == 1  # a hit takes no lock

    @pytest.mark.parametrize(
        ("key", "words"),
        [
            ("report:{dya}", "'dya' is no parameter.*did you mean 'day'"),
            ("report:{result}", "no result yet"),
            ("report:{day", "report:{day"),
        ],
    )
    def test_a_template_is_checked_at_decoration(self, cache: Cache, key: str, words: str) -> None:
        def rebuild(day: str) -> None: ...

        with pytest.raises(ConfigurationError, match=words):
            cache.lock(key)(rebuild)
        with pytest.raises(ConfigurationError, match=words):
            cache.once(key, 60)(rebuild)

    def test_an_object_is_no_key(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError, match=r"may hold an address.*\{self\.name\}"):

            class Queue:
                @cache.lock("queue:{self}")
                def drain(self) -> None: ...
