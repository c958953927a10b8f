"""From a URL and options to a store."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from ..core.duration import seconds
from ..core.ports import Clock, Store
from ..errors import ConfigurationError, did_you_mean
from .memory import DEFAULT_MAX_ENTRIES, DEFAULT_MAX_HOLD, DEFAULT_MAX_TTL, MemoryStore
from .weight import weight_of

Options = Mapping[str, Any]

SCHEMES = ("mem",)
MEMORY_OPTIONS = ("max_entries", "max_bytes", "weigh", "max_hold", "max_ttl", "namespace")

_SIZE = re.compile(r"([0-9]+) ?([kMG]i?)?B?")
_UNITS = {"k": 1000, "M": 1000**2, "G": 1000**3, "ki": 1024, "Mi": 1024**2, "Gi": 1024**3}


def open_store(url: object, options: Options, clock: Clock) -> Store:
    """Return the store that ``url`` names. Options may stand in its query or beside it.

    Nothing is connected or read here.
    """
    if not isinstance(url, str) or "://" not in url:
        raise ConfigurationError(
            f"url={url!r} is no URL of a store: write 'mem://', or 'mem://?max_entries=10000'"
        )
    parts = urlsplit(url)
    url = _without_password(url, parts)
    if parts.scheme not in SCHEMES:
        raise ConfigurationError(
            f"url={url!r}: no store is called {parts.scheme!r}"
            f"{did_you_mean(parts.scheme, SCHEMES)}; there is "
            f"{', '.join(f'{scheme}://' for scheme in SCHEMES)}"
        )
    if parts.netloc or parts.path.strip("/"):
        raise ConfigurationError(
            f"url={url!r} names a place, and memory has none: write 'mem://' and options after '?'"
        )
    return _memory(_together(url, parts.query, options), clock)


def _without_password(url: str, parts: SplitResult) -> str:
    """Return ``url`` as it may stand in a message."""
    return url if parts.password is None else url.replace(f":{parts.password}@", ":***@", 1)


def _together(url: str, query: str, options: Options) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in [*parse_qsl(query, keep_blank_values=True), *options.items()]:
        if name in found:
            raise ConfigurationError(
                f"{name} is given twice, as {found[name]!r} and {value!r}: in {url!r} or beside it, "
                f"leave one out"
            )
        found[name] = value
    return found


def _memory(options: dict[str, Any], clock: Clock) -> MemoryStore:
    for name, value in options.items():
        if name not in MEMORY_OPTIONS:
            raise ConfigurationError(
                f"{name}={value!r}: mem:// has no such option{did_you_mean(name, MEMORY_OPTIONS)}; "
                f"it has {', '.join(MEMORY_OPTIONS)}"
            )
    # One process, one dict for each cache: a namespace keeps nothing apart here that is not apart.
    _take(options, "namespace", "freshly", _name)
    if "weigh" in options and "max_bytes" not in options:
        raise ConfigurationError(
            f"weigh={options['weigh']!r} weighs values for max_bytes=, which is not given: give it "
            f"a bound such as max_bytes='64MB', or leave weigh= out"
        )
    return MemoryStore(
        clock,
        max_entries=_take(options, "max_entries", DEFAULT_MAX_ENTRIES, count),
        max_bytes=_take(options, "max_bytes", None, _bytes),
        weigh=_take(options, "weigh", weight_of, _function),
        max_ttl=_take(options, "max_ttl", DEFAULT_MAX_TTL, seconds),
        max_hold=_take(options, "max_hold", DEFAULT_MAX_HOLD, seconds),
    )


def _take(options: Options, name: str, default: Any, check: Callable[[Any, str], Any]) -> Any:
    return check(options[name], name) if name in options else default


def count(value: object, option: str) -> int:
    text = str(value)
    is_number = isinstance(value, int | str) and not isinstance(value, bool)
    if not is_number or not text.isdecimal() or int(text) < 1:
        raise ConfigurationError(f"{option}={value!r} is no count: give a whole number from 1")
    return int(text)


def _bytes(value: object, option: str) -> int:
    found = _SIZE.fullmatch(str(value)) if isinstance(value, int | str) else None
    if found is None or isinstance(value, bool) or not int(found[1]):
        raise ConfigurationError(
            f"{option}={value!r} is no number of bytes: give a whole number from 1, or a text such as "
            f"'64MB' or '1GiB'"
        )
    return int(found[1]) * _UNITS.get(found[2], 1)


def _function(value: object, option: str) -> Callable[..., Any]:
    if not callable(value):
        raise ConfigurationError(
            f"{option}={value!r} cannot be called: give a function of a value that returns its bytes"
        )
    return value


def _name(value: object, option: str) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{option}={value!r} is no name: give a text that is not empty")
    return value
