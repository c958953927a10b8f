"""Reads of what was served before: all of one turn of the loop ask together, in bytes made before.

    MGET of the values, HMGET of the bucket's head and of the stamps of all keys and tags, TIME, INFO

What is plainly a hit is served from that: a whole value of the expected type, with one stamp, before
its early ttl, under whose names nothing stands that is newer. All else is judged as any other look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...core.ports import Look
from ...core.recall import Recalled
from ...core.rows import Rows
from ...core.shape import Shape
from ...errors import StoreError
from ...wire.codec import Undecodable
from ...wire.frame import VALUE, Frame
from .codecs import tags_of
from .hub import Hub
from .judging import Judge
from .known import Known, Seen
from .layout import HEAD, LATEST_HOLD, PATTERNS
from .line import Question
from .packed import Packed, bulk
from .reading import Bucket, Moment, Reading, number_of
from .talk import Talk, Witness
from .ticks import Ticks

# Recalled(...) takes three times as long: it passes through a Python function.
_recalled: Callable[[type[Recalled], tuple[Any, Moment]], Recalled] = tuple.__new__

_HEAD_WORDS = b"".join(map(bulk, HEAD))


class Sheet:
    """What the server said to those who asked in one turn.

    ``places`` tells for each where its value is among ``values``, and its first stamp in ``stamps``.
    ``is_plain`` says that nothing stands in the way of all of them.
    """

    __slots__ = (
        "_has_stamps",
        "bucket",
        "is_plain",
        "moment",
        "now",
        "places",
        "since",
        "stamps",
        "values",
    )

    def __init__(
        self,
        hub: Hub,
        places: Mapping[Known, tuple[int, int]],
        values: Sequence[Any],
        stamps: Sequence[bytes | None],
        witness: Witness,
        since: int,
    ) -> None:
        head: dict[bytes, bytes | None] = dict(zip(HEAD, stamps, strict=False))
        self.places = places
        self.values = values
        self.stamps = stamps
        self.since = since
        self.bucket = Bucket(head, witness.fence, witness.time)
        reading = Reading(hub.layout, hub.shift, {0: self.bucket})
        reading.check_layout()
        self.now, self.moment = reading.now, reading.moment
        self.is_plain = (
            self.bucket.is_there and head[PATTERNS] is None and hub.undelivered.is_empty(since)
        )
        self._has_stamps = any(stamps[len(HEAD) :])

    def stamps_of(self, known: Known) -> Sequence[bytes | None]:
        start = self.places[known][1]
        return self.stamps[start : start + known.count]

    def serves(self, known: Known, seen: Seen) -> bool:
        """Return whether the entry is not to be refreshed yet, and nothing newer has its names."""
        return seen.early_at > self.now and self.is_valid(known, seen.nonce, seen.sequence)

    def is_valid(self, known: Known, nonce: bytes, sequence: int) -> bool:
        """Return whether nothing of ``known`` was invalidated, or marked stale, since this position."""
        return self.bucket.is_current(nonce, sequence) and not (
            self._has_stamps
            and any(
                stamp is not None and number_of(stamp) > sequence for stamp in self.stamps_of(known)
            )
        )


class RedisRecall:
    """Recalls for awaited callers of a store on one server."""

    def __init__(self, hub: Hub, talk: Talk) -> None:
        self._hub = hub
        self._talk = talk
        self._known, self._presence = hub.known, hub.presence
        self._judge = Judge(hub)
        self._unpack, self._payload_behind = hub.codecs.unpack_as, hub.codecs.payload_behind
        self._bucket = bulk(hub.layout.bucket(0))
        self._ticks: Ticks[Known, Sheet] = Ticks(self._ask, talk)

    def known(self, rows: Rows, row: Hashable) -> Known | None:
        known = self._known.get(rows, row)
        # Else it is a miss, most probably, which asks for the lease of the key as well.
        return known if known is not None and self._presence.has(known.key) else None

    def ask(self, known: Known) -> Awaitable[Sheet]:
        return self._ticks.join(known)

    def found(self, known: Known, shape: Shape, answer: Sheet) -> Recalled | Look | None:
        data, seen = answer.values[answer.places[known][0]], known.seen
        if type(data) is not bytes:
            self._presence.drop(known.key)
            return self._look(known, shape, answer, None)
        if seen is not None and seen.head is not None and answer.is_plain:
            payload = self._payload_behind(seen.head, data, known.name)
            if payload is not None and answer.serves(known, seen):
                try:
                    return _recalled(Recalled, (seen.codec.decode(payload), answer.moment))
                except Undecodable:
                    # It is told of where every look is judged.
                    pass
        return self._found_anew(known, shape, answer, data)

    def _found_anew(
        self, known: Known, shape: Shape, sheet: Sheet, data: bytes
    ) -> Recalled | Look | None:
        """Do ``found`` where the entry is another than before, or more than plainly a hit."""
        frame = self._unpack(data, known.name)
        seen = known.seen = None if frame is None else self._seen(known, shape, frame, data)
        if frame is not None and seen is not None and sheet.is_plain and sheet.serves(known, seen):
            with suppress(Undecodable):
                return Recalled(seen.codec.decode(frame.payload), sheet.moment)
        return self._look(known, shape, sheet, frame)

    def _seen(self, known: Known, shape: Shape, frame: Frame, data: bytes) -> Seen | None:
        """Return what has to be asked of ``frame`` whenever it comes; ``None`` if that is more."""
        if len(frame.marks) != 1:
            return None
        codecs, mark = self._hub.codecs, frame.marks[0]
        codec = codecs.of(shape)
        is_plain = (
            mark.tags == known.tags
            and mark.is_own
            and mark.bucket == 0
            and frame.schema == codec.schema
            and frame.kind == VALUE
            and not frame.idle
        )
        early_at = (frame.born + frame.early) / 1000
        head = codecs.head_of(data, frame)
        return Seen(head, early_at, mark.nonce, mark.sequence, codec) if is_plain else None

    def _look(self, known: Known, shape: Shape, sheet: Sheet, frame: Frame | None) -> Look | None:
        head = sheet.bucket
        if not head.is_there or head.number(LATEST_HOLD) > head.server_now:
            # A load begins in a bucket that is there, and knows what is held.
            return None
        if frame is not None and tags_of(frame) != known.tags:
            return None
        if frame is not None:
            self._presence.note(known.key, (frame.born + frame.ends) / 1000 - sheet.now)
        names = (*HEAD, *known.names())
        told = [*sheet.stamps[: len(HEAD)], *sheet.stamps_of(known)]
        bucket = Bucket(dict(zip(names, told, strict=True)), head.fence, head.server_now)
        reading = Reading(self._hub.layout, self._hub.shift, {0: bucket})
        return self._judge.look(known.key, known.tags, frame, shape, reading, reading, sheet.since)

    async def _ask(self, wanted: Sequence[Known]) -> Sequence[Sheet]:
        since = self._hub.undelivered.deliveries
        places: dict[Known, tuple[int, int]] = {}
        start = len(HEAD)
        for known in wanted:
            if known not in places:
                places[known] = len(places), start
                start += known.count
        answer = await self._talk.read(self._questions(places, start))
        values, stamps = answer.replies
        if isinstance(stamps, Exception):
            raise StoreError(f"something else lies where a bucket would: {stamps}")
        if len(places) == 1:
            values = [values]
        elif isinstance(values, Exception):
            raise StoreError(f"the server does not tell the values: {values}") from values
        sheet = Sheet(self._hub, places, values, stamps, answer.witnesses[1], since)
        return [sheet] * len(wanted)

    def _questions(self, places: Mapping[Known, object], count: int) -> list[Question]:
        get, words = "MGET" if len(places) > 1 else "GET", [known.value for known in places]
        fields = [self._bucket, _HEAD_WORDS, *[known.fields for known in places]]
        return [Packed.of(get, len(places), words), Packed.of("HMGET", count + 1, fields)]

    async def close(self) -> None:
        await self._ticks.close()
