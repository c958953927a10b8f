"""Entries with something that few have. The others do not pay for it: see entry.py.

Idle expiry is lazy. A hit writes down when it was and nothing else; the end of normal service is
worked out from that when somebody asks for it. The hit path asks for ``next_at``, which is the end as
it was known at the last read that took the long way: once a ttl, a read takes it and moves the end on.
"""

from __future__ import annotations

from typing import Any, TypeVar

from .entry import NEVER, Entry
from .raised import Raised

T = TypeVar("T")


class SpecialEntry(Entry[T]):
    """An entry with what its base has no place for; the names are those of its base.

    With ``idle``, in seconds, normal service ends so long after ``read_at``, the instant of the last
    read, and no later than ``expires_at`` among the ``instants`` that it was made with. Stale and
    early stay where they are; grace follows the end.
    """

    __slots__ = ("etag", "idle", "raised", "read_at")

    def __init__(
        self,
        key: str,
        value: T,
        *,
        raised: Raised | None = None,
        idle: float | None = None,
        etag: str | None = None,
        read_at: float | None = None,
        **common: Any,
    ) -> None:
        super().__init__(key, value, **common)
        self.raised = raised
        self.etag = etag
        self.idle: float | None = None
        # Whoever loads a value is the first to read it.
        self.read_at = self.born + self.load_seconds if read_at is None else read_at
        if raised is not None:
            # The hit path returns values and nothing else.
            self.divert()
        elif idle is not None:
            self.divert()
            self.idle = idle
            self.rejoin()

    @property
    def slides(self) -> bool:  # type: ignore[override]
        return self.idle is not None

    @property
    def expires_at(self) -> float:
        longest = super().expires_at
        return longest if self.idle is None else min(self.read_at + self.idle, longest)

    @property
    def early_at(self) -> float:
        early_at = super().early_at
        return early_at if self.idle is None else min(early_at, self.expires_at)

    @property
    def stale_at(self) -> float:
        stale_at = super().stale_at
        return stale_at if self.idle is None else min(stale_at, self.expires_at)

    @property
    def dead_at(self) -> float:
        dead_at = super().dead_at
        return dead_at if self.idle is None else min(self.expires_at + self._grace, dead_at)

    @property
    def _grace(self) -> float:
        return super().dead_at - super().expires_at

    def renew(self, now: float) -> None:
        # An expired value that stands in for a load is not in service any more.
        if self.idle is None or now >= self.expires_at:
            return
        self.read_at = max(self.read_at, now)
        if self.next_at != NEVER:
            self.next_at = self.early_at

    def mark_stale(self) -> None:
        if isinstance(self._life, tuple):
            born, _, _, expires_at, dead_at, load_seconds = self._life
            self._life = (born, born, born, expires_at, dead_at, load_seconds)
            self.next_at = NEVER
        else:
            super().mark_stale()

    def divert(self) -> None:
        if isinstance(self._life, tuple):
            # The instants that it was made with, and not what they come to now.
            self.next_at = NEVER
        else:
            super().divert()

    def rejoin(self) -> None:
        if self.raised is None:
            super().rejoin()
