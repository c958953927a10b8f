"""The time of this machine."""

from __future__ import annotations

from time import monotonic, time


class SystemClock:
    """``CLOCK_MONOTONIC``: seconds that only grow, whatever happens to the date.

    ``wall`` is the date.
    """

    # A staticmethod, so that the hit path calls the C function and nothing in between.
    now = staticmethod(monotonic)
    wall = staticmethod(time)
