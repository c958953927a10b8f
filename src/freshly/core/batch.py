"""Many calls of one function whose values are loaded together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar

from .flight import Flight
from .ports import Look
from .recipe import Call

T = TypeVar("T")


class _Lacking:
    def __repr__(self) -> str:
        return "<no value>"


#: Stands in a flight for the value of a key that a loader of many gave none for.
LACKING: Final = _Lacking()


class Brought(NamedTuple):
    """What one run of a loader gave, by key. A key in neither has no value."""

    values: dict[str, Any]
    errors: dict[str, Exception]


@dataclass(slots=True)
class Gathered:
    """What a read of many has found so far, by key: values, and errors given in place of one."""

    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """How the values of many calls are loaded.

    ``most`` is how many calls one run of the loader takes; there are several runs if there are
    more, one after another. ``may_lack`` says whether a caller takes it for an answer that there is
    no value; if not, it loads for itself where another caller's loader gave none.
    """

    load: Callable[[Sequence[Call]], Awaitable[Brought]]
    most: int | None = None
    may_lack: bool = True

    async def load_beside(self, calls: Sequence[Call]) -> Gathered:
        """Load the values of ``calls`` beside the cache: nothing is read from it or stored."""
        found = Gathered()
        for share in self.shares(calls):
            brought = await self.load(share)
            found.values.update(brought.values)
            found.errors.update(brought.errors)
        return found

    def shares(self, of: Sequence[T]) -> Iterator[Sequence[T]]:
        """Divide ``of`` into what one run of the loader takes."""
        most = self.most or len(of)
        for start in range(0, len(of), most or 1):
            yield of[start : start + most]


class Rider(NamedTuple):
    """One of many calls on the flight of its key."""

    call: Call
    look: Look
    flight: Flight
    is_pilot: bool
    may_stand_in: bool = False

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for its flight, or it was begun for nobody in particular."""
        return self.flight.passengers > 0 or self.flight.is_background


def naming(keys: Sequence[str]) -> str:
    """Return a name for ``keys`` together, to be read by people."""
    return keys[0] if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1} more"
