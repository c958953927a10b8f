"""A cluster that is reached by TLS: its nodes are found by the ports that they tell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from freshly import Cache, StoreError
from tests.servers.cluster import Cluster
from tests.servers.fixtures import needed, short_folder
from tests.servers.kinds import VALKEY_9
from tests.servers.proxy import Proxy
from tests.servers.tls import Tls

pytestmark = pytest.mark.real_time


@pytest.fixture
def doors(tls: Tls) -> Iterator[list[Proxy]]:
    """Three nodes without replicas, each behind a proxy that ends TLS and whose port it tells."""
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        cluster = Cluster(needed(VALKEY_9), folder, has_replicas=False)
        doors = [stack.enter_context(tls.before(node.socket)) for node in cluster.nodes]
        for node, door in zip(cluster.nodes, doors, strict=True):
            node.directives["cluster-announce-port"] = str(door.port)
        stack.enter_context(cluster)
        yield doors


async def test_all_nodes_are_asked_by_tls_in_both_colours_by_who_trusts_them(
    doors: list[Proxy], tls: Tls
) -> None:
    url = f"rediss+cluster://127.0.0.1:{doors[0].port}"
    keys = {str(number): number for number in range(50)}
    async with Cache(url, ssl_ca_certs=str(tls.ca_file), timeout=5) as cache:
        await cache.set_many(keys, "1h", tags=["some"])
        assert await cache.get_many(list(keys)) == keys
        assert cache.blocking.get_many(list(keys)) == keys

        cache.blocking.delete_tags("some")

        assert await cache.get_many(list(keys)) == {}
        assert cache.blocking.get_many(list(keys)) == {}
    # Some were asked who serves what, and then by each colour.
    assert all(door.accepted >= 3 for door in doors)

    async with Cache(url, timeout=5) as cache:
        with pytest.raises(StoreError, match="certificate"):
            await cache.delete_tags("some")
        with pytest.raises(StoreError, match="certificate"):
            cache.blocking.delete_tags("some")
