"""Near entries in front of a cluster: what depends on which primary, its streams taken step by step.

Caches stand for processes, and their clocks are moved by hand. What a test does not have heard is on
its way.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from threading import enumerate as enumerate_threads
from typing import Any

import pytest
from redis.exceptions import ConnectionError as NoConnection

from freshly import Cache
from freshly.stores.near.entry import NearEntry
from freshly.stores.near.mirrors import Mirrors
from freshly.stores.redis.layout import Layout
from freshly.stores.redis.slots import Place
from freshly.testing import ManualClock, Stepper
from tests.groups.streams import Streams
from tests.redis.fixtures import round_trips  # noqa: F401
from tests.servers.cluster import Cluster, Node, slot_of
from tests.servers.waiting import wait_until

pytestmark = pytest.mark.real_time

LAYOUT = Layout("freshly", buckets=16)
Trips = list[list[str]]


class Process:
    """A cache with near entries before a cluster, and functions whose loads count up."""

    def __init__(self, url: str, rows: dict[str, int], **options: Any) -> None:
        self.clock = ManualClock(1000.0)
        # A machine may be too busy for a test to go on within two time-outs, which end a stream.
        self.cache = Cache(url, clock=self.clock, timeout=15, near=True, **options)
        self.streams = Streams(self.cache)
        self.loads = 0

        @self.cache(ttl="1h", key="{key}", tags=["{tag}"])
        async def get(key: str, tag: str) -> int:
            self.loads += 1
            return rows[key]

        self.get = get

    async def begin(self) -> Process:
        # So that it knows who has what.
        await self.cache.ping()
        self.streams.begin()
        return self

    @property
    def near(self) -> Any:
        return self.cache.stats().near


@pytest.fixture
def rows() -> dict[str, int]:
    return {}


@pytest.fixture
async def start(cluster: Cluster, rows: dict[str, int]) -> Any:
    started: list[Process] = []

    async def one(*, begin: bool = True, **options: Any) -> Process:
        process = Process(cluster.url, rows, **options)
        started.append(process)
        return await process.begin() if begin else process

    yield one
    for process in started:
        process.streams.close()
        await process.cache.close()


Start = Callable[..., Any]


@pytest.fixture
def names(cluster: Cluster, rows: dict[str, int]) -> Names:
    return Names(cluster, rows)


class Names:
    """Names whose buckets lie at nodes that a test asks for."""

    def __init__(self, cluster: Cluster, rows: dict[str, int]) -> None:
        self.first, self.second, self.third = cluster.primaries()
        self._owners = cluster.owners(map(LAYOUT.bucket, range(16)))
        self._rows = rows
        self._given: Iterator[int] = iter(range(10_000))

    def at(self, node: Node) -> str:
        """Return a name that was not returned before, and lies at ``node``."""
        for number in self._given:
            name = f"n{number}"
            if self._owners[LAYOUT.bucket(LAYOUT.bucket_of(name))] is node:
                self._rows[name] = 1
                return name
        raise AssertionError("no names are left")


def place_of(node: Node) -> Place:
    return "127.0.0.1", node.port


# -- leases -------------------------------------------------------------------------------------------


async def test_a_near_hit_asks_nobody(start: Start, names: Names, round_trips: Trips) -> None:  # noqa: F811
    one = await start()
    key, tag = names.at(names.first), names.at(names.second)
    assert await one.get(key, tag) == 1
    round_trips.clear()
    for _ in range(100):
        assert await one.get(key, tag) == 1

    assert round_trips == []


async def an_entry_needs_the_leases_of_its_key_and_of_its_tags(
    start: Start,
    names: Names,
    round_trips: Trips,  # noqa: F811
) -> None:
    one = await start()
    first, second, third = (place_of(node) for node in (names.first, names.second, names.third))
    by_key = names.at(names.first), names.at(names.second)
    by_tag = names.at(names.second), names.at(names.first)
    neither = names.at(names.third), names.at(names.second)
    for pair in (by_key, by_tag, neither):
        await one.get(*pair)
    one.clock.advance(0.98)
    one.streams.beat(second, third)

    async def asks(pair: tuple[str, str]) -> bool:
        round_trips.clear()
        assert await one.get(*pair) == 1
        return bool(round_trips)

    assert [await asks(pair) for pair in (by_key, by_tag, neither)] == [True, True, False]
    one.streams.beat(first)
    assert [await asks(pair) for pair in (by_key, by_tag, neither)] == [False, False, False]


async def test_an_entry_needs_the_leases_of_its_key_and_of_its_tags(
    start: Start,
    names: Names,
    round_trips: Trips,  # noqa: F811
) -> None:
    await an_entry_needs_the_leases_of_its_key_and_of_its_tags(start, names, round_trips)


def only_of_its_key(until: Any) -> Any:
    return lambda self, leases: leases[LAYOUT.bucket_of(self.key)]


def the_longest(until: Any) -> Any:
    return lambda self, leases: max(leases)


def of_the_first_bucket(buckets_of: Any) -> Any:
    return lambda self, key, tags: (0,)


@pytest.mark.parametrize(
    ("owner", "name", "mutant"),
    [
        pytest.param(NearEntry, "until", only_of_its_key, id="lease_of_each_bucket, its key's only"),
        pytest.param(NearEntry, "until", the_longest, id="lease_of_each_bucket, any"),
        pytest.param(Mirrors, "buckets_of", of_the_first_bucket, id="lease_of_each_bucket, the first"),
    ],
)
async def test_with_the_lease_of_another_bucket_it_fails(
    owner: type,
    name: str,
    mutant: Any,
    start: Start,
    names: Names,
    round_trips: Trips,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owner, name, mutant(getattr(owner, name)))

    with pytest.raises(AssertionError):
        await an_entry_needs_the_leases_of_its_key_and_of_its_tags(start, names, round_trips)


async def test_the_hit_path_ends_with_the_first_lease(
    start: Start,
    names: Names,
    round_trips: Trips,  # noqa: F811
) -> None:
    """Nobody has to end it: it is armed until the lease of its tag's primary ends."""
    one = await start()
    key, tag = names.at(names.first), names.at(names.second)
    one.clock.advance(0.5)
    one.streams.beat(place_of(names.first))
    await one.get(key, tag)
    await one.get(key, tag)
    round_trips.clear()
    one.clock.advance(0.47)
    await one.get(key, tag)
    assert round_trips == []
    one.clock.advance(0.01)
    await one.get(key, tag)

    assert len(round_trips) > 0


# -- the promise --------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["a tag", "the key"])
async def test_others_see_it_by_the_message_of_the_bucket_that_it_lies_in(
    start: Start, names: Names, rows: dict[str, int], by: str
) -> None:
    one, other = await start(), await start(begin=False)
    key, tag = names.at(names.first), names.at(names.second)
    await one.get(key, tag)
    rows[key] = 2
    if by == "a tag":
        await other.cache.delete_tags(tag)
    else:
        await other.cache.delete(key)
    assert await one.get(key, tag) == 1  # within max_staleness
    one.streams.hear(place_of(names.second if by == "a tag" else names.first))

    assert await one.get(key, tag) == 2


async def test_what_another_one_refreshed_is_told_by_the_bucket_of_its_key(
    start: Start, names: Names, rows: dict[str, int]
) -> None:
    one, other = await start(), await start(begin=False)
    key, tag = names.at(names.first), names.at(names.second)
    await one.get(key, tag)
    rows[key] = 2
    await other.get.refresh(key, tag)
    assert await one.get(key, tag) == 1  # within max_staleness
    one.streams.hear(place_of(names.first))

    assert await one.get(key, tag) == 2
    assert one.loads == 1, "it was found"


@pytest.mark.parametrize("by", ["clear", "delete_match"])
async def test_a_clear_and_a_pattern_are_told_by_every_primary(
    start: Start, names: Names, rows: dict[str, int], by: str
) -> None:
    one, other = await start(), await start(begin=False)
    pairs = [(names.at(node), names.at(node)) for node in (names.first, names.second, names.third)]
    for pair in pairs:
        await one.get(*pair)
        rows[pair[0]] = 2
    await (other.cache.clear() if by == "clear" else other.cache.delete_match("n*"))
    assert [await one.get(*pair) for pair in pairs] == [1, 1, 1]
    for node in (names.first, names.second, names.third):
        one.streams.hear(place_of(node))

    assert [await one.get(*pair) for pair in pairs] == [2, 2, 2]


async def test_the_process_that_invalidates_sees_it_at_once(
    start: Start, names: Names, rows: dict[str, int]
) -> None:
    one = await start()
    pairs = [(names.at(names.first), names.at(names.second)) for _ in range(5)]

    async def sees(version: int, *acts: Any) -> None:
        for pair in pairs:
            rows[pair[0]] = version
        for act in acts:
            await act
        assert [await one.get(*pair) for pair in pairs] == [version] * 5

    await sees(1)
    await sees(2, one.cache.delete_tags(*(tag for _, tag in pairs)))
    await sees(3, one.cache.delete(*(key for key, _ in pairs)))
    await sees(4, one.cache.delete_match("n*"))
    await sees(5, one.cache.clear())


async def test_messages_of_its_own_do_not_touch_what_was_loaded_since(
    start: Start,
    names: Names,
    rows: dict[str, int],
    round_trips: Trips,  # noqa: F811
) -> None:
    one = await start()
    key, tag = names.at(names.first), names.at(names.second)
    await one.get(key, tag)
    rows[key] = 2
    await one.cache.delete_tags(tag, names.at(names.third))
    assert await one.get(key, tag) == 2
    one.streams.hear(place_of(names.second))
    one.streams.hear(place_of(names.third))
    round_trips.clear()

    assert await one.get(key, tag) == 2
    assert round_trips == []


async def test_a_gap_in_one_stream_ends_the_hits_of_what_depends_on_it(
    start: Start,
    names: Names,
    round_trips: Trips,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others are asked about once: marks have no buckets. After that they are near as before."""
    one, other = await start(), await start(begin=False)
    concerned = names.at(names.first), names.at(names.second)
    others = names.at(names.third), names.at(names.third)
    await one.get(*concerned)
    await one.get(*others)
    session = one.streams.sessions[place_of(names.second)]
    with monkeypatch.context() as deaf:
        deaf.setattr(session, "_take_push", lambda push: None)
        await other.cache.delete_tags(concerned[1])
        other.clock.advance(0.001)
        await other.cache.ping()
        one.streams.beat()
    await one.get(*others)
    round_trips.clear()
    await one.get(*others)
    assert round_trips == []
    assert one.near.resyncs == 17, "16 at the beginning, and one for the bucket that was ahead"


async def test_who_carries_a_token_reads_nothing_older(
    start: Start, names: Names, rows: dict[str, int]
) -> None:
    one, other = await start(), await start(begin=False)
    key, tag = names.at(names.first), names.at(names.second)
    await one.get(key, tag)
    rows[key] = 2
    token = await other.cache.delete_tags(tag, names.at(names.third))
    one.streams.hear(place_of(names.third))
    assert await one.get(key, tag) == 1
    with one.cache.at_least(token.text):
        assert await one.get(key, tag) == 2


async def test_a_token_that_was_heard_of_costs_nothing(
    start: Start,
    names: Names,
    round_trips: Trips,  # noqa: F811
) -> None:
    one, other = await start(), await start(begin=False)
    token = await other.cache.delete_tags(names.at(names.second), names.at(names.third))
    one.streams.catch_up(token.text)
    pair = names.at(names.first), names.at(names.first)
    await one.get(*pair)
    round_trips.clear()
    with one.cache.at_least(token):
        await one.get(*pair)

    assert round_trips == []


async def test_a_writer_may_wait_until_no_process_can_serve_what_was_there(
    start: Start, names: Names, rows: dict[str, int]
) -> None:
    one, other = await start(), await start()
    key, tag = names.at(names.first), names.at(names.second)
    await one.get(key, tag)
    rows[key] = 2
    step = Stepper()
    writer = step.start(other.cache.delete_tags(tag, wait="all"))
    async with asyncio.timeout(20):
        while not other.clock.alarms:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert await one.get(key, tag) == 1
    for process in (one, other):
        process.clock.advance(0.999)
    await step.settle(20)
    assert not writer.done()
    for process in (one, other):
        process.clock.advance(0.001)
    await writer

    assert await one.get(key, tag) == 2


# -- a bucket that moves, and a primary that is replaced ----------------------------------------------


async def test_a_bucket_that_has_moved_gives_no_lease_and_one_again_where_it_is(
    start: Start,
    names: Names,
    rows: dict[str, int],
    cluster: Cluster,
    round_trips: Trips,  # noqa: F811
) -> None:
    one, other = await start(), await start(begin=False)
    pair, others = (names.at(names.first), names.at(names.second)), (names.at(names.third),) * 2
    await one.get(*pair)
    slot = slot_of(LAYOUT.bucket(LAYOUT.bucket_of(pair[1])))
    source, target = place_of(names.second), place_of(names.third)
    cluster.begin_to_migrate(slot, names.second, names.third)
    cluster.send_keys(slot, names.second, names.third)
    one.streams.beat()
    rows[pair[0]] = 2
    await other.cache.delete_tags(pair[1])
    assert await one.get(*pair) == 2, "its node says that it is elsewhere"
    await one.get(*others)
    round_trips.clear()
    await one.get(*others)
    assert round_trips == []

    cluster.end_to_migrate(slot, names.second, names.third)
    await one.get(*pair)
    with pytest.raises(NoConnection, match=r"ended the subscription|come to another primary"):
        one.streams.beat(source)
    one.streams.begin(source, target)
    await one.get(*pair)
    round_trips.clear()
    assert await one.get(*pair) == 2
    assert round_trips == []
    rows[pair[0]] = 3
    await other.cache.delete_tags(pair[1])
    one.streams.hear(target)
    assert await one.get(*pair) == 3
    cluster.migrate(slot, names.third, names.second)


async def test_a_primary_that_was_replaced_gives_no_lease_and_the_new_one_does(
    start: Start,
    names: Names,
    rows: dict[str, int],
    cluster: Cluster,
    round_trips: Trips,  # noqa: F811
) -> None:
    one, other = await start(), await start(begin=False)
    pair, others = (names.at(names.first), names.at(names.second)), (names.at(names.third),) * 2
    await one.get(*pair)
    successor = cluster.fail_over(names.second)
    with pytest.raises(NoConnection):
        for _ in range(10):
            one.streams.beat(place_of(names.second))
    rows[pair[0]] = 2
    await other.cache.delete_tags(pair[1])
    one.clock.advance(0.99)
    one.streams.beat(place_of(names.first), place_of(names.third))
    assert await one.get(*pair) == 2
    await one.get(*others)
    round_trips.clear()
    await one.get(*others)
    assert round_trips == [], "it has nothing to do with it"

    one.streams.begin(place_of(successor))
    await one.get(*pair)
    round_trips.clear()
    assert await one.get(*pair) == 2
    assert round_trips == []
    rows[pair[0]] = 3
    await other.cache.delete_tags(pair[1])
    one.streams.hear(place_of(successor))
    assert await one.get(*pair) == 3


async def test_a_node_without_the_right_to_publish_to_shards_is_heard_all_the_same(
    start: Start, names: Names, rows: dict[str, int]
) -> None:
    """As before version 7, where a script publishes to all nodes: whoever listens hears its own."""
    names.second.ask("ACL", "SETUSER", "default", "-spublish")
    try:
        one, other = await start(), await start(begin=False)
        key, tag = names.at(names.first), names.at(names.second)
        await one.get(key, tag)
        rows[key] = 2
        await other.cache.delete_tags(tag)
        one.streams.hear(place_of(names.second))

        assert await one.get(key, tag) == 2
        assert one.near.gaps == 0
    finally:
        names.second.ask("ACL", "SETUSER", "default", "+spublish")


async def test_without_messages_a_heartbeat_finds_what_happened(
    start: Start, names: Names, rows: dict[str, int]
) -> None:
    one, other = await start(protocol=2), await start(begin=False)
    assert not any(session.hears for session in one.streams.sessions.values())
    key, tag = names.at(names.first), names.at(names.second)
    await one.get(key, tag)
    rows[key] = 2
    await other.cache.delete_tags(tag)
    one.streams.beat(place_of(names.first))
    assert await one.get(key, tag) == 1  # within max_staleness
    one.streams.beat(place_of(names.second))

    assert await one.get(key, tag) == 2


# -- by threads, as programs have it ------------------------------------------------------------------


async def test_each_primary_that_has_buckets_has_a_thread_until_the_cache_is_closed(
    cluster: Cluster, names: Names
) -> None:
    async with Cache(cluster.url, timeout=5, near=True) as cache:

        @cache(ttl="1h", key="{key}", tags=["{tag}"])
        async def get(key: str, tag: str) -> int:
            return 1

        pairs = [(names.at(node), names.at(node)) for node in (names.first, names.second, names.third)]
        async with asyncio.timeout(20):
            while (near := cache.stats().near) is None or near.lease_seconds == 0:
                for pair in pairs:
                    await get(*pair)
                await asyncio.sleep(0.01)
        # Those of caches that were closed before may still be ending.
        wait_until(lambda: threads() == 3, "there is not one thread for each primary")
    wait_until(lambda: threads() == 0, "threads are left")


def threads() -> int:
    return sum(thread.name.startswith("freshly keeps near") for thread in enumerate_threads())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_streams_of_its_own(cluster: Cluster) -> None:
    source = {"row": 1}
    cache = Cache(cluster.url, near=True, timeout=5)

    @cache(ttl="1h", key="row", tags=["row"])
    def get() -> int:
        return source["row"]

    with cache.blocking:
        wait_until(lambda: get() == 1 and has_lease(cache), "there is no lease")
        child = os.fork()
        if child == 0:
            os._exit(_in_the_child(cache, get, source))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        wait_until(lambda: get() == 2 and has_lease(cache), "the parent does not see it")


def has_lease(cache: Cache) -> bool:
    near = cache.stats().near
    return near is not None and near.lease_seconds > 0


def _in_the_child(cache: Cache, get: Callable[[], int], source: dict[str, int]) -> int:
    try:
        assert not has_lease(cache)
        assert get() == 1
        source["row"] = 2
        cache.blocking.delete_tags("row")
        wait_until(lambda: get() == 2 and has_lease(cache), "the child has no lease")
        return 0
    except BaseException:
        import traceback

        traceback.print_exc()
        return 1
