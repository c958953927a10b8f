"""Requests whose clients hang up, on a real server, with a session for each request.

The application is an ordinary one: FastAPI, SQLAlchemy on SQLite, a session that the request opens
and closes, and a cached function that is given it. The server is uvicorn, on a unix socket; the
clients are sockets that close. By itself a FastAPI handler is not told that its client has gone;
applications that want it cancelled have a middleware for that, and so has this one.

Real sockets take real time, so these tests poll, with a deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from freshly import Cache
from freshly.testing import Stepper, assert_no_leaks

pytestmark = pytest.mark.real_time

DEADLINE_SECONDS = 20.0


class CancelOnDisconnect:
    """End the handler of a request when its client hangs up."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = await receive()
        given = False

        async def receive_once() -> MutableMapping[str, Any]:
            nonlocal given
            if given:
                await asyncio.Event().wait()
            given = True
            return body  # type: ignore[no-any-return]

        handler = asyncio.create_task(self.app(scope, receive_once, send))
        hangup = asyncio.create_task(receive())
        await asyncio.wait([handler, hangup], return_when=asyncio.FIRST_COMPLETED)
        for task in (handler, hangup):
            task.cancel()
        await asyncio.gather(handler, hangup, return_exceptions=True)


class Service:
    """The application, and what the tests want to know of it."""

    def __init__(self, engine: AsyncEngine, cache: Cache) -> None:
        # A session that was closed is closed for good: what a request leaves behind may not use it.
        sessions = async_sessionmaker(engine, close_resets_only=False)
        self.cache, self.step = cache, Stepper()
        self.app = FastAPI()
        self.opened: list[AsyncSession] = []
        self.closed: list[AsyncSession] = []
        self.loaded_with: list[AsyncSession] = []

        async def session_of_the_request() -> AsyncIterator[AsyncSession]:
            async with sessions() as session:
                self.opened.append(session)
                try:
                    yield session
                finally:
                    self.closed.append(session)

        @cache(ttl="1h", tags=["user:{user_id}"])
        async def get_name(session: AsyncSession, user_id: int) -> str:
            self.loaded_with.append(session)
            await self.step.stop("loading")
            found = await session.execute(
                text("select name from users where id = :id"), {"id": user_id}
            )
            return str(found.scalar_one())

        self.get_name = get_name

        of_the_request = Depends(session_of_the_request)

        @self.app.get("/users/{user_id}")
        async def show(user_id: int, session: AsyncSession = of_the_request) -> dict[str, str]:
            return {"name": await get_name(session, user_id)}


class Client:
    """A client of one request, which may hang up."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def ask(self) -> Client:
        self._reader, self._writer = await asyncio.open_unix_connection(self._path)
        self._writer.write(b"GET /users/7 HTTP/1.1\r\nHost: service\r\nConnection: close\r\n\r\n")
        await self._writer.drain()
        return self

    async def hang_up(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def answer(self) -> tuple[int, str]:
        whole = (await self._reader.read()).decode()
        await self.hang_up()
        head, _, body = whole.partition("\r\n\r\n")
        return int(head.split()[1]), body


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'users.db'}")
    async with engine.begin() as connection:
        await connection.execute(text("create table users (id integer primary key, name text)"))
        await connection.execute(text("insert into users values (7, 'Ada')"))
    yield engine
    await engine.dispose()


@pytest.fixture
async def service(engine: AsyncEngine) -> AsyncIterator[Service]:
    cache = Cache()
    yield Service(engine, cache)
    await cache.close()


@pytest.fixture
def socket(tmp_path: Path) -> str:
    return str(tmp_path / "http.sock")


@pytest.fixture(params=["handlers are cancelled", "handlers go on"])
async def cancels(request: pytest.FixtureRequest, service: Service, socket: str) -> AsyncIterator[bool]:
    """The server, with the middleware and without; whether it cancels."""
    is_cancelling = request.param == "handlers are cancelled"
    app = CancelOnDisconnect(service.app) if is_cancelling else service.app
    server = uvicorn.Server(uvicorn.Config(app, uds=socket, lifespan="off", log_level="critical"))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    yield is_cancelling
    server.should_exit = True
    await serving


async def test_the_first_client_hangs_up_and_the_others_are_served(
    service: Service, socket: str, cancels: bool
) -> None:
    """
    1. A client asks; its request opens a session, and the load begins with it.
    2. Others ask, and wait for that load.
    3. The first one hangs up. Where handlers are cancelled its session is closed at once.
    4. The load goes on, and fails on the closed session; one who waits begins anew with its own.
    """
    first = await Client(socket).ask()
    await until(lambda: service.step.is_standing("loading"))
    others = [await Client(socket).ask() for _ in range(5)]
    await until(lambda: len(service.opened) == 6)

    await first.hang_up()
    if cancels:
        await until(lambda: service.opened[0] in service.closed)
    service.step.go("loading")
    if cancels:
        await until(lambda: service.step.is_standing("loading"))
        service.step.go("loading")

    assert [await other.answer() for other in others] == [(200, '{"name":"Ada"}')] * 5
    assert len(service.loaded_with) == (2 if cancels else 1)
    assert service.loaded_with[0] is service.opened[0]
    assert service.cache.stats().entries == 1
    assert_no_leaks(service.cache)


async def test_all_clients_hang_up(service: Service, socket: str, cancels: bool) -> None:
    """Where handlers are cancelled nobody is left who wants the value: the load is cancelled too.
    Where they go on the value is loaded, and kept for the next."""
    clients = [await Client(socket).ask() for _ in range(3)]
    await until(lambda: len(service.opened) == 3 and service.step.is_standing("loading"))

    for client in clients:
        await client.hang_up()
    if cancels:
        await until(lambda: len(service.closed) == 3)
        await until(lambda: not service.step.is_standing("loading"))
        assert_no_leaks(service.cache)
    else:
        service.step.go("loading")
        await until(lambda: len(service.closed) == 3)

    assert service.cache.stats().entries == (0 if cancels else 1)
    later = await Client(socket).ask()
    if cancels:
        await until(lambda: service.step.is_standing("loading"))
        service.step.go("loading")
    assert await later.answer() == (200, '{"name":"Ada"}')
    assert len(service.loaded_with) == (2 if cancels else 1)
    assert_no_leaks(service.cache)


async def test_a_change_while_the_first_client_hangs_up_is_seen_by_who_asks_after_it(
    service: Service, engine: AsyncEngine, socket: str, cancels: bool
) -> None:
    first = await Client(socket).ask()
    await until(lambda: service.step.is_standing("loading"))
    await first.hang_up()
    async with engine.begin() as connection:
        await connection.execute(text("update users set name = 'Grace' where id = 7"))
    await service.cache.delete_tags("user:7")

    later = await Client(socket).ask()
    await until(lambda: len(service.loaded_with) == 2)
    while service.step.is_standing("loading"):
        service.step.go("loading")

    assert await later.answer() == (200, '{"name":"Grace"}')
    entry = await service.get_name.peek(service.opened[-1], 7)
    assert entry is not None
    assert entry.value == "Grace"
    await until(lambda: not service.cache._home.parts.running())
    assert_no_leaks(service.cache)
