"""The event loop of one simulated process: asyncio's own, without a selector, on time of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from heapq import heappop
from threading import get_ident
from typing import Any

from .actors import Home, turn
from .world import World

#: Seconds: instants of the loop and of the world differ by less than that after two conversions.
RESOLUTION = 1e-9
#: Seconds from one turn to the next at least. Were there none, code that waits for what is left of a
#: time-out could wait for so little that time stands still.
TURN = 1e-6
#: Turns that a loop gets to end what is cancelled in it.
LAST_TURNS = 50
#: Up to so many timers, asyncio clears none away but those that are first.
FEW_TIMERS = 100

_new_handle: Any = asyncio.Handle.__new__

Dial = Callable[[Callable[[], Any], str], Any]


class _NoSelector:
    """There is nothing to wait for: the world calls when something is due."""

    def select(self, timeout: float | None = None) -> list[Any]:
        return []


class SimulatedLoop(asyncio.BaseEventLoop):
    """``time`` runs at ``rate`` of the world's, and began at ``offset``. ``dial`` connects."""

    def __init__(self, world: World, offset: float, rate: float, dial: Dial, home: Home) -> None:
        super().__init__()
        self._home = home
        self._world = world
        self._offset, self._rate = offset, rate
        self._dial = dial
        self._selector = _NoSelector()
        self._clock_resolution = RESOLUTION
        # It runs all the time that its process lives.
        self._thread_id: int | None = get_ident()
        self._armed: float | None = None
        self.is_paused = False
        self.is_running_now = False
        #: What went wrong in callbacks and in tasks that nobody awaited.
        self.troubles: list[dict[str, Any]] = []

    def time(self) -> float:
        return self._offset + self._world.now * self._rate

    # -- turns -------------------------------------------------------------------------------

    def _turn(self, due: float) -> None:
        """Do what is ready and due, and see to the next turn."""
        if due != self._armed or self.is_paused:
            # Another turn came before this one, and saw to the next.
            return
        self._enter()
        try:
            while True:
                self._armed = None
                self._run_once()
                soon = self._next_turn()
                if soon is None:
                    return
                if not self._world.goes_to(soon):
                    break
        finally:
            self._leave()
        self._arm(soon)

    def _enter(self) -> None:
        asyncio._set_running_loop(self)
        self.is_running_now = True
        turn.home = self._home

    def _leave(self) -> None:
        turn.home = None
        self.is_running_now = False
        asyncio._set_running_loop(None)

    def _run_once(self) -> None:
        # What asyncio does, without its selector, its debug mode, and its care for slow callbacks.
        ready: deque[Any] = self._ready  # type: ignore[attr-defined]
        timers: list[Any] = self._scheduled  # type: ignore[attr-defined]
        if timers:
            if len(timers) > FEW_TIMERS:
                super()._run_once()  # type: ignore[misc]
                return
            while timers and timers[0]._cancelled:
                self._timer_cancelled_count -= 1  # type: ignore[attr-defined]
                heappop(timers)._scheduled = False
            if timers:
                end = self._offset + self._world.now * self._rate + RESOLUTION
                while timers and timers[0]._when < end:
                    handle = heappop(timers)
                    handle._scheduled = False
                    ready.append(handle)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            # What ``Handle._run`` does, without the call; what goes wrong it is told of.
            try:
                handle._context.run(handle._callback, *handle._args)
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self.call_exception_handler({"message": f"in {handle!r}", "exception": error})

    def pause(self) -> None:
        self.is_paused = True
        self._armed = None

    def go_on(self) -> None:
        self.is_paused = False
        self._see_to_it()

    def end(self) -> None:
        """Cancel what is in it, and close it. What comes of that has no effect any more."""
        self.is_paused = True
        for _ in range(LAST_TURNS):
            tasks = asyncio.all_tasks(self)
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            self._enter()
            try:
                self._run_once()
            finally:
                self._leave()
        self._thread_id = None
        self.close()

    def _next_turn(self) -> float | None:
        """Return when there is something to do, ``None`` if nothing is in sight."""
        if self.is_paused:
            return None
        soon = self._world.now + TURN
        if self._ready:  # type: ignore[attr-defined]
            return soon
        timers: list[Any] = self._scheduled  # type: ignore[attr-defined]
        if timers:
            when: float = (timers[0]._when - self._offset) / self._rate
            return when if when > soon else soon
        return None

    def _see_to_it(self) -> None:
        due = self._next_turn()
        if due is not None:
            self._arm(due)

    def _arm(self, due: float) -> None:
        if self._armed is None or due < self._armed:
            self._armed = due
            self._world.at(due, partial(self._turn, due))

    async def rest(self, seconds: float) -> None:
        """Wait; a task that is cancelled meanwhile leaves nothing behind."""
        over: asyncio.Future[None] = self.create_future()
        alarm = self.call_later(seconds, _settle, over)
        try:
            await over
        finally:
            alarm.cancel()

    # -- what asyncio asks of a loop ---------------------------------------------------------

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if self._closed:  # type: ignore[attr-defined]
            self._check_closed()  # type: ignore[attr-defined]
        # What asyncio.Handle does at its beginning, without asking for the debug mode.
        handle: Any = _new_handle(asyncio.Handle)
        handle._callback, handle._args, handle._loop = callback, args, self
        handle._context = copy_context() if context is None else context
        handle._cancelled, handle._repr, handle._source_traceback = False, None, None
        self._ready.append(handle)  # type: ignore[attr-defined]
        if not self.is_running_now:
            self._see_to_it()
        made: asyncio.Handle = handle
        return made

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = super().call_at(when, callback, *args, context=context)
        if not self.is_running_now:
            self._see_to_it()
        return handle

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.troubles.append(context)

    async def create_connection(  # type: ignore[override]
        self, factory: Callable[[], Any], *address: Any, **options: Any
    ) -> Any:
        return await self._dial(factory, address[0] if address else options["host"])

    def _process_events(self, events: Any) -> None:
        return

    def _write_to_self(self) -> None:
        return


def _settle(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)
