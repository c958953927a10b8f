"""What the client raises, in our words: was there an answer, and what is to be done?"""

from __future__ import annotations

from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from ...errors import StoreError, StoreUnreachableError

#: What a connection may raise without there being a mistake in our code.
FAILURES = (RedisError, OSError, TimeoutError)

# Each reply is asked whether it is one of these: a union would be made anew each time.
_NOT_PRIMARY = (ReadOnlyError, MasterDownError)
_ELSEWHERE = (AskError, TryAgainError, ClusterDownError)


def no_answer(server: str, error: BaseException | str) -> StoreUnreachableError:
    said = error if isinstance(error, str) else (str(error) or type(error).__name__)
    return StoreUnreachableError(f"{server} did not answer: {said}")


def explained(server: str, error: BaseException) -> StoreError:
    """Return the error to raise for one of ``FAILURES``."""
    match error:
        case AuthenticationError() | AuthorizationError():
            return StoreError(f"{server} refused the login, check user and password: {error}")
        case BusyLoadingError():
            return StoreError(f"{server} has started and still loads its data: {error}")
        case NoPermissionError():
            return StoreError(
                f"{server} forbids the user a command that the cache needs (docs/guide/redis.md has "
                f"the rights): {error}"
            )
        case OutOfMemoryError():
            return StoreError(f"{server} is full and evicts nothing (see maxmemory-policy): {error}")
        case ResponseError():
            return _refused(server, str(error))
        case _:
            return no_answer(server, error)


def _refused(server: str, said: str) -> StoreError:
    word = said.partition(" ")[0]
    if word in ("NOAUTH", "WRONGPASS"):
        return StoreError(f"{server} refused the login, check user and password: {said}")
    if "NOFENCE" in said:
        return StoreError(
            f"{server} does not let scripts ask who it is, so a failover that loses invalidations "
            f"would go unnoticed: allow the user INFO: {said}"
        )
    return StoreError(f"{server} said no: {said}")


def is_not_primary(error: object) -> bool:
    """Return whether an error reply says that another server is the primary now."""
    return isinstance(error, _NOT_PRIMARY)


def is_elsewhere(error: object) -> bool:
    """Return whether a node of a cluster says that it cannot answer, and another one may."""
    return isinstance(error, _ELSEWHERE)
