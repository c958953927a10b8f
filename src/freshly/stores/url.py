"""From a URL and options to a store."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core.clocks import Clock
from ..core.duration import seconds
from ..core.ports import Store
from ..errors import ConfigurationError, did_you_mean
from .memory import DEFAULT_MAX_ENTRIES, DEFAULT_MAX_HOLD, DEFAULT_MAX_TTL, MemoryStore
from .weight import weight_of
from .world import World

if TYPE_CHECKING:
    from urllib.parse import SplitResult

Options = Mapping[str, Any]

MEMORY_OPTIONS = ("max_entries", "max_bytes", "weigh", "max_hold", "max_ttl", "namespace")
NETWORK_OPTIONS = (
    "buckets",
    "client",
    "codec",
    "consistency",
    "lease",
    "max_hold",
    "max_staleness",
    "max_ttl",
    "namespace",
    "near",
    "on_encode_error",
    "pool_size",
    "timeout",
    "wait_replicas",
    "wait_timeout",
)
#: What is said to the cache, whatever its store.
CACHE_OPTIONS = ("max_refreshes",)
_TCP = ("redis", "rediss", "valkey", "valkeys")
GROUPS = ("sentinel", "cluster")
REDIS_SCHEMES = (*_TCP, "unix", *(f"{scheme}+{group}" for group in GROUPS for scheme in _TCP))
SCHEMES = ("mem", *REDIS_SCHEMES)

# Where transactions may hold tags, a bucket that was lost and made anew stores nothing for that long:
# a hold may have been lost with it. Who uses no holds does not pay for them.
NO_HOLDS = 0.0
# Seconds after which another process may load what one that died was loading. One that lives says so
# three times in that span.
DEFAULT_LEASE = 3.0
DEFAULT_NAMESPACE = "freshly"
# Seconds that an answer may take, the wait for a connection included. A read that waits longer would
# often be quicker past the cache.
DEFAULT_TIMEOUT = 0.5
# Connections for each colour, and for each event loop. Reads wait in turn when all are in use.
DEFAULT_POOL_SIZE = 10

# One of these in the query of a URL, with what parts it from the next.
_OF_THE_CACHE = re.compile(rf"(?<=[?&])({'|'.join(CACHE_OPTIONS)})=([^&#]*)&?")
# What is secret in a query; and in front of a host, where the URL cannot be taken apart.
_SECRET = re.compile(r"key|password|secret", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"([?&][^=&#]*(?:key|password|secret)[^=&#]*=)[^&#]*", re.IGNORECASE)
_LOGIN = re.compile(r":[^@/][^@]*@")
# Seconds that a near tier may trail, and the spans for which that can be kept: a heartbeat goes and
# comes three times within it, and more than a minute is not worth a connection.
DEFAULT_MAX_STALENESS = 1.0
STALENESS = (0.05, 60.0)
CONSISTENCIES = ("bounded", "strict")
NEAR_OPTIONS = ("max_entries", "max_bytes")

_SIZE = re.compile(r"([0-9]+) ?([kMG]i?)?B?")
_UNITS = {"k": 1000, "M": 1000**2, "G": 1000**3, "ki": 1024, "Mi": 1024**2, "Gi": 1024**3}


def split_options(url: object, options: Options) -> tuple[object, dict[str, Any], dict[str, Any]]:
    """Take what is said to the cache out of ``url`` and ``options``; return the three.

    The last are the options of the cache. They may stand where those of its store do.
    """
    rest = dict(options)
    beside = {name: rest.pop(name) for name in CACHE_OPTIONS if name in rest}
    if not isinstance(url, str) or "?" not in url:
        return url, rest, beside
    query = "&".join(f"{name}={value}" for name, value in _OF_THE_CACHE.findall(url))
    shown = _without_secrets(url, _parts_of(url))
    return _OF_THE_CACHE.sub("", url), rest, _together(shown, query, beside)


def open_store(url: object, options: Options, world: World) -> Store:
    """Return the store that ``url`` names. Options may stand in its query or beside it.

    Nothing is connected or read here.
    """
    if not isinstance(url, str) or "://" not in url:
        raise ConfigurationError(
            f"url={_shown(url)} is no URL of a store: write 'mem://', or 'mem://?max_entries=10000'"
        )
    if url == "mem://":
        # What each program opens at its start, without importing what takes URLs apart.
        return _memory(dict(options), world.clock)
    given, parts = url, _parts_of(url)
    url = _without_secrets(url, parts)
    if parts.scheme not in SCHEMES:
        raise ConfigurationError(
            f"url={url!r}: no store is called {parts.scheme!r}"
            f"{did_you_mean(parts.scheme, SCHEMES)}; there is "
            f"{', '.join(f'{scheme}://' for scheme in SCHEMES)}"
        )
    together = _together(url, parts.query, options)
    if parts.scheme in REDIS_SCHEMES:
        return _redis(given, together, world)
    if parts.netloc or parts.path.strip("/"):
        raise ConfigurationError(
            f"url={url!r} names a place, and memory has none: write 'mem://' and options after '?'"
        )
    return _memory(together, world.clock)


def _parts_of(url: str) -> SplitResult:
    from urllib.parse import urlsplit

    try:
        return urlsplit(url)
    except ValueError as error:
        # The rest may hold a password, and nobody can say where it ends.
        raise ConfigurationError(
            f"the URL of scheme {url.partition('://')[0]!r} cannot be read: {error}; an address of "
            f"IPv6 stands in brackets, and what is no address is escaped as in %5B"
        ) from None


def _without_secrets(url: str, parts: SplitResult) -> str:
    """Return ``url`` as it may stand in a message."""
    if parts.password is not None:
        url = url.replace(f":{parts.password}@", ":***@", 1)
    return _SECRET_VALUE.sub(r"\1***", url)


def _shown(url: object) -> str:
    """Return what was given for a URL as it may stand in a message."""
    return repr(_LOGIN.sub(":***@", _SECRET_VALUE.sub(r"\1***", url)) if isinstance(url, str) else url)


def _value(name: str, value: object) -> str:
    """Return the value of an option as it may stand in a message."""
    return "..." if _SECRET.search(name) else repr(value)


def _together(url: str, query: str, options: Options) -> dict[str, Any]:
    from urllib.parse import parse_qsl

    found: dict[str, Any] = {}
    for name, value in [*parse_qsl(query, keep_blank_values=True), *options.items()]:
        if name in found:
            raise ConfigurationError(
                f"{name} is given twice, as {_value(name, found[name])} and {_value(name, value)}: in "
                f"{url!r} or beside it, leave one out"
            )
        found[name] = value
    return found


def _memory(options: dict[str, Any], clock: Clock) -> MemoryStore:
    if "codec" in options:
        raise ConfigurationError(
            f"codec={options['codec']!r}: mem:// keeps the values themselves, and makes no bytes of "
            f"them; leave it out here. codec= of a function may stay, for stores outside of the process"
        )
    _check_names("mem://", options, (*MEMORY_OPTIONS, *CACHE_OPTIONS))
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


def _redis(url: str, options: dict[str, Any], world: World) -> Store:
    scheme = url.partition("://")[0]
    try:
        from .redis.address import CONNECTION_OPTIONS
        from .redis.opening import SIZES, WIRE_OPTIONS, address_at_place, open_redis
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            f"{scheme}:// needs the {missing.name} package: pip install freshly[redis]"
        ) from None
    known = sorted((*NETWORK_OPTIONS, *CACHE_OPTIONS, *CONNECTION_OPTIONS, *WIRE_OPTIONS))
    _check_names(f"{scheme}://", options, known)
    options |= {name: _bytes(options[name], name) for name in SIZES if name in options}
    near = _near(options)
    max_staleness = _take(options, "max_staleness", DEFAULT_MAX_STALENESS, _staleness)
    timeout = _take(options, "timeout", DEFAULT_TIMEOUT, seconds)
    far = open_redis(
        url,
        options,
        namespace=_take(options, "namespace", DEFAULT_NAMESPACE, _name),
        max_hold=_take(options, "max_hold", NO_HOLDS, seconds),
        lease=_take(options, "lease", DEFAULT_LEASE, _lease),
        max_ttl=_take(options, "max_ttl", DEFAULT_MAX_TTL, seconds),
        max_staleness=max_staleness,
        timeout=timeout,
        pool_size=_take(options, "pool_size", DEFAULT_POOL_SIZE, count),
        copies=_copies(options, timeout),
        world=world,
    )
    if near is None:
        return far
    from .near.opening import open_near

    return open_near(
        far,
        address_at_place(url, options, timeout),
        world,
        is_strict=options.get("consistency") == "strict",
        may_subscribe=str(options.get("protocol", 3)) == "3",
        timeout=timeout,
        **near,
    )


def _near(options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what ``near=`` says of the entries in the process; ``None`` if there are to be none."""
    consistency, near = options.get("consistency"), options.get("near", False)
    if consistency is not None and consistency not in CONSISTENCIES:
        raise ConfigurationError(
            f"consistency={consistency!r}: there is 'bounded' (near hits ask nobody, and trail by "
            f"max_staleness at most) and 'strict' (each read asks)"
        )
    if near in (False, "false", "no", "0"):
        if consistency == "bounded":
            raise ConfigurationError(
                "consistency='bounded' is about a near tier, and there is none: add near=True, or "
                "leave consistency= out (every read asks the server)"
            )
        return None
    if near in (True, "true", "yes", "1"):
        return {}
    return _near_options(near)


def _near_options(near: object) -> dict[str, Any]:
    if not isinstance(near, str) or not near.startswith("mem://"):
        raise ConfigurationError(
            f"near={near!r}: entries are kept near in memory: write near=True, or "
            f"near='mem://?max_entries=10000'"
        )
    parts = _parts_of(near)
    if parts.netloc or parts.path.strip("/"):
        raise ConfigurationError(
            f"near={near!r} names a place, and memory has none: write 'mem://' and options after '?'"
        )
    given = _together(near, parts.query, {})
    for name in given:
        if name in MEMORY_OPTIONS and name not in NEAR_OPTIONS:
            raise ConfigurationError(
                f"near={near!r}: {name} is the server's, since near entries live no longer than there: "
                f"give it beside near="
            )
    _check_names("near='mem://'", given, NEAR_OPTIONS)
    checked: dict[str, Any] = {}
    if "max_entries" in given:
        checked["max_entries"] = count(given["max_entries"], "max_entries")
    if "max_bytes" in given:
        checked["max_bytes"] = _bytes(given["max_bytes"], "max_bytes")
    return checked


def _copies(options: Mapping[str, Any], timeout: float) -> tuple[int, float] | None:
    """Return how many replicas an invalidation waits for, and for how many seconds."""
    if "wait_replicas" not in options:
        if "wait_timeout" in options:
            raise ConfigurationError(
                f"wait_timeout={options['wait_timeout']!r} is how long replicas have to confirm an "
                f"invalidation, and none is asked to: add wait_replicas=1, or leave it out"
            )
        return None
    longest = timeout / 2
    replicas = count(options["wait_replicas"], "wait_replicas")
    span = _take(options, "wait_timeout", longest, seconds)
    if not 0.001 <= span <= longest:
        raise ConfigurationError(
            f"wait_timeout={options.get('wait_timeout', span)!r} leaves no time for the answer within "
            f"timeout={timeout:g} seconds: give from 1 ms to half of it"
        )
    return replicas, span


def _staleness(value: Any, option: str) -> float:
    found, (least, most) = seconds(value, option), STALENESS
    if not least <= found <= most:
        raise ConfigurationError(
            f"{option}={value!r} cannot be kept: give from {least * 1000:g} ms to {most:g} s"
        )
    return found


def _lease(value: Any, option: str) -> float:
    """Return the seconds of a lease, 0.0 for none."""
    if value is False or value in ("false", "no", "0"):
        return 0.0
    return DEFAULT_LEASE if value is True or value in ("true", "yes") else seconds(value, option)


def _check_names(scheme: str, options: Options, known: Sequence[str]) -> None:
    for name, value in options.items():
        if name not in known:
            raise ConfigurationError(
                f"{name}={_value(name, value)}: {scheme} has no such option"
                f"{did_you_mean(name, known)}; it has {', '.join(known)}"
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
