"""Clusters and Sentinel set-ups of the tests do what they are told."""

from __future__ import annotations

import pytest
import redis
from redis.cluster import RedisCluster

from tests.servers.cluster import SLOTS, Cluster, slot_of
from tests.servers.kinds import REDIS_8, VALKEY_9, Kind
from tests.servers.sentinel import SERVICE, Sentinels

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.parametrize("server_kind", [VALKEY_9, REDIS_8], ids=lambda kind: kind.name),
]


def test_a_cluster_serves_every_slot_fails_over_and_migrates(
    cluster: Cluster, server_kind: Kind
) -> None:
    client = RedisCluster(host="127.0.0.1", port=cluster.nodes[0].port)
    slot = slot_of("key")

    client.set("key", "value")
    first = cluster.owner("key")
    second = cluster.fail_over(first)
    cluster.wait_until_whole()
    third = next(node for node in cluster.primaries() if node is not second)
    cluster.migrate(slot, second, third)

    assert client.get("key") == b"value"
    assert cluster.owner_of_slot(slot) is third
    assert (
        sum(last - first + 1 for node in cluster.primaries() for first, last in node.owned()) == SLOTS
    )
    cluster.migrate(slot, third, second)
    client.close()


def test_sentinels_name_the_primary_and_promote_another(
    sentinels: Sentinels, server_kind: Kind
) -> None:
    asked = redis.Sentinel([("127.0.0.1", one.port) for one in sentinels.watchers])
    former = sentinels.primary()
    assert asked.discover_master(SERVICE) == former.address

    now = sentinels.fail_over()

    sentinels.reset()
    assert asked.discover_master(SERVICE) == now.address != former.address
    assert former.admin.info("replication")["role"] == "slave"
