"""The connections of one colour of caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from .line import Line

T = TypeVar("T")

Errand = Callable[[Line], Awaitable[T]]
Greet = Callable[[Line], Awaitable[None]]


class Ends(Protocol):
    """What a store that is closed has to wait for, and to close."""

    async def wait(self, job: Future[None]) -> None:
        """Return when ``job`` has ended, or ``timeout`` is over."""
        ...

    async def close(self) -> None: ...


class Lines(Ends, Protocol):
    """Runs errands on connections, of which there are ``pool_size`` at most.

    Nothing is waited for longer than ``timeout`` seconds: neither a new connection, which has to be
    greeted before it is used, nor an answer on it. A connection that was silent for so long is closed.
    """

    async def run(self, errand: Errand[T]) -> T:
        """Run ``errand``.

        Raises:
            StoreUnreachableError: if there was no answer in time, or no connection.
            StoreError: if the server refused the connection.
        """
        ...

    async def greeted(self, line: Line, greet: Greet) -> None:
        """Return when ``line`` has been greeted: by this caller, or by another that uses it too."""
        ...

    def forget_like(self, line: Line) -> None:
        """Let no connection as old as ``line`` be used again: what ended it has probably ended all."""
        ...

    def forget_parent(self) -> None:
        """Leave the connections alone: in a forked child they are the parent's."""
        ...
