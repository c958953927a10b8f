"""The contract of stores on a cluster and behind Sentinels, in both colours."""

from __future__ import annotations

import pytest

from freshly.core.ports import Store
from freshly.stores.redis.cluster import DEFAULT_BUCKETS
from freshly.stores.redis.layout import Layout
from freshly.testing.contract import SharedStoreContract
from freshly.testing.contract.puts import Puts
from freshly.testing.contract.races import Races
from freshly.testing.contract.sharing import Sharing
from tests.redis.test_contract import OnAServer, Served
from tests.servers.cluster import Cluster
from tests.servers.fixtures import Groups
from tests.servers.kinds import REDIS_8, VALKEY_9
from tests.servers.sentinel import Sentinels


class BehindSentinels(OnAServer):
    @pytest.fixture(autouse=True)
    def _started(self, groups: Groups) -> None:  # type: ignore[override]
        group = groups.get(Sentinels, self.kind)
        self.server = group.primary()
        self.url = group.url


@pytest.mark.real_time
class TestValkeyBehindSentinelsAwaited(BehindSentinels):
    kind = VALKEY_9
    protocol = 3


@pytest.mark.real_time
class TestRedisBehindSentinelsStepped(BehindSentinels):
    kind = REDIS_8
    colour = "blocking"


class InACluster(Served):
    group: Cluster

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _cluster(cls, groups: Groups) -> None:
        # Each story has a namespace of its own.
        cls.group = groups.get(Cluster, cls.kind)

    @pytest.fixture(autouse=True)
    def _started(self) -> None:  # type: ignore[override]
        self.url = self.group.url

    async def _end_the_quarantine(self, store: Store, namespace: str) -> None:
        await store.stamp()
        layout = Layout(namespace, buckets=DEFAULT_BUCKETS)
        owners = self.group.owners(map(layout.bucket, range(layout.buckets)))
        for bucket, node in owners.items():
            node.admin.hset(bucket, "^", "0")


class WhatAClusterMayChange(Races, Puts, Sharing):
    """The stories in which it matters where things lie; the others take their time."""


@pytest.mark.real_time
class TestRacesInAClusterAwaited(InACluster, WhatAClusterMayChange):
    kind = VALKEY_9
    protocol = 3


@pytest.mark.real_time
class TestRacesInAClusterStepped(InACluster, WhatAClusterMayChange):
    kind = VALKEY_9
    colour = "blocking"


@pytest.mark.slow
@pytest.mark.real_time
class TestValkeyInAClusterAwaited(InACluster, SharedStoreContract):
    kind = VALKEY_9
    protocol = 3


@pytest.mark.slow
@pytest.mark.real_time
class TestValkeyInAClusterStepped(InACluster, SharedStoreContract):
    kind = VALKEY_9
    colour = "blocking"


@pytest.mark.slow
@pytest.mark.real_time
class TestRedisInAClusterAwaited(InACluster, SharedStoreContract):
    kind = REDIS_8


@pytest.mark.slow
@pytest.mark.real_time
class TestRedisInAClusterStepped(InACluster, SharedStoreContract):
    kind = REDIS_8
    protocol = 3
    colour = "blocking"
