"""Clear dead entries away on an event loop, in slices that leave the others their turn.

Writes clear away more dead entries than they can make. What they cannot do is free the memory of
entries that died in a store to which nobody writes any more; for that there is a timer on the loop
that wrote last. It is there while there is anything that will die, and it is no task: a loop that
ends takes it along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Protocol, runtime_checkable
from weakref import ref

#: Seconds that one slice may take, and the pause after it: a fifth of the loop's time at most.
SLICE = 0.001
PAUSE = 0.004
#: Entries between two looks at the time: some ten microseconds.
A_HANDFUL = 32
#: Seconds until the timer looks again at the latest: something that dies sooner may have come.
LATEST = 10.0


@runtime_checkable
class Sweepable(Protocol):
    """A store whose dead entries are to be cleared away. It calls ``wake`` after each write."""

    wake: Callable[[], None]

    @property
    def next_due(self) -> float | None:
        """The instant from which ``sweep`` will find dead entries."""
        ...

    def sweep(self, limit: int) -> bool:
        """Clear up to ``limit`` dead entries away; return whether there may be more."""
        ...


def sweep_behind(store: object, now: Callable[[], float]) -> Callable[[], None]:
    """Have ``store`` swept on the loops that write to it, if it can be; return what stops that."""
    if not isinstance(store, Sweepable):
        return _nothing
    sweeper = Sweeper(store, now)
    store.wake = sweeper.wake
    return sweeper.stop


class Sweeper:
    """The timer of one store, whose instants are on the clock of ``now``."""

    def __init__(self, store: Sweepable, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """See that dead entries are cleared away on the running loop, if there is one."""
        # After each write, and nearly always there is a timer.
        loop = self._loop
        if (loop is not None and not loop.is_closed()) or self._store.next_due is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # a thread without a loop: the writes have to do
        with self._lock:
            if not self._is_awake():
                self._loop = loop
                self._wait(loop)

    def stop(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._loop = self._timer = None

    def _is_awake(self) -> bool:
        return self._loop is not None and not self._loop.is_closed()

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        due = self._store.next_due
        if due is None:
            self._loop = self._timer = None
            return
        seconds = min(max(due - self._now(), PAUSE), LATEST)
        # The timer does not keep the store of a forgotten cache alive.
        me: ref[Sweeper] = ref(self)
        self._timer = loop.call_later(seconds, _tick, me)

    def tick(self) -> None:
        """Clear one slice away, and wait for the next."""
        end = monotonic() + SLICE
        while self._store.sweep(A_HANDFUL) and monotonic() < end:
            pass
        with self._lock:
            if self._loop is not None:
                self._wait(self._loop)


def _tick(sweeper: ref[Sweeper]) -> None:
    it = sweeper()
    if it is not None:
        it.tick()


def _nothing() -> None:
    """A store elsewhere clears its dead entries away by itself."""
