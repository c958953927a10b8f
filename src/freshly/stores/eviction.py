"""Which entry leaves when there is no room: second chance, in the order of coming.

An entry that was used since it last stood at the head of the queue goes back to its end; the
first that was not leaves (Corbató's CLOCK, as a queue). A hit does no more than count.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from ..core.entry import Entry

LivingTest = Callable[[Entry[Any]], bool]


class SecondChance:
    """A queue of entries. Those that left the store by another way are skipped, and swept out
    before they outnumber the living."""

    def __init__(self) -> None:
        self._queue: deque[Entry[Any]] = deque()

    def add(self, entry: Entry[Any]) -> None:
        entry.noted = entry.uses
        self._queue.append(entry)

    def victim(self, is_living: LivingTest) -> Entry[Any] | None:
        """Take the entry that has to leave off the queue, or return ``None`` if there is none."""
        queue = self._queue
        # Twice round: the first may use up every second chance.
        for _ in range(2 * len(queue)):
            entry = queue.popleft()
            if not is_living(entry):
                continue
            if entry.uses == entry.noted:
                return entry
            entry.noted = entry.uses
            queue.append(entry)
        return None

    def sweep(self, is_living: LivingTest) -> None:
        self._queue = deque(entry for entry in self._queue if is_living(entry))

    def __len__(self) -> int:
        return len(self._queue)
