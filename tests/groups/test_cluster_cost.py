"""What each operation costs in a cluster: commands, and round trips to several nodes at a time."""

from __future__ import annotations

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


def buckets_of(*tags: str) -> set[int]:
    return {LAYOUT.bucket_of(tag) for tag in tags}


async def test_a_hit_is_one_round_trip_to_all_nodes(cache: Cache, turns: Turns) -> None:
    @cache(ttl="1h", tags=["users", "user:{user_id}"])
    async def get_user(user_id: int) -> int:
        return user_id

    await get_user(7)
    turns.clear()

    assert await get_user(7) == 7

    assert turns.sums == [LOOK + Counter({"GET": 1})]
    assert len(turns[0]) == 3


async def test_a_miss_is_one_before_the_load_and_two_after_it(cache: Cache, turns: Turns) -> None:
    before: list[Counter[str]] = []

    @cache(ttl="1h", tags=["users", "user:{user_id}"])
    async def get_user(user_id: int) -> int:
        before.extend(turns.sums)
        return user_id

    await get_user(1)
    before.clear()
    turns.clear()

    await get_user(7)

    # A script bids for the lease, and another one ends it.
    assert before == [LOOK + Counter({"GET": 1, "EVALSHA": 1})]
    look, store = turns.sums[1:]
    assert look == LOOK
    assert store == Counter({"SET": 1, "EVALSHA": 1, "INFO": 1})


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
