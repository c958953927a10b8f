"""What each operation costs in round trips and commands, and what it leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from freshly import Cache
from tests.redis.fixtures import Open
from tests.servers.server import Server
from tests.servers.waiting import wait_until

Trips = list[list[str]]

# GET of the value, HMGET of the bucket, TIME, INFO.
A_READ = ["GET", "HMGET", "TIME", "INFO"]
# The same of what is not known to lie there: a script takes the lease of its key if it does not.
A_BID = ["GET", "EVALSHA", "HMGET", "TIME", "INFO"]
# What a new connection asks first: who is at the other end.
GREETING = ["INFO", "INFO"]


async def test_a_hit_is_one_round_trip(open_cache: Open, round_trips: Trips) -> None:
    cache = open_cache()

    @cache(ttl="1h", tags=["users", "user:{user_id}"])
    async def get_user(user_id: int) -> int:
        return user_id

    await get_user(7)
    round_trips.clear()

    assert await get_user(7) == 7

    assert round_trips == [A_READ]


async def test_a_miss_is_one_before_the_load_and_one_after_it(
    open_cache: Open, round_trips: Trips
) -> None:
    cache = open_cache(lease=False)
    during: Trips = []

    @cache(ttl="1h", tags=["users", "user:{user_id}"])
    async def get_user(user_id: int) -> int:
        during.extend(round_trips)
        return user_id

    await get_user(1)
    round_trips.clear()
    during.clear()

    await get_user(7)

    assert during == [A_READ]
    assert round_trips == [A_READ, ["EVALSHA"]]


async def test_the_lease_among_processes_travels_with_the_read(
    open_cache: Open, server: Server, round_trips: Trips
) -> None:
    cache = open_cache()
    leases: list[int] = []

    @cache(ttl="1h", tags=["users"], key="user:{user_id}")
    async def get_user(user_id: int) -> int:
        round_trips.append(["the load"])
        leases.append(server.admin.exists(f"fr:{{freshly:user:{user_id}}}:l"))
        return user_id

    await get_user(1)
    for user_id in (7, 8, 7):
        await cache.delete(f"user:{user_id}")
        round_trips.clear()

        await get_user(user_id)

        assert round_trips == [A_BID, ["the load"], ["EVALSHA"]]
    assert leases == [1, 1, 1, 1]
    assert not server.admin.keys("*:l")


async def test_the_leases_of_many_readers_are_one_question(
    open_cache: Open, server: Server, round_trips: Trips
) -> None:
    cache = open_cache()

    @cache(ttl="1h", key="user:{user_id}")
    async def get_user(user_id: int) -> int:
        return user_id

    await get_user(-1)
    round_trips.clear()

    # Two of each: the lease of a key is one.
    await asyncio.gather(*(get_user(user_id // 2) for user_id in range(20)))

    assert round_trips[0] == ["MGET", "EVALSHA", "HMGET", "TIME", "INFO"]
    # On a busy machine the landings need a second connection, which is greeted first.
    after = [command for trip in round_trips[1:] if trip != GREETING for command in trip]
    assert after == ["EVALSHA"] * 10, "each of ten entries lands, and nobody claims a second time"
    assert not server.admin.keys("*:l")


async def test_the_lease_of_an_invalidated_entry_is_one_more_before_the_load(
    open_cache: Open, round_trips: Trips
) -> None:
    """It still lies there, and only its reader can tell that it is invalid."""
    cache = open_cache()

    @cache(ttl="1h", tags=["users"])
    async def get_user(user_id: int) -> int:
        round_trips.append(["the load"])
        return user_id

    await get_user(7)
    await cache.delete_tags("users")
    round_trips.clear()

    await get_user(7)

    assert round_trips == [A_READ, ["SET", "GET", *A_READ], ["the load"], ["EVALSHA"]]


async def test_a_read_of_what_others_stored_bids_once_and_leaves_no_lease(
    open_cache: Open, server: Server, round_trips: Trips
) -> None:
    one, other = open_cache(), open_cache()

    def on(cache: Cache) -> Callable[[], Awaitable[int]]:
        @cache(ttl="1h", key="key")
        async def get() -> int:
            return 1

        return get

    await on(one)()
    await other.ping()
    get = on(other)
    round_trips.clear()

    assert [await get(), await get()] == [1, 1]

    assert round_trips[0][-5:] == A_BID
    assert round_trips[1] == A_READ
    assert not server.admin.keys("*:l")


async def test_reads_that_do_not_load_bid_for_nothing(
    open_cache: Open, server: Server, round_trips: Trips
) -> None:
    cache = open_cache()
    await cache.exists("key")
    round_trips.clear()

    await cache.get("key")
    await cache.get_many(["key", "other"])
    await cache.exists("key")
    await cache.stamp()

    assert not any("EVALSHA" in trip for trip in round_trips), round_trips
    assert not server.admin.keys("*:l")


async def test_a_write_is_one_round_trip_whatever_the_number_of_tags(
    open_cache: Open, round_trips: Trips
) -> None:
    cache = open_cache(lease=False)

    @cache(ttl="1h", tags=lambda count: [f"tag:{number}" for number in range(count)])
    async def get(count: int) -> int:
        round_trips.clear()
        return count

    await get(1)
    for count in (1, 10, 1000):
        await get(count)
        assert round_trips == [["EVALSHA"]] if count > 1 else True


@pytest.mark.parametrize("many", [20_000, pytest.param(100_000, marks=pytest.mark.slow)])
async def test_an_invalidation_is_one_command_whatever_the_number_of_entries(
    open_cache: Open, server: Server, round_trips: Trips, many: int
) -> None:
    cache = open_cache()
    costs = []
    for number in (100, many):
        for start in range(0, number, 1000):
            await cache.set_many(
                {f"{number}:{start + one}": one for one in range(1000)}, "1h", tags=["posts"]
            )
        server.admin.config_resetstat()
        round_trips.clear()

        await cache.delete_tags("posts")

        calls = server.calls()
        costs.append((len(round_trips), calls["evalsha"], calls["hset"], calls["hincrby"]))
        assert await cache.get(f"{number}:0") is None
    assert costs == [(1, 1, 1, 1)] * 2


async def test_clear_costs_the_same_whatever_there_is_and_leaves_others_alone(
    open_cache: Open, server: Server, round_trips: Trips
) -> None:
    cache, other = open_cache(), open_cache(namespace="other")
    await cache.clear()
    server.admin.set("somebody's", "own")
    await other.set("key", 1)
    await cache.set_many({f"key:{number}": number for number in range(1000)})
    round_trips.clear()

    await cache.clear()

    assert round_trips == [["EVALSHA"]]
    assert await cache.get("key:1") is None
    assert await other.get("key") == 1
    assert server.admin.get("somebody's") == b"own"


@pytest.mark.real_time
async def test_metadata_does_not_pile_up(open_cache: Open, server: Server) -> None:
    """Ten rounds of entries, invalidations and their end: what stays is what two rounds leave."""
    cache = open_cache(max_ttl="50ms")
    sizes = []
    for turn in range(10):
        await cache.set_many({f"{turn}:{number}": number for number in range(200)}, tags=["all"])
        await cache.delete_tags(*(f"tag:{turn}:{number}" for number in range(200)))
        # Two readings of the sequence that are max_ttl apart: the older one is what may be pruned.
        for _ in range(2):
            await server_time_passes(server, 0.06)
            await cache.delete_tags("roll")
        sizes.append(server.admin.hlen("fr:{freshly#0}:t"))

    assert max(sizes[2:]) <= max(sizes[:2])
    # The server drops dead values some at a time.
    wait_until(lambda: server.admin.dbsize() == 1, "values stay behind")


async def server_time_passes(server: Server, seconds: float) -> None:
    """Ask for the time until so much of it is over."""
    now = float("inf")
    begun: float | None = None
    while begun is None or now < begun + seconds:
        whole, micro = server.admin.time()
        now = whole + micro / 1e6
        begun = now if begun is None else begun
