"""Loads of many keys among processes: each key has its lease, and is loaded once.

Two caches stand for two processes: they share nothing but the server.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from freshly import Cache
from freshly.testing import Stepper
from tests.redis.fixtures import Bids, Open
from tests.servers.server import Server

Read = Callable[[Sequence[int]], Awaitable[dict[int, int]]]
LEASES = "fr:{freshly:row:*}:l"


class Rows:
    """A source that counts how often each row was loaded, and stands still at ``step`` if told to."""

    def __init__(self) -> None:
        self.step = Stepper()
        self.runs: list[list[int]] = []
        self.error: Exception | None = None
        self.missing: set[int] = set()
        self.stands = True

    def on(self, cache: Cache, **options: Any) -> Read:
        @cache.many(ttl="1h", key="row:{id}", tags=["row:{id}"], **options)
        async def get_rows(ids: list[int]) -> dict[int, int]:
            self.runs.append(ids)
            if self.stands:
                await self.step.stop("loading")
            if self.error is not None:
                raise self.error
            return {one: one * 10 for one in ids if one not in self.missing}

        return get_rows

    def one_on(self, cache: Cache) -> Callable[[int], Awaitable[int]]:
        @cache(ttl="1h", key="row:{row}", tags=["row:{row}"])
        async def get_row(row: int) -> int:
            self.runs.append([row])
            if self.stands:
                await self.step.stop("loading")
            return row * 10

        return get_row

    @property
    def loads(self) -> Counter[int]:
        return Counter(one for run in self.runs for one in run)

    async def standing(self, visits: int) -> None:
        async with asyncio.timeout(5):
            while self.step.visits("loading") < visits:  # noqa: ASYNC110
                await asyncio.sleep(0)


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.mark.real_time
async def test_of_two_processes_that_want_the_same_one_loads(
    open_cache: Open, server: Server, rows: Rows, bids: Bids
) -> None:
    one, other = rows.on(open_cache()), rows.on(open_cache())
    first = asyncio.ensure_future(one([1, 2, 3]))
    await rows.standing(1)
    assert len(server.admin.keys(LEASES)) == 3
    second = asyncio.ensure_future(other([3, 2, 1]))
    # The first has bid, and the second twice, in vain.
    await bids.until(3)

    rows.step.go("loading")

    assert await first == await second == {1: 10, 2: 20, 3: 30}
    assert rows.runs == [[1, 2, 3]]
    assert not server.admin.keys(LEASES)


@pytest.mark.real_time
async def test_each_loads_what_the_other_does_not_and_nobody_waits_with_a_lease_in_hand(
    open_cache: Open, rows: Rows
) -> None:
    """Each wants first what the other has: who waited before it loaded would wait for ever."""
    one, other = open_cache(), open_cache()
    first = asyncio.ensure_future(rows.on(one, max_batch=1)([1, 2]))
    await rows.standing(1)
    second = asyncio.ensure_future(rows.on(other, max_batch=1)([2, 1, 3]))

    await rows.standing(2)
    assert rows.runs == [[1], [3]], "what the other has no lease of is loaded at once"
    rows.stands = False
    rows.step.go("loading")
    rows.step.go("loading")

    assert await first == {1: 10, 2: 20}
    assert await second == {2: 20, 1: 10, 3: 30}
    assert rows.loads == {1: 1, 2: 1, 3: 1}


@pytest.mark.real_time
async def test_what_one_loads_alone_another_does_not_load_among_many_nor_the_other_way(
    open_cache: Open, rows: Rows, bids: Bids
) -> None:
    one, other = open_cache(), open_cache()
    single = asyncio.ensure_future(rows.one_on(one)(1))
    await rows.standing(1)
    many = asyncio.ensure_future(rows.on(other)([1, 2]))
    await rows.standing(2)
    another = asyncio.ensure_future(rows.one_on(one)(2))
    # One bid each, and a second one in vain.
    await bids.until(4)

    rows.stands = False
    rows.step.go("loading")
    rows.step.go("loading")

    assert [await single, await another] == [10, 20]
    assert await many == {1: 10, 2: 20}
    assert rows.runs == [[1], [2]]


@pytest.mark.real_time
async def test_two_processes_of_many_callers_load_each_id_once(open_cache: Open, rows: Rows) -> None:
    rows.stands = False
    readers = [rows.on(open_cache(pool_size=20)), rows.on(open_cache(pool_size=20))]
    wanted = [[number % 7, number % 11, number % 13] for number in range(60)]

    answers = await asyncio.gather(
        *(readers[place % 2](list(dict.fromkeys(ids))) for place, ids in enumerate(wanted))
    )

    assert answers == [{one: one * 10 for one in ids} for ids in wanted]
    assert rows.loads == dict.fromkeys(range(13), 1)


@pytest.mark.real_time
async def test_a_load_that_fails_gives_all_its_leases_back(
    open_cache: Open, server: Server, rows: Rows, bids: Bids
) -> None:
    one, other = rows.on(open_cache()), rows.on(open_cache())
    rows.error = LookupError("gone")
    first = asyncio.ensure_future(one([1, 2]))
    await rows.standing(1)
    second = asyncio.ensure_future(other([1, 2]))
    await bids.until(3)
    rows.step.go("loading")
    with pytest.raises(LookupError):
        await first

    rows.error, rows.stands = None, False

    assert await second == {1: 10, 2: 20}
    assert not server.admin.keys(LEASES)


@pytest.mark.real_time
async def test_an_id_without_a_value_keeps_no_lease_and_is_asked_for_by_each(
    open_cache: Open, server: Server, rows: Rows
) -> None:
    rows.missing, rows.stands = {2}, False
    one, other = rows.on(open_cache()), rows.on(open_cache())

    assert await one([1, 2]) == {1: 10}
    assert not server.admin.keys(LEASES)
    assert await other([1, 2]) == {1: 10}

    assert rows.runs == [[1, 2], [2]]


async def test_a_refresh_of_many_waits_for_nobody(open_cache: Open, rows: Rows) -> None:
    """Who asks for one wants values whose load begins now, and not what another process began."""
    one, other = rows.on(open_cache()), rows.on(open_cache())
    first = rows.step.start(one([1, 2]))
    await rows.standing(1)

    second = rows.step.start(other.refresh([1, 2]))  # type: ignore[attr-defined]
    await rows.standing(2)

    rows.step.go("loading")
    rows.step.go("loading")
    assert await first == await second == {1: 10, 2: 20}


async def test_a_miss_of_many_is_one_round_trip_before_the_load_and_one_after_it(
    open_cache: Open, rows: Rows, round_trips: list[list[str]]
) -> None:
    rows.stands = False
    get = rows.on(open_cache())
    await get([0, 9])
    round_trips.clear()

    await get([1, 2, 3])

    assert round_trips == [["MGET", "EVALSHA", "HMGET", "TIME", "INFO"], ["EVALSHA"] * 3]
