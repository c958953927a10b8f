"""Run loads on asyncio: each in a task of its own, so that no caller's cancelling ends it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from functools import partial
from threading import get_ident
from typing import Any, TypeAlias, TypeVar

from ..core.clocks import AlarmClock, Clock
from ..core.flight import Flight, Flights
from ..core.load import current_load
from ..core.ports import Job, Spawn, Subscribe
from . import headstart
from .clock import wall_of

T = TypeVar("T")

#: Those who wait for a flight on one loop, in the order of their coming.
Party: TypeAlias = "dict[asyncio.Future[None], None]"


class AsyncioRuntime:
    """Tasks for loads and refreshes; futures for those who wait.

    Loops come and go: nothing here belongs to one loop but the tasks, and each knows its own.
    """

    def __init__(self, clock: Clock, dice: Callable[[], float], flights: Flights) -> None:
        self._clock = clock
        #: The clock's own, with nothing in between.
        self.now: Callable[[], float] = clock.now
        self.dice = dice
        self._flights = flights
        # The loop itself keeps only weak references to tasks.
        self._tasks: dict[asyncio.Task[None], Flight] = {}

    def wall(self) -> float:
        return wall_of(self._clock)

    async def launch(
        self, flight: Flight, job: Job, *, may_be_left: bool, at_once: bool = False
    ) -> None:
        loop = asyncio.get_running_loop()
        if not at_once or loop.get_task_factory() is not None:
            # Who makes tasks in their own way makes these, too.
            self._start(flight, job, contextvars.copy_context())
            return
        flight.is_alive, flight.thread = loop.is_running, get_ident()
        task = headstart.begin(loop, job(), _name(flight), contextvars.copy_context())
        if not flight.has_ended:
            self._keep(task, flight, loop)
        elif not task.cancelled():
            task.exception()

    def spawner(self) -> Spawn:
        context = contextvars.copy_context()
        context.run(current_load.set, None)
        loop = asyncio.get_running_loop()

        def spawn(flight: Flight, job: Job) -> bool:
            if _runs_here(loop):
                self._start(flight, job, context)
                return True
            flight.is_alive = loop.is_running
            return _call_in(loop, lambda: self._start(flight, job, context))

        return spawn

    def _start(self, flight: Flight, job: Job, context: contextvars.Context) -> None:
        loop = asyncio.get_running_loop()
        flight.is_alive, flight.thread = loop.is_running, get_ident()
        self._keep(loop.create_task(job(), name=_name(flight), context=context), flight, loop)

    def _keep(self, task: asyncio.Task[None], flight: Flight, loop: asyncio.AbstractEventLoop) -> None:
        def cancel() -> None:
            if loop.is_closed():
                self._lose(task)
            elif get_ident() == flight.thread:
                task.cancel()
            else:
                _call_in(loop, task.cancel)

        flight.cancel = cancel
        self._tasks[task] = flight
        task.add_done_callback(self._done)

    def _lose(self, task: asyncio.Task[None]) -> Flight | None:
        """Let go of a task that is over, or whose loop was closed under it and never runs it again."""
        flight = self._tasks.pop(task, None)
        if flight is not None:
            # A task that is cancelled before its first step never runs the job, nor its finally.
            self._flights.abandon(flight)
            # The two know each other by it, and would wait for the garbage collector.
            flight.cancel = None
        return flight

    def _done(self, task: asyncio.Task[None]) -> None:
        flight = self._lose(task)
        if flight is None:
            return
        if not task.cancelled() and (error := task.exception()) is not None:
            # KeyboardInterrupt and SystemExit leave through the loop; say that it was seen.
            flight.interruption = flight.interruption or error

    def can_wait(self, flight: Flight) -> bool:
        return True

    async def wait_for(self, flight: Flight, until: float | None = None) -> bool:
        if until is not None:
            return await self.wait(partial(self._flights.call_at_end, flight), until)
        loop = asyncio.get_running_loop()
        party = None if flight.parties is None else flight.parties.get(loop)
        if party is None and (party := self._party(flight, loop)) is None:
            return True
        # From here to the wait nothing else runs on this thread, which alone settles the party: if
        # the flight has not ended by now, who comes last is told as well.
        if flight.has_ended:
            return True
        over = loop.create_future()
        party[over] = None
        try:
            await over
        except BaseException:
            party.pop(over, None)
            raise
        return True

    def _party(self, flight: Flight, loop: asyncio.AbstractEventLoop) -> Party | None:
        """Have those who will wait on ``loop`` told of the end; ``None`` if it was before.

        A thousand may wait for one load: they share what wakes them.
        """
        party: Party = {}

        def settle() -> None:
            for over in party:
                if not over.done():
                    over.set_result(None)

        if self._flights.call_at_end(flight, _on(loop, settle)) is None:
            return None
        flight.parties = {**(flight.parties or {}), loop: party}
        return party

    async def wait(self, subscribe: Subscribe, until: float | None = None) -> bool:
        loop = asyncio.get_running_loop()
        over: asyncio.Future[bool] = loop.create_future()
        forget = subscribe(_settler(over, True))
        if forget is None:
            return True
        silence = None if until is None else self._alarm(until, _settler(over, False))
        try:
            return await over
        finally:
            forget()
            if silence is not None:
                silence()

    def _alarm(self, instant: float, ring: Callable[[], None]) -> Callable[[], object]:
        if isinstance(self._clock, AlarmClock):
            return self._clock.call_at(instant, ring)
        seconds = instant - self._clock.now()
        return asyncio.get_running_loop().call_later(seconds, ring).cancel

    async def wait_for_threads(self, jobs: Sequence[Future[None]], drain: float) -> None:
        """Wait up to ``drain`` seconds for ``jobs``, without stopping the loop."""
        if jobs:
            await asyncio.wait([asyncio.wrap_future(job) for job in jobs], timeout=drain)

    async def close(self, drain: float) -> None:
        """End all tasks: refreshes at once, loads that somebody waits for within ``drain`` seconds.

        Tasks of other loops are cancelled and not waited for.
        """
        here = asyncio.get_running_loop()
        for task, flight in list(self._tasks.items()):
            if flight.is_background or task.get_loop() is not here:
                self._stop(flight)
        if mine := self._tasks_of(here):
            await asyncio.wait(mine, timeout=drain)
        # Again and again: who was waiting may have begun another load meanwhile.
        while mine := self._tasks_of(here):
            for task in mine:
                self._stop(self._tasks[task])
            await asyncio.wait(mine)

    def _tasks_of(self, loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[None]]:
        # Not the one that closes: a loader may do so.
        me = asyncio.current_task()
        return [task for task in self._tasks if task.get_loop() is loop and task is not me]

    def running(self) -> list[tuple[str, Flight]]:
        """Return what runs, and for which flight."""
        return [(f"the task {task.get_name()!r}", flight) for task, flight in self._tasks.items()]

    def cancel_all(self) -> None:
        """Cancel all tasks without waiting: for a caller that has no loop."""
        for flight in list(self._tasks.values()):
            self._stop(flight)

    def cancel_refreshes(self) -> None:
        for flight in list(self._tasks.values()):
            if flight.is_background:
                self._stop(flight)

    def _stop(self, flight: Flight) -> None:
        flight.ended_by_close = True
        cancel = flight.cancel
        if cancel is not None:
            cancel()


def _name(flight: Flight) -> str:
    return f"freshly {'refreshes' if flight.is_background else 'loads'} {flight.key}"


def _settler(future: asyncio.Future[bool], outcome: bool) -> Callable[[], None]:
    """Return what ends the wait for ``future``, from whatever thread it is called."""

    def settle() -> None:
        if not future.done():
            future.set_result(outcome)

    return _on(future.get_loop(), settle)


def _on(loop: asyncio.AbstractEventLoop, settle: Callable[[], None]) -> Callable[[], None]:
    """Return what runs ``settle`` on the thread of ``loop``, which is this one."""
    thread = get_ident()

    def wake() -> None:
        if get_ident() == thread:
            settle()
        else:
            _call_in(loop, settle)

    return wake


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _call_in(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> bool:
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:
        # A loop that is closed has nobody left who waits.
        return False
    return True


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await ``work`` though the caller is cancelled meanwhile; then say that it was.

    ``work`` has to end by itself.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:
            break
    if cancelled is not None and not task.cancelled():
        raise cancelled from task.exception()
    return task.result()
