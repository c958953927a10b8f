"""Holds as the server tells of them: what is loaded meanwhile is returned, and not stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from .layout import KEY_HOLD, LATEST_HOLD, QUARANTINE, TAG_HOLD, Layout, encoded
from .reading import Reading, number_of

#: Held, and nobody can say until when: whoever wants to share such a value comes too late.
UNKNOWN = float("-inf")


class HeldInReading:
    """What was held when a reading was taken, as far as it asked.

    A tag that nobody asked about is held while any tag of its bucket is. So is everything in a bucket
    that was made anew a moment ago, since its holds may have been lost with the former one.
    """

    __slots__ = ("_layout", "_reading")

    def __init__(self, layout: Layout, reading: Reading) -> None:
        self._layout = layout
        self._reading = reading

    def until(self, tags: Iterable[str], key: str | None = None) -> float | None:
        ends = [self._until(tag, TAG_HOLD) for tag in tags]
        if key is not None:
            ends.append(self._until(key, KEY_HOLD))
        return min((end for end in ends if end is not None), default=None)

    def _until(self, name: str, kind: bytes) -> float | None:
        bucket = self._reading.buckets.get(self._layout.bucket_of(name))
        if bucket is None or bucket.number(QUARANTINE) > (now := bucket.server_now):
            return UNKNOWN
        field = kind + encoded(name)
        if not bucket.has(field):
            return UNKNOWN if bucket.number(LATEST_HOLD) > now else None
        ends = [end for _, end in ends_of(bucket.text(field)) if end > now]
        return self._reading.store_time(bucket, min(ends)) if ends else None


class HeldNow:
    """All holds of the namespace, but those of some tokens; ``all`` if a bucket is quarantined."""

    def __init__(self, ends: Mapping[bytes, float], *, all: bool) -> None:
        self._ends = ends
        self._all = all

    def until(self, tags: Iterable[str], key: str | None = None) -> float | None:
        if self._all:
            return UNKNOWN
        fields = [TAG_HOLD + encoded(tag) for tag in tags]
        if key is not None:
            fields.append(KEY_HOLD + encoded(key))
        return min((self._ends[field] for field in fields if field in self._ends), default=None)


def ends_of(packed: bytes) -> Iterable[tuple[str, int]]:
    """Return the holds of one name: token and end, in milliseconds of the server's clock.

    What is damaged may have been a hold: its end is far.
    """
    for one in filter(None, packed.split(b";")):
        token, _, end = one.partition(b"=")
        yield token.decode(errors="replace"), number_of(end)


def first_end(packed: bytes, now: int, besides: Collection[str]) -> int | None:
    """Return when the first hold ends that is on, and of no token in ``besides``."""
    ends = [end for token, end in ends_of(packed) if end > now and token not in besides]
    return min(ends, default=None)
