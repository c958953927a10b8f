"""Readings of a logical clock in the hands of users."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .holds import FREE, Held


@dataclass(frozen=True, slots=True)
class Reading:
    """A moment in the life of one store, which alone can say what it means."""

    reading: Any
    origin: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stamp(Reading):
    """Taken before a load by hand: ``set(..., stamp=stamp)`` stores only what nothing overtook.

    It remembers what was held: a load that starts under a hold is not stored.
    """

    held: Held = field(default=FREE, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Token(Reading):
    """What an invalidation returns when it is done: reads from here on are no older than it.

    Inside of a transaction nothing is done yet: then it ``is_pending``, and means no moment.
    """

    @property
    def is_pending(self) -> bool:
        return self.reading is None

    @property
    def text(self) -> str:
        """The same for other processes: carry it to them, and read ``at_least`` it there."""
        return "" if self.is_pending else str(self.reading)
