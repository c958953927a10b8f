"""A clock that moves when a test says so."""

from __future__ import annotations

from ..core.duration import Duration, seconds


class ManualClock:
    """Seconds from ``start``, for ``Cache(clock=ManualClock())``."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def advance(self, duration: Duration) -> None:
        """Move the clock forward by seconds, a ``timedelta`` or a text such as ``"5m"``."""
        self._now += seconds(duration, "advance()")
