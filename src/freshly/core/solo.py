"""A load that its caller runs step by step, and nobody else may: of a generator on a thread.

It stands in no table, so nobody waits for it: a generator belongs to the thread that began it, and
goes on only when its consumer asks for more. Stamp, tags, landing and events are those of any load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import StoreError
from .events import Emit
from .flight import Flight, Flights
from .load import Load, current_load, hand_on, running_load
from .pauses import Pauses
from .pilot import Pilot
from .ports import Look, Runtime, Store
from .recipe import Call

T = TypeVar("T")


class Solo(Pilot):
    """One such load, which begins now: ``step`` as often as needed, then ``land``, ``fail`` or
    ``leave``."""

    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        flights: Flights,
        pauses: Pauses,
        emit: Emit,
        call: Call,
        look: Look,
    ) -> None:
        super().__init__(store, runtime, flights, pauses, emit)
        self._call, self._look = call, look
        self._flight = Flight(call.key, look.stamp, is_background=False)
        self._flight.ticket = flights.ticket()
        self._load = Load(flights, self._flight, current_load.get())
        self._load.look = look
        self._began = runtime.now()
        call.recipe.counts.misses += 1
        call.recipe.counts.loads += 1
        flights.take_off_alone(self._flight)

    def step(self, function: Callable[[], T]) -> T:
        """Run ``function``, a part of the loader."""
        token = current_load.set(self._load)
        try:
            return function()
        finally:
            current_load.reset(token)

    async def land(self, value: Any) -> None:
        """Store ``value``, unless it was overtaken, or somebody else has stored one meanwhile."""
        call, flight, stored = self._call, self._flight, False
        seconds = self._runtime.now() - self._began
        flight.value = value
        try:
            entry = self._made(flight, call, self._look, self._load, seconds)
            if entry is not None and await self._is_alone():
                stored = await self._store_landed(flight, call, entry)
            self._pauses.end(call.key)
            hand_on(self._flights, self._flight)
        finally:
            self._end()
        self._tell(flight, call, seconds, stored=stored)

    async def _is_alone(self) -> bool:
        try:
            look = await self._store.look(self._call.key, self._call.tags, self._call.shape)
        except StoreError:
            return False
        return look.entry is None

    def fail(self, error: Exception) -> None:
        """Note that the loader raised ``error``."""
        self._flight.fail(error)
        self._call.recipe.counts.load_errors += 1
        self._end()
        seconds = self._runtime.now() - self._began
        self._tell(self._flight, self._call, seconds, stored=False)

    def leave(self, found: Callable[[], tuple[str, ...]]) -> None:
        """End a load that has not ended, of which nothing is stored.

        ``found`` tells the tags of what its caller has seen, for the load that the caller runs inside.
        """
        if self._flight.has_ended:
            return
        if running_load(self._flights) is not None:
            self._tag(self._flight, self._call, self._look, self._load, found())
            hand_on(self._flights, self._flight)
        self._end()

    def _end(self) -> None:
        self._load.is_over = True
        self._flights.end(self._flight)
