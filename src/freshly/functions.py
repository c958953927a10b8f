"""What may be decorated, and how what stands in for it gets back to where it stood."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isasyncgenfunction, isfunction, isgeneratorfunction, signature
from typing import Any

from .bound import CachedClassMethod, CachedMethod
from .errors import ConfigurationError

RECEIVERS = ("self", "cls")


def can_be_decorated(function: Any) -> bool:
    return isfunction(getattr(function, "__func__", function))


def plain_function(function: Any, *, generates: bool = False) -> Callable[..., Any]:
    """Return the function inside, or say why it cannot be cached.

    ``generates`` says that a generator is wanted, and nothing else.
    """
    plain = function.__func__ if isinstance(function, staticmethod | classmethod) else function
    if not isfunction(plain):
        raise ConfigurationError(
            f"{function!r} is no function written with def: decorate the function itself, a method "
            f"in its class, and put anything else into a function of its own"
        )
    is_generator = isasyncgenfunction(plain) or isgeneratorfunction(plain)
    if is_generator and not generates:
        raise ConfigurationError(
            f"{plain.__qualname__} is a generator: it can be run once, so its value cannot be kept; "
            f"use @cache.iterator, which keeps what it yields, or return a list, and cache that"
        )
    if generates and not is_generator:
        raise ConfigurationError(
            f"{plain.__qualname__} has no yield: @cache.iterator is for generators, plain or async; "
            f"use @cache"
        )
    if hasattr(plain, "__freshly__"):
        raise ConfigurationError(
            f"{plain.__qualname__} is cached already: decorate it once, and give one decorator all "
            f"the options"
        )
    return plain


def receiver_of(function: Callable[..., Any]) -> str | None:
    """Return the parameter that takes the object or class, if ``function`` stands in a class body."""
    owner = function.__qualname__.rpartition(".")[0]
    first = next(iter(signature(function).parameters), None)
    is_method = bool(owner) and not owner.endswith("<locals>")
    return first if is_method and first in RECEIVERS else None


def as_it_was(function: Any, wrapper: Any, receiver: str | None) -> Any:
    if isinstance(function, staticmethod):
        return staticmethod(wrapper)
    if isinstance(function, classmethod):
        return CachedClassMethod(wrapper)
    return wrapper if receiver is None else CachedMethod(wrapper)
