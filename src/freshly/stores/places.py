"""A queue of keys of which some are gone, and which can be rid of those step by step.

Going through a million places at once, or copying them, would stop everyone for some tens of
milliseconds. So a sweep goes by a few at a time, and nothing here is ever done to all:

    leaves next ◀── swept ── ahead ── fresh ◀── comes
                      ▲        │        │
                      └────────┴────────┘  a sweep, first through what is ahead of it
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Places:
    """Places of keys in the order of their coming. A key may have several; a sweep leaves the first."""

    def __init__(self) -> None:
        self._swept: deque[str] = deque()
        self._ahead: deque[str] = deque()
        self._fresh: deque[str] = deque()
        #: Gives a key the last place.
        self.append = self._fresh.append
        # How many of the fresh the running sweep has still to go by: those that had come before it.
        self._fresh_ahead = 0
        self._seen: set[str] = set()
        # What the sweep before this one had seen. A large set takes long to free: it is emptied.
        self._forgotten: set[str] = set()

    def __len__(self) -> int:
        return len(self._swept) + len(self._ahead) + len(self._fresh)

    def popleft(self) -> str:
        return self._swept.popleft() if self._swept else self._next_ahead()

    def sweep(self, count: int, stays: Callable[[str], bool]) -> None:
        """Go by ``count`` places, and take out those whose key does not stay or was seen before."""
        if not self._ahead and not self._fresh_ahead:
            self._begin()
        for _ in range(min(count, len(self._ahead) + self._fresh_ahead)):
            key = self._next_ahead()
            if key not in self._seen and stays(key):
                self._seen.add(key)
                self._swept.append(key)
            if self._forgotten:
                self._forgotten.pop()

    def _next_ahead(self) -> str:
        if self._ahead:
            return self._ahead.popleft()
        self._fresh_ahead = max(0, self._fresh_ahead - 1)
        return self._fresh.popleft()

    def _begin(self) -> None:
        self._ahead, self._swept = self._swept, deque()
        self._fresh_ahead = len(self._fresh)
        self._forgotten, self._seen = self._seen, set()
