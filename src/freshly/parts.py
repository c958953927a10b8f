"""One store and all that works on it: what ``setup`` puts behind a cache, as one piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .core.bulk import BulkEngine
from .core.events import Event, Invalidated, MarkedStale
from .core.flight import Flights
from .core.pauses import Pauses
from .core.ports import Clock
from .core.stamp import LogicalClock
from .core.token import Stamp, Token
from .runtime.aio import AsyncioRuntime
from .runtime.threads import ThreadRuntime, finish
from .stores.memory import MemoryStore


class Parts:
    """A store, its flights, an engine for each colour, and the invalidations, which have none.

    The two engines share flights and pauses: a task and a thread that ask for one key load once.
    """

    def __init__(
        self,
        store: MemoryStore,
        clock: Clock,
        dice: Callable[[], float],
        emit: Callable[[Event], None],
        max_refreshes: int,
    ) -> None:
        self.store = store
        self.clock = clock
        self.flights = Flights()
        self._emit = emit
        pauses = Pauses()
        self._tasks = AsyncioRuntime(clock, dice, self.flights, max_refreshes)
        self._threads = ThreadRuntime(clock, dice, self.flights, max_refreshes)
        self.engine = BulkEngine(store, self._tasks, self.flights, pauses, emit)
        self.blocking_engine = BulkEngine(store, self._threads, self.flights, pauses, emit)

    @property
    def gate(self) -> LogicalClock:
        """The clock that the hit path asks."""
        return self.store.logical

    async def invalidate(self, tags: tuple[str, ...]) -> Token:
        reading = await self.store.invalidate(tags)
        await self._done(Invalidated(reading, tags=tags))
        return Token(reading, self.store)

    async def mark_stale(self, tags: tuple[str, ...]) -> Token:
        reading = await self.store.mark_stale(tags)
        await self._done(MarkedStale(reading, tags))
        return Token(reading, self.store)

    async def delete(self, keys: Iterable[str]) -> int:
        keys = tuple(keys)
        deleted = await self.store.delete(keys)
        await self._done(Invalidated(await self.store.stamp(), keys=keys))
        return deleted

    async def delete_match(self, pattern: str) -> int:
        deleted = await self.store.delete_match(pattern)
        await self._done(Invalidated(await self.store.stamp(), pattern=pattern))
        return deleted

    async def clear(self) -> Token:
        reading = await self.store.clear()
        await self._done(Invalidated(reading, everything=True))
        return Token(reading, self.store)

    async def stamp(self) -> Stamp:
        return Stamp(await self.store.stamp(), self.store)

    async def _done(self, event: Event) -> None:
        await self.store.tidy(self.flights.oldest_stamp)
        self._emit(event)

    async def close(self, drain: float) -> None:
        """End what runs on asyncio and on threads, then the store."""
        await self._tasks.close(drain)
        await self._tasks.wait_for_threads(self._threads.stop(), drain)
        await self.store.close()

    def retire(self) -> None:
        """End the refreshes; loads that somebody waits for end by themselves and land nowhere."""
        self._tasks.cancel_refreshes()
        self._threads.close(drain=0)

    def close_blocking(self, drain: float) -> None:
        """The same from a thread without a loop: tasks of loops are cancelled, not waited for."""
        self._tasks.cancel_all()
        self._threads.close(drain)
        finish(self.store.close())

    def close_gate(self) -> None:
        self.gate.close_gate()

    def open_gate(self) -> None:
        self.gate.open_gate()
