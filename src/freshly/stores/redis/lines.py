"""The connections of one colour of caller: taken for one errand, given back, never shared meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from .line import Line

T = TypeVar("T")
# Time-outs that a caller waits for its turn: a thousand callers at a time are slow together although
# each errand is quick. When nobody answers they do not wait so long, since whose turn comes after the
# breaker has opened asks nothing.
PATIENCE = 10

Errand = Callable[[Line], Awaitable[T]]


class Lines(Protocol):
    """Runs errands on connections, at most ``pool_size`` at a time; who comes later waits its turn.

    An errand takes ``timeout`` seconds at most, the wait for its turn ``PATIENCE`` times as long. A
    connection on which an errand was given up is closed.
    """

    async def run(self, errand: Errand[T]) -> T:
        """Run ``errand``.

        Raises:
            StoreUnreachableError: if there was no answer in time, or no connection.
            StoreError: if the server refused the connection.
        """
        ...

    def forget_idle(self) -> None:
        """Let no idle connection be used again: what ended one of them has probably ended all."""
        ...

    async def wait(self, job: Future[None]) -> None:
        """Return when ``job`` has ended, or ``timeout`` is over."""
        ...

    async def close(self) -> None: ...

    def forget_parent(self) -> None:
        """Leave the connections alone: in a forked child they are the parent's."""
        ...
