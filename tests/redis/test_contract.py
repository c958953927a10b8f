"""The contract of stores on each kind of server: awaited and stepped, by both protocols."""

from __future__ import annotations

import random
from typing import Any, ClassVar

import pytest

from freshly.core.ports import Store
from freshly.runtime.clock import SystemClock
from freshly.runtime.threads import finish
from freshly.stores.redis.layout import Layout
from freshly.stores.url import open_store
from freshly.stores.world import World
from freshly.testing.contract import SharedStoreContract
from freshly.testing.contract.bench import Bench
from tests.servers.fixtures import Servers, needed
from tests.servers.kinds import REDIS_7, REDIS_8, VALKEY_9, Kind
from tests.servers.server import Server


class Served(Bench):
    """A subclass says which server, which protocol and which colour, and which stories."""

    kind: Kind
    protocol = 2
    server: Server
    more: ClassVar[dict[str, Any]] = {}
    url = ""
    # Seconds. A busy machine may take a tenth of one for a single question.
    moment = 0.25

    @pytest.fixture(autouse=True)
    def _started(self, servers: Servers) -> None:
        self.server = servers.get(needed(self.kind))
        self.url = self.server.url

    async def open_store(self, namespace: str) -> Store:
        world = World(SystemClock(), random.random, _unheard, finish)
        # Threads of one process share two cores with the server here.
        options = {
            "namespace": namespace,
            "protocol": self.protocol,
            "timeout": 5,
            "max_hold": "1m",
            **self.more,
        }
        both = open_store(self.url, options, world)
        store = both if self.colour == "async" else both.blocking
        await self._end_the_quarantine(store, namespace)
        return store

    async def _end_the_quarantine(self, store: Store, namespace: str) -> None:
        """A bucket that is new stores nothing for a minute. The stories are about one that is not."""
        await store.ping()
        bucket = Layout(namespace).bucket(0)
        if self.server.admin.hget(bucket, "#") == b"0":
            self.server.admin.hset(bucket, "^", "0")


class OnAServer(Served, SharedStoreContract):
    """All stories."""


def _unheard(*event: Any, **fields: Any) -> None: ...


@pytest.mark.real_time
class TestValkeyAwaited(OnAServer):
    kind = VALKEY_9
    protocol = 3


@pytest.mark.real_time
class TestRedisStepped(OnAServer):
    kind = REDIS_8
    colour = "blocking"


@pytest.mark.real_time
class TestValkeyStepped(OnAServer):
    kind = VALKEY_9
    protocol = 3
    colour = "blocking"


@pytest.mark.real_time
class TestOldRedisAwaited(OnAServer):
    kind = REDIS_7


@pytest.mark.real_time
class TestNearAwaited(OnAServer):
    """A look asks the server whether what is near is valid, however recently it was asked."""

    kind = VALKEY_9
    more: ClassVar[dict[str, Any]] = {"near": True}


@pytest.mark.real_time
class TestNearAndStrictStepped(OnAServer):
    kind = REDIS_8
    colour = "blocking"
    more: ClassVar[dict[str, Any]] = {"near": True, "consistency": "strict"}
