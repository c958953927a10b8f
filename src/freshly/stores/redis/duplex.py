"""A connection on which many ask at a time: questions go out as they come, and replies come in order.

What is asked in one turn of the loop goes out together. Nobody waits for a connection, and whoever
stops waiting leaves nothing behind: the reply comes all the same, and is dropped in its place.

A time-out counts while the loop listens. A loop that was kept from its work finds the timer over and
the answer in the socket at the same moment; by how much a timer was late, nobody was listening.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import InvalidResponse

from .deadline import LONGEST, STEPS
from .replies import NOTHING, Reader


class Exchange:
    """Questions that were sent together, and the replies that have come to them."""

    __slots__ = ("count", "deaf", "future", "replies", "sent_at")

    def __init__(
        self, count: int, future: asyncio.Future[list[Any]], sent_at: float, deaf: float
    ) -> None:
        self.count = count
        self.future = future
        self.replies: list[Any] = []
        self.sent_at = sent_at
        self.deaf = deaf


class Duplex(asyncio.Protocol):
    """Speaks on the transport of a connection that is ready; ``timeout`` is of each exchange."""

    def __init__(
        self, writer: asyncio.StreamWriter, reader: Reader, unasked: type[list[Any]], timeout: float
    ) -> None:
        self._loop = asyncio.get_running_loop()
        # Kept: a writer that is collected closes its transport.
        self._writer = writer
        self.transport = writer.transport
        self._reader = reader
        self._unasked = unasked
        self._timeout = timeout
        self._step = timeout / STEPS
        self._waiting: deque[Exchange] = deque()
        self._held_back: list[bytes] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        # Seconds in all that the loop did not listen.
        self._deaf = 0.0
        self.is_over = False
        self._ends_when_idle = False

    @property
    def waiting(self) -> int:
        """How many exchanges are under way."""
        return len(self._waiting)

    def silence(self) -> float:
        """Return for how many seconds the oldest exchange has been under way."""
        return self._loop.time() - self._waiting[0].sent_at if self._waiting else 0.0

    def exchange(self, packed: Sequence[bytes], count: int) -> asyncio.Future[list[Any]]:
        """Send ``packed``, which are ``count`` questions, and return what has their replies."""
        if self.is_over:
            raise NoConnection("the connection has ended")
        now = self._loop.time()
        future: asyncio.Future[list[Any]] = self._loop.create_future()
        self._waiting.append(Exchange(count, future, now, self._deaf))
        self._send(packed)
        if self._timer is None:
            self._arm(now, self._step)
        return future

    def _send(self, packed: Sequence[bytes]) -> None:
        if self._held_back is not None:
            self._held_back += packed
            return
        # The first of a turn goes at once, as it may be the only one. The others go at its end.
        self._held_back = []
        self._loop.call_soon(self._send_the_rest)
        self._write(packed)

    def _send_the_rest(self) -> None:
        held_back, self._held_back = self._held_back, None
        if held_back and not self.is_over:
            self._write(held_back)

    def _write(self, packed: Sequence[bytes]) -> None:
        self.transport.write(packed[0] if len(packed) == 1 else b"".join(packed))

    # -- what the transport says -------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not NOTHING:
                if not isinstance(reply, self._unasked):
                    self._take(reply)
        except (InvalidResponse, ValueError, IndexError) as error:
            # Also what comes though nobody asked.
            self.end(NoConnection(f"what came is no answer: {error!r}"))
        if self._ends_when_idle:
            self._end_if_idle()

    def _take(self, reply: Any) -> None:
        head = self._waiting[0]
        head.replies.append(reply)
        if len(head.replies) == head.count:
            self._waiting.popleft()
            if not head.future.done():
                head.future.set_result(head.replies)

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(NoConnection(f"the connection was closed: {exc or 'by the server'}"))

    # -- its end -----------------------------------------------------------------------------

    def retire(self) -> None:
        """End when everything is answered for which somebody still waits."""
        self._ends_when_idle = True
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if all(one.future.done() for one in self._waiting):
            self.end(NoConnection("the connection is no longer used"))

    def end(self, error: Exception) -> None:
        """Close the connection, and have everybody who waits get an error like ``error``."""
        if self.is_over:
            return
        self.is_over = True
        if self._timer is not None:
            self._timer.cancel()
        waiting, self._waiting = self._waiting, deque()
        # The loop may be over, with all who waited in it.
        with suppress(RuntimeError):
            self.transport.abort()
            for one in waiting:
                if not one.future.done():
                    # One each: an error that is raised in many places collects the traces of all.
                    one.future.set_exception(type(error)(*error.args))

    def _arm(self, now: float, seconds: float) -> None:
        self._due = now + seconds
        self._timer = self._loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        now, self._timer = self._loop.time(), None
        if now - self._due > self._step:
            self._deaf += now - self._due
        if not self._waiting:
            return
        head = self._waiting[0]
        waited = now - head.sent_at
        left = self._timeout - (waited - (self._deaf - head.deaf))
        if left <= 0 or waited > LONGEST * self._timeout:
            self.end(TimeoutError(f"nothing within {self._timeout:g} s"))
        else:
            self._arm(now, min(left, self._step))
