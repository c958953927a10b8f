"""The time that everything shares, and what happens next.

Time moves only when nothing is left to do at this instant. What comes at the same instant comes in the
order in which it was asked for; that delays differ by chance is what mixes the order up.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from random import Random


class Endless(Exception):
    """A history that does not end: something spins."""


class World:
    """Whoever wants something to happen says ``at`` when. ``chance`` is derived from the seed."""

    def __init__(self, seed: object) -> None:
        self.seed = seed
        self.now = 0.0
        self.steps = 0
        self._is_over = False
        self._until, self._most = 0.0, 0
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def chance(self, who: str) -> Random:
        """Return chance of its own for ``who``: what others draw does not change it."""
        return Random(f"{self.seed} {who}")

    def at(self, instant: float, act: Callable[[], None]) -> None:
        heappush(self._due, (instant if instant > self.now else self.now, next(self._order), act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.at(self.now + seconds, act)

    def goes_to(self, instant: float) -> bool:
        """Move to ``instant`` if nothing else would happen before it, or at it.

        Who has asked goes on as if called back there: the same step, without the way over the heap.
        """
        due = self._due
        if self._is_over or instant > self._until or (due and due[0][0] <= instant):
            return False
        self._begin_step(instant)
        return True

    def stop(self) -> None:
        self._is_over = True

    def run(self, *, until: float, most: int) -> None:
        """Do what is due until somebody calls ``stop``, ``until`` an instant, or nothing is left.

        Raises:
            Endless: after ``most`` steps.
        """
        due = self._due
        self._until, self._most = until, most
        while due and not self._is_over:
            instant, _, act = due[0]
            if instant > until:
                return
            heappop(due)
            self._begin_step(instant)
            act()

    def _begin_step(self, instant: float) -> None:
        self.now = instant
        self.steps += 1
        if self.steps > self._most:
            raise Endless(f"{self._most} steps, and no end at {instant:.3f} s")
