"""Classes that bring their own codec: registered by a user, or known to pydantic alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ..core.typename import type_name
from ..errors import ConfigurationError, EncodeError
from .extras import need

__all__ = [
    "Owner",
    "is_known_to_pydantic_alone",
    "of_pydantic",
    "register_type",
    "registered",
    "registered_as",
]

T = TypeVar("T")


class Owner(NamedTuple):
    """How values of a class become other values and are made again."""

    name: str
    version: int
    parts: Callable[[Any], Any]
    made: Callable[[Any], Any]


_registered: dict[type, Owner] = {}
_by_name: dict[str, Owner] = {}


def register_type(
    cls: type[T], *, encode: Callable[[T], Any], decode: Callable[[Any], T], version: int = 0
) -> None:
    """Say how values of ``cls`` are stored outside of the process, in every cache of this one.

    ``encode`` turns a value into one that is carried anyhow: a text, a tuple, a dict of dates.
    ``decode`` makes the value again, and must not trust what it is given more than the store is
    trusted. Raise ``version`` when they change: values of another version are misses. Subclasses
    need their own. Register before the first call of a function that returns such values; a second
    registration replaces the first.

    Raises:
        ConfigurationError: if ``cls`` is no class, or one of the functions cannot be called.
    """
    if not isinstance(cls, type):
        raise ConfigurationError(f"register_type({cls!r}): it is no class")
    for option, function in (("encode", encode), ("decode", decode)):
        if not callable(function):
            raise ConfigurationError(
                f"register_type({cls.__name__}): {option}={function!r} cannot be called"
            )
    found = Owner(type_name(cls), version, encode, decode)
    _registered[cls] = _by_name[found.name] = found


def registered(cls: type) -> Owner | None:
    """Return how values of ``cls`` are stored, if it was registered."""
    return _registered.get(cls)


def registered_as(name: str, version: int) -> Owner:
    """Return the registered owner.

    Raises:
        LookupError: if there is none of that name and version.
    """
    found = _by_name[name]
    if found.version != version:
        raise LookupError(name)
    return found


def is_known_to_pydantic_alone(cls: Any) -> bool:
    """Return whether pydantic has the only codec: for URLs, secrets, classes with a schema."""
    return hasattr(cls, "__get_pydantic_core_schema__") and not hasattr(cls, "__pydantic_fields__")


def of_pydantic(cls: Any) -> Owner:
    """Return how pydantic stores values of ``cls``.

    Raises:
        Exception: if it cannot, or is not installed.
    """
    adapter = need("pydantic", f"storing {type_name(cls)}").TypeAdapter(cls)

    def parts(value: Any) -> Any:
        if hasattr(value, "get_secret_value"):
            return value.get_secret_value()  # what the adapter writes for it is asterisks
        found = adapter.dump_python(value, mode="json")
        if not _is_same(adapter.validate_python(found), value):
            raise EncodeError(
                f"a value of type {type_name(cls)} does not come back from what pydantic writes: "
                f"say how to store it with register_type({cls.__name__}, encode=..., decode=...)"
            )
        return found

    return Owner(type_name(cls), 0, parts, adapter.validate_python)


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
