"""Looks: what lies under keys, and what the buckets say of them, in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...core.ports import Bid, Look
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

    async def look(self, key: str, tags: Iterable[str], shape: Shape, *, bids: bool = False) -> Look:
        """Look, and with ``bids`` ask for the key's lease unless something is known to lie there.

        If it is, the buckets of the key and its tags are enough: whoever loads all the same claims the
        lease before that, and a claim asks all.
        """
        since, tags, keys = self._hub.undelivered.deliveries, tuple(tags), (key,)
        tokens = self._tokens(keys) if bids and shape is not LOCAL else {}
        is_whole = not bids or shape is LOCAL or bool(tokens)
        told = await self._asking.ask(
            Want(() if shape is LOCAL else keys, keys, tags, (), tokens, is_whole)
        )
        frame, judged = self._frame(key, shape, told), told.reading
        if frame is not None and tags_of(frame) != tags:
            judged = await self._with_all_tags(keys, tags, judged, [frame])
        look = self._judge.look(key, tags, frame, shape, judged, told.reading, since)
        return _with_bid(look, tokens.get(key), told.holders.get(key))

    async def look_many(
        self,
        asked: Sequence[tuple[str, Iterable[str]]],
        shape: Shape = ANY,
        first: Sequence[Question] = (),
        *,
        bids: bool = False,
    ) -> tuple[Sequence[Any], list[Look]]:
        """Ask ``first``, and look at all after that, in one round trip."""
        if not asked:
            return (), []
        since = self._hub.undelivered.deliveries
        cases = [(key, tuple(tags)) for key, tags in asked]
        keys = [key for key, _ in cases]
        tags = [tag for _, some in cases for tag in some]
        tokens = self._tokens(keys) if bids and shape is not LOCAL else {}
        is_whole = not bids or shape is LOCAL or bool(tokens)
        told = await self._asking.ask(
            Want(() if shape is LOCAL else keys, keys, tags, first, tokens, is_whole)
        )
        frames = [self._frame(key, shape, told) for key in keys]
        judged = await self._with_all_tags(keys, tags, told.reading, frames)
        return told.first, [
            _with_bid(
                self._judge.look(key, some, frame, shape, judged, told.reading, since),
                tokens.get(key),
                told.holders.get(key),
            )
            for (key, some), frame in zip(cases, frames, strict=True)
        ]

    def _frame(self, key: str, shape: Shape, told: Told) -> Frame | None:
        if shape is LOCAL:
            kept = self._hub.kept.get(key)
            return None if kept is None else kept[0]
        data = told.values[key]
        frame = self._hub.codecs.unpack(data, key)
        if frame is not None:
            self._hub.presence.note(key, (frame.born + frame.ends) / 1000 - told.reading.now)
        elif data is None:
            self._hub.presence.drop(key)
        return frame

    def _tokens(self, keys: Iterable[str]) -> dict[str, str]:
        """Return a token for the lease of each key under which nothing is known to lie.

        A lease that this process keeps is not asked for: its load is under way here.
        """
        keeper, presence = self._hub.keeper, self._hub.presence
        return {
            key: keeper.new_token()
            for key in keys
            if keeper.token(key) is None and not presence.has(key)
        }

    async def _with_all_tags(
        self,
        keys: Sequence[str],
        tags: Sequence[str],
        reading: Reading,
        frames: Iterable[Frame | None],
    ) -> Reading:
        """Return a reading that knows the tags which only the headers tell, too."""
        told = [
            tag
            for key, frame in zip(keys, frames, strict=True)
            if frame and not reading.rules_out(key, frame.marks)
            for tag in tags_of(frame)
        ]
        if reading.knows(told):
            return reading
        return (await self._asking.ask(Want((), keys, [*tags, *told], is_whole=False))).reading

    async def overtaken(self, stamp: Moment, tags: Iterable[str]) -> bool:
        since = self._hub.undelivered.deliveries
        tags = tuple(tags)
        reading = await self.names((), tags, is_whole=not tags)
        return self._hub.undelivered.covers("", tags, since) or reading.overtakes(stamp, tags)

    async def names(
        self, keys: Sequence[str], tags: Sequence[str], *, is_whole: bool = True
    ) -> Reading:
        """Return what buckets say of ``keys`` and ``tags``: all of them, or those of the names."""
        return (await self._asking.ask(Want((), keys, tags, is_whole=is_whole))).reading


def _with_bid(look: Look, token: str | None, holder: bytes | None) -> Look:
    if token is None or holder is None:
        return look
    return look._replace(bid=Bid(holder == token.encode(), holder))
