"""The logical clock against the plainest model there is: the list of all that happened."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import translate

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from freshly.core.counts import Counts
from freshly.core.entry import Entry
from freshly.core.stamp import LogicalClock

TAGS = st.sampled_from(["a", "b", "c"])
SOME_TAGS = st.lists(TAGS, max_size=3, unique=True).map(tuple)
KEYS = st.sampled_from(["k1", "k2", "l1"])
PATTERNS = st.sampled_from(["k*", "*1", "l?", "nothing"])


@dataclass
class Happened:
    """One advance of the clock, with everything it said."""

    tags: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    key: str | None = None
    pattern: str | None = None
    everything: bool = False

    def hits(self, tags: tuple[str, ...], key: str | None) -> bool:
        by_pattern = self.pattern and key and re.match(translate(self.pattern), key)
        return bool(
            self.everything
            or set(self.tags) & set(tags)
            or (key is not None and self.key == key)
            or by_pattern
        )


@dataclass
class Kept:
    """An entry, and how many things had happened when it was stamped."""

    entry: Entry[None]
    since: int
    is_marked: bool = field(default=False)


class ClockAgainstHistory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = LogicalClock()
        self.happened: list[Happened] = []
        self.kept: list[Kept] = []
        self.stamps: list[tuple[int, int]] = []
        self.pruned = 0

    def advance(self, event: Happened) -> None:
        before = self.clock.reading
        reading = self.clock.advance(
            tags=event.tags,
            stale=event.stale,
            keys=() if event.key is None else (event.key,),
            pattern=event.pattern,
            everything=event.everything,
        )
        assert reading == self.clock.reading == self.clock.gate == before + 1
        self.happened.append(event)

    @rule(tags=SOME_TAGS)
    def invalidate(self, tags: tuple[str, ...]) -> None:
        self.advance(Happened(tags=tags))

    @rule(tags=SOME_TAGS)
    def mark_stale(self, tags: tuple[str, ...]) -> None:
        self.advance(Happened(stale=tags))

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.advance(Happened(key=key))

    @rule(pattern=PATTERNS)
    def delete_match(self, pattern: str) -> None:
        self.advance(Happened(pattern=pattern))

    @rule()
    def clear(self) -> None:
        self.advance(Happened(everything=True))

    @rule()
    def take_a_stamp(self) -> None:
        self.stamps.append((self.clock.reading, len(self.happened)))

    @rule(tags=SOME_TAGS)
    def keep_an_entry(self, tags: tuple[str, ...]) -> None:
        stamp = self.clock.reading
        entry = Entry(
            "k1", None, instants=(0, 10, 10, 10, 10), tags=tags, stamp=stamp, counts=Counts("f")
        )
        self.kept.append(Kept(entry, len(self.happened)))

    @rule()
    def prune(self) -> None:
        """As a store does it: settle what is kept, drop the invalid, then forget."""
        self.check_entries()
        self.clock.prune(self.clock.reading)
        self.pruned = len(self.happened)
        assert self.clock.marks == 0

    @rule(tags=SOME_TAGS, key=st.none() | KEYS)
    def ask_of_stamps(self, tags: tuple[str, ...], key: str | None) -> None:
        for stamp, since in self.stamps:
            really = any(event.hits(tags, key) for event in self.happened[since:])
            said = self.clock.overtaken(stamp, tags, key)
            if since >= self.pruned:
                assert said == really
            else:
                # What was forgotten may be told as overtaken, never the other way round.
                assert said or not really

    @invariant()
    def check_entries(self) -> None:
        """An entry is valid if and only if none of its tags was invalidated since its stamp."""
        for kept in list(self.kept):
            later = self.happened[kept.since :]
            is_valid = not any(event.hits(kept.entry.tags, None) for event in later)
            assert self.clock.settle(kept.entry) == is_valid
            if not is_valid:
                self.kept.remove(kept)
                continue
            marked = any(set(event.stale) & set(kept.entry.tags) for event in later)
            assert (kept.entry.stale_at == 0) == marked


TestClockAgainstHistory = ClockAgainstHistory.TestCase
TestClockAgainstHistory.settings = settings(max_examples=60, stateful_step_count=40)


def test_readings_of_two_clocks_are_never_the_same() -> None:
    one, other = LogicalClock(), LogicalClock()

    for _ in range(100):
        one.advance()

    assert one.reading < other.reading


def test_a_closed_gate_lets_no_hit_pass_and_forgets_nothing() -> None:
    clock = LogicalClock()
    entry = Entry(
        "k", None, instants=(0, 10, 10, 10, 10), tags=("a",), stamp=clock.reading, counts=Counts("f")
    )
    assert clock.holds(entry, 1.0)

    clock.close_gate()
    assert clock.gate is None
    assert not clock.holds(entry, 1.0)
    clock.advance(tags=("b",))
    assert clock.gate is None

    clock.open_gate()
    assert clock.gate == clock.reading
    assert clock.holds(entry, 1.0)
