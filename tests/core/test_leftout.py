"""What is left out of every key, by its type or by its annotation."""

from __future__ import annotations

import gc
import http.client
import logging
import sqlite3
import subprocess
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, NewType, Optional, TypeVar, Union

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request, Response, WebSocket
from fastapi.responses import JSONResponse

from freshly.core.leftout import NoKey, is_left_out, left_out_parameters

if TYPE_CHECKING:
    from nowhere import Missing

T = TypeVar("T")
TaggedSession = Annotated[httpx.AsyncClient, Depends(lambda: None)]
UserId = NewType("UserId", int)


def named(module: str, name: str, *bases: type) -> type:
    """Return a class as it would come from a package that is not installed here."""
    return type(name, bases, {"__module__": module})


# -- by type --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cls",
    [
        *(Request, Response, JSONResponse, WebSocket, BackgroundTasks),
        *(httpx.Client, httpx.AsyncClient, logging.Logger, logging.RootLogger, sqlite3.Connection),
        named("starlette.background", "BackgroundTask"),
        named("sqlalchemy.orm.session", "Session"),
        named("sqlalchemy.orm.session", "sessionmaker"),
        named("sqlalchemy.ext.asyncio.session", "AsyncSession"),
        named("sqlalchemy.engine.base", "Engine"),
        named("sqlmodel.orm.session", "Session"),
        named("aiohttp.client", "ClientSession"),
        named("requests.sessions", "Session"),
        named("django.http.request", "HttpRequest"),
        named("django.http.response", "HttpResponseBase"),
        named("flask.wrappers", "Request"),
        named("werkzeug.wrappers.request", "Request"),
        named("redis.asyncio.client", "Redis"),
        named("redis.client", "Redis"),
        named("valkey.client", "Valkey"),
        named("asyncpg.pool", "Pool"),
        named("asyncpg.connection", "Connection"),
        named("psycopg", "AsyncConnection"),
        named("psycopg_pool", "ConnectionPool"),
        named("psycopg2.extensions", "connection"),
    ],
    ids=lambda cls: f"{cls.__module__}.{cls.__name__}",
)
def test_what_belongs_to_the_moment_is_left_out(cls: type) -> None:
    assert is_left_out(cls)
    assert is_left_out(named("app.db", "Mine", cls)) or cls is logging.RootLogger


@pytest.mark.parametrize(
    "cls",
    [
        *(int, str, object, type, FastAPI, httpx.Headers, http.client.HTTPConnection),
        named("app.models", "Session"),
        named("app.models", "Request"),
        named("requests_of_users", "Session"),
        named("redis_models", "Redis"),
        named("sqlalchemy.engine.row", "Row"),
    ],
    ids=lambda cls: f"{cls.__module__}.{cls.__name__}",
)
def test_other_classes_are_not_left_out_whatever_their_name(cls: type) -> None:
    assert not is_left_out(cls)


def test_sqlalchemys_sessions_and_engines_are_left_out() -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    orm = pytest.importorskip("sqlalchemy.orm")

    for cls in (sqlalchemy.Engine, sqlalchemy.Connection, orm.Session, orm.sessionmaker):
        assert is_left_out(cls)
    assert is_left_out(type(orm.sessionmaker()()))


def test_sqlalchemys_async_sessions_and_engines_are_left_out() -> None:
    pytest.importorskip("greenlet")
    aio = pytest.importorskip("sqlalchemy.ext.asyncio")

    for cls in (aio.AsyncEngine, aio.AsyncConnection, aio.AsyncSession, aio.async_sessionmaker):
        assert is_left_out(cls)


def test_a_class_that_is_gone_is_not_kept() -> None:
    cls = named("app", "Short")
    is_left_out(cls)
    gone = weakref.ref(cls)

    del cls
    gc.collect()

    assert gone() is None


def test_a_class_that_cannot_be_hashed_is_judged_too() -> None:
    class Meta(type):
        def __eq__(cls, other: object) -> bool:
            return cls is other

        __hash__ = None  # type: ignore[assignment]

    assert not is_left_out(Meta("Strange", (), {}))


def test_no_package_is_imported_to_judge() -> None:
    code = (
        "import sys; from freshly.core.leftout import is_left_out; is_left_out(int);"
        "print(*{'starlette', 'sqlalchemy', 'pydantic', 'attr', 'msgspec'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"


# -- by annotation --------------------------------------------------------------------------------


def by_type(user_id: int, request: Request, client: httpx.AsyncClient) -> None: ...
def optional(a: Request | None, b: Optional[Request], c: Union[Request, Response, None]) -> None: ...  # noqa: UP007, UP045
def or_a_value(a: int | Request, b: str | None) -> None: ...
def depends(a: Annotated[httpx.Client, Depends(lambda: None)], b: TaggedSession) -> None: ...
def marked(a: Annotated[str, NoKey], b: Annotated[str, "x", NoKey()], c: str) -> None: ...
def optionally_marked(a: Annotated[str, NoKey] | None, b: Optional[Annotated[int, NoKey]]) -> None: ...  # noqa: UP045
def of_type(a: type[Request], b: list[Request], c: Callable[[Request], None]) -> None: ...
def variadic(*a: Request, **b: Annotated[Any, NoKey]) -> None: ...
def others(a, b: T, c: UserId, d: None, e: "int", f: Any) -> None: ...  # type: ignore[no-untyped-def]  # noqa: UP037


@pytest.mark.parametrize(
    ("function", "left_out"),
    [
        (by_type, {"request", "client"}),
        (optional, {"a", "b", "c"}),
        (or_a_value, set()),
        (depends, {"a", "b"}),
        (marked, {"a", "b"}),
        (optionally_marked, {"a", "b"}),
        (of_type, set()),
        (variadic, {"a", "b"}),
        (others, set()),
    ],
)
def test_an_annotation_leaves_a_parameter_out(function: Any, left_out: set[str]) -> None:
    assert left_out_parameters(function) == left_out


def unresolved(a: Missing, b: Missing[int] | None, c: "no python", d: 1 / 0, e: Request) -> None: ...  # type: ignore  # noqa: F722


def test_an_annotation_that_cannot_be_resolved_says_nothing() -> None:
    assert left_out_parameters(unresolved) == {"e"}


def partly(
    a: Annotated[Missing, NoKey],
    b: Annotated[httpx.Client, Missing(1)],
    c: Annotated[Missing.inner[int] | None, NoKey()],
) -> None: ...


def test_a_missing_name_in_an_annotation_does_not_hide_the_rest_of_it() -> None:
    assert left_out_parameters(partly) == {"a", "b", "c"}


def test_annotations_that_are_no_texts_are_read_too() -> None:
    def local(a: int, b: int, c: int) -> None: ...

    local.__annotations__ = {"a": Annotated["Request", "x"], "b": "Annotated[int, NoKey]", "c": 7}

    assert left_out_parameters(local) == {"a", "b"}


def test_a_method_and_a_callable_object_can_be_read() -> None:
    class Loader:
        def __call__(self, request: Request, user_id: int) -> None: ...
        def load(self, request: Request, user_id: int) -> None: ...

    assert left_out_parameters(Loader.load) == {"request"}
    assert left_out_parameters(Loader().load) == {"request"}
    assert left_out_parameters(Loader()) in ({"request"}, frozenset())
