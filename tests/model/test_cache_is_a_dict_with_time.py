"""A cache is a dict with time: hypothesis plays any sequence of calls against both.

The model is a dict of entries with four instants, and a list of what paused. Nothing happens at the
same time here; what does is the business of ``tests/checker``. So the machine holds one event loop
over all its steps and lets every refresh end before the next one, and refreshes of plain functions,
which would run on threads, run at once. Each load gives the next number, so the value alone tells
which load it came from.

An example has two of the functions, so that its steps meet. Commands are given by either face.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from freshly import Cache
from freshly.testing import ManualClock, Stepper

FOR_EVER = 30 * 86_400.0
PAUSE = 1.0

SPANS: dict[str, dict[str, float]] = {
    "plain": {"ttl": 10},
    "soft": {"ttl": 10, "soft_ttl": 5},
    "early": {"ttl": 10, "early_ttl": 4},
    "grace": {"ttl": 10, "grace": 5},
    "all": {"ttl": 10, "soft_ttl": 6, "early_ttl": 3, "grace": 5},
}
COLOURS = ("async", "blocking")
NAMES = [f"{span}.{colour}" for span in SPANS for colour in COLOURS]

which = st.integers(0, 1)
numbers = st.sampled_from([0, 0, 0, 1])
places = st.tuples(which, numbers)
#: Tags: the number of a function, or a text.
marks = st.sampled_from(["all", "n:0", "n:1", 0, 1])
patterns = st.sampled_from(["*", "[!s]*", "*:0", "?l*:1", "*.async:*", "nothing"])


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


class SourceDown(Exception):
    """What a loader raises while the source is down."""


class Source:
    def __init__(self) -> None:
        self.value = 0
        self.loads = 0
        self.is_down = False

    def next(self) -> int:
        self.value += 1
        return self.value

    def read(self) -> int:
        self.loads += 1
        if self.is_down:
            raise SourceDown
        return self.next()

    def read_many(self, numbers: list[int]) -> dict[int, int]:
        self.loads += 1
        return {number: self.next() for number in numbers}


@dataclass
class Kept:
    """An entry of the model."""

    value: int
    tags: frozenset[str]
    born: float
    early_at: float
    stale_at: float
    expires_at: float
    dead_at: float


class CacheMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = ManualClock()
        self.cache = Cache(clock=self.clock, dice=lambda: 0.0)
        self.source = Source()
        self.threads = patch("freshly.runtime.threads.Pool", AtOnce)
        self.threads.start()
        self.names = NAMES[:2]
        # The model.
        self.kept: dict[str, Kept] = {}
        self.pauses: dict[str, float] = {}
        self.loads = 0
        self.last = 0
        self.at_least: dict[str, int] = {}

    @initialize(
        names=st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True),
        seconds=st.integers(0, 100),
    )
    def begin(self, names: list[str], seconds: int) -> None:
        self.names = names
        self.functions = {name: self._function(name) for name in names}
        self.of_many = {name: self._function_of_many(name) for name in names}
        self.clock.advance(seconds + 1)

    def _function(self, name: str) -> Callable[[int], Any]:
        span, colour = name.split(".")
        decorator: Any = self.cache(
            key=f"{name}:{{number}}",
            tags=["all", "n:{number}", f"f:{name}"],
            retry_after=PAUSE,
            **SPANS[span],
        )
        if colour == "blocking":

            @decorator
            def load_blocking(number: int) -> int:
                return self.source.read()

            return load_blocking

        @decorator
        async def load(number: int) -> int:
            return self.source.read()

        return load

    def _function_of_many(self, name: str) -> Callable[[list[int]], Any]:
        """Return a function whose entries are those of the function of one."""
        span, colour = name.split(".")
        decorator: Any = self.cache.many(
            key=f"{name}:{{number}}",
            tags=["all", "n:{number}", f"f:{name}"],
            retry_after=PAUSE,
            **SPANS[span],
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

    def teardown(self) -> None:
        self.runner.run(self.cache.close())
        self.runner.close()
        self.threads.stop()

    def _key(self, place: tuple[int, int]) -> str:
        return f"{self.names[place[0]]}:{place[1]}"

    def _tag(self, mark: int | str) -> str:
        return f"f:{self.names[mark]}" if isinstance(mark, int) else mark

    # -- reading -----------------------------------------------------------------------------

    @rule(one=which, number=numbers, down=st.sampled_from([False, False, True]))
    def call(self, one: int, number: int, down: bool) -> None:
        """While the source is ``down``, loaders raise."""
        name = self.names[one]
        self.source.is_down = down
        expected = self._expected(name, number, down)

        found = self.runner.run(self._called(name, number))

        assert found == expected
        assert self.source.loads == self.loads
        if isinstance(found, int):
            assert found >= self.at_least.get(f"{name}:{number}", 0)

    async def _called(self, name: str, number: int) -> object:
        try:
            called = self.functions[name](number)
            found: int = called if name.endswith("blocking") else await called
        except SourceDown:
            return SourceDown
        finally:
            await Stepper().settle(20)
        return found

    @rule(one=which, wanted=st.sampled_from([[0, 1], [1, 0], [1], [0, 1, 0]]))
    def call_many(self, one: int, wanted: list[int]) -> None:
        name = self.names[one]
        self.source.is_down = False
        expected = self._expected_of_many(name, list(dict.fromkeys(wanted)))

        found = self.runner.run(self._called_many(name, wanted))

        assert found == expected
        assert [*found] == [*expected]
        assert self.source.loads == self.loads
        for number, value in found.items():
            assert value >= self.at_least.get(f"{name}:{number}", 0)

    async def _called_many(self, name: str, wanted: list[int]) -> dict[int, int]:
        called = self.of_many[name](wanted)
        found: dict[int, int] = called if name.endswith("blocking") else await called
        await Stepper().settle(20)
        return found

    def _expected_of_many(self, name: str, wanted: list[int]) -> dict[int, int]:
        """One load behind for what is served and has to be refreshed, then one for what is missing."""
        now = self.clock.now()
        expected = dict.fromkeys(wanted, 0)
        behind, missing = [], []
        for number in wanted:
            entry = self.kept.get(f"{name}:{number}")
            if entry is None or now >= entry.dead_at or not self._tags(name, number) <= entry.tags:
                missing.append(number)
                continue
            is_paused = now < self.pauses.get(f"{name}:{number}", now)
            if not (now < entry.early_at or is_paused):
                (behind if now < entry.expires_at else missing).append(number)
            expected[number] = entry.value
        for share in (behind, missing):
            self.loads += bool(share)
            for number in share:
                loaded = self._keep(name, number)
                expected[number] = loaded if share is missing else expected[number]
        return expected

    def _expected(self, name: str, number: int, down: bool) -> object:
        key, now = f"{name}:{number}", self.clock.now()
        entry = self.kept.get(key)
        if entry is not None and not self._tags(name, number) <= entry.tags:
            entry = None
        if entry is None or now >= entry.dead_at:
            return self._load(name, number, down=down) or SourceDown
        is_paused = now < self.pauses.get(key, now)
        if now < entry.early_at or is_paused:
            return entry.value
        loaded = self._load(name, number, down=down)
        if loaded is None:
            self.pauses[key] = now + PAUSE
        return entry.value if loaded is None or now < entry.expires_at else loaded

    def _load(self, name: str, number: int, *, down: bool) -> int | None:
        self.loads += 1
        return None if down else self._keep(name, number)

    def _keep(self, name: str, number: int) -> int:
        options, now = SPANS[name.split(".")[0]], self.clock.now()
        self.last += 1
        soft = options.get("soft_ttl", options["ttl"])
        self.kept[f"{name}:{number}"] = Kept(
            value=self.last,
            tags=self._tags(name, number),
            born=now,
            early_at=now + options.get("early_ttl", soft),
            stale_at=now + soft,
            expires_at=now + options["ttl"],
            dead_at=now + options["ttl"] + options.get("grace", 0),
        )
        self.pauses.pop(f"{name}:{number}", None)
        return self.last

    def _tags(self, name: str, number: int) -> frozenset[str]:
        return frozenset({"all", f"n:{number}", f"f:{name}"})

    @rule(place=places, blocking=st.booleans())
    def get(self, place: tuple[int, int], blocking: bool) -> None:
        key = self._key(place)
        entry = self.kept.get(key)
        expected = entry.value if entry is not None and self._is_found(entry) else None

        assert self._command("get", key, blocking=blocking) == expected
        assert self._command("exists", key, blocking=blocking) == (expected is not None)

    @rule(some=st.lists(places, min_size=1, max_size=3), blocking=st.booleans())
    def get_many(self, some: list[tuple[int, int]], blocking: bool) -> None:
        keys = [self._key(place) for place in some]
        entries = {key: self.kept[key] for key in keys if key in self.kept}
        expected = {key: entry.value for key, entry in entries.items() if self._is_found(entry)}

        assert self._command("get_many", keys, blocking=blocking) == expected

    def _is_found(self, entry: Kept) -> bool:
        return self.clock.now() < entry.expires_at

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
        now, value = self.clock.now(), self.source.next()
        soft_ttl = 2 if is_soft else None

        assert self._command("set", key, value, ttl, blocking=blocking, tags=tags, soft_ttl=soft_ttl)

        self.last = value
        ends = now + (FOR_EVER if ttl is None else ttl)
        stale_at = ends if soft_ttl is None else now + soft_ttl
        self.kept[key] = Kept(value, frozenset(tags), now, stale_at, stale_at, ends, ends)
        self.at_least[key] = value

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
        tags, now = [self._tag(mark) for mark in marks], self.clock.now()
        values = {self._key(place): self.source.next() for place in some}

        stored = self._command("set_many", values, ttl, blocking=blocking, tags=tags)

        assert stored == len(values)
        ends = now + (FOR_EVER if ttl is None else ttl)
        for key, value in values.items():
            self.last = self.at_least[key] = value
            self.kept[key] = Kept(value, frozenset(tags), now, ends, ends, ends, ends)
            self.pauses.pop(key, None)

    @rule(some=st.lists(places, min_size=1, max_size=3, unique=True), blocking=st.booleans())
    def delete_many(self, some: list[tuple[int, int]], blocking: bool) -> None:
        keys = [self._key(place) for place in some]

        assert self._command("delete_many", keys, blocking=blocking) == self._drop(keys)

    @rule(
        some=st.lists(places, min_size=1, max_size=3, unique=True).map(tuple),
        blocking=st.booleans(),
    )
    def delete(self, some: tuple[tuple[int, int], ...], blocking: bool) -> None:
        keys = [self._key(place) for place in some]

        assert self._command("delete", *keys, blocking=blocking) == self._drop(keys)

    @rule(pattern=patterns, blocking=st.booleans())
    def delete_match(self, pattern: str, blocking: bool) -> None:
        some = [key for key in self._all_keys() if fnmatchcase(key, pattern)]

        assert self._command("delete_match", pattern, blocking=blocking) == self._drop(some)

    @rule(some=st.lists(marks, min_size=1, max_size=2), blocking=st.booleans())
    def delete_tags(self, some: list[int | str], blocking: bool) -> None:
        tags = [self._tag(mark) for mark in some]

        self._command("delete_tags", *tags, blocking=blocking)

        self._drop([key for key, entry in self.kept.items() if entry.tags & {*tags}])

    @rule(some=st.lists(marks, min_size=1, max_size=2), blocking=st.booleans())
    def mark_stale(self, some: list[int | str], blocking: bool) -> None:
        tags = [self._tag(mark) for mark in some]

        self._command("mark_stale", *tags, blocking=blocking)

        for entry in self.kept.values():
            if entry.tags & {*tags}:
                entry.early_at = entry.stale_at = entry.born

    @rule(blocking=st.booleans())
    def clear(self, blocking: bool) -> None:
        self._command("clear", blocking=blocking)

        self._drop(self._all_keys())

    def _drop(self, some: list[str]) -> int:
        """Take entries out of the model; return how many of them a command would have found."""
        for key in some:
            self.at_least[key] = self.last + 1
        found = [self.kept.pop(key, None) for key in some]
        return sum(entry is not None and self._is_found(entry) for entry in found)

    def _all_keys(self) -> list[str]:
        return [f"{name}:{number}" for name in self.names for number in (0, 1)]

    def _command(self, name: str, *args: Any, blocking: bool, **options: Any) -> Any:
        if blocking:
            return getattr(self.cache.blocking, name)(*args, **options)
        return self.runner.run(getattr(self.cache, name)(*args, **options))

    # -- time --------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 1, 1, 2, 3, 5, 10]))
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def nothing_loads_but_calls(self) -> None:
        assert self.source.loads == self.loads


CacheMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40)
TestCacheIsADictWithTime = CacheMachine.TestCase
