"""Which entries are dead by now, found without looking at those that live.

Entries stand in buckets by the second in which they die, and a heap knows the next bucket. Work
is in proportion to what dies, and is handed out in slices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import Any
from weakref import ref

from ..core.entry import Entry


class Expiry:
    """The entries of a store by their end. It does not keep them alive."""

    def __init__(self) -> None:
        self._buckets: dict[int, list[ref[Entry[Any]]]] = {}
        self._seconds: list[int] = []
        self._size = 0

    def add(self, entry: Entry[Any]) -> None:
        # The bucket of a second is due when the second is over.
        second = int(entry.dead_at) + 1
        bucket = self._buckets.get(second)
        if bucket is None:
            self._buckets[second] = [ref(entry)]
            heappush(self._seconds, second)
        else:
            bucket.append(ref(entry))
        self._size += 1

    def due(self, now: float, limit: int) -> Iterator[Entry[Any]]:
        """Take up to ``limit`` places out whose second is over at ``now``; yield who is still there."""
        while limit and self._seconds and self._seconds[0] <= now:
            bucket = self._buckets[self._seconds[0]]
            while bucket and limit:
                limit -= 1
                self._size -= 1
                entry = bucket.pop()()
                if entry is not None:
                    yield entry
            if not bucket:
                del self._buckets[heappop(self._seconds)]

    def sweep(self, is_living: Callable[[Entry[Any]], bool]) -> None:
        """Forget the places of entries that have left the store by another way."""
        old = self._buckets
        self._buckets, self._seconds, self._size = {}, [], 0
        for bucket in old.values():
            for place in bucket:
                entry = place()
                if entry is not None and is_living(entry):
                    self.add(entry)

    def __len__(self) -> int:
        return self._size
