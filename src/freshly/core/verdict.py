"""Decide what a read may do with what it found. Pure: no clock, no I/O, no dice.

    born ---------- early_at ---------- stale_at ---------- expires_at ---------- dead_at ---> now
         SERVE          SERVE_AND_REFRESH    SERVE_AND_REFRESH     REFRESH_OR_SERVE     LOAD
         fresh          fresh                stale                 expired              dead

Stale is the stale-while-revalidate of RFC 5861, expired its stale-if-error. An entry that was
invalidated has no row here: the store does not hand it out.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from .entry import Entry


class Verdict(Enum):
    """What a read does."""

    SERVE = "serve"
    SERVE_AND_REFRESH = "serve and refresh"
    REFRESH_OR_SERVE = "refresh or serve"
    LOAD = "load"


def judge(entry: Entry[Any] | None, now: float, *, paused: bool = False, late: bool = False) -> Verdict:
    """Return what a read may do with ``entry`` at ``now``, seconds on the clock that wrote it.

    ``paused`` says that a load of it failed a moment ago: until the pause is over the value is
    served without another attempt, as long as it may be served at all. ``late`` says that this
    read has waited for a load as long as it may: what would stand in for a load that fails now
    stands in for one that takes too long.
    """
    if entry is None or now >= entry.dead_at:
        return Verdict.LOAD
    if now < entry.early_at:
        return Verdict.SERVE
    if paused:
        return Verdict.SERVE
    if now < entry.expires_at or late:
        return Verdict.SERVE_AND_REFRESH
    return Verdict.REFRESH_OR_SERVE


def is_served_to_a_command(entry: Entry[Any] | None, now: float) -> bool:
    """Return whether ``get`` and ``exists``, which cannot load, find ``entry`` at ``now``.

    An expired value stands in for a loader that failed. Without a loader it is not served.
    """
    return entry is not None and now < entry.expires_at
