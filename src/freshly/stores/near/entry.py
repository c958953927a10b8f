"""An entry of the near tier: a value of the far store, and until when it may be served unasked.

Its five instants are on the clock of the far store, whose readers judge it by them. ``next_at``, by
which the hit path judges it, is on the clock of this process: the end of the lease, or the instant at
which the value has to be thought about, whichever comes first. So a lease that runs out ends the hits
by itself, and nobody has to be there to end them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from ...core.counts import Counts
from ...core.entry import NEVER, Entry
from ...core.shape import Shape
from ...core.special import SpecialEntry
from ...wire.frame import PARTS
from ..redis.reading import Moment, Position

T = TypeVar("T")


class NearEntry(SpecialEntry[T]):
    """``valid_at`` is the last moment at which the far store said that it is valid.

    ``seen`` is the same on the clock of this process: a reading taken before the store was asked.
    ``shape`` is by what its value was made of bytes. ``stamp`` is of the entry it was made of.
    It is served unasked while the leases of all its ``buckets`` run. ``known`` is the last announcement
    of its key that was known before the far store was asked for it.
    """

    __slots__ = ("_valid_at", "buckets", "known", "shape", "stamp")

    def __init__(
        self,
        key: str,
        value: T,
        *,
        shape: Shape,
        stamp: Moment,
        valid_at: Moment,
        buckets: Sequence[int],
        known: Position | None = None,
        **common: Any,
    ) -> None:
        super().__init__(key, value, stamp=stamp, **common)
        self.stamp = stamp
        self.known = known
        self.buckets = buckets
        self.shape = shape
        self._valid_at = valid_at
        # Nothing is served by the hit path before somebody has seen to it that a lease runs.
        self.divert()

    @classmethod
    def of(
        cls,
        entry: Entry[T],
        shape: Shape,
        counts: Counts,
        *,
        valid_at: Moment,
        seen: int,
        now: float,
        buckets: Sequence[int] = (0,),
        known: Position | None = None,
    ) -> NearEntry[T]:
        """Return what the near tier keeps of ``entry`` at ``now``, by the far store's clock."""
        early_at = entry.early_at
        if entry.idle is not None:
            # The far store has to hear of reads, and does when this one is thought about.
            early_at = min(early_at, now + entry.idle / PARTS)
        instants = (entry.born, early_at, entry.stale_at, entry.expires_at, entry.dead_at)
        near = cls(
            entry.key,
            entry.value,
            shape=shape,
            valid_at=valid_at,
            buckets=buckets,
            known=known,
            instants=instants,
            tags=entry.tags,
            stamp=entry.seen,
            counts=counts,
            load_seconds=entry.load_seconds,
            raised=entry.raised,
            etag=entry.etag,
        )
        near.seen = seen
        return near

    @property
    def valid_at(self) -> Moment:
        return self._valid_at

    def confirm(self, valid_at: Moment, seen: int) -> None:
        """Note that the far store was asked again, after ``seen``, and said that it is valid."""
        self._valid_at, self.seen = valid_at, seen

    def is_replaced(self, announced: Position) -> bool:
        """Return whether something newer was announced than what was known when it was asked for.

        It may be newer all the same: then it is asked for once more.
        """
        if announced.sequence == 0:
            return False
        known = self.known
        return known is None or known.nonce != announced.nonce or announced.sequence > known.sequence

    def until(self, leases: Sequence[float]) -> float:
        """Return when the first of its ``leases``, which are by bucket, runs out."""
        buckets = self.buckets
        if len(buckets) == 1:
            return leases[buckets[0]]
        return min([leases[number] for number in buckets])

    def arm(self, until: float, ahead: float) -> None:
        """Let the hit path serve it up to ``until``; the far store's clock is ``ahead`` of ours."""
        if self.raised is not None:
            return
        self.next_at = min(until, self.early_at - ahead)
        if self.early_at - ahead < self.next_at:
            # It was marked stale between the two lines.
            self.next_at = NEVER

    def mark_stale(self) -> None:
        """Make it stale by any clock: its birth is on the server's, which may be ahead of ours."""
        self._life = (self.born, NEVER, NEVER, self.expires_at, self.dead_at, self.load_seconds)
        self.next_at = NEVER

    def rejoin(self) -> None:
        """Stay off the hit path: whoever knows of the lease arms it."""
