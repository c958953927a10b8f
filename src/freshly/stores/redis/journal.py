"""The invalidations of the last minute, to be told again to a primary that may not know of them.

A primary that takes over may lack the last things that the former one acknowledged. Nobody can say
which; so what this process invalidated lately it invalidates once more. Each is noted before it is
sent: else another task that finds the new primary first would replay without it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

# Seconds. Longer than it takes to notice that a primary is gone, and to promote another.
WINDOW = 60.0


class Journal:
    """Names that were stamped in the last ``WINDOW`` seconds; ``None`` stands for a clear."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.begin()

    def begin(self) -> None:
        """Begin anew, with nothing noted."""
        self._lock = Lock()
        self._notes: deque[tuple[float, Sequence[bytes] | None]] = deque()

    def note(self, names: Sequence[bytes] | None) -> None:
        with self._lock:
            now = self._now()
            while self._notes and self._notes[0][0] < now - WINDOW:
                self._notes.popleft()
            if names is None:
                # What came before is part of it.
                self._notes.clear()
            self._notes.append((now, names))

    def names(self) -> tuple[bool, list[bytes]]:
        """Return whether everything was cleared, and the names to stamp then."""
        with self._lock:
            oldest = self._now() - WINDOW
            recent = [names for at, names in self._notes if at >= oldest]
        found: dict[bytes, None] = {}
        for names in recent:
            found.update(dict.fromkeys(names or ()))
        return None in recent, list(found)
