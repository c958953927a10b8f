"""What one process refreshes, others that keep the older value near see within the max staleness.

Streams are taken step by step, and clocks moved by hand: see test_near.py. The value is stored when it
is announced, so who looks for it finds it; and nothing is invalid, so nobody has to load.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from freshly import StoreError
from freshly.core.events import StoreFailed
from freshly.stores.near.entry import NearEntry
from freshly.stores.near.mirror import Mirror
from freshly.stores.redis.announcements import Announcements
from freshly.testing import ManualClock
from tests.redis.fixtures import Open
from tests.redis.streams import Stream, near_of
from tests.servers.server import Server


class Process:
    """A cache with a near tier, its stream, and functions whose loads count up."""

    def __init__(self, open_cache: Open, rows: dict[int, int], **options: Any) -> None:
        self.clock = ManualClock(1000.0)
        self.cache = open_cache(clock=self.clock, **{"near": True, **options})
        self.stream = Stream(self.cache) if options.get("consistency") != "strict" else None
        self.loads = 0

        @self.cache(ttl="1h", key="row:{number}", tags=["rows"])
        async def get(number: int) -> int:
            self.loads += 1
            return rows[number]

        @self.cache.many(ttl="1h", key="row:{number}", tags=["rows"])
        async def get_many(numbers: list[int]) -> dict[int, int]:
            self.loads += 1
            return {number: rows[number] for number in numbers}

        self.get, self.get_many = get, get_many


@pytest.fixture
def rows() -> dict[int, int]:
    return {1: 10, 2: 20}


@pytest.fixture
def start(open_cache: Open, rows: dict[int, int]) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def one(**options: Any) -> Process:
        process = Process(open_cache, rows, **options)
        started.append(process)
        if process.stream is not None:
            process.stream.begin()
        return process

    yield one
    for process in started:
        if process.stream is not None:
            process.stream.close()


Start = Callable[..., Process]
Refresh = Callable[[Process], Awaitable[Any]]
WAYS: dict[str, Refresh] = {
    "refresh": lambda process: process.get.refresh(1),
    "refresh of many": lambda process: process.get_many.refresh([1, 2]),
    "set": lambda process: process.cache.set("row:1", 11, "1h", tags=["rows"]),
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@ways
async def test_it_is_seen_when_its_message_has_come(
    start: Start, rows: dict[int, int], way: Refresh
) -> None:
    one, other = start(), start()
    assert await one.get(1) == 10
    rows[1] = 11
    await way(other)
    assert await one.get(1) == 10  # within max_staleness
    one.stream.hear()

    assert await one.get(1) == 11
    assert one.loads == 1, "it was found"


async def it_is_seen_when_the_lease_is_over_though_nothing_is_heard(
    start: Start, rows: dict[int, int], way: Refresh
) -> None:
    one, other = start(), start()
    assert await one.get(1) == 10
    rows[1] = 11
    await way(other)
    one.clock.advance(1.0)

    assert await one.get(1) == 11
    assert one.loads == 1


@ways
async def test_it_is_seen_when_the_lease_is_over(
    start: Start, rows: dict[int, int], way: Refresh
) -> None:
    await it_is_seen_when_the_lease_is_over_though_nothing_is_heard(start, rows, way)


@ways
async def test_and_when_a_heartbeat_finds_what_no_message_told(
    start: Start, rows: dict[int, int], way: Refresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = start(), start()
    monkeypatch.setattr(one.stream.session, "_take_push", lambda push: None)
    assert await one.get(1) == 10
    rows[1] = 11
    await way(other)
    one.stream.beat()

    assert await one.get(1) == 11
    assert one.loads == 1


@ways
async def test_a_strict_process_sees_it_at_once(
    start: Start, rows: dict[int, int], way: Refresh
) -> None:
    one, other = start(consistency="strict"), start()
    assert await one.get(1) == 10
    rows[1] = 11
    await way(other)

    assert await one.get(1) == 11
    assert one.loads == 1


async def test_the_process_that_refreshes_keeps_it_near(
    start: Start, rows: dict[int, int], round_trips: list[list[str]]
) -> None:
    one = start()
    await one.get(1)
    rows[1] = 11
    await one.get.refresh(1)
    one.stream.hear()
    round_trips.clear()

    assert await one.get(1) == 11
    assert round_trips == []


async def test_what_another_one_refreshed_since_is_seen_all_the_same(
    start: Start, rows: dict[int, int]
) -> None:
    """Its own announcement is known to it, and the one before it is not."""
    one, other = start(), start()
    await one.get(1)
    rows[1] = 11
    await one.get.refresh(1)
    rows[1] = 12
    await other.get.refresh(1)
    one.stream.hear(2)

    assert await one.get(1) == 12


async def test_it_costs_one_round_trip_more_and_the_value_is_fetched_once(
    start: Start, rows: dict[int, int], round_trips: list[list[str]]
) -> None:
    one, other = start(), start(consistency="strict")
    await one.get(1)
    await other.get(1)
    round_trips.clear()
    await one.get.refresh(1)
    assert len(round_trips) == 4  # look, claim, landing, announcement
    round_trips.clear()
    for _ in range(3):
        await other.get(1)

    assert [trip.count("GET") + trip.count("MGET") for trip in round_trips] == [0, 1, 0, 0]


async def test_a_value_that_is_read_while_it_is_replaced_is_asked_for_again(
    start: Start, rows: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Value and bucket are not read at one moment: the older value comes with the newer position."""
    one, other = start(consistency="strict"), start()
    await other.get(1)
    far = near_of(one.cache).far
    assert far.leases is not None
    look_many = far.leases.look_many

    async def around(*asked: Any) -> Any:
        looks = await look_many(*asked)
        rows[1] = 11
        await other.get.refresh(1)
        stamp = await far.stamp()
        for look in looks:
            assert look.entry is not None
            look.entry.seen = stamp
        return looks

    with monkeypatch.context() as slow:
        slow.setattr(far.leases, "look_many", around)
        assert await one.get(1) == 10

    assert await one.get(1) == 11


async def test_a_load_that_lands_is_not_announced(start: Start, server: Server) -> None:
    """Each miss of each process would be told to all others, who have nothing older."""
    one = start()
    await one.get(1)
    await one.get_many([1, 2])

    assert server.admin.hget("fr:{freshly#0}:t", "#") == b"0"


async def test_an_announcement_that_fails_is_told_and_the_value_is_there(
    start: Start, rows: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, told = start(), list[StoreFailed]()
    one.cache.observe(told.append, StoreFailed)

    async def fail(self: Announcements, keys: Any) -> Any:
        raise StoreError("no answer")

    monkeypatch.setattr(Announcements, "announce", fail)
    rows[1] = 11

    assert await one.get.refresh(1) == 11
    assert [(event.operation, event.key) for event in told] == [("announce", "row:1")]


async def test_announcements_are_pruned_like_stamps(start: Start, open_cache: Open) -> None:
    from freshly.stores.redis.prune import _is_old

    assert _is_old(b"rrow:1", b"3", 3)
    assert not _is_old(b"rrow:1", b"4", 3)


# -- each guard taken out -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "name", "mutant"),
    [
        pytest.param(NearEntry, "is_replaced", lambda self, announced: False, id="never replaced"),
        pytest.param(
            NearEntry,
            "is_replaced",
            lambda self, announced: announced.sequence > self.valid_at.positions[0].sequence,
            id="by the position that came with the value",
        ),
    ],
)
async def test_without_comparing_what_is_known_a_test_fails(
    owner: type,
    name: str,
    mutant: Any,
    start: Start,
    rows: dict[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owner, name, mutant)

    with pytest.raises(AssertionError):
        await test_a_value_that_is_read_while_it_is_replaced_is_asked_for_again(
            start, rows, monkeypatch
        )


async def test_an_announcement_that_stands_for_those_before_it_fails(
    start: Start, rows: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    announced = Mirror.announced

    def mutant(self: Mirror, position: Any) -> None:
        announced(self, position)
        self._heard = max(self._heard, position.sequence)

    async def refreshed_before_ours(one: Process, other: Process) -> int:
        await one.get(1)
        await one.get(2)
        rows[2] = 21
        await other.get.refresh(2)
        await one.get.refresh(1)
        one.stream.hear(2)
        return await one.get(2)

    assert await refreshed_before_ours(start(), start()) == 21
    monkeypatch.setattr(Mirror, "announced", mutant)
    rows[2] = 20
    one, other = start(), start()
    await other.get.refresh(2)

    assert await refreshed_before_ours(one, other) == 20
