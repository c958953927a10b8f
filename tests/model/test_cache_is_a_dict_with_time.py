"""A cache is a dict with time: hypothesis plays any sequence of calls against both.

The model (``model.py``) is a dict of entries with their instants, and lists of what pauses and what is
held. Nothing happens at the same time here; what does is the business of ``tests/checker``, and so are
timeouts, the budget of refreshes, locks, and loads inside of transactions, which are nothing without
it. ``vary`` decides what a key is and nothing of what becomes of it: tests/core/test_key.py.

The machine holds one event loop over all its steps and lets every refresh end before the next one, and
refreshes of plain functions, which would run on threads, run at once. Each load gives the next number,
so the value alone tells which load it came from.

There is a machine for each policy, so that its steps meet. It has functions of both colours, and of
each colour one that takes a number, one that takes many, and one that yields; the first two have the
same entries, and so have the commands, which are given by either face.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from freshly import Cache, NotModified
from freshly.testing import ManualClock, Stepper
from tests.model.model import (
    BY_HAND,
    DICE,
    FAILED,
    PAUSE,
    POLICIES,
    WALL_SECONDS,
    Absent,
    Ask,
    Mood,
    SourceDown,
    World,
)

COLOURS = ("async", "blocking")

which = st.sampled_from([0, 0, 1])
#: How much time passes after a read.
pauses = st.sampled_from([0, 0, 0.5, 1, 2, 3])
numbers = st.sampled_from([0, 0, 0, 1])
places = st.tuples(which, numbers)
some_places = st.lists(places, min_size=1, max_size=3)
lists = st.sampled_from([[0, 1], [1, 0], [1], [0, 1, 0]])
#: Tags: the number of a function, or a text.
marks = st.sampled_from(["all", "n:0", "n:1", 0, 1])
patterns = st.sampled_from(["*", "[!s]*", "*:0", "?l*:1", "*.async:*", "*:seq:*", "nothing"])
places_once = st.lists(places, min_size=1, max_size=3, unique=True)
holds = st.sampled_from([None, None, 2])
invalidations = st.one_of(
    st.tuples(st.just("delete"), places_once, holds),
    st.tuples(st.just("delete_many"), places_once, st.none()),
    st.tuples(st.just("delete_match"), patterns, st.none()),
    st.tuples(st.just("delete_tags"), st.lists(marks, min_size=1, max_size=2), holds),
    st.tuples(st.just("clear"), st.none(), st.none()),
)
#: What the source does when it is asked.
moods = st.sampled_from([Mood.UP] * 4 + [*Mood])
moods_of_many = st.sampled_from([Mood.UP, Mood.UP, Mood.DOWN, Mood.ABSENT, Mood.GONE])
moods_of_sequences = st.sampled_from([Mood.UP, Mood.UP, Mood.DOWN, Mood.BRIEF, Mood.SECRET])


class AtOnce:
    """Stands in for the threads of refreshes: what is submitted has run when ``submit`` returns."""

    def __init__(self, *_: object) -> None: ...

    def submit(self, future: Future[None], job: Callable[[], object]) -> bool:
        try:
            job()
            future.set_result(None)
        except Exception as error:
            future.set_exception(error)
        return True


class Source:
    """What loaders ask. ``confirmed`` is whether one of them said so since it was last asked."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.value = 0
        self.loads = 0
        self.mood = Mood.UP
        self.confirmed = False

    def next(self) -> int:
        self.value += 1
        return self.value

    def read(self, *, speaks: bool) -> int:
        self.loads += 1
        current = self.cache.current
        match self.mood:
            case Mood.DOWN:
                raise SourceDown
            case Mood.ABSENT:
                raise Absent(self.next())
            case Mood.UNCHANGED if speaks and current.etag is not None:
                self.confirmed = True
                raise NotModified
            case Mood.BRIEF if speaks:
                current.ttl, current.soft_ttl = 3, 2
            case Mood.SECRET if speaks:
                current.do_not_store()
            case _:
                pass
        if speaks:
            current.etag = "an etag"
        return self.next()

    def read_many(self, some: list[Any]) -> dict[Any, Any]:
        """Number 1, or a key that ends in it, is the one that may be absent or gone."""
        self.loads += 1
        if self.mood is Mood.DOWN:
            raise SourceDown
        found: dict[Any, Any] = {}
        for one in some:
            is_first = str(one)[-1] == "1"
            if is_first and self.mood is Mood.GONE:
                continue
            is_absent = is_first and self.mood is Mood.ABSENT
            found[one] = Absent(self.next()) if is_absent else self.next()
        return found


def caught(call: Callable[[], Any]) -> Any:
    """Return what ``call`` returns, or a mark of what it raises."""
    try:
        return call()
    except SourceDown:
        return FAILED
    except Absent as absent:
        return absent


class CacheMachine(RuleBasedStateMachine):
    policy = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        wall = datetime.fromtimestamp(WALL_SECONDS, UTC)
        self.clock = ManualClock(wall=wall)
        # Before there is a cache: it makes its pools with itself.
        self.threads = patch("freshly.runtime.threads.Pool", AtOnce)
        self.threads.start()
        self.cache = Cache(clock=self.clock, dice=lambda: DICE)
        self.source = Source(self.cache)
        self.names = [f"{self.policy}.{colour}" for colour in COLOURS]
        self.model = World(self.clock.now)

    @initialize(seconds=st.integers(0, 60))
    def begin(self, seconds: int) -> None:
        names = self.model.names = self.names
        self.one = {name: self._function(name) for name in names}
        self.many = {name: self._function_of_many(name) for name in names}
        self.sequence = {name: self._generator(name) for name in names}
        self.clock.advance(seconds + 1)

    def _function(self, name: str) -> Callable[[int], Any]:
        policy, colour = self._policy(name)
        decorator: Any = self.cache(
            key=f"{name}:{{number}}",
            tags=["all", "n:{number}", f"f:{name}"],
            retry_after=PAUSE,
            **policy.options,
        )
        if colour == "blocking":

            @decorator
            def load_blocking(number: int) -> int:
                return self.source.read(speaks=policy.speaks)

            return load_blocking

        @decorator
        async def load(number: int) -> int:
            return self.source.read(speaks=policy.speaks)

        return load

    def _function_of_many(self, name: str) -> Callable[[list[int]], Any]:
        """Return a function whose entries are those of the function of one."""
        policy, colour = self._policy(name)
        decorator: Any = self.cache.many(
            key=f"{name}:{{number}}",
            tags=["all", "n:{number}", f"f:{name}"],
            retry_after=PAUSE,
            on_error="return",
            **policy.options,
        )
        if colour == "blocking":

            @decorator
            def load_many_blocking(numbers: list[int]) -> dict[int, int]:
                return self.source.read_many(numbers)

            return load_many_blocking

        @decorator
        async def load_many(numbers: list[int]) -> dict[int, int]:
            return self.source.read_many(numbers)

        return load_many

    def _generator(self, name: str) -> Callable[[int], Any]:
        """Return a generator that yields its number twice, or yields nothing and fails."""
        policy, colour = self._policy(name)
        decorator: Any = self.cache.iterator(
            key=f"{name}:seq:{{number}}",
            tags=["all", "n:{number}", f"f:{name}"],
            retry_after=PAUSE,
            **policy.of_sequences.options,
        )
        if colour == "blocking":

            @decorator
            def sequence_blocking(number: int) -> Iterator[int]:
                value = self.source.read(speaks=policy.speaks)
                yield value
                yield value

            return sequence_blocking

        @decorator
        async def sequence(number: int) -> AsyncIterator[int]:
            value = self.source.read(speaks=policy.speaks)
            yield value
            yield value

        return sequence

    def _policy(self, name: str) -> tuple[Any, str]:
        policy, colour = name.split(".")
        return POLICIES[policy], colour

    def teardown(self) -> None:
        self.runner.run(self.cache.close())
        self.runner.close()
        self.threads.stop()

    def _key(self, place: tuple[int, int]) -> str:
        return f"{self.names[place[0]]}:{place[1]}"

    def _tag(self, mark: int | str) -> str:
        return f"f:{self.names[mark]}" if isinstance(mark, int) else mark

    def _ask(self, name: str, number: int, *, is_sequence: bool = False) -> Ask:
        policy, _ = self._policy(name)
        tags = frozenset({"all", f"n:{number}", f"f:{name}"})
        if is_sequence:
            return Ask(f"{name}:seq:{number}", tags, policy.of_sequences)
        return Ask(f"{name}:{number}", tags, policy)

    # -- reading -----------------------------------------------------------------------------

    @rule(one=which, number=numbers, mood=moods, pause=pauses)
    def call(self, one: int, number: int, mood: Mood, pause: float) -> None:
        name = self.names[one]
        found = self._run(name, mood, lambda: self.one[name](number))

        expected = self.model.read(self._ask(name, number), mood, confirmed=self.source.confirmed)
        self._compare(found, expected)
        self._pass(pause)

    @rule(number=numbers, mood=moods, pause=st.sampled_from([1, 1.5, 2]))
    def call_again(self, number: int, mood: Mood, pause: float) -> None:
        """More often than the rest, so that the time in a life passes under its readers."""
        self.call(0, number, mood, pause)

    @rule(one=which, wanted=lists, mood=moods_of_many, pause=pauses)
    def call_many(self, one: int, wanted: list[int], mood: Mood, pause: float) -> None:
        name, each = self.names[one], list(dict.fromkeys(wanted))
        found = self._run(name, mood, lambda: self.many[name](wanted))

        expected = self.model.read_many({each: self._ask(name, each) for each in each}, mood)
        self._compare(found, expected)
        if isinstance(found, dict):
            assert [*found] == [*expected]
        self._pass(pause)

    @rule(one=which, number=numbers, mood=moods_of_sequences, pause=pauses)
    def iterate(self, one: int, number: int, mood: Mood, pause: float) -> None:
        name, is_blocking = self.names[one], self.names[one].endswith("blocking")

        async def collected() -> tuple[int, ...]:
            return tuple([element async for element in self.sequence[name](number)])

        found = self._run(
            name, mood, lambda: tuple(self.sequence[name](number)) if is_blocking else collected()
        )

        expected = self.model.read(self._ask(name, number, is_sequence=True), mood, confirmed=False)
        self._compare(found, (expected,) * 2 if isinstance(expected, int) else expected)
        self._pass(pause)

    @rule(one=which, number=numbers)
    def iterate_and_leave(self, one: int, number: int) -> None:
        """What is left early is stored nowhere; what was stored is read as ever."""
        name, is_blocking = self.names[one], self.names[one].endswith("blocking")

        def first() -> int:
            elements = self.sequence[name](number)
            found: int = next(elements)
            elements.close()
            return found

        async def first_awaited() -> int:
            elements = self.sequence[name](number)
            found: int = await anext(elements)
            await elements.aclose()
            return found

        found = self._run(name, Mood.UP, first if is_blocking else first_awaited)

        expected = self.model.read_and_leave(self._ask(name, number, is_sequence=True))
        self._compare(found, expected)

    @rule(place=places, mood=moods_of_sequences, blocking=st.booleans())
    def get_or_set(self, place: tuple[int, int], mood: Mood, blocking: bool) -> None:
        key = self._key(place)
        found = self._run_command(
            "get_or_set",
            key,
            lambda: self.source.read(speaks=False),
            mood=mood,
            blocking=blocking,
            tags=BY_HAND.tags,
            retry_after=PAUSE,
            **BY_HAND.policy.options,
        )

        ask = Ask(key, frozenset(BY_HAND.tags), BY_HAND.policy)
        self._compare(found, self.model.read(ask, mood, confirmed=False))

    @rule(some=some_places, mood=moods_of_many, blocking=st.booleans())
    def get_or_set_many(self, some: list[tuple[int, int]], mood: Mood, blocking: bool) -> None:
        keys = list(dict.fromkeys(self._key(place) for place in some))
        found = self._run_command(
            "get_or_set_many",
            keys,
            self.source.read_many,
            mood=mood,
            blocking=blocking,
            tags=BY_HAND.tags,
            on_error="return",
            retry_after=PAUSE,
            **BY_HAND.policy.options,
        )

        asks = {key: Ask(key, frozenset(BY_HAND.tags), BY_HAND.policy) for key in keys}
        self._compare(found, self.model.read_many(asks, mood))

    def _run(self, name: str, mood: Mood, call: Callable[[], Any]) -> Any:
        """Have a function called while the source is in ``mood``, and what it began behind end."""
        self.source.mood, self.source.confirmed = mood, False

        async def run() -> Any:
            try:
                called = call()
                return called if name.endswith("blocking") else await called
            finally:
                await Stepper().settle(20)

        return caught(lambda: self.runner.run(run()))

    def _run_command(self, name: str, *args: Any, mood: Mood, blocking: bool, **options: Any) -> Any:
        face = self.cache.blocking if blocking else self.cache
        colour = "blocking" if blocking else "async"
        return self._run(colour, mood, lambda: getattr(face, name)(*args, **options))

    def _compare(self, found: Any, expected: Any) -> None:
        assert marked(found) == marked(expected)
        assert self.source.loads == self.model.loads

    @rule(place=places, blocking=st.booleans())
    def get(self, place: tuple[int, int], blocking: bool) -> None:
        key = self._key(place)

        assert self._command("exists", key, blocking=blocking) == self.model.exists(key)
        found = caught(lambda: self._command("get", key, blocking=blocking))
        assert marked(found) == marked(self.model.get(key))

    @rule(some=some_places, blocking=st.booleans())
    def get_many(self, some: list[tuple[int, int]], blocking: bool) -> None:
        keys = [self._key(place) for place in some]

        assert self._command("get_many", keys, blocking=blocking) == self.model.get_many(keys)

    # -- writing -----------------------------------------------------------------------------

    @rule(
        place=places,
        ttl=st.none() | st.integers(2, 8),
        is_soft=st.booleans(),
        marks=st.lists(marks, max_size=4, unique=True),
        blocking=st.booleans(),
    )
    def set(
        self,
        place: tuple[int, int],
        ttl: int | None,
        is_soft: bool,
        marks: list[int | str],
        blocking: bool,
    ) -> None:
        key, tags = self._key(place), [self._tag(mark) for mark in marks]
        value, soft_ttl = self.source.next(), 2 if is_soft else None

        stored = self._command("set", key, value, ttl, blocking=blocking, tags=tags, soft_ttl=soft_ttl)

        assert stored == self.model.set(key, value, ttl, soft_ttl, frozenset(tags))

    @rule(
        some=st.lists(places, min_size=1, max_size=3, unique=True),
        ttl=st.none() | st.integers(2, 8),
        marks=st.lists(marks, max_size=2, unique=True),
        blocking=st.booleans(),
    )
    def set_many(
        self,
        some: list[tuple[int, int]],
        ttl: int | None,
        marks: list[int | str],
        blocking: bool,
    ) -> None:
        tags = [self._tag(mark) for mark in marks]
        values = {self._key(place): self.source.next() for place in some}

        stored = self._command("set_many", values, ttl, blocking=blocking, tags=tags)

        expected = [
            self.model.set(key, value, ttl, None, frozenset(tags)) for key, value in values.items()
        ]
        assert stored == sum(expected)

    @rule(how=invalidations, blocking=st.booleans())
    def invalidate(self, how: tuple[str, Any, int | None], blocking: bool) -> None:
        """One rule for all of it: after it there is little left to look at."""
        verb, what, hold = how
        match verb:
            case "delete":
                keys = [self._key(place) for place in what]
                deleted = self._command("delete", *keys, blocking=blocking, hold=hold)
                assert deleted == self.model.delete(keys, hold=hold)
            case "delete_many":
                keys = [self._key(place) for place in what]
                deleted = self._command("delete_many", keys, blocking=blocking)
                assert deleted == self.model.delete(keys)
            case "delete_match":
                deleted = self._command("delete_match", what, blocking=blocking)
                assert deleted == self.model.delete(self.model.keys_like(what))
            case "delete_tags":
                tags = [self._tag(mark) for mark in what]
                self._command("delete_tags", *tags, blocking=blocking, hold=hold)
                self.model.invalidate(tags, hold=hold)
            case _:
                self._command("clear", blocking=blocking)
                self.model.delete(self.model.keys_like("*"))

    @rule(some=st.lists(marks, min_size=1, max_size=2), blocking=st.booleans())
    def mark_stale(self, some: list[int | str], blocking: bool) -> None:
        tags = [self._tag(mark) for mark in some]

        self._command("mark_stale", *tags, blocking=blocking)

        self.model.mark_stale(tags)

    @rule(
        steps=st.lists(st.tuples(st.sampled_from(["set", "delete", "tags"]), places), max_size=4),
        place=places,
        fails=st.booleans(),
        blocking=st.booleans(),
    )
    def transact(
        self,
        steps: list[tuple[str, tuple[int, int]]],
        place: tuple[int, int],
        fails: bool,
        blocking: bool,
    ) -> None:
        """Inside it sees what it has done; outside that is done at its end, or never."""
        if self.model.is_holding:
            return  # tests/faces/test_hold.py
        done = [(kind, self._key(at), self.source.next()) for kind, at in steps]
        key = self._key(place)

        def begin(face: Any) -> list[Any]:
            return [
                face.set(at, value, 5, tags=["all"])
                if kind == "set"
                else (face.delete(at) if kind == "delete" else face.delete_tags("all"))
                for kind, at, value in done
            ]

        def run_blocking() -> Any:
            with self.cache.blocking.transaction():
                begin(self.cache.blocking)
                seen = caught(lambda: self.cache.blocking.get(key))
                if fails:
                    raise ZeroDivisionError(seen)
            return seen

        async def run() -> Any:
            async with self.cache.transaction():
                for command in begin(self.cache):
                    await command
                try:
                    seen = await self.cache.get(key)
                except Absent as absent:
                    seen = absent
                if fails:
                    raise ZeroDivisionError(seen)
            return seen

        try:
            seen = run_blocking() if blocking else self.runner.run(run())
        except ZeroDivisionError as error:
            seen = error.args[0]

        assert marked(seen) == marked(self.model.transact(done, key, fails=fails))

    @rule(key=st.sampled_from("ab"), ttl=st.integers(1, 5), fails=st.booleans(), blocking=st.booleans())
    def once(self, key: str, ttl: int, fails: bool, blocking: bool) -> None:
        @self.cache.once(key, ttl)
        async def run() -> bool:
            if fails:
                raise ZeroDivisionError
            return True

        @self.cache.blocking.once(key, ttl)
        def run_blocking() -> bool:
            if fails:
                raise ZeroDivisionError
            return True

        try:
            ran = bool(run_blocking() if blocking else self.runner.run(awaited(run())))
        except ZeroDivisionError:
            ran = True

        assert ran == self.model.once(key, ttl, fails=fails)

    def _command(self, name: str, *args: Any, blocking: bool, **options: Any) -> Any:
        if blocking:
            return getattr(self.cache.blocking, name)(*args, **options)
        return self.runner.run(getattr(self.cache, name)(*args, **options))

    # -- time --------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([3, 5, 10]))
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def _pass(self, seconds: float) -> None:
        if seconds:
            self.clock.advance(seconds)

    @invariant()
    def nothing_loads_but_calls(self) -> None:
        assert self.source.loads == self.model.loads
        assert self.source.value == self.model.last


async def awaited(work: Any) -> Any:
    return await work


def marked(value: Any) -> Any:
    """Return ``value`` with exceptions that are equal if they are alike."""
    if isinstance(value, Absent):
        return ("absent", *value.args)
    if isinstance(value, dict):
        return {key: marked(one) for key, one in value.items()}
    return value


def machine_of(policy: str) -> type[CacheMachine]:
    return type(f"Machine of {policy}", (CacheMachine,), {"policy": policy})


@pytest.mark.parametrize("policy", POLICIES)
def test_a_cache_is_a_dict_with_time(policy: str) -> None:
    run_state_machine_as_test(
        machine_of(policy), settings=settings(max_examples=30, stateful_step_count=50)
    )


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_and_stays_one(policy: str) -> None:
    run_state_machine_as_test(
        machine_of(policy), settings=settings(max_examples=400, stateful_step_count=60)
    )
