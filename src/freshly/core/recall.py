"""Reads of what was served before, by stores outside of the process.

Such a store remembers under which row a function was served what, and how to ask for it. A read that
comes again asks at once, and makes its key, its tags and its loader only if it is no hit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Hashable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from .rows import Rows
from .shape import Shape

if TYPE_CHECKING:
    from .ports import Look, Reading


K = TypeVar("K")
A = TypeVar("A")


class Known(Protocol):
    """What was served before, by its key and the tags that it carried."""

    @property
    def key(self) -> str: ...

    @property
    def tags(self) -> tuple[str, ...]: ...


class Recalled(NamedTuple):
    """The value of an entry that is fresh, before its early ttl, and valid as of ``seen``."""

    value: Any
    seen: Reading


class Recall(Protocol[K, A]):
    """Asks for what was served before."""

    def known(self, rows: Rows, row: Hashable) -> K | None:
        """Return what was bound under ``row``, if it is probably still there."""
        ...

    def ask(self, known: K) -> Awaitable[A]:
        """Ask for it, now. What is answered goes to ``found``, and raises what ``look`` raises."""
        ...

    def found(self, known: K, shape: Shape, answer: A) -> Recalled | Look | None:
        """Return its value by the answer, with the promise of ``look``.

        Where more is to be decided than that it may be served, return the look at it; or ``None``, if
        what was asked does not tell enough for one.
        """
        ...


class Recalling(Protocol):
    """What may recall."""

    @property
    def recall(self) -> Recall[Any, Any] | None:
        """How a read comes again; ``None`` where every read looks."""
        ...
