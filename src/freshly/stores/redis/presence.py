"""Of which keys this process knows that something lies under them on the server.

A read of such a key finds it, most probably, and need not ask for the right to load it as well: that
question is a script, which costs the server more than the read does. Who is wrong here asks once too
often, or a round trip later.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

# Keys that are remembered, two numbers of eight bytes each: one megabyte. Of two keys that fall on one
# place the later one is remembered.
PLACES = 1 << 16


class Presence:
    """``now`` is a clock of this process; the server's may run a little apart from it."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._keys = array("q", bytes(8 * PLACES))
        self._ends = array("d", bytes(8 * PLACES))

    def note(self, key: str, seconds: float) -> None:
        """Note that something lies under ``key``, for ``seconds`` from now."""
        number = hash(key)
        # Two threads at one place may leave the key of one with the end of the other: a wrong guess.
        self._keys[number % PLACES] = number
        self._ends[number % PLACES] = self._now() + seconds

    def drop(self, key: str) -> None:
        number = hash(key)
        if self._keys[number % PLACES] == number:
            self._ends[number % PLACES] = 0.0

    def has(self, key: str) -> bool:
        number = hash(key)
        place = number % PLACES
        return self._keys[place] == number and self._now() < self._ends[place]
