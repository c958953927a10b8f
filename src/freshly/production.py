"""One run of an async generator that one consumer drives, and others may come to wait for.

    consumer   ─ wants one ─▶ it yields ─ wants another ─▶ it yields ─▶ …
    reader                                  ●┄┄┄┄┄ from here on it goes on by itself ┄┄┄▶ the whole

While nobody waits, the generator is as far as its consumer is: what is left is left, and nothing was
produced in vain. As soon as somebody waits for the whole, it runs ahead to its end, so that a slow
consumer keeps nobody waiting; and it goes on without its consumer then.

It runs in the task of the load from its first step to its last, except for what is beyond ``most``:
that is not kept, so it is run by the consumer who wants it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from enum import Enum
from typing import Any, Final

from .core.load import Load, current_load
from .errors import FreshlyError


class _TooLong(Enum):
    TOO_LONG = "more elements than are kept"


#: Stands for the value of a sequence that is too long to be kept.
TOO_LONG: Final = _TooLong.TOO_LONG

Source = AsyncGenerator[Any, Any]


class Production:
    """``run`` is the loader, ``follow`` what the consumer iterates over."""

    def __init__(self, make: Callable[[], Source], most: int) -> None:
        self._make = make
        self._most = most
        self.elements: list[Any] = []
        self.given = 0
        self.has_begun = False
        self.error: BaseException | None = None
        #: What is beyond ``most``, if somebody is there who wants it.
        self.rest: Source | None = None
        #: The load that runs it; none if the cache was closed and the consumer loads for itself.
        self.load: Load | None = None
        self._is_left = False
        self._asked = asyncio.Event()
        self._changed = asyncio.Event()
        self._over = asyncio.Event()

    # -- the side of the load ----------------------------------------------------------------

    async def run(self) -> Any:
        """Return the elements, or ``TOO_LONG``."""
        if self.given:
            raise FreshlyError(
                f"the cache was closed while a generator ran for a consumer that had got "
                f"{self.given} of its elements: it cannot begin anew for it"
            )
        self.has_begun, self.error = True, None
        self.elements.clear()
        self.load = current_load.get()
        if self.load is not None:
            self.load.flight.boarded = _from_any_thread(self._asked.set)
        source = self._make()
        try:
            return await self._collect(source)
        except BaseException as error:
            self.error = error
            # In the task that ran it: what it has open may belong to a task.
            await source.aclose()
            raise
        finally:
            self._over.set()
            self._changed.set()

    async def _collect(self, source: Source) -> Any:
        while True:
            await self._demand()
            try:
                element = await anext(source)
            except StopAsyncIteration:
                return tuple(self.elements)
            self.elements.append(element)
            self._changed.set()
            if len(self.elements) > self._most:
                if self._is_left:
                    await source.aclose()
                else:
                    self.rest = source
                return TOO_LONG

    async def _demand(self) -> None:
        """Wait until the next element is wanted."""
        while True:
            self._asked.clear()
            if len(self.elements) <= self.given or self._is_awaited():
                return
            await self._asked.wait()

    def _is_awaited(self) -> bool:
        """Return whether somebody besides the consumer waits for the whole."""
        if self.load is None:
            return True
        flight = self.load.flight
        return flight.is_background or flight.passengers > (not self._is_left)

    # -- the side of the consumer ------------------------------------------------------------

    async def follow(self, ride: asyncio.Task[Any]) -> AsyncGenerator[Any, None]:
        """Yield the elements as they come, until ``ride``, the consumer's read, is over."""
        ride.add_done_callback(lambda _: self._changed.set())
        while True:
            self._changed.clear()
            if self.given < len(self.elements):
                self.given += 1
                yield self.elements[self.given - 1]
                self._asked.set()
            elif ride.done():
                return
            else:
                await self._changed.wait()

    async def leave(self, ride: asyncio.Task[Any]) -> None:
        """End the consumer's read before its end; return when all that ends with it has ended."""
        ride.cancel()
        await asyncio.wait([ride])
        # Now, that the consumer is no passenger any more.
        self._is_left = True
        self._asked.set()
        if not ride.cancelled():
            ride.exception()  # nobody is left to whom it could be told
        if self.load is not None and self.load.flight.passengers <= 0:
            await self._over.wait()
        if self.rest is not None:
            await self.rest.aclose()


def _from_any_thread(callback: Callable[[], None]) -> Callable[[], None]:
    loop = asyncio.get_running_loop()

    def call() -> None:
        # A loop that is closed runs nothing that could be told.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(callback)

    return call
