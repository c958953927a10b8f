"""What each operation costs in a cluster: commands, and round trips to several nodes at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from freshly import Cache
from freshly.stores.redis.aio import AsyncWire
from freshly.stores.redis.layout import Layout
from tests.servers.cluster import Cluster, slot_of

pytestmark = pytest.mark.real_time

LAYOUT = Layout("freshly", buckets=16)


class Turns(list[list[list[str]]]):
    """The round trips of the awaited side: of each, the commands to every node.

    What was sent before anything came back is one.
    """

    is_open = False

    @property
    def sums(self) -> list[Counter[str]]:
        return [Counter(name for commands in turn for name in commands) for turn in self]


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    turns, original = Turns(), AsyncWire.exchange

    async def exchange(self: AsyncWire, commands: Any) -> Any:
        if not turns.is_open:
            turns.append([])
        turns.is_open = True
        turns[-1].append([str(command[0]) for command in commands])
        replies = await original(self, commands)
        turns.is_open = False
        return replies

    monkeypatch.setattr(AsyncWire, "exchange", exchange)
    return turns


@pytest.fixture
async def cache(cluster: Cluster) -> AsyncIterator[Cache]:
    # Silence does not end connections within a test: nobody is asked again who serves what.
    cache = Cache(cluster.url, timeout=30)

    @cache(ttl="1h", key="warm:{number}")
    async def get(number: int) -> int:
        return number

    # The buckets are there, connections to all nodes, and all nodes know the scripts.
    await cache.clear()
    await cache.delete_tags(*map(str, range(100)))
    for number in range(30):
        await get(number)
    yield cache
    await cache.close()


# HMGET of each bucket; TIME and INFO of each node that has some.
LOOK = Counter({"HMGET": 16, "TIME": 3, "INFO": 3})


def buckets_of(*names: str) -> set[int]:
    return {LAYOUT.bucket_of(name) for name in names}


def look_at(cluster: Cluster, *names: str, value: str = "") -> Counter[str]:
    """Return what it takes to ask of ``names``, and of what lies under the key ``value``."""
    asked = [LAYOUT.bucket(number) for number in buckets_of(*names)]
    nodes = {
        node.port
        for node in cluster.owners([*asked, *([LAYOUT.value(value)] if value else [])]).values()
    }
    look = Counter({"HMGET": len(asked), "TIME": len(nodes), "INFO": len(nodes)})
    return look + Counter({"GET": 1} if value else {})


NAMES = ("user:7", "users")


class Users:
    """User 7, in whose result an author is named: with a tag in a bucket that only the result tells."""

    author = next(one for one in map(str, range(100)) if not buckets_of(one) & buckets_of(*NAMES))

    def __init__(self, cache: Cache, turns: Turns, **options: Any) -> None:
        self.before: list[Counter[str]] = []
        self.loads = 0

        @cache(ttl="1h", key="user:{user_id}", tags=["users", "{result[author]}"], **options)
        async def get_user(user_id: int) -> dict[str, str]:
            self.before = turns.sums
            self.loads += 1
            turns.clear()
            return {"author": self.author}

        self.get = get_user


async def test_a_hit_is_one_round_trip_to_the_nodes_of_its_value_and_its_names(
    cache: Cache, turns: Turns, cluster: Cluster
) -> None:
    @cache(ttl="1h", key="user:{user_id}", tags=["users", "of:{user_id}"])
    async def get_user(user_id: int) -> int:
        return user_id

    for user_id in range(5):
        await get_user(user_id)
        turns.clear()

        assert await get_user(user_id) == user_id

        names = (f"user:{user_id}", "users", f"of:{user_id}")
        assert turns.sums == [look_at(cluster, *names, value=names[0])]


async def test_one_with_a_tag_that_only_the_result_tells_may_take_another(
    cache: Cache, turns: Turns, cluster: Cluster
) -> None:
    users = Users(cache, turns)
    await users.get(7)
    turns.clear()

    await users.get(7)

    assert turns.sums == [
        look_at(cluster, *NAMES, value="user:7"),
        look_at(cluster, *NAMES, users.author),
    ]
    assert users.loads == 1


async def test_a_miss_is_one_before_the_load_to_all_buckets_and_two_after_it_to_its_own(
    cache: Cache, turns: Turns, cluster: Cluster
) -> None:
    users = Users(cache, turns)

    await users.get(7)

    # A script bids for the lease, and another one ends it.
    assert users.before == [LOOK + Counter({"GET": 1, "EVALSHA": 1})]
    assert turns.sums == [
        look_at(cluster, *NAMES, users.author),
        Counter({"SET": 1, "EVALSHA": 1, "INFO": 1}),
    ]


async def test_where_an_invalid_value_lies_all_buckets_are_asked_with_the_claim(
    cache: Cache, turns: Turns, cluster: Cluster
) -> None:
    """The load that follows has a stamp of each of them: its value is stored, whatever its tags."""
    users = Users(cache, turns)
    await users.get(7)
    for names in (("users",), (users.author,)):
        await cache.delete_tags(*names)
        turns.clear()
        await users.get(7)
        assert users.before[0] == look_at(cluster, *NAMES, value="user:7")
        claim = LOOK + Counter({"SET": 1, "GET": 2})
        if names == ("users",):
            assert users.before[1:] == [claim]
        else:
            # What its result tells has to be asked for besides, each time.
            assert users.before[2] == claim

        loads = users.loads
        await users.get(7)
        assert users.loads == loads, "a hit"


async def test_what_is_refreshed_behind_its_reader_is_stored_whatever_its_tags(
    cache: Cache, turns: Turns, cluster: Cluster
) -> None:
    users = Users(cache, turns, soft_ttl="30m")
    await users.get(7)
    await cache.mark_stale("users")
    async with Cache(cluster.url, timeout=30) as other:
        # Its questions travel with nobody's.
        there = Users(other, turns, soft_ttl="30m").get
        stale = await there.peek(7)
        assert stale is not None

        await users.get(7)
        async with asyncio.timeout(20):
            # Nobody tells when it is stored.
            while (entry := await there.peek(7)) is None or entry.stale_at <= stale.stale_at:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    await users.get(7)
    assert users.loads == 2


async def test_without_a_lease_nothing_is_asked_after_the_look_so_that_asks_all(
    cluster: Cluster, turns: Turns
) -> None:
    async with Cache(cluster.url, timeout=30, lease=False) as cache:
        users = Users(cache, turns)
        await users.get(7)
        await cache.delete_tags("users")
        turns.clear()

        await users.get(7)

        assert users.before[0] == LOOK + Counter({"GET": 1})
        await users.get(7)
        assert users.loads == 2


async def test_an_invalidation_is_one_script_for_each_bucket_all_at_once(
    cache: Cache, turns: Turns
) -> None:
    for count in (1, 3, 500):
        tags = [f"tag:{number}" for number in range(count)]
        turns.clear()

        await cache.delete_tags(*tags)

        assert len(turns) == 1
        assert turns.sums[0]["EVALSHA"] == len(buckets_of(*tags))
        assert turns.sums[0]["INFO"] == len(turns[0]) <= 3


async def test_clear_is_one_script_for_each_bucket(cache: Cache, turns: Turns) -> None:
    await cache.clear()
    turns.clear()

    await cache.clear()

    assert turns.sums == [Counter({"EVALSHA": 16, "INFO": 3})]


async def test_many_keys_are_read_in_one_round_trip(cache: Cache, turns: Turns) -> None:
    await cache.set_many({str(number): number for number in range(100)})
    turns.clear()

    assert len(await cache.get_many([str(number) for number in range(100)])) == 100

    assert turns.sums == [LOOK + Counter({"GET": 100})]


@pytest.mark.parametrize("entries", [1_000, pytest.param(100_000, marks=pytest.mark.slow)])
async def test_one_tag_takes_its_entries_in_all_slots_by_one_script(
    cache: Cache, turns: Turns, cluster: Cluster, entries: int
) -> None:
    keys = [f"post:{number}" for number in range(entries)]
    for start in range(0, entries, 1000):
        await cache.set_many(dict.fromkeys(keys[start : start + 1000], 1), "1h", tags=["posts"])
    slots = {slot_of(LAYOUT.value(key)) for key in keys}
    assert len(slots) > min(entries, 16384) * 0.9
    for node in cluster.nodes:
        node.admin.config_resetstat()
    turns.clear()

    await cache.delete_tags("posts")

    assert len(turns) == len(turns[0]) == 1
    assert cluster.calls()["evalsha"] == 1
    for start in range(0, entries, 1000):
        assert await cache.get_many(keys[start : start + 1000]) == {}
