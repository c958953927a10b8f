"""Connections for callers that are stepped, shared by the threads of the process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from contextlib import suppress
from threading import BoundedSemaphore, Lock
from typing import Any, TypeVar

from redis.exceptions import ResponseError

from .chorus import heard_later
from .failures import FAILURES, explained, no_answer
from .line import Line
from .lines import Errand, Greet
from .scripts import Command
from .slots import Place

T = TypeVar("T")

# Time-outs that a thread waits for its turn: two hundred at a time are slow together although each
# errand is quick. When nobody answers they do not wait so long, since whose turn comes after the
# breaker has opened asks nothing.
PATIENCE = 10


class BlockingWire:
    """Its coroutines wait in the system, as blocking calls do, and suspend at one place at most.

    ``in_chorus`` they do, where the questions have gone out: for who asks several servers at a time.
    """

    def __init__(self, connection: Any, *, in_chorus: bool = False) -> None:
        self._connection = connection
        self._in_chorus = in_chorus

    @property
    def place(self) -> Place:
        return self._connection.host, int(self._connection.port)

    async def exchange(self, commands: Sequence[Command]) -> list[Any]:
        connection = self._connection
        connection.connect()
        connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        if self._in_chorus:
            await heard_later()
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(connection.read_response(disable_decoding=True))
            except ResponseError as error:
                replies.append(error)
        return replies

    async def hang_up(self) -> None:
        with suppress(*FAILURES):
            self._connection.disconnect()


class BlockingLines:
    def __init__(
        self,
        server: str,
        dial: Callable[[], Any],
        *,
        size: int,
        timeout: float,
        in_chorus: bool = False,
    ) -> None:
        self._server = server
        self._dial = dial
        self._size = size
        self._timeout = timeout
        self._in_chorus = in_chorus
        self._parents: list[object] = []
        self._begin()

    def _begin(self) -> None:
        self._places = BoundedSemaphore(self._size)
        self._lock = Lock()
        self._idle: list[Line] = []
        self._generation = 0

    async def run(self, errand: Errand[T]) -> T:
        places = self._places
        if not places.acquire(timeout=PATIENCE * self._timeout):
            raise no_answer(self._server, f"all {self._size} connections are in use")
        try:
            return await self._run(errand)
        except FAILURES as error:
            raise explained(self._server, error) from error
        finally:
            places.release()

    async def _run(self, errand: Errand[T]) -> T:
        with self._lock:
            generation = self._generation
            line = self._idle.pop() if self._idle else None
        line = line or Line(BlockingWire(self._dial(), in_chorus=self._in_chorus), generation)
        try:
            answer = await errand(line)
        except BaseException:
            await line.hang_up()
            raise
        if not line.is_over and not self._give_back(line):
            await line.hang_up()
        return answer

    def _give_back(self, line: Line) -> bool:
        with self._lock:
            if line.generation != self._generation:
                return False
            self._idle.append(line)
            return True

    def _take_idle(self) -> list[Line]:
        with self._lock:
            self._generation += 1
            idle, self._idle = self._idle, []
        return idle

    async def greeted(self, line: Line, greet: Greet) -> None:
        await greet(line)

    def forget_like(self, line: Line) -> None:
        for one in self._take_idle() if line.generation == self._generation else ():
            one.is_over = True
            if isinstance(one.wire, BlockingWire):
                with suppress(*FAILURES):
                    one.wire._connection.disconnect()

    async def wait(self, job: Future[None]) -> None:
        wait_for([job], timeout=self._timeout)

    async def close(self) -> None:
        for line in self._take_idle():
            await line.hang_up()

    def forget_parent(self) -> None:
        # Kept, so that nothing of the parent's is closed by the garbage collector of the child.
        self._parents.append(self._idle)
        self._begin()
