"""Connections for callers that are awaited: some for each event loop, since none outlives its loop.

All callers of a loop share them. One is enough while its answers come soon: what is asked in one turn
of the loop goes out together, and nobody waits for a turn. Another is opened when the server keeps
somebody waiting, with a large value perhaps, so that the rest do not wait behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from redis.exceptions import ConnectionError as NoConnection

from .deadline import Deadline
from .duplex import Duplex
from .failures import FAILURES, explained, no_answer
from .line import Line
from .lines import Errand, Greet
from .packed import Pack, packed_of
from .replies import packer_for, reader_for
from .scripts import Command
from .slots import Place

T = TypeVar("T")

# Seconds that an answer may be on its way before who comes next gets another connection. On a network
# nearer than that one is enough.
SLOW = 0.01

# The part of a time-out after which the server is given up. The rest is for telling all who wait for
# it, so that a server that hangs costs none of them more than the time-out.
SHARE = 0.9


class AsyncWire:
    """The client connects and logs in. Then its transport is ours: it takes one caller at a time."""

    def __init__(self, connection: Any, timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout
        self._duplex: Duplex | None = None
        self._is_connecting = self._is_given_up = False
        self._pack: Pack = connection.pack_commands

    @property
    def place(self) -> Place:
        return self._connection.host, int(self._connection.port)

    @property
    def waiting(self) -> int:
        return 0 if self._duplex is None else self._duplex.waiting

    @property
    def is_slow(self) -> bool:
        return self._duplex is not None and self._duplex.silence() > SLOW

    @property
    def is_over(self) -> bool:
        return self._duplex is not None and self._duplex.is_over

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        if self._duplex is None:
            await self._connect()
            self._duplex = self._taken_over()
        return await self._duplex.exchange(packed_of(commands, self._pack), len(commands))

    async def _connect(self) -> None:
        self._is_connecting = True
        try:
            await self._connection.connect()
        finally:
            self._is_connecting = False
        if self._is_given_up:
            self.abandon()
            raise NoConnection("the connection was given up")

    def _taken_over(self) -> Duplex:
        connection = self._connection
        reader, unasked = reader_for(connection)
        self._pack = packer_for(connection)
        writer, come = connection._writer, bytes(getattr(connection._reader, "_buffer", b""))
        connection._writer = connection._reader = None
        duplex = Duplex(writer, reader, unasked, self._timeout)
        writer.transport.set_protocol(duplex)
        if come:
            duplex.data_received(come)
        return duplex

    async def hang_up(self) -> None:
        if self._duplex is None:
            self._give_up()
        else:
            self._duplex.end(NoConnection("the connection was given up"))

    def retire(self) -> None:
        """End when nobody waits for an answer any more."""
        if self._duplex is None:
            self._give_up()
        else:
            self._duplex.retire()

    def _give_up(self) -> None:
        # What connects is in the middle of the client's code, which needs what is closed here.
        self._is_given_up = True
        if not self._is_connecting:
            self.abandon()

    def abandon(self) -> None:
        """Close without a loop: the one it belongs to may be over."""
        connection, writer = self._connection, getattr(self._connection, "_writer", None)
        connection._writer = connection._reader = None
        transport: Any = writer and writer.transport
        if self._duplex is not None:
            transport = self._duplex.transport
        if transport is None:
            return
        with suppress(RuntimeError):
            transport.abort()
            return
        # It asked its loop to do the rest, which is closed; this is what the loop would have done.
        with suppress(Exception):
            transport._call_connection_lost(None)


class _Pool:
    """The lines of one loop."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.generation = 0
        # Kept, since a loop knows its tasks by weak references only.
        self.openings: set[asyncio.Task[None]] = set()

    def take_all(self) -> list[Line]:
        self.generation += 1
        lines, self.lines = self.lines, []
        return lines


class AsyncLines:
    def __init__(self, server: str, dial: Callable[[], Any], *, size: int, timeout: float) -> None:
        self._server = server
        self._dial = dial
        self._size = size
        self._timeout = timeout
        self._limit = SHARE * timeout
        # Loops run in threads of their own; held for a dict operation.
        self._lock = Lock()
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()
        self._parents: list[object] = []

    async def run(self, errand: Errand[T]) -> T:
        try:
            return await errand(self._line())
        except TimeoutError:
            raise no_answer(self._server, f"nothing within {self._timeout:g} s") from None
        except FAILURES as error:
            raise explained(self._server, error) from error

    def _line(self) -> Line:
        """Return the line with the fewest questions on it, or a new one if all are slow.

        While one is being opened no other is: a server that hangs is not asked on all of them.
        """
        pool = self._pool()
        lines = pool.lines = [line for line in pool.lines if not _is_over(line)]
        ready = [line for line in lines if line.fence is not None]
        best = min(ready or lines, key=_waiting, default=None)
        is_enough = len(lines) >= self._size or len(ready) < len(lines)
        if best is not None and (is_enough or not _wire(best).is_slow):
            return best
        line = Line(AsyncWire(self._dial(), self._limit), pool.generation)
        lines.append(line)
        return line

    async def greeted(self, line: Line, greet: Greet) -> None:
        if line.opening is None:
            pool = self._pool()
            task = asyncio.get_running_loop().create_task(self._open(line, greet), context=Context())
            line.opening = task
            pool.openings.add(task)
            task.add_done_callback(pool.openings.discard)
        # It is everybody's: who is cancelled leaves it to the others.
        await asyncio.shield(line.opening)

    async def _open(self, line: Line, greet: Greet) -> None:
        try:
            async with Deadline(self._limit):
                await greet(line)
        except BaseException:
            await line.hang_up()
            raise

    def forget_like(self, line: Line) -> None:
        pool = self._pool()
        if line.generation == pool.generation:
            for one in pool.take_all():
                _wire(one).retire()

    def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        with self._lock:
            pool = self._pools.get(loop)
            if pool is not None:
                return pool
            pool = self._pools[loop] = _Pool()
        self._bury()
        return pool

    def _bury(self) -> None:
        """Close what belonged to loops that are over."""
        with self._lock:
            dead = [(loop, pool) for loop, pool in self._pools.items() if loop.is_closed()]
            for loop, _ in dead:
                del self._pools[loop]
        for _, pool in dead:
            for line in pool.lines:
                _wire(line).abandon()

    async def wait(self, job: Future[None]) -> None:
        await asyncio.wait([asyncio.wrap_future(job)], timeout=self._timeout)

    async def close(self) -> None:
        here = asyncio.get_running_loop()
        self._bury()
        with self._lock:
            pool = self._pools.pop(here, None)
        if pool is None:
            return
        # What is asked now is answered; who comes later finds another pool.
        for line in pool.take_all():
            _wire(line).retire()

    def forget_parent(self) -> None:
        # Kept, so that nothing of the parent's is closed by the garbage collector of the child.
        self._lock = Lock()
        self._parents.append(self._pools)
        self._pools = WeakKeyDictionary()


def _wire(line: Line) -> AsyncWire:
    assert isinstance(line.wire, AsyncWire)
    return line.wire


def _is_over(line: Line) -> bool:
    return line.is_over or _wire(line).is_over


def _waiting(line: Line) -> int:
    return _wire(line).waiting
