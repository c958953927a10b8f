"""Which entries are dead by now, found without looking at those that live.

Keys stand in buckets by the second in which their entry dies, and a heap knows the next bucket. Work
is in proportion to what dies, and is handed out in slices. A key whose entry was replaced or has
left keeps its old place until that second: whoever takes it out asks the entry itself.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from ..core.entry import Entry

#: So many places of keys that have left may stand here beside twice the living.
SPARE_PLACES = 1_000
#: While there are more, each write has so many places looked at: no write may take long.
SWEPT_A_WRITE = 8

Find = Callable[[str], Entry[Any] | None]


class Expiry:
    """The keys of a store by the end of their entries; ``find`` gives the living entry of a key."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._buckets: dict[int, list[str]] = {}
        self._seconds: list[int] = []
        #: How many keys stand here, those that have left included.
        self.places = 0
        # Where those are looked for: the seconds still to go by, and the place in the last of them.
        self._round: list[int] = []
        self._at = 0

    def add(self, entry: Entry[Any]) -> None:
        second = int(entry.dead_at) + 1
        bucket = self._buckets.get(second)
        if bucket is None:
            self._buckets[second] = [entry.key]
            heappush(self._seconds, second)
        else:
            bucket.append(entry.key)
        self.places += 1

    def is_due(self, now: float) -> bool:
        seconds = self._seconds
        return bool(seconds) and seconds[0] <= now

    @property
    def next_due(self) -> float | None:
        """The instant at which the next bucket is due, or ``None`` if there is none."""
        seconds = self._seconds
        return seconds[0] if seconds else None

    def due(self, now: float, limit: int) -> tuple[int, list[Entry[Any]]]:
        """Take up to ``limit`` places out whose second is over at ``now``; return how many there
        were, and who is dead."""
        places, dead = 0, dict[str, Entry[Any]]()
        while places < limit and self._seconds and self._seconds[0] <= now:
            bucket = self._buckets[self._seconds[0]]
            keys = bucket[places - limit :]
            del bucket[places - limit :]
            if not bucket:
                del self._buckets[heappop(self._seconds)]
            places += len(keys)
            self.places -= len(keys)
            for key in keys:
                entry = self._find(key)
                if entry is not None and entry.dead_at <= now:
                    # By key: one that was replaced has several places.
                    dead[key] = entry
                elif entry is not None and entry.slides:
                    # It was read, and dies later than was thought when it came.
                    self.add(entry)
        return places, list(dead.values())

    def is_crowded(self, size: int) -> bool:
        """Return whether keys that have left outnumber the ``size`` living."""
        return self.places > 2 * size + SPARE_PLACES

    def forget_the_gone(self, count: int) -> None:
        """Go by ``count`` places, and take out those of entries that have left."""
        for _ in range(count):
            if not self._round:
                self._round, self._at = list(self._buckets), 0
                if not self._round:
                    return
            bucket = self._buckets.get(self._round[-1])
            if bucket is None or self._at >= len(bucket):
                self._round.pop()
                self._at = 0
            else:
                self._look_at(bucket, self._round[-1])

    def _look_at(self, bucket: list[str], second: int) -> None:
        key = bucket[self._at]
        entry = self._find(key)
        # A place holds the key of its entry, not an equal one: so it is told from those of others.
        if entry is not None and entry.key is key and _second(entry) == second:
            self._at += 1
        else:
            # The order within a second does not matter.
            bucket[self._at] = bucket[-1]
            bucket.pop()
            self.places -= 1


def _second(entry: Entry[Any]) -> int:
    # The bucket of a second is due when the second is over.
    return int(entry.dead_at) + 1
