"""What was stored anew by hand is announced to whoever keeps an older value of it near.

Nothing is made invalid by it: the older value was valid, and is until its end. But who asked for a new
one wants it to be seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol


class Announcing(Protocol):
    """The part of a store that tells other processes."""

    async def announce(self, keys: Iterable[str]) -> Any:
        """Have every process see what lies under ``keys`` by now, after ``max_staleness`` at most.

        A store that nobody keeps entries of does nothing. Return where its clock stands, if it has one.
        """
        ...


class Unannounced:
    """A store of which everybody reads what lies there."""

    async def announce(self, keys: Iterable[str]) -> None:
        return
