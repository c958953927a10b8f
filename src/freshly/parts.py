"""One store and all that works on it: what ``setup`` puts behind a cache, as one piece."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any

from .core.budget import Budget
from .core.clocks import Clock
from .core.events import Emit
from .core.flight import Flight, Flights
from .core.pauses import Pauses
from .core.ports import Store
from .core.turns import Turns
from .runtime.aio import AsyncioRuntime
from .runtime.sweeper import sweep_behind
from .runtime.threads import REFRESH_THREADS, ThreadRuntime, finish
from .side import Side

#: Gets the handle of a decorated function, or what stands for one (``ByHand``), and one run of its
#: loader, and returns what runs in its place: the testing kit's way in. Both are awaited; of a plain
#: function no await in them waits.
Instrument = Callable[[Any, Callable[[], Awaitable[Any]]], Callable[[], Awaitable[Any]]]


class Parts:
    """A store, its flights, and a side for each colour of caller.

    The two sides share flights and pauses: a task and a thread that ask for one key load once.
    ``owner`` is whose transactions are obeyed.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        dice: Callable[[], float],
        emit: Emit,
        max_refreshes: int,
        instruments: list[Instrument],
        disabled: Callable[[], AbstractContextManager[None]],
        owner: object,
    ) -> None:
        self.instruments = instruments
        self.disabled = disabled
        self.store = store
        self.clock = clock
        self.flights = Flights()
        self._stop_sweeping = sweep_behind(store, clock.now)
        pauses = Pauses()
        # A budget for each colour: a pool of threads is smaller than what one loop can do at a time.
        self._budgets = Budget(max_refreshes), Budget(min(max_refreshes, REFRESH_THREADS))
        self._tasks = AsyncioRuntime(clock, dice, self.flights)
        self._threads = ThreadRuntime(clock, dice, self.flights)
        awaited, stepped = self._budgets
        turns = Turns()
        self.awaited = Side(
            store,
            self._tasks,
            self.flights,
            pauses,
            awaited,
            emit,
            origin=store,
            owner=owner,
            turns=turns,
        )
        self.stepped = Side(
            store.blocking,
            self._threads,
            self.flights,
            pauses,
            stepped,
            emit,
            origin=store,
            owner=owner,
            turns=turns,
        )

    def instrumented(self, handle: Any, loader: Callable[[], Any]) -> Callable[[], Any]:
        for instrument in self.instruments:
            loader = instrument(handle, loader)
        return loader

    def running(self) -> list[tuple[str, Flight]]:
        """Return what runs for this store, in words, and for which flight."""
        found = [*self._tasks.running(), *self._threads.running()]
        known = {flight for _, flight in found}
        return found + [
            (f"the load of {flight.key!r} in the thread of its caller", flight)
            for flight in self.flights.in_the_air()
            if flight not in known
        ]

    async def close(self, drain: float) -> None:
        """End what runs on asyncio and on threads, then the store."""
        self._drop_turns()
        await self._tasks.close(drain)
        await self._tasks.wait_for_threads(self._threads.stop(), drain)
        await self.store.close()
        self._stop_sweeping()

    def retire(self) -> None:
        """End the refreshes; loads that somebody waits for end by themselves and land nowhere."""
        self._drop_turns()
        self._tasks.cancel_refreshes()
        self._threads.close(drain=0)
        self._stop_sweeping()

    def close_blocking(self, drain: float) -> None:
        """The same from a thread without a loop: tasks of loops are cancelled, not waited for."""
        self._drop_turns()
        self._tasks.cancel_all()
        self._threads.close(drain)
        finish(self.store.blocking.close())
        self._stop_sweeping()

    def _drop_turns(self) -> None:
        for budget in self._budgets:
            budget.drop_all()

    def close_gate(self) -> None:
        self.store.gate.close_gate()

    def open_gate(self) -> None:
        self.store.gate.open_gate()
