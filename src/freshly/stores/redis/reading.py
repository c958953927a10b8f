"""What the server said of its buckets, and what follows from it.

Pure: it gets replies and judges by them. All that makes an entry valid or not is here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple

from ...errors import ConfigurationError, StoreError
from ...wire.frame import Mark
from .layout import (
    FENCE,
    FLOOR,
    HEAD,
    KEY,
    KEY_HOLD,
    LATEST_HOLD,
    LAYOUT,
    NONCE,
    PATTERNS,
    QUARANTINE,
    REPLACED,
    SEQUENCE,
    STALE,
    TAG,
    TAG_HOLD,
    Layout,
    encoded,
)

#: Later than any sequence and any time: what a number means that somebody else has written over.
FAR = 2**62
# A number as the scripts write it has no more digits.
MOST_DIGITS = 15


def number_of(text: bytes) -> int:
    """Return the number that ``text`` is, ``FAR`` if it is none: what is damaged makes invalid."""
    return int(text) if text.isdigit() and len(text) <= MOST_DIGITS else FAR


class Position(NamedTuple):
    """A reading of one bucket's clock. Two of them can be compared only under one nonce."""

    nonce: bytes
    sequence: int


@dataclass(frozen=True, eq=False, slots=True)
class Moment:
    """A reading of the store: the position of each bucket that was asked.

    ``inherited`` has the older positions of tags that came with other values. A value with an
    unknown one among them is not ``storable``. It is hashed and compared as the object that it is.
    """

    positions: Mapping[int, Position]
    inherited: Mapping[str, Position] = field(default_factory=dict)
    is_storable: bool = True

    def __str__(self) -> str:
        """The text that a token carries to other processes: see ``positions_of``."""
        return ",".join(
            f"{bucket}.{nonce.decode()}.{sequence}"
            for bucket, (nonce, sequence) in sorted(self.positions.items())
        )

    def position(self, tag: str, bucket: int) -> Position | None:
        """Return the position at which ``tag`` was known valid, ``None`` if nobody asked."""
        return self.inherited.get(tag) or self.positions.get(bucket)


def positions_of(text: str) -> Mapping[int, Position]:
    """Return the positions that the text of a moment names.

    Raises:
        ConfigurationError: if it is none.
    """
    found = [_POSITION.fullmatch(part) for part in text.split(",")]
    if not all(found):
        raise ConfigurationError(
            f"token={text!r} is no moment of a shared store: give what delete_tags returned, or its "
            f".text"
        )
    return {int(one[1]): Position(one[2].encode(), int(one[3])) for one in found if one is not None}


_POSITION = re.compile(r"(\d{1,5})\.([A-Za-z0-9_-]{1,64})\.(\d{1,18})")


class Bucket:
    """One bucket as one answer showed it, at ``server_now`` milliseconds by its server's clock."""

    __slots__ = ("_fields", "fence", "floor", "is_there", "position", "server_now")

    def __init__(self, fields: Mapping[bytes, bytes | None], fence: bytes, server_now: float) -> None:
        self._fields = fields
        #: Of the primary that answered.
        self.fence = fence
        self.server_now = server_now
        nonce = fields[NONCE]
        self.position = Position(nonce or b"", self.number(SEQUENCE))
        self.floor = self.number(FLOOR)
        #: Whether it exists, belongs to the primary that answered, and is as our scripts write it.
        self.is_there = nonce is not None and fields[FENCE] == fence and self._is_sound()

    def _is_sound(self) -> bool:
        if self.position.sequence >= FAR or self.floor >= FAR:
            return False
        if self.number(QUARANTINE) >= FAR or self.number(LATEST_HOLD) >= FAR:
            return False
        packed = self._fields[PATTERNS]
        return packed is None or patterns_of(packed) is not None

    @property
    def layout(self) -> bytes | None:
        return self._fields[LAYOUT]

    def number(self, field: bytes) -> int:
        text = self._fields.get(field)
        return 0 if text is None else number_of(text)

    def has(self, field: bytes) -> bool:
        return field in self._fields

    def text(self, field: bytes) -> bytes:
        return self._fields.get(field) or b""

    def is_valid(self, position: Position, field: bytes) -> bool:
        """Return whether nothing that carries ``field`` was invalidated since ``position``."""
        nonce, sequence = position
        if not self.is_current(nonce, sequence):
            return False
        text = self._fields.get(field)
        return text is None or sequence >= number_of(text)

    def is_current(self, nonce: bytes, sequence: int) -> bool:
        """Return whether a position can be compared with the stamps that stand here."""
        return self.is_there and nonce == self.position.nonce and sequence >= self.floor

    def spares(self, position: Position, key: str) -> bool:
        """Return whether no pattern that ``key`` matches was deleted since ``position``."""
        packed = self._fields[PATTERNS]
        return packed is None or not any(
            sequence > position.sequence and pattern.match(key)
            for sequence, pattern in patterns_of(packed) or ()
        )


_HEAD_OF_PATTERN = re.compile(rb"(\d{1,15}):(\d{1,15}):")


@lru_cache(maxsize=16)
def patterns_of(packed: bytes) -> Sequence[tuple[int, re.Pattern[str]]] | None:
    """Return the globs that were deleted, with the sequence of each; the newest comes last.

    ``None`` if ``packed`` is not as our scripts write it.
    """
    found, place = [], 0
    while place < len(packed):
        head = _HEAD_OF_PATTERN.match(packed, place)
        if head is None:
            return None
        place = head.end() + int(head[2])
        try:
            text = packed[head.end() : place].decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return None
        found.append((int(head[1]), re.compile(translate(text))))
    return found if place == len(packed) else None


def fields_of(
    layout: Layout,
    keys: Iterable[str],
    tags: Iterable[str],
    near: Iterable[str] = (),
    *,
    is_whole: bool = True,
) -> dict[int, list[bytes]]:
    """Return the fields to ask of each bucket, for the keys and tags that lie in it.

    Of all buckets, or else of those that have some. Of ``near`` keys it is asked besides whether
    something newer was laid under them.
    """
    found: dict[int, list[bytes]] = {}
    if is_whole:
        found = {bucket: [*HEAD] for bucket in range(layout.buckets)}
    bucket_of = layout.bucket_of_bytes
    for name in map(encoded, keys):
        found.setdefault(bucket_of(name), [*HEAD]).extend((KEY + name, KEY_HOLD + name))
    for name in map(encoded, near):
        found.setdefault(bucket_of(name), [*HEAD]).append(REPLACED + name)
    for name in map(encoded, tags):
        fields = (TAG + name, STALE + name, TAG_HOLD + name)
        found.setdefault(bucket_of(name), [*HEAD]).extend(fields)
    return found


class Reading:
    """What one batch said of some buckets.

    ``shift`` is by how many seconds the store's time is ahead of its servers', and ``now`` the store's
    time in seconds. Where the buckets lie on several servers it is told by the one of the first.
    """

    def __init__(self, layout: Layout, shift: float, buckets: Mapping[int, Bucket]) -> None:
        self._layout = layout
        self._shift = shift
        self.now = buckets[min(buckets)].server_now / 1000 + shift
        self.buckets = buckets
        self.moment = Moment({number: bucket.position for number, bucket in buckets.items()})

    def store_time(self, bucket: Bucket, server_time: float) -> float:
        """Return the store's time, in seconds, at one of a bucket's server, in milliseconds."""
        return self.now + (server_time - bucket.server_now) / 1000

    def absent(self) -> list[int]:
        return [number for number, bucket in self.buckets.items() if not bucket.is_there]

    def check_layout(self) -> None:
        """Raise if a bucket was made by processes that lay out the namespace in another way."""
        for bucket in self.buckets.values():
            if bucket.is_there and bucket.layout != self._layout.text:
                raise other_layout(self._layout, bucket.layout or b"")

    def knows(self, tags: Iterable[str]) -> bool:
        """Return whether all of ``tags`` were asked for."""
        return not self.unknown(tags)

    def unknown(self, tags: Iterable[str]) -> list[str]:
        return [tag for tag in tags if not self._asked(tag)]

    def _asked(self, tag: str) -> bool:
        bucket = self.buckets.get(self._layout.bucket_of(tag))
        return bucket is not None and bucket.has(TAG + encoded(tag))

    def is_tag_valid(self, tag: str, position: Position | None) -> bool:
        bucket = self.buckets.get(self._layout.bucket_of(tag))
        return (
            position is not None
            and bucket is not None
            and bucket.is_valid(position, TAG + encoded(tag))
        )

    def is_key_valid(self, key: str, position: Position | None) -> bool:
        bucket = self.buckets.get(self._layout.bucket_of(key))
        return (
            position is not None
            and bucket is not None
            and bucket.is_valid(position, KEY + encoded(key))
            and bucket.spares(position, key)
        )

    def is_stale(self, key: str, marks: Iterable[Mark]) -> bool | None:
        """Return whether the entry of ``key`` that carries ``marks`` was marked stale.

        ``None`` if it is not valid, for its key or one of its tags.
        """
        home, has_key, is_stale = self._layout.bucket_of(key), False, False
        for number, nonce, sequence, tags, is_own in marks:
            position = Position(nonce, sequence)
            if is_own and number == home and not has_key:
                has_key = True
                if not self.is_key_valid(key, position):
                    return None
            for tag in tags:
                bucket, name = self.buckets.get(self._layout.bucket_of(tag)), encoded(tag)
                if bucket is None or not bucket.is_valid(position, TAG + name):
                    return None
                is_stale = is_stale or bucket.number(STALE + name) > sequence
        return is_stale if has_key else None

    def rules_out(self, key: str, marks: Iterable[Mark]) -> bool:
        """Return whether the entry of ``key`` is known not to be valid, whatever its other tags are."""
        home, has_key = self._layout.bucket_of(key), False
        for number, nonce, sequence, tags, is_own in marks:
            position = Position(nonce, sequence)
            if is_own and number == home and not has_key:
                has_key = True
                if not self.is_key_valid(key, position):
                    return True
            if any(self._asked(tag) and not self.is_tag_valid(tag, position) for tag in tags):
                return True
        return False

    def replaced(self, key: str) -> Position:
        """Return when it was announced last that something newer lies under ``key``; 0 for never."""
        bucket = self.buckets[self._layout.bucket_of(key)]
        return Position(bucket.position.nonce, bucket.number(REPLACED + encoded(key)))

    def overtakes(self, stamp: Moment, tags: Iterable[str], key: str | None = None) -> bool:
        """Return whether one of ``tags``, or ``key``, was invalidated after ``stamp``.

        What this reading did not ask about counts as invalidated.
        """
        bucket_of = self._layout.bucket_of
        if key is not None and not self.is_key_valid(key, stamp.positions.get(bucket_of(key))):
            return True
        return not all(self.is_tag_valid(tag, stamp.position(tag, bucket_of(tag))) for tag in tags)


def other_layout(ours: Layout, theirs: bytes) -> StoreError:
    return StoreError(
        f"namespace={ours.namespace!r} is laid out as {theirs.decode(errors='replace')!r} "
        f"(version:buckets:max_staleness:fence:max_hold), and this process was set up for "
        f"{ours.text.decode()!r}: give all processes of a namespace the same options, or this one a "
        f"namespace of its own"
    )
