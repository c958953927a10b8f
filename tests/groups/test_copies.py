"""Invalidations that wait until replicas have them: ``wait_replicas``, on each kind of set-up."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager

import pytest

from freshly import Cache, PartlyInvalidatedError, UnconfirmedError
from freshly.stores.redis.layout import Layout
from tests.servers.cluster import Cluster, Node
from tests.servers.fixtures import Start
from tests.servers.sentinel import Sentinels
from tests.servers.server import Server
from tests.servers.waiting import wait_until

pytestmark = pytest.mark.real_time

Trips = list[list[str]]
Open = Callable[..., Cache]
LAYOUT = Layout("freshly", buckets=16)

# Each of them is a script, and waits for what it has written.
INVALIDATIONS: dict[str, Callable[[Cache], Awaitable[object]]] = {
    "delete_tags": lambda cache: cache.delete_tags("users"),
    "mark_stale": lambda cache: cache.mark_stale("users"),
    "delete": lambda cache: cache.delete("key"),
    "delete_match": lambda cache: cache.delete_match("key*"),
    "clear": lambda cache: cache.clear(),
}


@pytest.fixture
async def open_cache() -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def close(cache: Cache) -> None:
            await cache.close()

        def one(url: str, **options: object) -> Cache:
            cache = Cache(url, **{"timeout": 5, **options})
            stack.push_async_callback(close, cache)
            return cache

        yield one


@pytest.fixture
def pair(start_server: Start) -> tuple[Server, Server]:
    """A primary and its replica, which is in step."""
    primary, replica = start_server(), start_server()
    replica.admin.execute_command("REPLICAOF", "127.0.0.1", primary.port)
    wait_until(lambda: is_in_step(replica), "the replica has no link")
    return primary, replica


def is_in_step(replica: Server) -> bool:
    told = replica.admin.info("replication")
    return bool(told["role"] == "slave" and told["master_link_status"] == "up")


def url_of(server: Server) -> str:
    return f"redis://127.0.0.1:{server.port}"


@contextmanager
def stopped(*servers: Server) -> Iterator[None]:
    for server in servers:
        server.stop()
    try:
        yield
    finally:
        for server in servers:
            server.resume()


def owes(cache: Cache) -> int:
    return len(cache._home.parts.store.hub.undelivered)  # type: ignore[attr-defined]


async def until_delivered(cache: Cache) -> None:
    await asyncio.to_thread(wait_until, lambda: not owes(cache), "it is not tried again")


@pytest.mark.parametrize("name", INVALIDATIONS)
async def test_it_waits_in_the_same_round_trip_and_for_nothing_that_is_no_invalidation(
    name: str, pair: tuple[Server, Server], open_cache: Open, round_trips: Trips
) -> None:
    cache = open_cache(url_of(pair[0]), wait_replicas=1)
    await cache.set("key", 1, "1h", tags=["users"])
    assert await cache.get("key") == 1
    assert not any("WAIT" in trip for trip in round_trips)
    await INVALIDATIONS[name](cache)
    round_trips.clear()

    await INVALIDATIONS[name](cache)

    assert [trip for trip in round_trips if "WAIT" in trip] == [["EVALSHA", "WAIT"]]


async def test_what_it_waits_for_is_on_the_replica(
    pair: tuple[Server, Server], open_cache: Open
) -> None:
    cache = open_cache(url_of(pair[0]), wait_replicas=1)

    for _ in range(20):
        await cache.delete_tags("users")
        sequences = [server.admin.hget(Layout("freshly").bucket(0), "husers") for server in pair]
        assert sequences[0] == sequences[1]


@pytest.mark.parametrize("colour", ["awaited", "blocking"])
async def test_without_enough_replicas_it_is_done_and_raises_and_is_tried_until_they_have_it(
    colour: str, pair: tuple[Server, Server], open_cache: Open
) -> None:
    primary, replica = pair
    cache = open_cache(url_of(primary), wait_replicas=1, wait_timeout="50ms")
    other = open_cache(url_of(primary))
    await cache.set("key", 1, "1h", tags=["users"])
    said = r"has carried out the invalidation, but 0 of wait_replicas=1 confirmed it within .*0\.05 s"

    with stopped(replica):
        with pytest.raises(UnconfirmedError, match=said) as told:
            if colour == "awaited":
                await cache.delete_tags("users")
            else:
                await asyncio.to_thread(cache.blocking.delete_tags, "users")

        assert (told.value.confirmed, told.value.replicas) == (0, 1)
        assert await other.get("key") is None, "it is done"
        await other.set("key", 2, "1h", tags=["users"])
        assert await cache.get("key") is None, "it owes it until a replica has it"
        assert owes(cache)
    await until_delivered(cache)
    assert primary.admin.wait(1, 5000) == 1


async def test_a_replica_that_is_not_there_confirms_nothing(server: Server, open_cache: Open) -> None:
    cache = open_cache(url_of(server), wait_replicas=1, wait_timeout="10ms")

    with pytest.raises(UnconfirmedError, match="0 of wait_replicas=1"):
        await cache.clear()
    with pytest.raises(UnconfirmedError, match="0 of wait_replicas=1"):
        await cache.delete("key")


async def test_what_is_tried_again_waits_too(server: Server, open_cache: Open) -> None:
    """It is not delivered by a try that nobody confirmed."""
    cache = open_cache(url_of(server), wait_replicas=1, wait_timeout="5ms")
    with pytest.raises(UnconfirmedError):
        await cache.delete_tags("users")

    def stamps() -> int:
        return int(server.admin.hget(Layout("freshly").bucket(0), "#") or 0)

    await asyncio.to_thread(wait_until, lambda: stamps() >= 3, "it is not tried again")
    assert owes(cache)


async def test_behind_sentinels_both_replicas_may_be_asked(
    sentinels: Sentinels, open_cache: Open, round_trips: Trips
) -> None:
    cache = open_cache(sentinels.url, wait_replicas=2)
    await cache.delete_tags("users")
    round_trips.clear()

    await cache.delete_tags("users")

    assert round_trips == [["EVALSHA", "WAIT", "INFO"]]


def tag_at(cluster: Cluster, node: Node) -> str:
    owners = cluster.owners(map(LAYOUT.bucket, range(16)))
    return next(
        tag for tag in map(str, range(1000)) if owners[LAYOUT.bucket(LAYOUT.bucket_of(tag))] is node
    )


async def test_in_a_cluster_each_node_has_replicas_of_its_own(
    cluster: Cluster, open_cache: Open, round_trips: Trips
) -> None:
    cache = open_cache(cluster.url, wait_replicas=1, wait_timeout="1s")
    one, other = cluster.primaries()[:2]
    lost, kept = tag_at(cluster, one), tag_at(cluster, other)
    await cache.delete_tags(lost, kept)
    round_trips.clear()
    await cache.delete_tags(lost, kept)
    assert round_trips == [["EVALSHA", "WAIT", "INFO"]] * 2

    with (
        stopped(cluster.replica_of(one)),
        pytest.raises(PartlyInvalidatedError, match="0 of wait_replicas=1") as told,
    ):
        await cache.delete_tags(lost, kept)

    assert (told.value.delivered, told.value.failed) == ((kept,), (lost,))
    assert isinstance(told.value.__cause__, UnconfirmedError)
    await until_delivered(cache)


def test_the_error_travels_between_processes() -> None:
    error = UnconfirmedError("redis://h:1", 1, 2, 0.1)

    copy = pickle.loads(pickle.dumps(error))

    assert (str(copy), copy.confirmed, copy.replicas, copy.seconds) == (str(error), 1, 2, 0.1)
