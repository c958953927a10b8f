"""Values that reads renew, on a server: for all processes, and to a tenth of the idle time.

The clocks are moved by hand. Two caches stand for two processes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from freshly import Cache, StoreError
from freshly.stores.redis.renewals import Renewals
from freshly.testing import ManualClock
from tests.redis.fixtures import Open
from tests.servers.server import Server

Trips = list[list[str]]


class Process:
    def __init__(self, cache: Cache, **life: Any) -> None:
        self.cache = cache
        self.loads = 0
        options = {
            "ttl": "10m",
            "sliding": True,
            "max_age": "1h",
            "key": "row",
            "tags": ["row"],
            **life,
        }

        @cache(**options)
        async def get(number: int = 1) -> int:
            self.loads += 1
            return self.loads

        self.get = get


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1000.0)


@pytest.fixture
def start(open_cache: Open, clock: ManualClock) -> Callable[..., Process]:
    def one(*, options: dict[str, Any] | None = None, **life: Any) -> Process:
        return Process(open_cache(clock=clock, **(options or {})), **life)

    return one


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"signing_keys": "a key that nobody can guess"},
        {"encryption_keys": "a key that nobody can guess", "compression": "zstd"},
        {"near": True},
        {"near": True, "consistency": "strict"},
    ],
    ids=["bare", "signed", "encrypted", "near", "near and strict"],
)
async def test_reads_in_one_process_renew_it_for_the_others(
    start: Callable[..., Process], clock: ManualClock, options: dict[str, Any]
) -> None:
    one, other = start(options=options), start(options=options)
    await one.get()
    for _ in range(5):
        clock.advance("9m")
        await one.get()
    clock.advance("9m")
    await other.get()

    assert (one.loads, other.loads) == (1, 0)
    clock.advance("6m1s")
    await other.get()
    assert other.loads == 1, "no read renews it past its greatest age"


async def test_what_nobody_asks_for_is_gone_after_the_idle_time(
    start: Callable[..., Process], clock: ManualClock
) -> None:
    process = start()
    await process.get()
    clock.advance("9m")
    await process.get.peek(), await process.cache.exists("row")
    clock.advance("1m")
    await process.get()

    assert process.loads == 2


async def test_reads_by_hand_and_of_many_renew_it_too(
    start: Callable[..., Process], clock: ManualClock
) -> None:
    process = start()
    await process.get()
    for read in (
        lambda: process.cache.get("row"),
        lambda: process.cache.get_many(["row", "another"]),
        lambda: process.cache.get_or_set_many(["row"], lambda keys: {}),
    ):
        clock.advance("9m")
        await read()
    clock.advance("9m")
    await process.get()

    assert process.loads == 1


async def test_threads_renew_as_tasks_do(open_cache: Open, clock: ManualClock) -> None:
    cache = open_cache(clock=clock)
    loads = []

    @cache("10m", sliding=True, max_age="1d")
    def get() -> int:
        loads.append(1)
        return len(loads)

    for _ in range(4):
        get()
        clock.advance("9m")
    get()

    assert loads == [1]


async def test_it_is_renewed_ten_times_in_an_idle_time_however_often_it_is_read(
    start: Callable[..., Process], clock: ManualClock, round_trips: Trips
) -> None:
    process = start()
    await process.get()
    # The server learns the script.
    clock.advance("1m")
    await process.get()
    round_trips.clear()
    for _ in range(100):
        clock.advance("6s")
        await process.get()

    assert process.loads == 1
    renewed = [trip for trip in round_trips if trip == ["EVALSHA"]]
    assert len(renewed) == 10
    assert len(round_trips) == 100 + 10


async def test_grace_follows_its_end_and_stale_counts_from_its_birth(
    start: Callable[..., Process], clock: ManualClock
) -> None:
    process = start(grace="30m", soft_ttl="50m")
    await process.get()
    clock.advance("9m")
    await process.get()

    entry = await process.get.peek()
    assert entry is not None
    spans = [instant - entry.born for instant in (entry.stale_at, entry.expires_at, entry.dead_at)]
    assert [round(span / 60) for span in spans] == [19, 19, 49]


async def test_an_invalidation_wins_over_a_read_that_renews(
    start: Callable[..., Process], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes between the look of the read and the renewal."""
    process, other = start(), start()
    await process.get()
    clock.advance("9m")
    renew = Renewals.renew

    async def invalidate_first(self: Renewals, entries: Any, now: float) -> None:
        monkeypatch.setattr(Renewals, "renew", renew)
        await other.cache.delete_tags("row")
        await renew(self, entries, now)

    monkeypatch.setattr(Renewals, "renew", invalidate_first)
    assert await process.get() == 1, "it was valid when it was looked at"

    assert await process.get() == 2
    await other.get()
    assert other.loads == 0


async def test_a_newer_value_wins_over_a_read_that_renews_an_older_one(
    start: Callable[..., Process], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, other = start(), start()
    await process.get()
    clock.advance("9m")
    renew, other.loads = Renewals.renew, 10

    async def refresh_first(self: Renewals, entries: Any, now: float) -> None:
        monkeypatch.setattr(Renewals, "renew", renew)
        await other.get.refresh()
        await renew(self, entries, now)

    monkeypatch.setattr(Renewals, "renew", refresh_first)
    await process.get()

    assert [await process.get(), await other.get()] == [11, 11]


async def test_a_store_that_cannot_write_it_down_fails_nobody(
    start: Callable[..., Process], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = start()
    await process.get()

    async def fail(self: Renewals, entries: Any, now: float) -> None:
        raise StoreError("the server is full")

    monkeypatch.setattr(Renewals, "renew", fail)
    clock.advance("9m")

    assert await process.get() == 1


async def test_a_loader_says_the_idle_time_for_all_processes(
    open_cache: Open, clock: ManualClock
) -> None:
    one, other = open_cache(clock=clock), open_cache(clock=clock)
    loads = []

    def reader(cache: Cache) -> Any:
        @cache("10m", sliding=True, max_age="1d", key="row")
        async def get() -> int:
            cache.current.ttl = "2m"
            loads.append(1)
            return len(loads)

        return get

    first, second = reader(one), reader(other)
    await first()
    for _ in range(3):
        clock.advance("110s")
        await second()
    assert len(loads) == 1
    clock.advance("2m")
    await second()
    assert len(loads) == 2


async def test_the_value_lies_on_the_server_for_no_longer_than_it_may_be_served(
    start: Callable[..., Process], clock: ManualClock, server: Server
) -> None:
    process = start()
    await process.get()
    left = [server.admin.pttl(name) for name in server.admin.scan_iter("fr:{*row*")]

    assert max(left) <= 10 * 60 * 1000
