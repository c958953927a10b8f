"""Processes that fork before a cluster: a child shares no connection and no belief with its parent."""

from __future__ import annotations

import pytest

from tests.redis.test_fork import story
from tests.servers.cluster import Cluster

pytestmark = pytest.mark.real_time


def test_a_child_reads_what_its_parent_stored_and_invalidates_for_it(cluster: Cluster) -> None:
    story(
        cluster.url,
        """
assert get() == 1
assert asyncio.run(aget()) == 1

def child():
    assert get() == 1 and loads == [os.getppid()] * 2, "stored by the parent"
    assert asyncio.run(aget()) == 1 and len(loads) == 2
    cache.blocking.delete_tags("row")

wait_for(in_child(child))
version[0] = 2
assert get() == 2
assert asyncio.run(aget()) == 2
cache.blocking.close()
""",
    )


def test_parent_and_children_ask_all_nodes_at_the_same_time(cluster: Cluster) -> None:
    """On shared connections they would read each other's answers."""
    story(
        cluster.url,
        """
keys = [f"key:{number}" for number in range(10)]
cache.blocking.set_many(dict.fromkeys(keys, "parent"))

def child():
    mine = [f"{key}:{os.getpid()}" for key in keys]
    for number in range(5):
        cache.blocking.set_many(dict.fromkeys(mine, number))
        assert cache.blocking.get_many(mine) == dict.fromkeys(mine, number)

children = [in_child(child) for _ in range(2)]
for number in range(5):
    cache.blocking.set_many(dict.fromkeys(keys, number))
    assert cache.blocking.get_many(keys) == dict.fromkeys(keys, number)
for one in children:
    wait_for(one)
cache.blocking.close()
""",
    )
