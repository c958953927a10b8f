"""What never is part of a key: the request, the session, the connection of the moment.

They are known by package and name of a class or one of its bases, so that none of these packages is
imported and a module moved inside a package changes nothing.
"""

from __future__ import annotations

import builtins
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Union, get_args, get_origin

from .parameters import global_names, parameters
from .per_type import PerType

__all__ = ["NoKey", "is_left_out", "left_out_parameters"]

_SQL = "Session AsyncSession Connection AsyncConnection Engine AsyncEngine"
_POOLS = "Connection AsyncConnection ConnectionPool AsyncConnectionPool"
_SERVERS = "Redis RedisCluster Sentinel Connection ConnectionPool Pipeline PubSub"
_VALKEYS = _SERVERS.replace("Redis", "Valkey")

# By package: the names of base classes.
_LEFT_OUT = {
    "starlette": "HTTPConnection Request WebSocket Response BackgroundTask BackgroundTasks",
    "fastapi": "Request WebSocket Response BackgroundTasks",
    "litestar": "ASGIConnection Request WebSocket Response BackgroundTask BackgroundTasks",
    "sqlalchemy": f"{_SQL} sessionmaker async_sessionmaker scoped_session async_scoped_session",
    "sqlmodel": "Session AsyncSession",
    "httpx": "Client AsyncClient",
    "aiohttp": "ClientSession BaseRequest StreamResponse",
    "requests": "Session",
    "django": "HttpRequest HttpResponseBase",
    "flask": "Request Response",
    "werkzeug": "Request Response",
    "redis": _SERVERS,
    "valkey": f"{_SERVERS} {_VALKEYS}",
    "asyncpg": "Connection PoolConnectionProxy Pool",
    "psycopg": f"BaseConnection {_POOLS}",
    "psycopg_pool": f"BasePool {_POOLS}",
    "psycopg2": "connection",
    "sqlite3": "Connection Cursor",
    "aiosqlite": "Connection Cursor",
    "logging": "Logger LoggerAdapter",
}


class NoKey:
    """The mark of a parameter that does not count: ``session: Annotated[Session, NoKey]``."""


class _Unknown:
    """Stands for a name that an annotation uses and nobody defined: it takes part in anything."""

    def __getattr__(self, name: str) -> _Unknown:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: object, **kwargs: object) -> _Unknown:
        return self

    __getitem__ = __or__ = __ror__ = __call__


class _Names(dict[str, Any]):
    """Names for annotations, the missing ones included (imports under ``TYPE_CHECKING``)."""

    def __missing__(self, name: str) -> object:
        return getattr(builtins, name, _Unknown())


def _names_a_left_out(cls: type) -> bool:
    for base in cls.__mro__:
        package = str(base.__module__).partition(".")[0]
        if base.__name__ in _LEFT_OUT.get(package, "").split():
            return True
    return False


#: Whether objects of a class never are part of a key: web requests, database sessions and the like.
is_left_out: PerType[bool] = PerType(_names_a_left_out)


def left_out_parameters(function: Callable[..., Any]) -> frozenset[str]:
    """Return the parameters that their annotation keeps out of the key.

    These are the ones with ``NoKey``, and those of a class that is left out, also optional or
    inside ``Annotated``. An annotation that nobody can resolve says nothing; the type of the value
    still does, at the call.
    """
    names = _Names(global_names(function))
    return frozenset(
        name
        for name, parameter in parameters(function).items()
        if _says_left_out(_resolved(parameter.annotation, names))
    )


def _resolved(annotation: object, names: dict[str, Any]) -> object:
    def holder() -> None: ...

    holder.__annotations__ = {"it": annotation}
    try:
        return typing.get_type_hints(holder, names, names, include_extras=True)["it"]
    except Exception:  # an annotation may be anything, and fail in any way
        return None


def _says_left_out(annotation: Any) -> bool:
    annotation = getattr(annotation, "__value__", annotation)  # type Session = ...
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *marks = get_args(annotation)
        is_marked = any(mark is NoKey or isinstance(mark, NoKey) for mark in marks)
        return is_marked or _says_left_out(inner)
    if origin in (Union, types.UnionType):
        # All of them: the int of "int | Session" counts.
        arms = [arm for arm in get_args(annotation) if arm is not types.NoneType]
        return bool(arms) and all(map(_says_left_out, arms))
    cls = origin or annotation
    return isinstance(cls, type) and is_left_out(cls)
