"""Looks: what lies under keys, and what the buckets say of them, in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...core.ports import Look
from ...core.shape import ANY, LOCAL, Shape
from ...wire.frame import Frame
from .batch import Batch
from .codecs import tags_of
from .conversation import Conversation
from .hub import Hub
from .judging import Judge
from .line import Question
from .reading import Bucket, Moment, Reading


class Looks:
    """The looks of one colour of caller."""

    def __init__(self, hub: Hub, talk: Conversation) -> None:
        self._hub = hub
        self._talk = talk
        self._layout = hub.layout
        self._judge = Judge(hub)

    async def look_many(
        self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape = ANY
    ) -> list[Look]:
        if not asked:
            return []
        return (await self._look_after((), asked, shape))[1]

    async def after(
        self, first: Sequence[Question], key: str, tags: Iterable[str], shape: Shape
    ) -> tuple[list[Any], Look]:
        replies, (look,) = await self._look_after(first, [(key, tags)], shape)
        return replies, look

    async def _look_after(
        self,
        first: Sequence[Question],
        asked: Sequence[tuple[str, Iterable[str]]],
        shape: Shape,
    ) -> tuple[list[Any], list[Look]]:
        """Ask ``first``, and look after that, in one round trip."""
        since = self._hub.undelivered.deliveries
        cases = [(key, tuple(tags)) for key, tags in asked]
        keys = [key for key, _ in cases]
        batch = Batch(
            self._layout,
            values=() if shape is LOCAL else keys,
            keys=keys,
            tags=[tag for _, tags in cases for tag in tags],
        )
        answer = await self._talk.read([*first, *batch.questions])
        told = answer.replies[len(first) :]
        reading = batch.reading(told, answer.fence, self._hub.shift)
        reading = await self._opened(batch, reading)
        frames = self._kept(keys) if shape is LOCAL else self._unpacked(batch, keys, told)
        judged = await self._with_all_tags(batch, reading, frames)
        looks = [
            self._judge.look(key, tags, frame, shape, judged, reading, since)
            for (key, tags), frame in zip(cases, frames, strict=True)
        ]
        return answer.replies[: len(first)], looks

    def _unpacked(
        self, batch: Batch, keys: Iterable[str], replies: Sequence[Any]
    ) -> list[Frame | None]:
        unpack = self._hub.codecs.unpack
        return [unpack(data, key) for key, data in zip(keys, batch.values(replies), strict=True)]

    def _kept(self, keys: Iterable[str]) -> list[Frame | None]:
        found = [self._hub.kept.get(key) for key in keys]
        return [None if one is None else one[0] for one in found]

    async def _opened(self, batch: Batch, reading: Reading) -> Reading:
        """Make sure that all buckets are there, so that a load has a stamp to begin with."""
        for bucket in reading.absent():
            fields = batch.fields(bucket)
            answer = await self._talk.write([self._talk.opening(bucket, fields)])
            fence, _, now, told = answer.replies[0]
            found = Bucket(dict(zip(fields, told, strict=True)), fence)
            buckets = {**reading.buckets, bucket: found}
            reading = Reading(self._layout, int(now), self._hub.shift, buckets)
        reading.check_layout()
        return reading

    async def _with_all_tags(
        self, batch: Batch, reading: Reading, frames: Iterable[Frame | None]
    ) -> Reading:
        """Return a reading that knows the tags which only the headers tell, too."""
        told = dict.fromkeys(tag for frame in frames if frame for tag in tags_of(frame))
        if reading.knows(told):
            return reading
        more = Batch(self._layout, keys=batch.keys, tags=[*batch.tags, *told])
        answer = await self._talk.read(more.questions)
        return more.reading(answer.replies, answer.fence, self._hub.shift)

    async def overtaken(self, stamp: Moment, tags: Iterable[str]) -> bool:
        since = self._hub.undelivered.deliveries
        tags = tuple(tags)
        reading = await self.names((), tags)
        return self._hub.undelivered.covers("", tags, since) or reading.overtakes(stamp, tags)

    async def names(self, keys: Iterable[str], tags: Iterable[str]) -> Reading:
        batch = Batch(self._layout, keys=keys, tags=tags)
        answer = await self._talk.read(batch.questions)
        reading = batch.reading(answer.replies, answer.fence, self._hub.shift)
        return await self._opened(batch, reading)
