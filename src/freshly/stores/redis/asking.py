"""What is asked of the server before anything is judged: one batch for one reader, or for many.

Readers of one turn of an event loop travel together: one MGET of all their values, one HMGET of the
stamps, one proof of who answered: see ticks.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from ...errors import StoreError
from .batch import Batch
from .hub import Hub
from .line import Question
from .reading import Bucket, Reading
from .talk import Talk
from .ticks import Ticks


class Want(NamedTuple):
    """What one reader wants to know: ``first`` is asked, in its order, before all the rest.

    ``bids`` are tokens by key, for the leases of those under which nothing lies. It asks all buckets,
    or if not ``is_whole`` those of its keys and tags, of which there is one at least: who knows by the
    answer what it wanted to know, or asks again before it loads. Values of ``near`` keys are kept
    near: is there a newer one?
    """

    values: Sequence[str] = ()
    keys: Sequence[str] = ()
    tags: Sequence[str] = ()
    first: Sequence[Question] = ()
    bids: Mapping[str, str] = {}
    is_whole: bool = True
    near: Sequence[str] = ()


class Told(NamedTuple):
    """What it was told: replies to ``first``, the values by key, and what buckets say.

    ``holders`` tells by key who has the lease, where one was bid for and nothing lies there.
    """

    first: Sequence[Any]
    values: dict[str, bytes | None]
    reading: Reading
    holders: Mapping[str, bytes | None] = {}


class Asking:
    """Asks for each reader on its own."""

    def __init__(self, hub: Hub, talk: Talk) -> None:
        self._hub = hub
        self._talk = talk

    async def ask(self, want: Want) -> Told:
        return (await self._ask([want]))[0]

    async def close(self) -> None:
        """End what is asked for nobody, and wait for the rest."""

    async def _ask(self, wants: Sequence[Want]) -> list[Told]:
        first = [question for want in wants for question in want.first]
        batch = Batch(
            self._hub.layout,
            values=_each_once([want.values for want in wants]),
            keys=_each_once([want.keys for want in wants]),
            tags=_each_once([want.tags for want in wants]),
            # Of several bids for one lease the first is sent: one of those who make them will load.
            bids={key: token for want in reversed(wants) for key, token in want.bids.items()},
            lease_ms=self._hub.keeper.ms,
            is_whole=any(want.is_whole for want in wants),
            near=_each_once([want.near for want in wants]),
        )
        answer = await self._talk.read([*first, *batch.questions])
        rest = answer.part(len(first))
        reading = await self._opened(batch, batch.reading(rest, self._hub.shift))
        values, holders = batch.values(rest.replies), batch.holders(rest.replies)
        told, place = [], 0
        for want in wants:
            first_replies = answer.replies[place : place + len(want.first)]
            told.append(Told(first_replies, values, reading, holders))
            place += len(want.first)
        return told

    async def _opened(self, batch: Batch, reading: Reading) -> Reading:
        """Make sure that the buckets are there, so that a load has a stamp to begin with."""
        if absent := reading.absent():
            calls = [self._talk.opening(bucket, batch.fields(bucket)) for bucket in absent]
            answer = await self._talk.write(calls)
            buckets = dict(reading.buckets)
            for bucket, (fence, _, now, told) in zip(absent, answer.replies, strict=True):
                found = dict(zip(batch.fields(bucket), told, strict=True))
                buckets[bucket] = Bucket(found, fence, int(now))
            reading = Reading(self._hub.layout, self._hub.shift, buckets)
        reading.check_layout()
        return reading


class AskingTogether(Asking):
    """Asks for all readers of one turn of an event loop at once."""

    def __init__(self, hub: Hub, talk: Talk) -> None:
        super().__init__(hub, talk)
        self._ticks = Ticks(self._ask, talk, self._give_back)

    async def ask(self, want: Want) -> Told:
        return await self._ticks.join(want)

    async def _give_back(self, left: Sequence[tuple[Want, Told]]) -> None:
        """End the leases that were taken for readers who are gone: nobody will load under them."""
        calls = [
            self._talk.leasing(key, token, 0)
            for want, told in left
            for key, token in want.bids.items()
            if told.holders.get(key) == token.encode()
        ]
        if calls:
            # Else they run out.
            with suppress(StoreError):
                await self._talk.write(calls)

    async def close(self) -> None:
        await self._ticks.close()


def _each_once(names: Sequence[Sequence[str]]) -> list[str]:
    if len(names) == 1:
        return list(dict.fromkeys(names[0]))
    return list(dict.fromkeys([name for some in names for name in some]))
