"""Which primary this process last met for each bucket, so that a new one is told what it may lack."""

from __future__ import annotations

from collections.abc import Collection

from .journal import Journal


class Met:
    """A bucket that changes hands, by failover or by the migration of its slot, is met anew."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._fences: dict[int, bytes] = {}

    def begin(self) -> None:
        """Begin anew, with nobody met: in a forked child."""
        self._fences = {}

    def of(self, bucket: int) -> bytes | None:
        """Return the fence of the primary that was last met for ``bucket``."""
        return self._fences.get(bucket)

    def not_at(self, fence: bytes, buckets: Collection[int]) -> list[int]:
        """Return those of ``buckets`` that this process has not met at the primary of ``fence``."""
        known = self._fences
        return [bucket for bucket in buckets if known.get(bucket) != fence]

    def all_at(self, fence: bytes | None, buckets: Collection[int]) -> bool:
        known = self._fences
        return all(known.get(bucket) == fence for bucket in buckets)

    def note(self, fence: bytes, buckets: Collection[int]) -> None:
        self._fences.update(dict.fromkeys(buckets, fence))
