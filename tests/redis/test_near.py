"""The near tier on a server, its stream taken step by step and its clock moved by hand.

Two caches stand for two processes. What a test does not have heard is on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from freshly import Cache, ConfigurationError, StoreError
from freshly.stores.redis.store import RedisStore
from freshly.testing import ManualClock, Stepper
from tests.redis.fixtures import Open
from tests.redis.streams import Stream, near_of
from tests.servers.server import Server

BUCKET = b"fr:{freshly#0}:t"


class Process:
    """A cache with a near tier, its stream, and a function whose loads count up."""

    def __init__(self, open_cache: Open, rows: dict[int, int], **options: Any) -> None:
        self.clock = ManualClock(1000.0)
        self.cache = open_cache(clock=self.clock, **{"near": True, **options})
        self.stream = Stream(self.cache)
        self.loads = 0

        @self.cache(ttl="1h", key="row:{number}", tags=["row:{number}", "rows"])
        async def get(number: int) -> int:
            self.loads += 1
            return rows[number]

        self.get = get

    @property
    def near(self) -> Any:
        return self.cache.stats().near


@pytest.fixture
def rows() -> dict[int, int]:
    return {1: 10, 2: 20}


@pytest.fixture
def start(open_cache: Open, rows: dict[int, int]) -> Iterator[Callable[..., Process]]:
    """Start a process, whose stream has begun."""
    started: list[Process] = []

    def one(*, begin: bool = True, **options: Any) -> Process:
        process = Process(open_cache, rows, **options)
        started.append(process)
        if begin:
            process.stream.begin()
        return process

    yield one
    for process in started:
        process.stream.close()


Start = Callable[..., Process]

# -- hits ---------------------------------------------------------------------------------------------


async def test_a_near_hit_asks_nobody(start: Start, round_trips: list[list[str]]) -> None:
    one = start()
    assert await one.get(1) == 10
    round_trips.clear()
    for _ in range(1000):
        assert await one.get(1) == 10

    assert round_trips == []
    assert one.cache.stats().hits == 1000


async def test_what_another_process_loaded_is_near_after_one_round_trip(
    start: Start, round_trips: list[list[str]]
) -> None:
    one, other = start(), start()
    await other.get(1)
    await one.cache.ping()
    round_trips.clear()
    assert await one.get(1) == 10
    assert len(round_trips) == 1
    assert await one.get(1) == 10

    assert len(round_trips) == 1
    assert one.loads == 0
    assert one.cache.stats().hits == 2


async def test_without_a_lease_a_near_entry_is_asked_about_and_its_value_is_not_sent(
    start: Start, round_trips: list[list[str]]
) -> None:
    one = start(begin=False)
    await one.get(1)
    round_trips.clear()
    assert await one.get(1) == 10

    assert round_trips == [["HMGET", "TIME", "INFO"]]
    assert one.near.revalidations == 1
    assert one.near.lease_seconds == 0


async def test_a_lease_that_runs_out_ends_the_hits_and_a_heartbeat_brings_them_back(
    start: Start, round_trips: list[list[str]]
) -> None:
    one = start()
    await one.get(1)
    one.clock.advance(0.98)
    round_trips.clear()
    await one.get(1)
    assert len(round_trips) == 1

    one.stream.beat()
    await one.get(1)
    assert len(round_trips) == 1
    assert one.loads == 1


async def test_a_method_and_by_hand_hits_are_near_too(
    start: Start, round_trips: list[list[str]]
) -> None:
    one = start()

    class Service:
        @one.cache(ttl="1h")
        async def answer(self) -> int:
            return 42

    service = Service()
    with pytest.warns(UserWarning, match="stay in this one"):
        await service.answer()
    await one.cache.get_or_set("key", lambda: 7, "1h")
    round_trips.clear()
    assert await service.answer() == 42
    assert await one.cache.get("key") == 7
    assert await one.cache.get_or_set("key", lambda: 8, "1h") == 7

    assert round_trips == []


async def test_many_are_served_near_and_the_rest_is_asked_for_together(
    start: Start, round_trips: list[list[str]]
) -> None:
    one = start()

    @one.cache.many(ttl="1h", key="many:{number}", tags=["row:{number}"])
    async def get(numbers: list[int]) -> dict[int, int]:
        return {number: number * 10 for number in numbers}

    await get([1, 2])
    round_trips.clear()
    assert await get([1, 2]) == {1: 10, 2: 20}
    assert round_trips == []
    assert await one.cache.get_many(["many:1", "many:2"], type=int) is not None

    round_trips.clear()
    assert await get([1, 2, 3]) == {1: 10, 2: 20, 3: 30}
    assert len(round_trips) == 2  # a look at the third, and its landing


async def test_the_stepped_face_has_the_same_near_entries(
    start: Start, rows: dict[int, int], round_trips: list[list[str]]
) -> None:
    one = start()
    await one.get(1)

    @one.cache(ttl="1h", key="row:{number}", tags=["row:{number}", "rows"])
    def get_plainly(number: int) -> int:
        raise AssertionError("it is there")

    def twice() -> int:
        return get_plainly(1) + get_plainly(1)

    assert await asyncio.to_thread(twice) == 20


# -- the promise --------------------------------------------------------------------------------------

Act = Callable[[Cache], Awaitable[object]]
ACTS: dict[str, Act] = {
    "a tag": lambda cache: cache.delete_tags("row:1"),
    "the key": lambda cache: cache.delete("row:1"),
    "a pattern": lambda cache: cache.delete_match("row:?"),
    "everything": lambda cache: cache.clear(),
    "a value by hand": lambda cache: cache.set("row:1", 11, "1h", tags=["row:1", "rows"]),
}
acts = pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)


@acts
async def test_the_process_that_invalidates_sees_it_at_once(
    start: Start, rows: dict[int, int], act: Act
) -> None:
    """Its message is still on its way."""
    one = start()
    await one.get(1)
    rows[1] = 11
    await act(one.cache)

    assert await one.get(1) == 11


@acts
async def test_others_see_it_when_its_message_has_come(
    start: Start, rows: dict[int, int], act: Act
) -> None:
    one, other = start(), start()
    await one.get(1)
    rows[1] = 11
    await act(other.cache)
    assert await one.get(1) == 10  # within max_staleness
    one.stream.hear()

    assert await one.get(1) == 11


@acts
async def test_they_see_it_when_the_lease_is_over_though_nothing_is_heard(
    start: Start, rows: dict[int, int], act: Act
) -> None:
    one, other = start(), start()
    await one.get(1)
    rows[1] = 11
    await act(other.cache)
    one.clock.advance(1.0)

    assert await one.get(1) == 11


@acts
async def test_a_heartbeat_finds_what_no_message_told(
    start: Start, rows: dict[int, int], act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = start(), start()
    monkeypatch.setattr(one.stream.session, "_take_push", lambda push: None)
    await one.get(1)
    rows[1] = 11
    await act(other.cache)
    one.stream.beat()

    assert await one.get(1) == 11


async def test_a_load_that_its_message_overtakes_is_not_near(
    start: Start, rows: dict[int, int]
) -> None:
    """The message comes while the load runs; what it read is from before."""
    one, other = start(), start()
    step = Stepper()

    @one.cache(ttl="1h", key="slow", tags=["row:1"])
    async def slow() -> int:
        value = rows[1]
        await step.stop("has read")
        return value

    reader = step.start(slow())
    await step.reached("has read")
    rows[1] = 11
    await other.cache.delete_tags("row:1")
    one.stream.hear()
    step.go("has read")
    assert await reader == 10

    later = step.start(slow())
    await step.reached("has read")
    step.go("has read")
    assert await later == 11


async def test_a_load_that_lands_before_the_message_of_what_overtook_it_comes_is_not_near(
    start: Start, rows: dict[int, int]
) -> None:
    one, other = start(), start()
    step = Stepper()

    @one.cache(ttl="1h", key="slow", tags=["row:1"])
    async def slow() -> int:
        value = rows[1]
        await step.stop("has read")
        return value

    reader = step.start(slow())
    await step.reached("has read")
    rows[1] = 11
    await other.cache.delete_tags("row:1")
    step.go("has read")
    assert await reader == 10

    later = step.start(slow())
    await step.reached("has read")
    step.go("has read")
    assert await later == 11


async def test_an_answer_of_the_server_that_comes_after_a_message_is_not_kept(
    start: Start, rows: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was made before the invalidation: who reads then gets it, and nobody later."""
    one, other = start(), start()
    await other.get(1)
    far = near_of(one.cache).far
    leases = far.leases
    assert leases is not None
    look_many = leases.look_many

    async def slowly(*args: Any) -> Any:
        looks = await look_many(*args)
        rows[1] = 11
        await other.cache.delete_tags("row:1")
        one.stream.hear()
        return looks

    monkeypatch.setattr(leases, "look_many", slowly)
    assert await one.get(1) == 10
    monkeypatch.undo()

    assert await one.get(1) == 11


async def test_nor_is_one_that_says_that_a_near_entry_is_valid(
    start: Start, rows: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = start(), start()
    await one.get(1)
    one.clock.advance(0.98)
    again = near_of(one.cache).far.again
    names = again.names

    async def slowly(*args: Any, **told: Any) -> Any:
        reading = await names(*args, **told)
        rows[1] = 11
        await other.cache.delete_tags("row:1")
        one.stream.hear()
        return reading

    monkeypatch.setattr(again, "names", slowly)
    assert await one.get(1) == 10
    monkeypatch.undo()
    one.stream.beat()

    assert await one.get(1) == 11


async def test_a_value_made_from_a_near_one_is_no_newer_than_that(
    start: Start, rows: dict[int, int]
) -> None:
    """The inner one is invalid, and this process has not heard of it: nobody else finds the outer."""
    one, other = start(), start()

    @one.cache(ttl="1h", key="outer")
    async def outer() -> int:
        return await one.get(1) * 10

    @other.cache(ttl="1h", key="outer")
    async def outer_there() -> int:
        return await other.get(1) * 10

    await one.get(1)
    rows[1] = 11
    await other.cache.delete_tags("row:1")
    assert await outer() == 100  # within max_staleness

    assert await outer_there() == 110
    one.stream.hear()
    assert await outer() == 110


async def test_and_so_is_one_made_through_two_near_ones(start: Start, rows: dict[int, int]) -> None:
    one, other = start(), start()

    @one.cache(ttl="1h", key="middle")
    async def middle() -> int:
        return await one.get(1) + 1

    @one.cache(ttl="1h", key="outer", tags=["own"])
    async def outer() -> int:
        return await middle() * 10

    assert await middle() == 11
    rows[1] = 20
    await other.cache.delete_tags("row:1")
    assert await outer() == 110
    one.stream.hear()

    assert await outer() == 210


async def test_marking_stale_has_the_next_reader_refresh(start: Start, rows: dict[int, int]) -> None:
    one, other = start(), start()
    await one.get(1)
    rows[1] = 11
    await other.cache.mark_stale("row:1")
    one.stream.hear()
    assert await one.get(1) == 10

    async with asyncio.timeout(5):
        while await one.get(1) != 11:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_refresh_by_another_process_is_seen_when_the_value_is_stale(start: Start) -> None:
    """Stale values are looked for on the server: somebody else may have a newer one by now."""
    one, other = start(), start()
    versions = {"now": 1}

    def soft(process: Process) -> Callable[[], Awaitable[int]]:
        @process.cache.soft("1h", soft_ttl="10m", key="soft")
        async def get() -> int:
            return versions["now"]

        return get

    here, there = soft(one), soft(other)
    assert await here() == 1
    for process in (one, other):
        process.clock.advance("11m")
    versions["now"] = 2
    async with asyncio.timeout(5):
        while await there() != 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
    versions["now"] = 3

    assert await here() == 2


async def test_a_near_entry_lives_no_longer_than_the_servers(
    start: Start, rows: dict[int, int]
) -> None:
    one = start()
    await one.get(1)
    rows[1] = 11
    one.clock.advance(3599.0)
    one.stream.beat()
    assert await one.get(1) == 10
    one.clock.advance(1.0)
    one.stream.beat()

    assert await one.get(1) == 11


async def test_an_invalidation_that_fails_is_obeyed_here(
    start: Start, rows: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = start()
    await one.get(1)
    talk = near_of(one.cache).far._talk

    async def fail(*args: Any, **options: Any) -> Any:
        raise StoreError("no answer")

    monkeypatch.setattr(talk, "write", fail)
    rows[1] = 11
    with pytest.raises(StoreError):
        await one.cache.delete_tags("row:1")
    monkeypatch.undo()

    assert await one.get(1) == 11


async def test_a_lost_bucket_takes_near_entries_along(
    start: Start, rows: dict[int, int], server: Server
) -> None:
    one, other = start(), start()
    await one.get(1)
    rows[1] = 11
    server.admin.delete(BUCKET)
    await other.cache.delete_tags("row:1")
    one.stream.beat()

    assert await one.get(1) == 11


async def test_a_lost_stream_is_made_good_by_asking_again(
    start: Start, rows: dict[int, int], round_trips: list[list[str]]
) -> None:
    """Two rows are near, and one was invalidated while nothing was heard: the other is not loaded."""
    one, other = start(), start()
    assert [await one.get(1), await one.get(2)] == [10, 20]
    one.stream.close()
    one.stream.session.lose()
    rows[1] = 11
    await other.cache.delete_tags("row:1")
    one.stream.begin()
    loads = one.loads

    assert [await one.get(1), await one.get(2)] == [11, 20]
    assert one.loads == loads + 1
    assert one.near.losses == 1


async def test_transactions_see_what_they_did_and_others_what_is_committed(
    start: Start, rows: dict[int, int]
) -> None:
    one = start()
    await one.get(1)
    step = Stepper()

    async def write() -> int:
        async with one.cache.transaction():
            await one.cache.delete_tags("row:1")
            rows[1] = 11
            inside = await one.get(1)
            await step.stop("inside")
        return inside

    writer = step.start(write())
    await step.reached("inside")
    assert await one.get(1) == 10
    step.go("inside")
    assert await writer == 11

    assert await one.get(1) == 11


async def test_a_cleared_and_closed_cache_opens_again(start: Start, rows: dict[int, int]) -> None:
    one = start()
    await one.get(1)
    await one.cache.close()
    rows[1] = 11
    assert await one.get(1) == 10  # from the server
    await one.cache.clear()

    assert await one.get(1) == 11


# -- strict -------------------------------------------------------------------------------------------


async def test_strict_asks_about_each_near_entry_in_one_small_round_trip(
    open_cache: Open, rows: dict[int, int], round_trips: list[list[str]]
) -> None:
    one, other = open_cache(near=True, consistency="strict"), open_cache()
    loads = 0

    @one(ttl="1h", tags=["row"])
    async def get() -> int:
        nonlocal loads
        loads += 1
        return rows[1]

    await get()
    round_trips.clear()
    assert [await get(), await get()] == [10, 10]
    assert round_trips == [["HMGET", "TIME", "INFO"]] * 2
    rows[1] = 11
    await other.delete_tags("row")

    assert await get() == 11
    assert loads == 2
    near = one.stats().near
    assert near is not None
    assert near.heartbeats == 0


async def test_bounded_and_strict_processes_share_a_namespace(
    start: Start, open_cache: Open, rows: dict[int, int]
) -> None:
    one, strict = start(), open_cache(near=True, consistency="strict")

    @strict(ttl="1h", key="row:{number}", tags=["row:{number}", "rows"])
    async def get(number: int) -> int:
        return rows[number]

    assert [await one.get(1), await get(1)] == [10, 10]
    rows[1] = 11
    await one.cache.delete_tags("row:1")

    assert [await get(1), await one.get(1)] == [11, 11]


# -- who waits, and who was told ----------------------------------------------------------------------


async def test_a_writer_may_wait_until_no_process_can_serve_what_was_there(
    start: Start, rows: dict[int, int]
) -> None:
    """The reader hears nothing. When the call returns, its lease is over."""
    one, other = start(), start()
    await one.get(1)
    rows[1] = 11
    step = Stepper()
    writer = step.start(other.cache.delete_tags("row:1", wait="all"))
    async with asyncio.timeout(5):
        while not other.clock.alarms:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert await one.get(1) == 10
    for process in (one, other):
        process.clock.advance(0.999)
    await step.settle(20)
    assert not writer.done()
    for process in (one, other):
        process.clock.advance(0.001)
    await writer

    assert await one.get(1) == 11


async def test_who_carries_the_token_reads_nothing_older(start: Start, rows: dict[int, int]) -> None:
    one, other = start(), start()
    await one.get(1)
    rows[1] = 11
    token = await other.cache.delete_tags("row:1")
    assert await one.get(1) == 10
    with one.cache.at_least(token.text):
        assert await one.get(1) == 11


async def test_a_token_covers_what_was_invalidated_before_it(
    start: Start, rows: dict[int, int]
) -> None:
    one, other = start(), start()
    await one.get(1)
    rows[1] = 11
    await other.cache.delete_tags("row:1")
    token = await other.cache.delete_tags("something else")
    with one.cache.blocking.at_least(token):
        assert await one.get(1) == 11


async def test_a_token_that_was_heard_of_costs_nothing(
    start: Start, round_trips: list[list[str]]
) -> None:
    one, other = start(), start()
    token = await other.cache.delete_tags("row:2")
    one.stream.hear()
    await one.get(1)
    round_trips.clear()
    with one.cache.at_least(token):
        await one.get(1)

    assert round_trips == []


async def test_a_token_of_a_former_bucket_has_everything_asked_about(
    start: Start, rows: dict[int, int], server: Server
) -> None:
    """Sequences of two nonces cannot be compared."""
    one, other = start(), start()
    await one.get(1)
    for _ in range(3):
        await other.cache.delete_tags("else")
    one.stream.hear(3)
    server.admin.delete(BUCKET)
    rows[1] = 11
    token = await other.cache.delete_tags("row:1")
    with one.cache.at_least(token):
        assert await one.get(1) == 11


@pytest.mark.parametrize("wrong", ["", "5", "0.n", "x.n.1", 7, None])
async def test_what_is_no_token_is_refused(start: Start, wrong: Any) -> None:
    one = start(begin=False)
    with pytest.raises(ConfigurationError, match="delete_tags"), one.cache.at_least(wrong):
        pass


async def test_a_token_of_a_transaction_that_runs_means_no_moment(start: Start) -> None:
    one = start(begin=False)
    async with one.cache.transaction():
        token = await one.cache.delete_tags("row:1")
        with pytest.raises(ConfigurationError, match="after the block"), one.cache.at_least(token):
            pass
        with pytest.raises(ConfigurationError, match="after it"):
            await one.cache.delete_tags("row:1", wait="all")


# -- what setup takes ---------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"near": "disk://"}, "near='disk://'.*near=True"),
    ({"near": 5}, "near=5.*near=True"),
    ({"near": "mem://here"}, "names a place"),
    ({"near": "mem://?max_entrys=5"}, "max_entrys.*max_entries"),
    ({"near": "mem://?max_ttl=5s"}, "max_ttl is the server's"),
    ({"near": "mem://?max_entries=0"}, "max_entries='0'"),
    ({"consistency": "bounded"}, "there is none: add near=True"),
    ({"consistency": "eventual", "near": True}, "consistency='eventual'.*bounded.*strict"),
    ({"near": True, "max_staleness": "10ms"}, "max_staleness='10ms'.*50 ms"),
    ({"near": True, "max_staleness": "2m"}, "max_staleness='2m'.*60 s"),
]


@pytest.mark.parametrize(("options", "words"), WRONG, ids=[words for _, words in WRONG])
def test_mistakes_name_the_option_and_the_way_out(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=f"(?s){words}"):
        Cache("redis://localhost", **options)


def test_options_may_stand_in_the_query() -> None:
    cache = Cache("redis://localhost?near=mem://%3Fmax_entries%3D7&max_staleness=2s")

    near = near_of(cache)
    assert near._shelf.max_entries == 7
    assert near.max_staleness == 2.0
    strict = Cache("redis://localhost?near=true&consistency=strict")
    assert near_of(strict).glance is None


async def test_processes_of_a_namespace_need_the_same_max_staleness(open_cache: Open) -> None:
    """A writer waits for as long as the readers may trail, and has to know how long that is."""
    one, other = open_cache(near=True), open_cache(max_staleness="2s")
    await one.ping()

    with pytest.raises(StoreError, match="max_staleness"):
        await other.delete_tags("row")


async def test_near_memory_is_bounded_on_its_own(start: Start, rows: dict[int, int]) -> None:
    one = start(near="mem://?max_entries=10")
    rows.update({number: number for number in range(100)})
    for number in range(100):
        await one.get(number)

    stats = one.cache.stats()
    assert stats.entries == 10
    assert stats.evictions == 90


async def test_an_outer_value_with_the_stamp_of_its_own_would_outlive_the_inner_one(
    start: Start, rows: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the rule about nested values is for: without it another process finds the outer value."""
    one, other = start(), start()
    monkeypatch.setattr(RedisStore, "inherit", lambda self, stamp, handed_on: stamp)

    @one.cache(ttl="1h", key="outer")
    async def outer() -> int:
        return await one.get(1) * 10

    @other.cache(ttl="1h", key="outer")
    async def outer_there() -> int:
        return await other.get(1) * 10

    await one.get(1)
    rows[1] = 11
    await other.cache.delete_tags("row:1")
    assert await outer() == 100

    assert await outer_there() == 100  # and not 110
