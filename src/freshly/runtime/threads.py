"""Run loads on threads: the caller's own for a load, a small pool for refreshes.

The engine is ``async def``. Here every awaitable it meets ends without suspending, so a single
``send`` runs the whole call: an ``async def`` is a generator, and nobody has to drive it further.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_all
from functools import partial
from threading import Event, Lock, get_ident
from typing import Any, TypeVar

from ..core.flight import Flight, Flights
from ..core.load import current_load
from ..core.ports import AlarmClock, Clock, Job, Subscribe

T = TypeVar("T")

# Threads for refreshes of plain functions. More would help only loaders that wait for slow
# things, and would surprise a database pool of the usual 5 connections.
REFRESH_THREADS = 4


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
    """The caller's thread, and a pool that is made when it is first needed."""

    def __init__(
        self, clock: Clock, dice: Callable[[], float], flights: Flights, max_refreshes: int
    ) -> None:
        self._clock = clock
        self.dice = dice
        self._flights = flights
        self._max_refreshes = max_refreshes
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._jobs: dict[Future[None], Flight] = {}

    def now(self) -> float:
        return self._clock.now()

    async def launch(self, flight: Flight, job: Job) -> None:
        await job()

    def spawn(self, flight: Flight, job: Job) -> bool:
        context = contextvars.copy_context()
        context.run(current_load.set, None)
        with self._lock:
            if len(self._jobs) >= self._max_refreshes:
                return False
            if self._pool is None:
                self._pool = ThreadPoolExecutor(REFRESH_THREADS, "freshly refreshes")
            try:
                future = self._pool.submit(context.run, lambda: finish(job()))
            except RuntimeError:
                # The interpreter is shutting down: no thread can be started any more.
                return False
            self._jobs[future] = flight
        future.add_done_callback(self._done)
        return True

    def _done(self, future: Future[None]) -> None:
        with self._lock:
            flight = self._jobs.pop(future)
        # A job that close() took from the queue never ran.
        self._flights.abandon(flight)

    def can_wait(self, flight: Flight) -> bool:
        # The thread runs the loop that flies it; waiting would stop the loop.
        return flight.thread != get_ident()

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

    def close(self, drain: float) -> None:
        """End the pool: refreshes not yet begun are dropped, running ones get ``drain`` seconds.

        A thread cannot be cancelled: what still runs then ends by itself, and lands nowhere.
        """
        wait_for_all(self.stop(), timeout=drain)

    def stop(self) -> list[Future[None]]:
        """Begin to end the pool; return the refreshes that still run."""
        with self._lock:
            pool, self._pool = self._pool, None
            jobs = dict(self._jobs)
        if pool is None:
            return []
        for flight in jobs.values():
            flight.is_superseded = True
        pool.shutdown(wait=False, cancel_futures=True)
        # A future that was cancelled in the queue has nobody left to wake who waits for it.
        return [job for job in jobs if not job.cancelled()]
