"""What happened, as values: an observer gets them, the engine makes them.

A hit makes none: the hit path counts in the entry, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loader returned. ``stored`` is False if an invalidation overtook it or a condition refused."""

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
class ServedExpired:
    """A loader raised, and an expired value within its grace stood in."""

    key: str
    function: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class Invalidated:
    """Tags, keys, a pattern or everything became invalid at ``reading`` of the logical clock."""

    reading: int
    tags: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    pattern: str | None = None
    everything: bool = False


@dataclass(frozen=True, slots=True)
class MarkedStale:
    """Tags were marked stale."""

    reading: int
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


Event = (
    Loaded
    | LoadFailed
    | ServedExpired
    | Invalidated
    | MarkedStale
    | StoreFailed
    | StoreDown
    | StoreUp
    | InvalidationQueued
    | InvalidationsDelivered
    | InvalidationsLost
)
