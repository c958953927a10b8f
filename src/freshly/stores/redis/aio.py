"""Connections for callers that are awaited: some for each event loop, since none outlives its loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from redis.exceptions import ResponseError

from .deadline import Deadline
from .failures import FAILURES, explained, no_answer
from .line import Line
from .lines import PATIENCE, Errand
from .scripts import Command

T = TypeVar("T")


class AsyncWire:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        connection = self._connection
        await connection.connect()
        packed = connection.pack_commands(commands)
        await connection.send_packed_command(packed, check_health=False)
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(await connection.read_response(disable_decoding=True))
            except ResponseError as error:
                replies.append(error)
        return replies

    async def hang_up(self) -> None:
        with suppress(*FAILURES, RuntimeError):
            await self._connection.disconnect(nowait=True)

    def abandon(self) -> None:
        """Close without a loop: the one it belongs to is over."""
        writer = getattr(self._connection, "_writer", None)
        if writer is not None:
            self._connection._writer = self._connection._reader = None
            transport = writer.transport
            with suppress(RuntimeError):
                transport.abort()
                return
            # It asked its loop to do the rest, which is closed; this is what the loop would have done.
            with suppress(Exception):
                transport._call_connection_lost(None)


class _Pool:
    def __init__(self, size: int) -> None:
        self.places = asyncio.Semaphore(size)
        self.idle: list[Line] = []
        self.generation = 0


class AsyncLines:
    def __init__(self, server: str, dial: Callable[[], Any], *, size: int, timeout: float) -> None:
        self._server = server
        self._dial = dial
        self._size = size
        self._timeout = timeout
        # Loops run in threads of their own; held for a dict operation.
        self._lock = Lock()
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()
        self._parents: list[object] = []

    async def run(self, errand: Errand[T]) -> T:
        pool = self._pool()
        try:
            async with Deadline(PATIENCE * self._timeout) as deadline, pool.places:
                deadline.restart(self._timeout)
                return await self._run(pool, errand)
        except TimeoutError:
            raise no_answer(self._server, f"nothing within {self._timeout:g} s") from None
        except FAILURES as error:
            raise explained(self._server, error) from error

    async def _run(self, pool: _Pool, errand: Errand[T]) -> T:
        generation = pool.generation
        line = pool.idle.pop() if pool.idle else Line(AsyncWire(self._dial()))
        try:
            answer = await errand(line)
        except BaseException:
            # Cancelled, or failed half-way: a reply may be under way that nobody waits for.
            await line.hang_up()
            raise
        if line.is_over:
            return answer
        if generation == pool.generation:
            pool.idle.append(line)
        else:
            await line.hang_up()
        return answer

    def _pool(self) -> _Pool:
        loop = asyncio.get_running_loop()
        with self._lock:
            pool = self._pools.get(loop)
            if pool is not None:
                return pool
            pool = self._pools[loop] = _Pool(self._size)
        self._bury()
        return pool

    def _bury(self) -> None:
        """Close what belonged to loops that are over."""
        with self._lock:
            dead = [(loop, pool) for loop, pool in self._pools.items() if loop.is_closed()]
            for loop, _ in dead:
                del self._pools[loop]
        for _, pool in dead:
            _abandon(pool)

    def forget_idle(self) -> None:
        with self._lock:
            pool = self._pools.get(asyncio.get_running_loop())
        if pool is not None:
            pool.generation += 1
            idle, pool.idle = pool.idle, []
            for line in idle:
                line.is_over = True
                if isinstance(line.wire, AsyncWire):
                    line.wire.abandon()

    async def wait(self, job: Future[None]) -> None:
        await asyncio.wait([asyncio.wrap_future(job)], timeout=self._timeout)

    async def close(self) -> None:
        here = asyncio.get_running_loop()
        self._bury()
        with self._lock:
            pool = self._pools.pop(here, None)
        if pool is None:
            return
        # An errand that runs now finds another generation, and closes its connection when it ends.
        pool.generation += 1
        idle, pool.idle = pool.idle, []
        for line in idle:
            await line.hang_up()

    def forget_parent(self) -> None:
        # Kept, so that nothing of the parent's is closed by the garbage collector of the child.
        self._lock = Lock()
        self._parents.append(self._pools)
        self._pools = WeakKeyDictionary()


def _abandon(pool: _Pool) -> None:
    for line in pool.idle:
        if isinstance(line.wire, AsyncWire):
            line.wire.abandon()
