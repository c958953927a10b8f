"""Run loads on threads: the caller's own, or one of a pool if the caller does not wait to the end.

The engine is ``async def``. Here every awaitable it meets ends without suspending, so a single
``send`` runs the whole call: an ``async def`` is a generator, and nobody has to drive it further.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import wait as wait_for_all
from functools import partial
from threading import Event, Lock, get_ident
from typing import Any, TypeVar

from ..core.clocks import AlarmClock, Clock
from ..core.flight import Flight, Flights
from ..core.load import current_load
from ..core.ports import Job, Spawn, Subscribe
from .clock import wall_of
from .pool import Pool

T = TypeVar("T")

# Threads for refreshes of plain functions. More would help only loaders that wait for slow
# things, and would surprise a database pool of the usual 5 connections.
REFRESH_THREADS = 4

# Threads for loads of plain functions that have a timeout: their callers must be able to go. As many
# callers as a large server has threads may wait for one each; more wait for a thread, and no longer
# than their timeout.
LOAD_THREADS = 64


def finish(coro: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends and return its value.

    Raises ``RuntimeError`` when it does suspend: something asynchronous reached the blocking face.
    """
    try:
        coro.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        coro.close()
    raise RuntimeError(f"{coro!r} waited for an event loop, and the blocking face has none")


class ThreadRuntime:
    """The caller's thread, and pools for what it does not wait for, or not to the end."""

    def __init__(self, clock: Clock, dice: Callable[[], float], flights: Flights) -> None:
        self._clock = clock
        #: The clock's own, with nothing in between.
        self.now: Callable[[], float] = clock.now
        self.dice = dice
        self._flights = flights
        self._lock = Lock()
        self._loads = Pool("freshly loads", LOAD_THREADS)
        self._refreshes = Pool("freshly refreshes", REFRESH_THREADS)
        self._jobs: dict[Future[None], Flight] = {}

    def wall(self) -> float:
        return wall_of(self._clock)

    async def launch(
        self, flight: Flight, job: Job, *, may_be_left: bool, at_once: bool = False
    ) -> None:
        if not may_be_left or not self._submit(self._loads, contextvars.copy_context(), flight, job):
            await job()

    def spawner(self) -> Spawn:
        context = contextvars.copy_context()
        context.run(current_load.set, None)
        return partial(self._submit, self._refreshes, context)

    def _submit(self, pool: Pool, context: contextvars.Context, flight: Flight, job: Job) -> bool:
        future: Future[None] = Future()

        def run() -> None:
            # From here on nothing can end it.
            flight.cancel = None
            context.run(lambda: finish(job()))

        flight.cancel = future.cancel
        with self._lock:
            self._jobs[future] = flight
        if not pool.submit(future, run):
            with self._lock:
                del self._jobs[future]
            flight.cancel = None
            return False
        future.add_done_callback(self._done)
        return True

    def _done(self, future: Future[None]) -> None:
        with self._lock:
            flight = self._jobs.pop(future)
        # A job that was taken from the queue never ran.
        self._flights.abandon(flight)

    def can_wait(self, flight: Flight) -> bool:
        # The thread runs the loop that flies it; waiting would stop the loop.
        return (flight.carrier or flight).thread != get_ident()

    async def wait_for(self, flight: Flight, until: float | None = None) -> bool:
        return await self.wait(partial(self._flights.call_at_end, flight), until)

    async def wait(self, subscribe: Subscribe, until: float | None = None) -> bool:
        # The first to come says how the wait ended; who comes later finds it said.
        outcomes: list[bool] = []
        over = Event()

        def end(outcome: bool) -> None:
            outcomes.append(outcome)
            over.set()

        forget = subscribe(partial(end, True))
        if forget is None:
            return True
        try:
            self._wait_for(over, until, partial(end, False))
        finally:
            forget()
        return outcomes[0]

    def _wait_for(self, over: Event, until: float | None, ring: Callable[[], None]) -> None:
        if until is None:
            over.wait()
        elif isinstance(self._clock, AlarmClock):
            silence = self._clock.call_at(until, ring)
            try:
                over.wait()
            finally:
                silence()
        elif not over.wait(max(0.0, until - self._clock.now())):
            ring()

    def running(self) -> list[tuple[str, Flight]]:
        """Return what runs in the pools, or waits there, and for which flight."""
        with self._lock:
            flights = list(self._jobs.values())
        verbs = ["refreshes" if flight.is_background else "loads" for flight in flights]
        return [
            (f"a thread that {verb} {flight.key!r}", flight)
            for verb, flight in zip(verbs, flights, strict=True)
        ]

    def close(self, drain: float) -> None:
        """End what runs in the pools: what has not begun is dropped, the rest gets ``drain`` seconds.

        A thread cannot be cancelled: what still runs then ends by itself, and a refresh lands nowhere.
        """
        wait_for_all(self.stop(), timeout=drain)

    def stop(self) -> list[Future[None]]:
        """Begin to end what runs in the pools; return what still runs."""
        with self._lock:
            jobs = dict(self._jobs)
        for future, flight in jobs.items():
            flight.is_superseded = flight.is_superseded or flight.is_background
            # Who waits for one that has not begun runs the loader itself.
            flight.ended_by_close = True
            flight.ended_by_close = future.cancel()
        return [job for job in jobs if not job.cancelled()]
