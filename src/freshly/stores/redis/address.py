"""From a URL, or a client, to how connections are made; options that are wrong are told here."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import redis
import redis.asyncio
import redis.connection
from redis.asyncio import connection as awaited_connection
from redis.asyncio.retry import Retry as AwaitedRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from ...errors import ConfigurationError
from .vetting import Vetting

#: Schemes, and whether TLS is spoken.
SCHEMES: Mapping[str, bool] = {
    "redis": False,
    "rediss": True,
    "valkey": False,
    "valkeys": True,
    "unix": False,
}
DEFAULT_PORT = 6379

#: What a connection may be told; the rest of the options is the store's.
CONNECTION_OPTIONS = (
    "client_name",
    "db",
    "password",
    "protocol",
    "sentinel_password",
    "sentinel_username",
    "ssl_ca_certs",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
    "username",
)
_TLS_OPTIONS = tuple(name for name in CONNECTION_OPTIONS if name.startswith("ssl_"))


# Their types change from version to version of the client; what is used of them does not.
_blocking: Any = redis.connection
_awaited: Any = awaited_connection


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, as it may stand in a message, and how each colour connects to it.

    ``longest_silence`` is after how many seconds a silent connection may lead to a server that
    another one has replaced, ``None`` for never. Then ``vetting`` asks others whether it has, for each
    colour.
    """

    server: str
    dial: Callable[[], Any]
    dial_awaited: Callable[[], Any]
    longest_silence: float | None = None
    vetting: tuple[Vetting | None, Vetting | None] = (None, None)


def address_of(url: str, options: Mapping[str, Any], timeout: float) -> Address:
    """Return the address that ``url`` and the options of connections name."""
    parts = urlsplit(url)
    refuse_logins_of_sentinels(parts.scheme, options)
    arguments = arguments_of(parts, options, timeout)
    if parts.scheme == "unix":
        return _at_socket(parts, arguments, options)
    try:
        place = parts.hostname or "localhost", parts.port or DEFAULT_PORT
    except ValueError:
        raise ConfigurationError(
            f"the URL of {parts.hostname!r} has no port behind the colon: write a number up to 65535"
        ) from None
    return address_at(place, parts.scheme, arguments, options)


def refuse_logins_of_sentinels(scheme: str, options: Mapping[str, Any]) -> None:
    for name in ("sentinel_username", "sentinel_password"):
        if name in options:
            raise ConfigurationError(
                f"{name}= is for Sentinels, and {scheme}:// leads to servers: write redis+sentinel:// "
                f"or leave it out"
            )


def arguments_of(
    parts: SplitResult, options: Mapping[str, Any], timeout: float, *, database: str | None = None
) -> dict[str, Any]:
    """Return what every connection is told, wherever it leads. ``database`` is that of the path."""
    said = parts.path.strip("/") if parts.scheme != "unix" else ""
    arguments: dict[str, Any] = {
        **_driver(),
        "db": _database(said if database is None else database, options),
        "username": unquote(parts.username) if parts.username else options.get("username"),
        "password": unquote(parts.password) if parts.password else options.get("password"),
        "client_name": options.get("client_name"),
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
    }
    if "protocol" in options:
        arguments["protocol"] = _protocol(options["protocol"])
    return arguments


def address_at(
    place: tuple[str, int], scheme: str, arguments: Mapping[str, Any], options: Mapping[str, Any]
) -> Address:
    """Return the address of the server at one host and port."""
    host, port = place
    kind, arguments = kind_of(scheme, arguments, options)
    told = {**arguments, "host": host, "port": port}
    blocking, awaited = getattr(_blocking, kind), getattr(_awaited, kind)
    return Address(
        f"{scheme}://{host}:{port}",
        lambda: blocking(**told),
        lambda: awaited(**without_limits(told)),
    )


@cache
def _driver() -> dict[str, Any]:
    """Return what the client says of itself to servers.

    Unless it is told, each connection finds out the client's own version, in the files of its package:
    milliseconds, for which the event loop stands still.
    """
    try:
        from redis.driver_info import DriverInfo
    except ImportError:  # it finds out once
        return {}
    return {"driver_info": DriverInfo()}


def kind_of(
    scheme: str, arguments: Mapping[str, Any], options: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Return the name of the class of connections by TCP or TLS, and what they are told."""
    if SCHEMES[scheme]:
        return "SSLConnection", {**arguments, **_of_tls(options)}
    _refuse_tls(scheme, options)
    return "Connection", dict(arguments)


def _at_socket(parts: SplitResult, arguments: dict[str, Any], options: Mapping[str, Any]) -> Address:
    _refuse_tls(parts.scheme, options)
    path = unquote(parts.path)
    if not path or parts.hostname:
        raise ConfigurationError(
            "unix:// needs the path of a socket: write unix:///run/redis.sock; ?db=1 is a database"
        )
    arguments["path"] = path
    return Address(
        f"unix://{path}",
        lambda: _blocking.UnixDomainSocketConnection(**arguments),
        lambda: _awaited.UnixDomainSocketConnection(**without_limits(arguments)),
    )


def _of_tls(options: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: options[name] for name in _TLS_OPTIONS if name in options}
    told["ssl_check_hostname"] = _flag(options.get("ssl_check_hostname", True), "ssl_check_hostname")
    if "ssl_cert_reqs" in options:
        told["ssl_cert_reqs"] = _cert_reqs(options["ssl_cert_reqs"])
        if told["ssl_cert_reqs"] == "none":
            told["ssl_check_hostname"] = False
    return told


def without_limits(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments of an awaited connection: its limit is the one around the whole errand.

    The client would limit each command besides, with ``asyncio.wait_for``. Before Python 3.12 that
    starts a task each time, and may swallow the cancelling by the outer limit (python/cpython#86296).
    """
    return {**arguments, "socket_timeout": None, "socket_connect_timeout": None}


def _refuse_tls(scheme: str, options: Mapping[str, Any]) -> None:
    for name in _TLS_OPTIONS:
        if name in options:
            raise ConfigurationError(
                f"{name}={options[name]!r}: {scheme}:// speaks no TLS; write rediss:// or valkeys://"
            )


def _database(said: str, options: Mapping[str, Any]) -> int:
    if said and "db" in options:
        raise ConfigurationError(
            f"the database is given twice, as {said!r} in the URL and as db={options['db']!r}"
        )
    number = str(options.get("db", said or 0))
    if not number.isdecimal():
        raise ConfigurationError(f"db={number!r} is no database: give a whole number from 0")
    return int(number)


def _protocol(value: Any) -> int:
    if str(value) not in ("2", "3"):
        raise ConfigurationError(f"protocol={value!r}: there is 2 and 3 (RESP2 and RESP3)")
    return int(value)


def _flag(value: Any, option: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    said = known.get(str(value).lower())
    if said is None:
        raise ConfigurationError(f"{option}={value!r} is neither yes nor no: write true or false")
    return said


def _cert_reqs(value: Any) -> str:
    if isinstance(value, ssl.VerifyMode):
        value = value.name.removeprefix("CERT_").lower()
    if value not in ("required", "none"):
        raise ConfigurationError(f"ssl_cert_reqs={value!r}: there is 'required' and 'none'")
    return str(value)


# -- an existing client -------------------------------------------------------------------------


# The classes of connections that both colours have, and which settings of one mean the same to the
# other. The rest are objects of one colour: retries, parsers, callbacks.
_KINDS = ("Connection", "SSLConnection", "UnixDomainSocketConnection")
_PLAIN = ("host", "port", "path", "db", "username", "password", "client_name", "protocol")
_OF_POOLS = ("maint", "orig_", "oss_cluster")
_SHARED = (*_PLAIN, "credential_provider", "socket_keepalive", "socket_keepalive_options")


def address_of_client(client: Any, timeout: float) -> Address:
    """Return the address that the pool of an existing client leads to, for both colours.

    The store makes connections of its own by the client's settings: it has to know which of them it
    asks on, and the client's may be in the middle of something. The client itself stays as it is.
    """
    if not isinstance(client, redis.Redis | redis.asyncio.Redis):
        raise ConfigurationError(
            f"client={client!r} is no redis.Redis and no redis.asyncio.Redis; clients of clusters are "
            f"not supported yet"
        )
    pool: Any = client.connection_pool
    kind = next((cls.__name__ for cls in pool.connection_class.__mro__ if cls.__name__ in _KINDS), "")
    if pool.connection_class.__name__ != kind:
        raise ConfigurationError(
            f"client= connects by {pool.connection_class.__name__}, which has no twin for the other "
            f"colour of caller: give the address as a URL"
        )
    is_async = isinstance(client, redis.asyncio.Redis)
    arguments = pool.connection_kwargs
    shared = {
        name: value for name, value in arguments.items() if name in _SHARED or name.startswith("ssl_")
    }
    own = _quiet(arguments, AwaitedRetry if is_async else Retry, timeout)
    other = _quiet(shared, Retry if is_async else AwaitedRetry, timeout)
    awaited, blocking = getattr(_awaited, kind), getattr(_blocking, kind)
    return Address(
        _name_of(arguments),
        lambda: blocking(**(other if is_async else own)),
        lambda: awaited(**without_limits(own if is_async else other)),
    )


def _quiet(arguments: Mapping[str, Any], retry: Any, timeout: float) -> dict[str, Any]:
    """Return the settings of connections that neither wait longer than we do, nor try again.

    What a pool tells its connections about moving elsewhere is for that pool.
    """
    kept = {name: value for name, value in arguments.items() if not name.startswith(_OF_POOLS)}
    # What it was told itself counts.
    driver = {} if any(name.startswith("lib_") for name in kept) else _driver()
    return {
        **driver,
        **kept,
        "decode_responses": False,
        "retry": retry(NoBackoff(), 0),
        "retry_on_error": [],
        "retry_on_timeout": False,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
    }


def _name_of(arguments: Mapping[str, Any]) -> str:
    if "path" in arguments:
        return f"unix://{arguments['path']}"
    return f"redis://{arguments.get('host', 'localhost')}:{arguments.get('port', DEFAULT_PORT)}"
