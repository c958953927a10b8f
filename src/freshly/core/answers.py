"""Which exceptions of a loader are answers: kept, and raised to those who ask again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import FreshlyError
from .lifetime import Lifetime


@dataclass(frozen=True, slots=True)
class Answers:
    """How long an exception is kept, by its class; the nearest of its classes counts."""

    lifetimes: Mapping[type[Exception], Lifetime]

    def lifetime(self, kind: type[Exception]) -> Lifetime | None:
        """Return how long an exception of ``kind`` is kept, or ``None`` if it is a failure."""
        if issubclass(kind, FreshlyError):
            # It says what is wrong with the cache, or with how it is used, and nothing of the value.
            return None
        return next((self.lifetimes[one] for one in kind.__mro__ if one in self.lifetimes), None)
