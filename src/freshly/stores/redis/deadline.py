"""A time-out for a server that is silent, which a busy event loop does not run into.

A timer of asyncio counts the time of the clock. A loop that was kept from its work, by code of its
program or by a machine with too much to do, finds the timer over and the answer in the socket at the
same moment, and the timer comes first. So this one goes in short steps. Before each the loop has
listened, and a step from which it came back late counts for nothing: what was to be heard meanwhile it
has yet to hear.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

# Steps of a time-out. More would find out sooner that the loop is busy, and cost a timer each.
STEPS = 4

# Time-outs after which it is over however busy the loop is: so that a caller is told at all.
LONGEST = 10


class Deadline:
    """Cancels the block after ``seconds`` and raises ``TimeoutError``, as ``asyncio.timeout`` does."""

    __slots__ = ("_due", "_last", "_left", "_limit", "_loop", "_step", "_timer")

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._begin(seconds)

    def _begin(self, seconds: float) -> None:
        now = self._loop.time()
        self._step = seconds / STEPS
        self._left = STEPS
        self._last = now + LONGEST * seconds
        self._due = now + self._step

    def restart(self, seconds: float) -> None:
        """Count ``seconds`` from now."""
        self._stop()
        self._begin(seconds)
        self._arm()

    async def __aenter__(self) -> Deadline:
        await self._limit.__aenter__()
        self._arm()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        await self._limit.__aexit__(kind, error, trace)

    def _arm(self) -> None:
        self._timer = self._loop.call_at(self._due, self._ring)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        now = self._loop.time()
        is_late = now - self._due > self._step
        self._left -= not is_late
        if self._left <= 0 or now >= self._last:
            self._limit.reschedule(now)
            return
        self._due = now + self._step
        self._arm()
