"""Clocks, as the engine and the stores need them. The clock itself is the user's, or the runtime's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable


class Clock(Protocol):
    """Seconds that only grow.

    A clock may offer two things more, which are asked for where they are needed: the time of the
    wall (``WallClock``), and alarms (``AlarmClock``). Without alarms a wait has a real timer.
    """

    def now(self) -> float: ...


@runtime_checkable
class WallClock(Clock, Protocol):
    """A clock that also tells the time of day. That may be set, so nothing is measured with it."""

    def wall(self) -> float:
        """Return seconds since the epoch: 1 January 1970, 0:00 UTC."""
        ...


@runtime_checkable
class AlarmClock(Clock, Protocol):
    """A clock that also rings: a wait for an instant on it takes no other time than its own."""

    def call_at(self, instant: float, ring: Callable[[], None]) -> Callable[[], None]:
        """Have ``ring`` called once, when the clock comes to ``instant``; return what cancels that.

        If it is there already, ``ring`` is called at once.
        """
        ...


@runtime_checkable
class ShiftedClock(Clock, Protocol):
    """A clock that is moved by hand. What is on the clock of a server moves with it."""

    @property
    def shift(self) -> float:
        """By how many seconds it was moved so far."""
        ...
