"""A queue of keys of which some are gone, and which can be rid of those step by step.

Going through a million places at once would stop everyone for a second. So a sweep goes by a few
at a time: the places it has been at stand in ``_swept``, before those it has not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Places:
    """Places of keys in the order of their coming. A key may have several; a sweep leaves the first."""

    def __init__(self) -> None:
        self._swept: deque[str] = deque()
        self._rest: deque[str] = deque()
        # How many of the rest the running sweep has still to go by, and the keys it has seen.
        self._ahead = 0
        self._seen: set[str] = set()

    def __len__(self) -> int:
        return len(self._swept) + len(self._rest)

    def append(self, key: str) -> None:
        self._rest.append(key)

    def popleft(self) -> str:
        if self._swept:
            return self._swept.popleft()
        self._ahead = max(0, self._ahead - 1)
        return self._rest.popleft()

    def sweep(self, count: int, stays: Callable[[str], bool]) -> None:
        """Go by ``count`` places, and take out those whose key does not stay or was seen before."""
        if not self._ahead:
            self._begin()
        for _ in range(min(count, self._ahead)):
            self._ahead -= 1
            key = self._rest.popleft()
            if key not in self._seen and stays(key):
                self._seen.add(key)
                self._swept.append(key)

    def _begin(self) -> None:
        # What came while the last sweep was under way stands behind what it had been at.
        self._swept.extend(self._rest)
        self._rest, self._swept = self._swept, deque()
        self._ahead = len(self._rest)
        self._seen = set()
