"""Several servers are asked at a time, and one call gets all the answers, in either colour.

Tasks of an event loop wait side by side anyway. A thread has one place to wait in; so it sends to all
of them first, and then reads from one after another. What it runs for each is a coroutine that pauses
once its questions have gone out (``heard_later``), and is stepped on when all have got so far.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Generator, Sequence
from inspect import CORO_CREATED, getcoroutinestate
from threading import Lock
from types import coroutine
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from .deadline import Deadline

T = TypeVar("T")


@coroutine
def heard_later() -> Generator[None, None, None]:
    """Let others send before this one waits for its answer."""
    yield


class Chorus(Protocol):
    """Runs coroutines side by side."""

    async def all(self, parts: Sequence[Coroutine[Any, Any, T]]) -> list[T | Exception]:
        """Return what each of ``parts`` returned, or the exception that it raised."""
        ...

    async def within(self, seconds: float, part: Coroutine[Any, Any, T]) -> T:
        """Return what ``part`` returns.

        Raises:
            TimeoutError: after ``seconds``, if nothing else limits it.
        """
        ...

    async def pause(self, seconds: float) -> None: ...

    async def let_others(self) -> None:
        """Let the others who run beside this one come as far as it has."""
        ...

    def turn(self) -> Any:
        """Return what one caller at a time holds in an ``async with``."""
        ...

    def forget_parent(self) -> None: ...


class TaskChorus:
    """For callers that are awaited."""

    def __init__(self) -> None:
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def all(self, parts: Sequence[Coroutine[Any, Any, T]]) -> list[T | Exception]:
        if len(parts) == 1:
            return [await _outcome(parts[0])]
        try:
            return await asyncio.gather(*map(_outcome, parts))
        except BaseException:
            # Who is cancelled at once leaves parts that nobody will begin any more.
            for part in parts:
                if getcoroutinestate(part) == CORO_CREATED:
                    part.close()
            raise

    async def within(self, seconds: float, part: Coroutine[Any, Any, T]) -> T:
        async with Deadline(seconds):
            return await part

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def let_others(self) -> None:
        await asyncio.sleep(0)

    def turn(self) -> asyncio.Lock:
        return self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())

    def forget_parent(self) -> None:
        self._turns = WeakKeyDictionary()


class ThreadChorus:
    """For callers that are stepped: nothing here suspends but the parts, and these are stepped here."""

    def __init__(self) -> None:
        self._turn = _Turn()

    async def all(self, parts: Sequence[Coroutine[Any, Any, T]]) -> list[T | Exception]:
        outcomes: dict[int, T | Exception] = {}
        left = dict(enumerate(map(_outcome, parts)))
        try:
            while left:
                for place, part in list(left.items()):
                    try:
                        part.send(None)
                    except StopIteration as done:
                        outcomes[place] = done.value
                        del left[place]
        finally:
            for part in left.values():
                part.close()
        return [outcomes[place] for place in range(len(parts))]

    async def within(self, seconds: float, part: Coroutine[Any, Any, T]) -> T:
        # Its connections have limits of their own.
        return await part

    async def pause(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251

    async def let_others(self) -> None:
        await heard_later()

    def turn(self) -> _Turn:
        return self._turn

    def forget_parent(self) -> None:
        self._turn = _Turn()


class _Turn:
    """A lock that an ``async with`` holds without suspending."""

    def __init__(self) -> None:
        self._lock = Lock()

    def locked(self) -> bool:
        return self._lock.locked()

    async def __aenter__(self) -> None:
        self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


async def _outcome(part: Coroutine[Any, Any, T]) -> T | Exception:
    try:
        return await part
    except Exception as error:
        return error
