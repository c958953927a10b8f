"""What a loader says about the entry that is made of what it returns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .lifetime import Lifetime, Span

#: Said of nothing: the options of the function hold.
UNSAID: Final[Any] = object()


class Wishes:
    """Its validator, its ttls in place of the options', or that it is not to be kept."""

    __slots__ = ("etag", "is_refused", "soft_ttl", "ttl")

    def __init__(self) -> None:
        self.etag: str | None = None
        self.ttl: Span = UNSAID
        self.soft_ttl: Span = UNSAID
        self.is_refused = False

    def lifetime(self, life: Lifetime) -> Lifetime | None:
        """Return ``life`` as it was wished for, or ``None`` if nothing is to be kept."""
        if self.is_refused:
            return None
        wished: dict[str, Any] = {}
        if self.soft_ttl is not UNSAID:
            wished["soft_ttl"] = self.soft_ttl
        if self.ttl is not UNSAID and life.idle is not None and isinstance(self.ttl, float):
            # The ttl of a value that reads renew is the time from one to the next.
            wished["idle"] = self.ttl
        elif self.ttl is not UNSAID:
            wished |= {"ttl": self.ttl, "idle": None}
        return replace(life, **wished) if wished else life
