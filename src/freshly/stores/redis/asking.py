"""What is asked of the server before anything is judged: one batch for one reader, or for many.

Readers of one turn of an event loop travel together: one MGET of all their values, one HMGET of the
stamps, one proof of who answered. The rule that makes it right: a read joins only a batch that is sent
after the read began. So a batch is closed before its first byte goes out, and a later read opens the
next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from copy import copy
from threading import local
from typing import Any, NamedTuple

from ...errors import StoreError
from .batch import Batch
from .hub import Hub
from .line import Question
from .reading import Bucket, Reading
from .talk import Talk


class Want(NamedTuple):
    """What one reader wants to know: ``first`` is asked, in its order, before all the rest.

    ``bids`` are tokens by key, for the leases of those under which nothing lies.
    """

    values: Sequence[str] = ()
    keys: Sequence[str] = ()
    tags: Sequence[str] = ()
    first: Sequence[Question] = ()
    bids: Mapping[str, str] = {}


class Told(NamedTuple):
    """What it was told: replies to ``first``, the values by key, and what all buckets say.

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
        """Make sure that all buckets are there, so that a load has a stamp to begin with."""
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


class _Tick:
    """The readers that came in one turn of a loop, each with the future that has its answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.wants: list[Want] = []
        self.answers: list[asyncio.Future[Told]] = []
        self.task: asyncio.Task[None] | None = None
        self.is_open = True


class AskingTogether(Asking):
    """Asks for all readers of one turn of an event loop at once."""

    def __init__(self, hub: Hub, talk: Talk) -> None:
        super().__init__(hub, talk)
        # A thread runs one loop at a time.
        self._here = local()
        self._sent: set[_Tick] = set()

    async def ask(self, want: Want) -> Told:
        loop = asyncio.get_running_loop()
        tick: _Tick | None = getattr(self._here, "tick", None)
        if tick is None or not tick.is_open or tick.loop is not loop:
            tick = self._here.tick = _Tick(loop)
            # It begins when all who are ready now have had their turn. In a context of its own: it is
            # the task of nobody.
            tick.task = loop.create_task(self._send(tick), name="freshly asks", context=Context())
            self._sent.add(tick)
        answer: asyncio.Future[Told] = loop.create_future()
        tick.wants.append(want)
        tick.answers.append(answer)
        return await answer

    async def _send(self, tick: _Tick) -> None:
        tick.is_open = False
        if len(tick.wants) > 1 and (told_instead := self._talk.spares()) is not None:
            # If this is the call that tries, one reader waits for it, and not all that came with it.
            for answer in tick.answers[1:]:
                if not answer.done():
                    answer.set_exception(copy(told_instead))
            del tick.wants[1:], tick.answers[1:]
        try:
            told = await self._ask(tick.wants)
        except asyncio.CancelledError:
            for answer in tick.answers:
                answer.cancel()
            raise
        except Exception as error:
            for answer in tick.answers:
                if not answer.done():
                    # One each: an error that is raised in many places collects the traces of all.
                    answer.set_exception(copy(error))
        else:
            left: list[tuple[Want, Told]] = []
            for want, answer, one in zip(tick.wants, tick.answers, told, strict=True):
                if answer.done():
                    left.append((want, one))
                else:
                    answer.set_result(one)
            await self._give_back(left)
        finally:
            self._sent.discard(tick)

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
        here, tasks = asyncio.get_running_loop(), []
        for tick in list(self._sent):
            if tick.loop.is_closed():
                self._sent.discard(tick)
            if tick.loop is here and tick.task is not None:
                tasks.append(tick.task)
                if all(answer.done() for answer in tick.answers):
                    tick.task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _each_once(names: Sequence[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys([name for some in names for name in some]))
