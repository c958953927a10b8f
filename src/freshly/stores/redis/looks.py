"""Looks: what lies under keys, and what the buckets say of them, in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...core.ports import Look
from ...core.shape import ANY, LOCAL, Shape
from ...wire.frame import Frame
from .asking import Asking, Told, Want
from .codecs import tags_of
from .hub import Hub
from .judging import Judge
from .line import Question
from .reading import Moment, Reading


class Looks:
    """The looks of one colour of caller."""

    def __init__(self, hub: Hub, asking: Asking) -> None:
        self._hub = hub
        self._asking = asking
        self._judge = Judge(hub)

    async def look(
        self, key: str, tags: Iterable[str], shape: Shape, first: Sequence[Question] = ()
    ) -> tuple[Sequence[Any], Look]:
        """Ask ``first``, and look after that, in one round trip."""
        since, tags, keys = self._hub.undelivered.deliveries, tuple(tags), (key,)
        told = await self._asking.ask(Want(() if shape is LOCAL else keys, keys, tags, first))
        frame, judged = self._frame(key, shape, told), told.reading
        if frame is not None and tags_of(frame) != tags:
            judged = await self._with_all_tags(keys, tags, judged, [frame])
        return told.first, self._judge.look(key, tags, frame, shape, judged, told.reading, since)

    async def look_many(
        self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape = ANY
    ) -> list[Look]:
        if not asked:
            return []
        since = self._hub.undelivered.deliveries
        cases = [(key, tuple(tags)) for key, tags in asked]
        keys = [key for key, _ in cases]
        tags = [tag for _, some in cases for tag in some]
        told = await self._asking.ask(Want(() if shape is LOCAL else keys, keys, tags))
        frames = [self._frame(key, shape, told) for key in keys]
        judged = await self._with_all_tags(keys, tags, told.reading, frames)
        return [
            self._judge.look(key, some, frame, shape, judged, told.reading, since)
            for (key, some), frame in zip(cases, frames, strict=True)
        ]

    def _frame(self, key: str, shape: Shape, told: Told) -> Frame | None:
        if shape is LOCAL:
            kept = self._hub.kept.get(key)
            return None if kept is None else kept[0]
        return self._hub.codecs.unpack(told.values[key], key)

    async def _with_all_tags(
        self,
        keys: Sequence[str],
        tags: Sequence[str],
        reading: Reading,
        frames: Iterable[Frame | None],
    ) -> Reading:
        """Return a reading that knows the tags which only the headers tell, too."""
        told = [tag for frame in frames if frame for tag in tags_of(frame)]
        if reading.knows(told):
            return reading
        return (await self._asking.ask(Want((), keys, [*tags, *told]))).reading

    async def overtaken(self, stamp: Moment, tags: Iterable[str]) -> bool:
        since = self._hub.undelivered.deliveries
        tags = tuple(tags)
        reading = await self.names((), tags)
        return self._hub.undelivered.covers("", tags, since) or reading.overtakes(stamp, tags)

    async def names(self, keys: Sequence[str], tags: Sequence[str]) -> Reading:
        return (await self._asking.ask(Want((), keys, tags))).reading
