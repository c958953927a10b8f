"""Servers as fixtures. A ``conftest.py`` imports those it needs:

    from tests.servers.fixtures import private_server, proxy, server, server_kind, servers

A server starts with the first test that asks for it and ends with the session. Each test gets it
flushed; a test that kills, restarts or configures it asks for ``private_server``, which is its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from .cluster import Cluster
from .combinations import COMBINATIONS, Combination
from .kinds import KINDS, VALKEY_9, Kind
from .proxy import Proxy
from .sentinel import Sentinels
from .server import Server
from .tls import Tls

Start = Callable[..., Server]
Group = Cluster | Sentinels
G = TypeVar("G", Cluster, Sentinels)


@contextmanager
def short_folder() -> Iterator[Path]:
    """Yield a folder whose name is short: the path of a unix socket has 107 bytes at most."""
    folder = Path(tempfile.mkdtemp(prefix="fr-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def needed(kind: Kind) -> Kind:
    """Return ``kind``, or skip the test with the reason why it is not there."""
    if kind.executable() is None:
        pytest.skip(kind.why_not())
    return kind


class Servers:
    """The servers of a session, one of each kind, started when they are first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._running: dict[Kind, Server] = {}

    def get(self, kind: Kind) -> Server:
        """Return the server of this kind, without what other tests left in it."""
        if kind not in self._running:
            folder = self._stack.enter_context(short_folder())
            self._running[kind] = self._stack.enter_context(Server(needed(kind), folder))
        server = self._running[kind]
        server.reset()
        return server


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)


class Groups:
    """The clusters and Sentinel set-ups of a session, started when they are first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._running: dict[tuple[type[Group], Kind], Group] = {}

    def get(self, group: type[G], kind: Kind) -> G:
        """Return the group of this kind, whole and empty."""
        if (group, kind) not in self._running:
            folder = self._stack.enter_context(short_folder())
            made = self._stack.enter_context(group(needed(kind), folder))
            self._running[group, kind] = made
        found = self._running[group, kind]
        found.reset()
        return found  # type: ignore[return-value]


@pytest.fixture(scope="session")
def groups() -> Iterator[Groups]:
    with ExitStack() as stack:
        yield Groups(stack)


@pytest.fixture
def cluster(groups: Groups, server_kind: Kind) -> Cluster:
    """The session's cluster of ``server_kind``, empty. Tests that fail over leave it whole."""
    return groups.get(Cluster, server_kind)


@pytest.fixture
def sentinels(groups: Groups, server_kind: Kind) -> Sentinels:
    """The session's Sentinel set-up of ``server_kind``, empty."""
    return groups.get(Sentinels, server_kind)


@pytest.fixture
def server_kind() -> Kind:
    """Which server a test gets; parametrise it, or take ``any_server_kind``."""
    return VALKEY_9


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def any_server_kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind in turn."""
    kind: Kind = request.param
    return needed(kind)


@pytest.fixture
def server(servers: Servers, server_kind: Kind) -> Server:
    """The session's server of ``server_kind``, flushed."""
    return servers.get(server_kind)


@pytest.fixture
def start_server(server_kind: Kind) -> Iterator[Start]:
    """Start servers of this test's own: ``start_server(password=..., config={...}, kind=...)``."""
    with ExitStack() as stack:

        def start(*, kind: Kind = server_kind, **options: Any) -> Server:
            folder = stack.enter_context(short_folder())
            return stack.enter_context(Server(needed(kind), folder, **options))

        yield start


@pytest.fixture
def private_server(start_server: Start) -> Server:
    """A server of this test's own, to be killed, restarted, stopped, filled up."""
    return start_server()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A way to ``server`` on which things go wrong."""
    with Proxy(server.socket) as one:
        yield one


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls_proxy(tls: Tls, server: Server) -> Iterator[Proxy]:
    """A way to ``server`` that speaks TLS."""
    with tls.before(server.socket) as one:
        yield one


@pytest.fixture(params=COMBINATIONS, ids=lambda one: one.id)
def combination(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Combination:
    """Server, protocol, parser and colour in pairs. Without hiredis, redis-py's own parsers run."""
    one: Combination = request.param
    needed(one.kind)
    if not one.has_hiredis:
        without_hiredis(monkeypatch)
    return one


def without_hiredis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have new connections parse replies in Python, as where hiredis is not installed."""
    import redis.asyncio.connection as awaited
    import redis.connection as blocking

    parsers: list[tuple[Any, Any]] = [
        (blocking.AbstractConnection, blocking._RESP2Parser),
        (awaited.AbstractConnection, awaited._AsyncRESP2Parser),
    ]
    for connection, parser in parsers:
        original = connection.__init__

        def init(self: Any, *args: Any, _original: Any = original, _parser: Any = parser, **kw: Any):
            kw.setdefault("parser_class", _parser)
            _original(self, *args, **kw)

        monkeypatch.setattr(connection, "__init__", init)
    monkeypatch.setattr(blocking, "HIREDIS_AVAILABLE", False)
