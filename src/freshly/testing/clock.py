"""A clock that moves when a test says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from threading import Lock

from ..core.duration import Duration, seconds
from ..errors import ConfigurationError

A_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """Seconds from ``start``, for ``Cache(clock=ManualClock())``.

    ``wall`` is the time of day at the start, with its zone; it moves with the seconds. Safe for
    threads.
    """

    def __init__(self, start: float = 0.0, *, wall: datetime = A_DAY) -> None:
        if wall.tzinfo is None:
            raise ConfigurationError(f"wall={wall!r} has no time zone: give it a tzinfo")
        self._now = self._goal = self._start = start
        self._wall_at_zero = wall.timestamp() - start
        self._alarms: dict[int, tuple[float, Callable[[], None]]] = {}
        self._numbers = count()
        self._lock = Lock()

    def now(self) -> float:
        return self._now

    @property
    def shift(self) -> float:
        """By how many seconds it was moved so far: the time of a server moves with it."""
        return self._now - self._start

    def wall(self) -> float:
        """Return seconds since the epoch."""
        return self._wall_at_zero + self._now

    def advance(self, duration: Duration) -> None:
        """Move the clock forward by seconds, a ``timedelta`` or a text such as ``"5m"``.

        On the way it stops at each alarm that is due, in their order, and rings it. Who waited for
        it goes on when its thread or its loop comes to it, which may be after this call.
        """
        with self._lock:
            self._goal += seconds(duration, "advance()")
            goal = self._goal
        while (ring := self._move(goal)) is not None:
            ring()

    def call_at(self, instant: float, ring: Callable[[], None]) -> Callable[[], None]:
        """Have ``ring`` called when the clock comes to ``instant``; return what cancels that."""
        with self._lock:
            number = next(self._numbers)
            is_due = instant <= self._now
            if not is_due:
                self._alarms[number] = (instant, ring)
        if is_due:
            ring()
        return lambda: self._silence(number)

    @property
    def alarms(self) -> int:
        """How many alarms are set: how many callers wait for this clock."""
        return len(self._alarms)

    def _silence(self, number: int) -> None:
        with self._lock:
            self._alarms.pop(number, None)

    def _move(self, goal: float) -> Callable[[], None] | None:
        """Move to the next alarm on the way and return it, or to ``goal``."""
        with self._lock:
            due = [
                (instant, number) for number, (instant, _) in self._alarms.items() if instant <= goal
            ]
            if not due:
                self._now = max(self._now, goal)
                return None
            instant, number = min(due)
            self._now = max(self._now, instant)
            return self._alarms.pop(number)[1]
