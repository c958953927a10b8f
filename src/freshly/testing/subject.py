"""The decorated function that a test asks about, and how messages speak of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from reprlib import Repr
from typing import Any

from ..core.entry import Entry
from ..errors import ConfigurationError
from ..handle import Handle

_shortener = Repr()
_shortener.maxstring = _shortener.maxother = 200
_shortener.maxlist = _shortener.maxtuple = _shortener.maxdict = _shortener.maxset = 12

INDENT = "\n  "


def handle_of(function: Any) -> Handle:
    """Return the handle of a decorated function or bound method, or say that it is none."""
    plain = getattr(function, "func", function)  # what stands on an instance is a partial
    handle = getattr(plain, "__freshly__", None)
    if not isinstance(handle, Handle):
        raise ConfigurationError(
            f"{function!r} is not cached: give the function that stands under @cache(...) itself, "
            f"without calling it"
        )
    return handle


def short(value: object) -> str:
    """Return ``repr(value)``, cut where it gets long."""
    return _shortener.repr(value)


def call_text(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return the call as one would write it."""
    parts = [short(value) for value in args]
    parts += [f"{name}={short(value)}" for name, value in kwargs.items()]
    return f"{handle_of(function).recipe.counts.name}({', '.join(parts)})"


def entry_text(entry: Entry[Any], now: float) -> str:
    tags = ", ".join(map(repr, entry.tags)) or "none"
    return f"its entry: key {entry.key!r}, tags {tags}, loaded {now - entry.born:g} s ago"


def listed(things: Iterable[str], *, most: int = 8) -> str:
    """Return ``things`` in one line, or ``nothing``."""
    shown = list(things)
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return (", ".join(shown[:most]) or "nothing") + more
