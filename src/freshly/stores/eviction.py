"""Which entry leaves when there is no room: second chance, in the order of coming.

An entry that was used since it last stood at the head of the queue goes back to its end; the
first that was not leaves (Corbató's CLOCK, as a queue). A hit does no more than count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import ref

from ..core.entry import Entry

LivingTest = Callable[[Entry[Any]], bool]

# So many second chances a write may give. If all entries are in use there is no better choice
# than the oldest, and looking at each would stop everyone else for that long.
CHANCES_A_WRITE = 500


class SecondChance:
    """A queue of entries, which it does not keep alive.

    Entries that left the store by another way leave their places; those are skipped, and swept
    before they outnumber the living.
    """

    def __init__(self) -> None:
        self._queue: deque[ref[Entry[Any]]] = deque()

    def add(self, entry: Entry[Any]) -> None:
        entry.noted = entry.uses
        self._queue.append(ref(entry))

    def victim(self, is_living: LivingTest) -> Entry[Any] | None:
        """Take the entry that has to leave off the queue, or return ``None`` if there is none."""
        chances = CHANCES_A_WRITE
        while self._queue:
            place = self._queue.popleft()
            entry = place()
            if entry is None or not is_living(entry):
                continue
            if entry.uses == entry.noted or not chances:
                return entry
            chances -= 1
            entry.noted = entry.uses
            self._queue.append(place)
        return None

    def sweep(self, is_living: LivingTest) -> None:
        """Forget the places of entries that have left."""
        self._queue = deque(
            place for place in self._queue if (entry := place()) is not None and is_living(entry)
        )

    def __len__(self) -> int:
        return len(self._queue)
