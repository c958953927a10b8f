"""A store as one colour of caller sees it: its engine, and the invalidations."""

from __future__ import annotations

from collections.abc import Iterable

from .core.budget import Budget
from .core.bulk import BulkEngine
from .core.events import Emit, Invalidated, MarkedStale
from .core.flight import Flights
from .core.holds import Hold
from .core.pauses import Pauses
from .core.ports import Runtime, Store
from .core.token import Stamp, Token


class Side:
    """The awaited side of a cache, or the stepped one. The two share flights and pauses.

    ``origin`` is what stamps and tokens come from, for both sides.
    """

    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        flights: Flights,
        pauses: Pauses,
        budget: Budget,
        emit: Emit,
        origin: Store,
    ) -> None:
        self.store = store
        self.engine = BulkEngine(store, runtime, flights, pauses, budget, emit)
        self._flights = flights
        self._emit = emit
        self._origin = origin

    async def invalidate(self, tags: tuple[str, ...], hold: Hold | None = None) -> Token:
        reading = await self.store.invalidate(tags, hold)
        await self._tidy()
        self._emit(Invalidated, reading, tags=tags)
        return Token(reading, self._origin)

    async def mark_stale(self, tags: tuple[str, ...]) -> Token:
        reading = await self.store.mark_stale(tags)
        await self._tidy()
        self._emit(MarkedStale, reading, tags)
        return Token(reading, self._origin)

    async def delete(self, keys: Iterable[str], hold: Hold | None = None) -> int:
        keys = tuple(keys)
        deleted = await self.store.delete(keys, hold)
        await self._tidy()
        self._emit(Invalidated, self.store.reading, keys=keys)
        return deleted

    async def delete_match(self, pattern: str) -> int:
        deleted = await self.store.delete_match(pattern)
        await self._tidy()
        self._emit(Invalidated, self.store.reading, pattern=pattern)
        return deleted

    async def clear(self) -> Token:
        reading = await self.store.clear()
        await self._tidy()
        self._emit(Invalidated, reading, everything=True)
        return Token(reading, self._origin)

    async def stamp(self) -> Stamp:
        # The reading first: what comes between the two overtakes it.
        reading = await self.store.stamp()
        return Stamp(reading, self._origin, await self.store.held())

    async def _tidy(self) -> None:
        await self.store.tidy(self._flights.oldest_stamp)
