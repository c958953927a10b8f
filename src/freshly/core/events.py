"""What happened, as values: observers get them, and none is made that nobody listens for.

A hit makes none at all: the hit path counts in the entry, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, Protocol

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loader returned, or raised what is cached as its answer.

    ``stored`` is False if an invalidation overtook it, a condition refused, or a hold was on.
    """

    key: str
    function: str
    seconds: float
    stored: bool
    background: bool


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """A loader raised. ``background`` says that no caller saw the error."""

    key: str
    function: str
    seconds: float
    error: BaseException
    background: bool


@dataclass(frozen=True, slots=True)
class LoadTimedOut:
    """A read waited for a load for ``seconds``, and no longer. The load goes on behind.

    ``error`` is the ``LoadTimeout`` that the caller got, ``None`` if an expired value stood in.
    """

    key: str
    function: str
    seconds: float
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class SequenceTooLong:
    """A generator gave more than ``most`` elements: they pass through, and are not stored."""

    key: str
    function: str
    most: int


@dataclass(frozen=True, slots=True)
class ServedExpired:
    """A loader raised, and an expired value within its grace stood in."""

    key: str
    function: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class Invalidated:
    """Tags, keys, a pattern or everything became invalid at ``reading`` of the logical clock."""

    reading: Any
    tags: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    pattern: str | None = None
    everything: bool = False


@dataclass(frozen=True, slots=True)
class MarkedStale:
    """Tags were marked stale."""

    reading: Any
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """The store failed an operation that a caller could do without."""

    operation: str
    key: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class StoreDown:
    """The store stopped answering. From now on one call a pause tries it, and the others do without."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class StoreUp:
    """The store answers again, ``seconds`` after it was found down."""

    seconds: float


@dataclass(frozen=True, slots=True)
class InvalidationQueued:
    """An invalidation failed and is tried again behind its caller's back; ``waiting`` names wait now.

    Until it is delivered this process serves nothing that it names.
    """

    waiting: int
    error: BaseException


@dataclass(frozen=True, slots=True)
class InvalidationsDelivered:
    """The store has taken every invalidation that waited, ``seconds`` after the first attempt."""

    seconds: float


@dataclass(frozen=True, slots=True)
class InvalidationsLost:
    """The cache was closed while ``waiting`` names were undelivered: other processes may serve them."""

    waiting: int
    error: BaseException


@dataclass(frozen=True, slots=True)
class HoldRanOut:
    """A transaction ended ``seconds`` after its hold: give it a longer one, or less to do.

    What it invalidated is invalid all the same. But had it died meanwhile, a value from before its
    commit could have been stored.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class NearReady:
    """Near entries may be served without asking the server, ``seconds`` after that could not be."""

    seconds: float


@dataclass(frozen=True, slots=True)
class NearLost:
    """The connection that keeps near entries coherent has ended.

    When the lease is over, which is ``max_staleness`` away at most, each near entry is asked about
    before it is served, until there is a connection again.
    """

    error: BaseException


Event = (
    Loaded
    | LoadFailed
    | LoadTimedOut
    | SequenceTooLong
    | ServedExpired
    | Invalidated
    | MarkedStale
    | StoreFailed
    | StoreDown
    | StoreUp
    | InvalidationQueued
    | InvalidationsDelivered
    | InvalidationsLost
    | HoldRanOut
    | NearReady
    | NearLost
)


class Emit(Protocol):
    """Make an event of ``kind`` and hand it to those who listen for it; if nobody does, make none."""

    def __call__(self, kind: Callable[P, Event], /, *args: P.args, **kwargs: P.kwargs) -> None: ...


class Observer(Protocol):
    """Who wants to know what happened. It must return soon and may not raise."""

    def __call__(self, event: Any, /) -> None: ...  # Any: one of a kind of event takes that kind
