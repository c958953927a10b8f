"""The time of this machine."""

from __future__ import annotations

from time import monotonic, time

from ..core.clocks import Clock, WallClock
from ..errors import ConfigurationError


class SystemClock:
    """``CLOCK_MONOTONIC``: seconds that only grow, whatever happens to the date.

    ``wall`` is the date.
    """

    # A staticmethod, so that the hit path calls the C function and nothing in between.
    now = staticmethod(monotonic)
    wall = staticmethod(time)


def wall_of(clock: Clock) -> float:
    """Return what time it is on ``clock``, or say that it does not know."""
    if not isinstance(clock, WallClock):
        raise ConfigurationError(
            f"until(...) asks what time it is, and clock={clock!r} does not know: give it a method "
            f"wall() that returns seconds since the epoch, as time.time() does"
        )
    return clock.wall()
