"""Which entry leaves when there is no room: S3-FIFO with one bit.

    new key ──▶ probation ──(used once)──▶ main ─┐ ▲
                    │                       ▲    │ │ used since
                    ▼ not used              │    ▼ │ the last look
                  ghosts ──(comes again)────┘  leaves

A new key stands in a short queue first. Most keys are asked for once and never again: they leave
from there without pushing anything out of the main queue. A key that was used on probation moves to
the main queue, where it leaves once it went unused for a whole round. Of a key that left from
probation a fingerprint stays; if the key comes again soon, it goes to the main queue at once. A hit
does no more than count.

After Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023; one bit in place of
their two, and a cache that is not full yet fills the main queue: docs/decisions has the figures.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from ..core.entry import Entry
from .places import Places

#: The part of the entries that is on probation while the store is full.
PROBATION = 0.1
#: So many second chances a write may give. If all entries are in use there is no better choice than
#: the oldest, and looking at each would stop everyone else for that long.
CHANCES_A_WRITE = 500
#: So many places of keys that have left may stand in the queues beside twice the living.
SPARE_PLACES = 1_000
#: While there are more, each key that leaves has so many places of each queue looked at. Two would do
#: to keep up; no step may take long, even if a million entries leave one after the other.
SWEPT_A_STEP = 8

Find = Callable[[str], Entry[Any] | None]


class Eviction:
    """The order of leaving. Its queues hold keys; ``find`` gives the living entry of a key.

    ``entry.noted`` is ``None`` on probation, else how often the entry was used when last looked at.
    A key that left by another way leaves its place behind, which is skipped, and swept before such
    places outnumber the living. If it has come again meanwhile, the old place counts as its own.
    """

    def __init__(self, find: Find, capacity: int) -> None:
        self._find = find
        self._ghosts = Ghosts(capacity)
        self._probation = Places()
        self._main = Places()
        self._young = 0
        self._size = 0
        self._was_full = False

    def add(self, entry: Entry[Any]) -> None:
        """Give a new key its place."""
        self._size += 1
        is_room = not self._was_full and self._young > PROBATION * self._size
        # Nobody has left for want of room before there was none.
        if is_room or (self._was_full and self._ghosts.recall(entry.key)):
            entry.noted = 0
            self._main.append(entry.key)
        else:
            entry.noted = None
            self._young += 1
            self._probation.append(entry.key)

    def replace(self, former: Entry[Any], entry: Entry[Any]) -> None:
        """Let ``entry`` stand where ``former``, of the same key, stands."""
        if former.noted is not None:
            entry.noted = -1 if self._was_used(former) else 0
        elif former.uses:
            self._move_to_main(entry)

    def remove(self, entry: Entry[Any]) -> None:
        """Note that ``entry`` leaves, for whatever reason."""
        self._size -= 1
        self._young -= entry.noted is None
        if len(self._probation) + len(self._main) > 2 * self._size + SPARE_PLACES:
            self._probation.sweep(SWEPT_A_STEP, self._is_young)
            self._main.sweep(SWEPT_A_STEP, self._is_old)

    def victim(self) -> Entry[Any] | None:
        """Return the entry that has to leave, or ``None`` if there is none. Its place is gone."""
        self._was_full = True
        chances = CHANCES_A_WRITE
        while True:
            is_young = self._young >= max(1.0, PROBATION * self._size)
            entry = self._next(is_young)
            if entry is None:
                return None
            if chances == 0 or not self._was_used(entry):
                if is_young:
                    self._ghosts.remember(entry.key)
                return entry
            chances -= 1
            self._move_to_main(entry)

    def _next(self, is_young: bool) -> Entry[Any] | None:
        queue = self._probation if is_young else self._main
        while queue:
            entry = self._find(queue.popleft())
            if entry is not None and (entry.noted is None) == is_young:
                return entry
        return None

    def _was_used(self, entry: Entry[Any]) -> bool:
        """Return whether ``entry`` was used since it was last looked at."""
        return entry.uses != (entry.noted or 0)

    def _move_to_main(self, entry: Entry[Any]) -> None:
        self._young -= entry.noted is None
        entry.noted = entry.uses
        self._main.append(entry.key)

    def _is_young(self, key: str) -> bool:
        entry = self._find(key)
        return entry is not None and entry.noted is None

    def _is_old(self, key: str) -> bool:
        entry = self._find(key)
        return entry is not None and entry.noted is not None


class Ghosts:
    """Fingerprints of about as many keys as there are entries, the latest that left on probation.

    Two keys may share a fingerprint, and a late one may take the room of an early one: both cost
    a little of the hit ratio and nothing else. Eight bytes for each place, and no object.
    """

    def __init__(self, capacity: int) -> None:
        self._mask = (1 << capacity.bit_length()) - 1
        self._span = capacity
        self._turn = 0
        # In one number: the turn in which the key left, and its fingerprint. Made when it is needed.
        self._table = array("Q")

    def remember(self, key: str) -> None:
        if not self._table:
            self._table = array("Q", bytes(8 * (self._mask + 1)))
        self._turn += 1
        print_, one, other = self._places(key)
        # The place whose key left earlier.
        place = min(one, other, key=self._table.__getitem__)
        self._table[place] = (self._turn << 32 | print_) & _WORD

    def recall(self, key: str) -> bool:
        """Return whether ``key`` left not long ago, and forget it."""
        if not self._table:
            return False
        print_, one, other = self._places(key)
        for place in (one, other):
            found = self._table[place]
            if found & _PRINT == print_ and found:
                self._table[place] = 0
                return self._turn - (found >> 32) < self._span
        return False

    def _places(self, key: str) -> tuple[int, int, int]:
        number = hash(key)
        return number & _PRINT, number >> 8 & self._mask, number >> 32 & self._mask


_PRINT = (1 << 32) - 1
_WORD = (1 << 64) - 1
