"""What a cluster that is changed costs, and what a user of it needs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from freshly import Cache
from freshly.stores.redis.layout import Layout
from tests.redis.test_rights import COMMANDS
from tests.servers.cluster import Cluster, slot_of

pytestmark = pytest.mark.real_time

LAYOUT = Layout("freshly", buckets=16)


@pytest.fixture
async def cache(cluster: Cluster) -> AsyncIterator[Cache]:
    async with Cache(cluster.url, timeout=5) as cache:
        yield cache


async def test_a_slot_that_moves_costs_the_entries_of_its_bucket_and_no_others(
    cache: Cache, cluster: Cluster
) -> None:
    """160 entries, each with a tag: values that move are found, and a bucket takes what it judges."""
    loads: list[int] = []

    @cache(ttl="1h", key="user:{user_id}", tags=["tag:{user_id}"])
    async def get_user(user_id: int) -> int:
        loads.append(user_id)
        return user_id

    def judged_by(bucket: int) -> set[int]:
        return {
            one
            for one in range(160)
            if bucket in (LAYOUT.bucket_of(f"tag:{one}"), LAYOUT.bucket_of(f"user:{one}"))
        }

    for user_id in range(160):
        await get_user(user_id)
    source = cluster.owner(LAYOUT.bucket(7))
    target = next(node for node in cluster.primaries() if node is not source)
    values = [LAYOUT.value(f"user:{one}") for one in range(160)]
    of_values = [slot_of(name) for name, node in cluster.owners(values).items() if node is source]
    buckets = {slot_of(LAYOUT.bucket(number)) for number in range(16)}
    moved = [slot for slot in dict.fromkeys(of_values) if slot not in buckets][:10]

    for slot in moved:
        cluster.migrate(slot, source, target)
    loads.clear()
    for user_id in range(160):
        await get_user(user_id)
    assert loads == [], "values that move are found where they are"

    cluster.migrate(slot_of(LAYOUT.bucket(7)), source, target)
    for user_id in range(160):
        await get_user(user_id)
    assert set(loads) == judged_by(7)
    assert 5 < len(loads) < 40

    for slot in (*moved, slot_of(LAYOUT.bucket(7))):
        cluster.migrate(slot, target, source)


async def test_a_user_with_the_rights_that_the_guide_names_does_all_that_there_is(
    cluster: Cluster,
) -> None:
    rights = [f"+{name}" for name in (*COMMANDS.split(), "cluster|slots", "cluster|nodes", "asking")]
    with contextlib.ExitStack() as stack:
        for node in cluster.nodes:
            node.ask(
                *("ACL", "SETUSER", "shop", "reset", "on", ">word"),
                *("~fr:{shop#*", "~fr:{shop:*", "&fr:{shop#*", *rights),
            )
            stack.callback(node.ask, "ACL", "DELUSER", "shop")
        url = cluster.url.replace("://", "://shop:word@")
        async with Cache(url, timeout=5, namespace="shop", max_hold="1s") as cache:

            @cache(ttl="1h", tags=["users"])
            async def get_user(user_id: int) -> int:
                return user_id

            assert [await get_user(7), await get_user(7)] == [7, 7]
            slot = slot_of(Layout("shop", buckets=16).bucket(3))
            source = cluster.owner_of_slot(slot)
            target = next(node for node in cluster.primaries() if node is not source)
            cluster.begin_to_migrate(slot, source, target)
            cluster.send_keys(slot, source, target)
            await cache.clear()
            cluster.end_to_migrate(slot, source, target)
            await cache.set("key", 1, tags=["users"])
            await cache.delete_tags("users")
            await cache.delete("key")
            assert await cache.delete_match("*") == 0
            async with cache.lock("lock", ttl="1s"):
                assert await get_user(7) == 7
            await cache.ping()
        cluster.migrate(slot, target, source)
