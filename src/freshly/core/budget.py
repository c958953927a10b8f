"""How many loads may run behind their readers at a time, and which of those that wait is next.

A refresh is worth what it spares: a load that a reader would have to wait for, or a stale value. So
of those that wait a stale one comes before an early one, then the one with the most hits, then the
one nearest to its end. Which that is, is asked when a place is free: hits go on while one waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from .counts import Counts
from .entry import Entry
from .flight import Flight

# So many refreshes may wait for each that may run. One that comes to a full queue has several rounds
# before it, and the value it would refresh is read again if it matters: the next read asks anew.
WAITING_BY_PLACE = 4


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A refresh that waits. ``begin`` gets a flight that has a place; it says if it could begin."""

    entry: Entry[Any]
    is_early: bool
    counts: Counts
    begin: Callable[[Flight], bool]

    def rank(self) -> tuple[bool, int, float]:
        """Return what to sort by: the smallest goes first."""
        return self.is_early, -self.entry.uses, self.entry.expires_at


class Budget:
    """The loads behind of one colour: at most ``most`` run, and some more wait for their turn."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = Lock()
        self._running: set[Flight] = set()
        self._waiting: dict[str, Turn] = {}

    def admit(self, flight: Flight) -> bool:
        """Give ``flight`` a place if one is free; it gives it back when it ends."""
        with self._lock:
            if len(self._running) >= self.most:
                # A loop that stopped in the middle has not ended its tasks, and never will.
                self._running = {one for one in self._running if one.is_alive()}
            if len(self._running) >= self.most:
                return False
            self._seat(flight)
            return True

    def queue(self, key: str, turn: Turn) -> None:
        """Let ``turn`` wait, unless one for ``key`` does. In a full queue the last one is dropped."""
        with self._lock:
            if key in self._waiting:
                return
            self._waiting[key] = turn
            if len(self._waiting) > WAITING_BY_PLACE * self.most:
                last = max(self._waiting, key=lambda one: self._waiting[one].rank())
                self._waiting.pop(last).counts.refreshes_dropped += 1

    def end(self, flight: Flight) -> None:
        """Take the place of ``flight`` back, and begin the next turn in it."""
        with self._lock:
            self._running.discard(flight)
        while (ready := self._next()) is not None:
            turn, successor = ready
            if not turn.begin(successor):
                # Nobody can run it any more: its loop is closed.
                with self._lock:
                    self._running.discard(successor)

    def _next(self) -> tuple[Turn, Flight] | None:
        with self._lock:
            if not self._waiting or len(self._running) >= self.most:
                return None
            key = min(self._waiting, key=lambda one: self._waiting[one].rank())
            turn, flight = self._waiting.pop(key), Flight(key, None, is_background=True)
            self._seat(flight)
            return turn, flight

    def _seat(self, flight: Flight) -> None:
        self._running.add(flight)
        flight.free_place = self.end

    def drop_all(self) -> None:
        """Forget who waits: nobody will run them."""
        with self._lock:
            self._waiting.clear()

    @property
    def waiting(self) -> int:
        return len(self._waiting)
