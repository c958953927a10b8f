"""The logical clock: which invalidation came after which load.

Every invalidation advances the clock and writes the new reading at each of its tags. A load
notes the reading before it starts; that is its stamp. Its value is valid while no tag carries a
later reading. So an invalidation costs one write a tag, whatever the number of entries, and a
load that an invalidation overtook is never valid, whenever it ends.

Order of writing: marks first, then ``reading``, then ``gate``. A reader takes ``reading`` first
and looks at the marks after it. Whatever it misses there is newer than the reading it took, so
it will look again.

Marks would pile up for ever. ``prune`` drops those that no entry and no running load can still
need and raises ``floor`` in their place; a stamp under the floor is never valid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from itertools import count
from threading import Lock
from typing import Any

from .detour import Detours
from .entry import Entry

# Each clock starts far after the last one, so that a reading of one is none of another's: a hit
# that is under way while ``setup`` changes the store may hold an entry of the former clock. Not too
# far: small integers are quicker to compare.
_starts = count(1 << 20, 1 << 16)


class LogicalClock:
    """A logical clock in this process, with the marks of tags, keys and patterns.

    ``gate`` is what an entry must have ``seen`` to be served without a look: the reading, or
    ``None`` while every read has to take the long way.
    """

    __slots__ = (
        "_detours",
        "_hard",
        "_keys",
        "_lock",
        "_marked",
        "_open",
        "_patterns",
        "_soft",
        "are_unmarked",
        "floor",
        "gate",
        "has_detours",
        "reading",
    )

    def __init__(self) -> None:
        start = next(_starts)
        self.reading = start
        self.gate: int | None = start
        self.floor = start
        self._open = True
        self._hard: dict[str, int] = {}
        self._soft: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        self._patterns: list[tuple[int, re.Pattern[str]]] = []
        self._detours = Detours()
        #: Whether there is any, as a plain answer.
        self.has_detours = False
        # The names of the hard marks once more. A set tells sooner than a dict that it has none of some
        # tags, and whether it has is the second look of a hit. It sees the gate before these, and the
        # floor after them.
        self._marked: set[str] = set()
        self.are_unmarked: Callable[[Iterable[str]], bool] = self._marked.isdisjoint
        self._lock = Lock()

    def advance(
        self,
        *,
        tags: Iterable[str] = (),
        stale: Iterable[str] = (),
        keys: Iterable[str] = (),
        pattern: str | None = None,
        everything: bool = False,
    ) -> int:
        """Advance the clock, leave marks, and return the new reading."""
        with self._lock:
            reading = self.reading + 1
            for tag in tags:
                self._hard[tag] = reading
                self._marked.add(tag)
            for tag in stale:
                self._soft[tag] = reading
                self.are_unmarked = _nobody_knows
            for key in keys:
                self._keys[key] = reading
            if pattern is not None:
                self._patterns.append((reading, re.compile(translate(pattern))))
            if everything:
                self._forget_until(reading)
            self.reading = reading
            self.gate = reading if self._open else None
            return reading

    def overtaken(self, stamp: int, tags: Iterable[str], key: str | None = None) -> bool:
        """Return whether anything with one of ``tags``, or ``key``, was invalidated after ``stamp``."""
        # The marks before the floor: prune raises the floor before it drops marks.
        hard, keys, patterns = self._hard, self._keys, self._patterns
        if stamp < self.floor:
            return True
        if hard and any(hard.get(tag, 0) > stamp for tag in tags):
            return True
        if key is None:
            return False
        if keys and keys.get(key, 0) > stamp:
            return True
        return bool(patterns) and any(
            reading > stamp and pattern.match(key) for reading, pattern in patterns
        )

    def settle(self, entry: Entry[Any]) -> bool:
        """Return whether ``entry`` is still valid, and remember the answer in it.

        An entry with a tag that was marked stale becomes stale here.
        """
        reading, seen = self.reading, entry.seen
        if seen == reading:
            return True
        hard, marked, soft = self._hard, self._marked, self._soft
        if seen < self.floor:
            return False
        tags = entry.tags
        # Most tags carry no mark, and one call says so for all of them.
        if not marked.isdisjoint(tags) and any(hard.get(tag, 0) > seen for tag in tags):
            return False
        if not soft.keys().isdisjoint(tags) and any(soft.get(tag, 0) > seen for tag in tags):
            entry.mark_stale()
        entry.seen = reading
        self.divert(entry)
        return True

    def holds(self, entry: Entry[Any], now: float) -> bool:
        """Return whether a hit may take ``entry`` at ``now``: the second look of the hit path.

        The written function has its first half in it, and asks here what that does not tell.
        """
        # The gate before the marks, and the marks before the floor, as they are written the other way.
        reading, are_unmarked = self.gate, self.are_unmarked
        if reading is None:
            return False
        # As ``settle`` does, without a call of its own for entries none of whose tags has a mark.
        if entry.seen >= self.floor and are_unmarked(entry.tags):
            entry.seen = reading
            return True
        return self.settle(entry) and entry.next_at > now

    def detour(
        self, tags: Iterable[str], keys: Iterable[str], *, everything: bool = False
    ) -> Callable[[], None]:
        """Have every read of what has one of these names take the long way, until the end is called."""
        names = tuple(tags), tuple(keys)
        with self._lock:
            self.are_unmarked = _nobody_knows
            self._detours.begin(*names, everything=everything)
            self.has_detours = True

        def end() -> None:
            with self._lock:
                self._detours.end(*names, everything=everything)
                self.has_detours = bool(self._detours)
                self._choose_second_look()

        # After it: entries that have seen this reading were diverted by it.
        self.advance()
        return end

    def divert(self, entry: Entry[Any]) -> None:
        """Take ``entry`` off the hit path if it is on a detour."""
        if self.has_detours and self._detours.cover(entry):
            entry.divert()

    def close_gate(self) -> None:
        """Make every read take the long way, until ``open_gate``."""
        with self._lock:
            self._open, self.gate = False, None

    def open_gate(self) -> None:
        with self._lock:
            self._open, self.gate = True, self.reading

    @property
    def marks(self) -> int:
        """How many marks the clock remembers."""
        return len(self._hard) + len(self._soft) + len(self._keys) + len(self._patterns)

    def prune(self, until: int) -> None:
        """Forget the marks up to ``until``; stamps below it are invalid from now on.

        Call it only when every entry has been settled at ``until`` or later.
        """
        with self._lock:
            self._forget_until(until)

    def _forget_until(self, until: int) -> None:
        self.floor = max(self.floor, until)
        self._hard = {name: mark for name, mark in self._hard.items() if mark > until}
        self._marked = set(self._hard)
        self._soft = {name: mark for name, mark in self._soft.items() if mark > until}
        self._keys = {name: mark for name, mark in self._keys.items() if mark > until}
        self._patterns = [mark for mark in self._patterns if mark[0] > until]
        self._choose_second_look()

    def _choose_second_look(self) -> None:
        is_plain = not self.has_detours and not self._soft
        self.are_unmarked = self._marked.isdisjoint if is_plain else _nobody_knows


def _nobody_knows(tags: Iterable[str]) -> bool:
    """There are soft marks or detours, so it takes more than one call."""
    return False
