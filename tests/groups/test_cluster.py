"""In a cluster: slots that move, primaries that are replaced, and what an invalidation says then."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from freshly import Cache, PartlyInvalidatedError, StoreError
from freshly.stores.redis.layout import Layout
from tests.groups.failover import entries_are_misses_and_all_goes_on
from tests.servers.cluster import Cluster, Node, slot_of
from tests.servers.kinds import REDIS_8, VALKEY_9, Kind
from tests.servers.server import Server
from tests.servers.waiting import wait_until

pytestmark = pytest.mark.real_time

Open = Callable[..., Cache]
LAYOUT = Layout("freshly", buckets=16)
both_kinds = pytest.mark.parametrize(
    "server_kind",
    [VALKEY_9, pytest.param(REDIS_8, marks=pytest.mark.slow)],
    ids=lambda kind: kind.name,
)


@pytest.fixture
async def open_cache(cluster: Cluster) -> AsyncIterator[Open]:
    async with contextlib.AsyncExitStack() as stack:

        async def close(cache: Cache) -> None:
            await cache.close()

        def one(url: str = "", **options: object) -> Cache:
            cache = Cache(url or cluster.url, **{"timeout": 5, **options})
            stack.push_async_callback(close, cache)
            return cache

        yield one


def bucket_of(tag: str) -> bytes:
    return LAYOUT.bucket(LAYOUT.bucket_of(tag))


def tag_at(cluster: Cluster, node: Node) -> str:
    """Return a tag whose bucket lies at ``node``."""
    owners = cluster.owners(map(LAYOUT.bucket, range(16)))
    return next(tag for tag in map(str, range(1000)) if owners[bucket_of(tag)] is node)


@both_kinds
async def test_after_a_failover_entries_are_misses_and_all_goes_on_at_the_new_primary(
    cluster: Cluster, server_kind: Kind, open_cache: Open
) -> None:
    await entries_are_misses_and_all_goes_on(
        open_cache(), open_cache(), lambda: cluster.fail_over(cluster.owner(bucket_of("user:7")))
    )


@both_kinds
async def test_while_a_slot_moves_all_goes_on_on_either_side(
    cluster: Cluster, server_kind: Kind, open_cache: Open
) -> None:
    """The slot of a bucket, and the one of a value and its lease, a step at a time."""
    one, other = open_cache(), open_cache()
    loads: list[int] = []

    @one(ttl="1h", key="user:7", tags=["users"])
    async def get_user() -> int:
        loads.append(1)
        return len(loads)

    assert await get_user() == 1
    source = cluster.owner(bucket_of("users"))
    target = next(node for node in cluster.primaries() if node is not source)
    slots = {slot_of(bucket_of("users")), slot_of(LAYOUT.value("user:7"))}
    moving = [(slot, cluster.owner_of_slot(slot), target) for slot in slots]
    moving = [(slot, where, to) for slot, where, to in moving if where is not to]

    for slot, where, to in moving:
        cluster.begin_to_migrate(slot, where, to)
    assert await get_user() == 1, "nothing has left yet"
    await other.delete_tags("users")
    assert await get_user() == 2
    for slot, where, to in moving:
        cluster.send_keys(slot, where, to)
    assert await get_user() == 3, "the bucket has another primary"
    assert await get_user() == 3, "a hit by way of the node that is to have it"
    await other.delete_tags("users")
    assert await get_user() == 4
    for slot, where, to in moving:
        cluster.end_to_migrate(slot, where, to)
    assert await get_user() == 4
    await other.delete_tags("users")
    assert await get_user() == 5

    for slot, where, to in moving:
        cluster.migrate(slot, to, where)


def test_and_threads_see_the_same(cluster: Cluster) -> None:
    cache = Cache(cluster.url, timeout=5)
    loads: list[int] = []

    @cache(ttl="1h", tags=["users"])
    def get_user() -> int:
        loads.append(1)
        return len(loads)

    assert [get_user(), get_user()] == [1, 1]
    source = cluster.owner(bucket_of("users"))
    target = next(node for node in cluster.primaries() if node is not source)
    slot = slot_of(bucket_of("users"))
    cluster.begin_to_migrate(slot, source, target)
    cluster.send_keys(slot, source, target)
    assert [get_user(), get_user()] == [2, 2]
    cluster.end_to_migrate(slot, source, target)
    cache.blocking.delete_tags("users")
    assert [get_user(), get_user()] == [3, 3]
    cluster.fail_over(target)
    cache.blocking.delete_tags("users")
    assert [get_user(), get_user()] == [4, 4]

    cache.blocking.close()
    cluster.migrate(slot, cluster.owner_of_slot(slot), source)


@pytest.fixture
def without_failover(cluster: Cluster) -> Iterator[Callable[[], None]]:
    """Nodes that serve what they have while one is gone, and nobody who takes its place until told."""

    def configure(*, is_normal: bool) -> None:
        for node in cluster.nodes:
            if node.is_running:
                node.admin.config_set("cluster-require-full-coverage", "yes" if is_normal else "no")
                node.admin.config_set("cluster-replica-no-failover", "no" if is_normal else "yes")

    configure(is_normal=False)
    yield lambda: configure(is_normal=True)
    for node in cluster.nodes:
        if not node.is_running:
            node.start()
    configure(is_normal=True)


async def test_an_invalidation_that_reached_some_nodes_says_which_names_and_is_tried_again(
    cluster: Cluster, open_cache: Open, without_failover: Callable[[], None]
) -> None:
    cache, other = open_cache(), open_cache()
    dead, living = cluster.primaries()[:2]
    lost, kept = tag_at(cluster, dead), tag_at(cluster, living)
    await cache.set("key", 1, "1h", tags=[lost])
    await cache.ping()
    dead.kill()

    said = f"'{kept}' was invalidated, and '{lost}' not yet"
    with pytest.raises(PartlyInvalidatedError, match=said) as told:
        await cache.delete_tags(lost, kept)

    assert (told.value.delivered, told.value.failed) == ((kept,), (lost,))
    assert await cache.get("key") is None, "nothing that it names is served meanwhile"
    with pytest.raises(PartlyInvalidatedError, match="and the rest not yet"):
        await cache.clear()
    without_failover()
    cluster.wait_for_successor(dead, [(slot_of(bucket_of(lost)),) * 2])
    undelivered = cache._home.parts.store.hub.undelivered  # type: ignore[attr-defined]
    wait_until(lambda: not len(undelivered), "it is not tried again")
    assert await other.get("key") is None


async def test_a_process_with_another_number_of_buckets_is_refused(open_cache: Open) -> None:
    sixteen, more, another = open_cache(), open_cache(buckets=32), open_cache(buckets=32)
    await sixteen.set("key", 1)
    theirs = next(tag for tag in map(str, range(100)) if Layout("", buckets=32).bucket_of(tag) > 15)

    with pytest.raises(StoreError, match=r"laid out as '1:16:.*was set up for '1:32:"):
        await another.delete_tags(theirs)
    assert await more.get("key") is None
    with pytest.raises(StoreError, match=r"laid out as '1:16:.*was set up for '1:32:"):
        await more.delete_tags("tag")
    assert await sixteen.get("key") == 1


async def test_any_node_leads_to_the_others_and_a_dead_one_is_passed_over(
    cluster: Cluster, open_cache: Open
) -> None:
    replica = cluster.replica_of(cluster.primaries()[0])
    cache = open_cache(f"redis+cluster://127.0.0.1:1,127.0.0.1:{replica.port}")

    await cache.set_many({str(number): number for number in range(50)})

    found = await cache.get_many([str(number) for number in range(50)])
    assert found == {str(number): number for number in range(50)}


async def test_what_is_deleted_by_a_pattern_lies_on_all_nodes(
    cluster: Cluster, open_cache: Open
) -> None:
    cache = open_cache()
    await cache.set_many({f"user:{number}": number for number in range(50)})
    await cache.set("post", 1)

    assert await cache.delete_match("user:*") == 50

    assert await cache.get("post") == 1
    assert await cache.get("user:7") is None
    assert len(cluster.names("fr:*:v")) == 1


async def test_a_node_named_as_one_server_and_a_server_named_as_a_cluster_are_told(
    cluster: Cluster, server: Server, open_cache: Open
) -> None:
    node = open_cache(f"redis://127.0.0.1:{cluster.primaries()[0].port}")
    single = open_cache(f"redis+cluster://127.0.0.1:{server.port}")

    with pytest.raises(StoreError, match=r"is a node of a cluster.*write redis\+cluster://"):
        for number in range(3):
            await node.delete(str(number))
            await node.clear()
    with pytest.raises(StoreError, match="is no cluster: write redis://"):
        await single.ping()


async def test_without_any_node_the_loader_runs_and_an_invalidation_says_so() -> None:
    cache = Cache("redis+cluster://127.0.0.1:1,127.0.0.1:2", timeout="200ms")

    @cache(ttl="1h")
    async def get() -> int:
        return 1

    assert await get() == 1
    with pytest.raises(StoreError, match="none of 2 nodes tells who serves what"):
        await cache.delete_tags("tag")
    await cache.close()
