"""What can go wrong, by who can act on it.

A loader's own exception is never wrapped: it passes through as it was raised.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = [
    "ConfigurationError",
    "DeadlockError",
    "EncodeError",
    "FreshlyError",
    "FreshlyWarning",
    "KeyTextError",
    "LoadTimeout",
    "LockLost",
    "LockTimeout",
    "NotModified",
    "PartlyInvalidatedError",
    "StoreError",
    "StoreUnreachableError",
    "UnconfirmedError",
]


class FreshlyError(Exception):
    """The base of every error that freshly itself raises."""


class ConfigurationError(FreshlyError, ValueError):
    """An option, a template or an argument of a command is wrong: you can fix it in your code."""


class KeyTextError(ConfigurationError):
    """A value has no stable text, so it cannot be part of a key."""


class DeadlockError(FreshlyError, RuntimeError):
    """A read would wait for a load that waits, directly or not, for this read."""


class EncodeError(FreshlyError, TypeError):
    """A value cannot be stored outside of the process: its codec has no bytes for it.

    Its caller gets the value all the same, unless the cache was told ``on_encode_error="raise"``.
    """


class LoadTimeout(FreshlyError, TimeoutError):
    """A load took longer than its ``hard_timeout``, and there was no older value to serve.

    The load goes on behind, for those who still wait and for the next read. ``key`` and
    ``function`` say which it is, ``seconds`` how long this reader had waited.
    """

    def __init__(self, key: str, function: str, seconds: float) -> None:
        super().__init__(
            f"the load of {key!r} by {function} has not ended within hard_timeout={seconds:g} "
            f"seconds, and there is no older value to serve: it goes on behind, and its value will be "
            f"stored; read again later, or make the loader faster"
        )
        self.key = key
        self.function = function
        self.seconds = seconds

    def __reduce__(self) -> tuple[type[LoadTimeout], tuple[str, str, float]]:
        return type(self), (self.key, self.function, self.seconds)


class LockTimeout(FreshlyError, TimeoutError):
    """A lock was not to be had within its ``timeout``. ``seconds`` is how long the caller waited."""

    def __init__(self, key: str, seconds: float) -> None:
        super().__init__(
            f"the lock {key!r} was not free within {seconds:g} seconds: wait longer, or have its "
            f"holders be quicker"
        )
        self.key = key
        self.seconds = seconds

    def __reduce__(self) -> tuple[type[LockTimeout], tuple[str, float]]:
        return type(self), (self.key, self.seconds)


class LockLost(FreshlyError):
    """A block took longer than the ``ttl`` of its lock, so that another may have run beside it."""

    def __init__(self, key: str, ttl: float) -> None:
        super().__init__(
            f"the lock {key!r} ran out after ttl={ttl:g} seconds, before its block had ended: another "
            f"may have run beside it; give it a longer ttl, or renew=True"
        )
        self.key = key
        self.ttl = ttl

    def __reduce__(self) -> tuple[type[LockLost], tuple[str, float]]:
        return type(self), (self.key, self.ttl)


class NotModified(FreshlyError):
    """For loaders to raise: the source said that the older value is still what it would give.

    Its entry begins a new life with the same value: with the stamp of this load, and new instants.
    An error in a load that has no older value, see ``Cache.current``.
    """


class StoreError(FreshlyError):
    """The store could not do what a promise needs: operations can act on it."""


class StoreUnreachableError(StoreError):
    """The store gave no answer: refused, timed out, cut off.

    ``was_asked`` is False where that was known before, so that nobody asked and nobody waited.
    """

    def __init__(self, message: str, *, was_asked: bool = True) -> None:
        super().__init__(message)
        self.was_asked = was_asked


class PartlyInvalidatedError(StoreError):
    """An invalidation reached some servers of a cluster and not all.

    ``delivered`` are the names that nobody gets an older value of any more, ``failed`` those that did
    not arrive: they are tried again until they do, and until then this process serves nothing that
    they name. Of ``clear`` both are empty.
    """

    def __init__(self, delivered: Iterable[str], failed: Iterable[str], cause: str) -> None:
        self.delivered = tuple(delivered)
        self.failed = tuple(failed)
        self.cause = cause
        super().__init__(
            f"{_listed(self.delivered) or 'some of it'} was invalidated, and "
            f"{_listed(self.failed) or 'the rest'} not yet, which is tried again until it arrives: "
            f"{cause}"
        )

    def __reduce__(self) -> tuple[type[PartlyInvalidatedError], tuple[Any, ...]]:
        return type(self), (self.delivered, self.failed, self.cause)


class UnconfirmedError(StoreError):
    """An invalidation was carried out, and not enough replicas said in time that they have it.

    Nobody gets an older value from the primary, but a failover may lose the invalidation. It is tried
    again until ``replicas`` of them confirm it; ``confirmed`` did within ``seconds``.
    """

    def __init__(self, server: str, confirmed: int, replicas: int, seconds: float) -> None:
        self.server = server
        self.confirmed = confirmed
        self.replicas = replicas
        self.seconds = seconds
        super().__init__(
            f"{server} has carried out the invalidation, but {confirmed} of wait_replicas={replicas} "
            f"confirmed it within wait_timeout={seconds:g} seconds: a failover may lose it, so it is "
            f"tried again until they do"
        )

    def __reduce__(self) -> tuple[type[UnconfirmedError], tuple[Any, ...]]:
        return type(self), (self.server, self.confirmed, self.replicas, self.seconds)


class FreshlyWarning(UserWarning):
    """Something works, but not as its author probably believes."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the names nearest to ``word``, or an empty text."""
    from difflib import get_close_matches  # for mistakes alone: not every import should pay for it

    near = get_close_matches(word, list(known), n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def _listed(names: tuple[str, ...], most: int = 5) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + rest
