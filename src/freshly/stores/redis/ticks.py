"""What is asked in one turn of an event loop travels together.

The rule that makes it right: who asks joins only what is sent after that. So a tick is closed before
its first byte goes out, and who comes later opens the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from copy import copy
from threading import local
from typing import Generic, TypeVar

from .talk import Talk

W = TypeVar("W")
A = TypeVar("A")


class _Tick(Generic[W, A]):
    """What was wanted in one turn of a loop, each with the future that has its answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.wants: list[W] = []
        self.answers: list[asyncio.Future[A]] = []
        self.task: asyncio.Task[None] | None = None
        self.is_open = True


class Ticks(Generic[W, A]):
    """Asks for all who come in one turn of an event loop at once.

    ``ask`` returns an answer for each of what is wanted, by questions to ``talk``. ``give_back`` gets
    what was answered to who is gone by then.
    """

    def __init__(
        self,
        ask: Callable[[Sequence[W]], Awaitable[Sequence[A]]],
        talk: Talk,
        give_back: Callable[[Sequence[tuple[W, A]]], Awaitable[None]] | None = None,
    ) -> None:
        self._ask = ask
        self._talk = talk
        self._give_back = give_back
        # A thread runs one loop at a time.
        self._here = local()
        self._sent: set[_Tick[W, A]] = set()

    def join(self, want: W) -> asyncio.Future[A]:
        """Have ``want`` asked with all that comes in this turn; return what will have its answer.

        Raises:
            StoreError: if nobody would be asked.
        """
        loop = asyncio.get_running_loop()
        tick: _Tick[W, A] | None = getattr(self._here, "tick", None)
        if tick is None or not tick.is_open or tick.loop is not loop:
            if (told_instead := self._talk.turned_away()) is not None:
                try:
                    raise told_instead
                finally:
                    # It knows this frame. While the store is down each read would leave a circle of
                    # the two, and of all that its frames know, to the garbage collector.
                    del told_instead
            tick = self._here.tick = _Tick(loop)
            # It begins when all who are ready now have had their turn. In a context of its own: it is
            # the task of nobody.
            tick.task = loop.create_task(self._send(tick), name="freshly asks", context=Context())
            self._sent.add(tick)
        answer: asyncio.Future[A] = loop.create_future()
        tick.wants.append(want)
        tick.answers.append(answer)
        return answer

    async def _send(self, tick: _Tick[W, A]) -> None:
        tick.is_open = False
        wants, answers = tick.wants, tick.answers
        if len(wants) > 1 and (told_instead := self._talk.spares()) is not None:
            # If this is the call that tries, one waits for it, and not all that came with it.
            for answer in answers[1:]:
                if not answer.done():
                    answer.set_exception(copy(told_instead))
            del wants[1:], answers[1:]
        try:
            told = await self._ask(wants)
        except asyncio.CancelledError:
            for answer in answers:
                answer.cancel()
            raise
        except Exception as error:
            for answer in answers:
                if not answer.done():
                    # One each: an error that is raised in many places collects the traces of all.
                    answer.set_exception(copy(error))
        else:
            left: list[tuple[W, A]] = []
            for want, answer, one in zip(wants, answers, told, strict=True):
                if answer.done():
                    left.append((want, one))
                else:
                    answer.set_result(one)
            if left and self._give_back is not None:
                await self._give_back(left)
        finally:
            self._sent.discard(tick)

    async def close(self) -> None:
        """End what is asked for nobody in this loop, and wait for the rest."""
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
