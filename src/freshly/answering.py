"""What ``cache_exceptions=`` said, checked and turned into lifetimes by class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from .core.answers import Answers
from .core.lifetime import Lifetime
from .errors import ConfigurationError, FreshlyError
from .lifetimes import TTL, TTLValue, fixed_lifetime

#: A class of exceptions, several, or several with a ttl for each.
CacheExceptions: TypeAlias = (
    type[Exception] | Iterable[type[Exception]] | Mapping[type[Exception], TTLValue]
)


def answers_of(ttl: TTL, options: Mapping[str, Any]) -> Answers | None:
    """Return which exceptions are kept and for how long, or ``None`` if none are."""
    given = options.get("cache_exceptions")
    lifetimes = {
        _checked(kind, given): _lifetime(span, kind, options) for kind, span in _spans(given, ttl)
    }
    return Answers(lifetimes) if lifetimes else None


def _spans(given: object, ttl: TTL) -> Iterable[tuple[Any, TTLValue]]:
    if isinstance(given, Mapping):
        return list(given.items())
    kinds = [given] if isinstance(given, type) else given
    if kinds is None:
        return ()
    if not isinstance(kinds, Iterable) or isinstance(kinds, str):
        raise _refusal(given, given)
    if callable(ttl):
        raise ConfigurationError(
            f"cache_exceptions={given!r} would last as long as ttl= says, and that is a function of "
            f"the result, of which there is none: give each class a ttl, {{NotFound: '1m'}}"
        )
    return [(kind, ttl) for kind in kinds]


def _lifetime(span: TTLValue, kind: type[Exception], options: Mapping[str, Any]) -> Lifetime:
    try:
        return fixed_lifetime(span, jitter=options.get("jitter", 0.0))
    except ConfigurationError as error:
        raise ConfigurationError(f"cache_exceptions, for {kind.__name__}: {error}") from None


def _checked(kind: object, given: object) -> type[Exception]:
    if not isinstance(kind, type) or not issubclass(kind, BaseException):
        raise _refusal(kind, given)
    if not issubclass(kind, Exception):
        raise ConfigurationError(
            f"cache_exceptions has {kind.__name__}: it ends its caller and says nothing of the value, "
            f"and would be raised to others whom nobody meant; leave it out"
        )
    if issubclass(kind, FreshlyError):
        raise ConfigurationError(
            f"cache_exceptions has {kind.__name__}: it says what is wrong with the cache and nothing "
            f"of the value; leave it out"
        )
    return kind


def _refusal(value: object, given: object) -> ConfigurationError:
    return ConfigurationError(
        f"cache_exceptions={given!r}: {value!r} is no class of exceptions; give a tuple of classes, "
        f"or a dict with a ttl for each, {{NotFound: '1m'}}"
    )
