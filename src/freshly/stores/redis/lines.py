"""The connections of one colour of caller: taken for one errand, given back, never shared meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from .line import Line

T = TypeVar("T")
Errand = Callable[[Line], Awaitable[T]]


class Lines(Protocol):
    """Runs errands on connections, at most ``pool_size`` at a time; who comes later waits its turn.

    An errand and the wait for its turn take ``timeout`` seconds at most. A connection on which an
    errand was given up is closed.
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

    async def close(self) -> None: ...

    def forget_parent(self) -> None:
        """Leave the connections alone: in a forked child they are the parent's."""
        ...
