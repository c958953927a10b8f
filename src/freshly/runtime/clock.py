"""The time of this machine."""

from __future__ import annotations

from time import monotonic


class SystemClock:
    """``CLOCK_MONOTONIC``: seconds that only grow, whatever happens to the date."""

    # A staticmethod, so that the hit path calls the C function and nothing in between.
    now = staticmethod(monotonic)
