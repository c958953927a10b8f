"""A primary that is replaced while it serves, step by step: it must have seen the other one go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import redis.asyncio.connection as awaited

from freshly import Cache
from freshly.stores.redis.handover import Handover, Handovers, has_left
from freshly.stores.redis.layout import Layout
from freshly.stores.redis.primary import Primary
from freshly.stores.redis.sentinel import Sentinels, View
from freshly.stores.redis.slots import Place
from tests.servers.kinds import VALKEY_9
from tests.servers.server import Server
from tests.servers.waiting import wait_until

LONG = 60.0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    folders: list[Path] = [tmp_path_factory.mktemp(name) for name in ("former", "successor")]
    with Server(VALKEY_9, folders[0]) as former, Server(VALKEY_9, folders[1]) as successor:
        yield former, successor


@pytest.fixture
def handover(pair: tuple[Server, Server]) -> Handover:
    """Of a primary whose replica has not left it yet."""
    former, successor = pair
    successor.admin.execute_command("REPLICAOF", "127.0.0.1", former.port)
    place = place_of(successor)
    wait_until(lambda: not has_left(info_of(former), place), "the replica has no link")
    return Handover(place_of(former), place, 1)


def place_of(server: Server) -> Place:
    return "127.0.0.1", server.port


def info_of(server: Server) -> str:
    connection = redis.Connection(host="127.0.0.1", port=server.port)
    connection.send_command("INFO", "replication")
    told: bytes = connection.read_response()
    connection.disconnect()
    return told.decode()


class Questions:
    """Counts what others than this ask ``server`` by INFO."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._own = 0
        self._before = self.count()

    def count(self) -> int:
        # What asks is not counted yet.
        stats = self._server.admin.info("commandstats").get("cmdstat_info", {"calls": 0})
        others = int(stats["calls"]) - self._own
        self._own += 1
        return others

    def are_many(self) -> bool:
        return self.count() > self._before + 5


def leave(server: Server) -> None:
    server.admin.execute_command("REPLICAOF", "NO", "ONE")


@pytest.mark.real_time
def test_nobody_uses_the_promoted_one_before_the_former_has_seen_it_go(
    pair: tuple[Server, Server], handover: Handover
) -> None:
    former, successor = pair
    asked = Questions(former)
    waiting = threading.Thread(
        target=Handovers(LONG).see_through,
        args=(handover, redis.Connection(host="127.0.0.1", port=former.port, socket_timeout=20)),
    )
    waiting.start()
    wait_until(asked.are_many, "the former one is not asked again")
    assert waiting.is_alive()

    leave(successor)

    waiting.join(20)
    assert not waiting.is_alive()


@pytest.mark.real_time
async def test_nor_does_a_task(pair: tuple[Server, Server], handover: Handover) -> None:
    former, successor = pair
    connection = awaited.Connection(host="127.0.0.1", port=former.port)
    asked = Questions(former)
    waiting = asyncio.ensure_future(Handovers(LONG).see_through_awaited(handover, connection))
    async with asyncio.timeout(20):
        while not asked.are_many():  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert not waiting.done()

    leave(successor)

    await asyncio.wait_for(waiting, 20)


def promoting(former: Place, successor: Place) -> View:
    state = {
        "flags": "master,failover_in_progress",
        "ip": former[0],
        "port": former[1],
        "config-epoch": 7,
    }
    return View.of(state, successor)


@pytest.mark.real_time
@pytest.mark.parametrize("colour", ["awaited", "blocking"])
async def test_a_cache_that_is_led_to_the_promoted_one_waits_too(
    colour: str,
    pair: tuple[Server, Server],
    handover: Handover,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    former, successor = pair
    view = promoting(handover.former, handover.successor)

    async def find_awaited(self: Sentinels) -> View:
        return view

    monkeypatch.setattr(Sentinels, "find", lambda self: view)
    monkeypatch.setattr(Sentinels, "find_awaited", find_awaited)
    cache = Cache("redis+sentinel://127.0.0.1:1/shop", timeout=20)
    asked = Questions(former)
    ping = cache.ping() if colour == "awaited" else asyncio.to_thread(cache.blocking.ping)
    waiting = asyncio.ensure_future(ping)
    async with asyncio.timeout(20):
        while not asked.are_many():  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert not waiting.done()

    leave(successor)

    await asyncio.wait_for(waiting, 20)
    await cache.close()


@pytest.mark.real_time
@pytest.mark.parametrize("colour", ["awaited", "blocking"])
async def test_who_asked_before_the_promotion_and_comes_when_the_replica_has_left_asks_once_more(
    colour: str,
    pair: tuple[Server, Server],
    handover: Handover,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has met nobody before, so it misses no replica of the former one."""
    former, successor = pair
    leave(successor)
    calm = {"flags": "master", "ip": handover.former[0], "port": handover.former[1], "config-epoch": 6}
    views = [View.of(calm, handover.former)]

    def find(self: Sentinels) -> View:
        return views.pop() if views else promoting(handover.former, handover.successor)

    async def find_awaited(self: Sentinels) -> View:
        return find(self)

    monkeypatch.setattr(Sentinels, "find", find)
    monkeypatch.setattr(Sentinels, "find_awaited", find_awaited)
    cache = Cache("redis+sentinel://127.0.0.1:1/shop", namespace=colour, timeout=20)

    if colour == "awaited":
        await cache.delete_tags("tag")
    else:
        await asyncio.to_thread(cache.blocking.delete_tags, "tag")

    bucket = Layout(colour).bucket(0)
    assert (former.admin.exists(bucket), successor.admin.exists(bucket)) == (0, 1)
    await cache.close()


def test_while_nobody_is_promoted_there_is_no_handover() -> None:
    assert promoting(("a", 1), ("b", 2)).handover == Handover(("a", 1), ("b", 2), 7)
    # It names the one that it promotes as soon as that is a primary.
    assert promoting(("a", 1), ("a", 1)).handover is None
    calm = {"flags": "master", "ip": "a", "port": 1, "config-epoch": 7}
    assert View.of(calm, ("a", 1)).handover is None


@pytest.mark.real_time
def test_who_is_gone_is_not_waited_for(unused_tcp_port: int) -> None:
    place = "127.0.0.1", unused_tcp_port
    connection = redis.Connection(host=place[0], port=place[1])

    Handovers(LONG).see_through(Handover(place, ("127.0.0.1", 1), 1), connection)


@pytest.mark.real_time
def test_who_is_silent_may_be_heard_by_others_and_so_nobody_goes_on(
    pair: tuple[Server, Server], handover: Handover
) -> None:
    former, _ = pair
    connection = redis.Connection(host="127.0.0.1", port=former.port, socket_timeout=0.05)
    former.stop()
    try:
        with pytest.raises(redis.TimeoutError):
            Handovers(LONG).see_through(handover, connection)
    finally:
        former.resume()


def test_after_the_longest_silence_nobody_has_to_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("freshly.stores.redis.handover.monotonic", lambda: now)
    handovers = Handovers(1.0)
    first, again = (Handover(("a", 1), ("b", 1), epoch) for epoch in (1, 3))
    assert not handovers.is_over(first)
    now = 101.5
    assert handovers.is_over(first)
    assert not handovers.is_over(again), "another one, of the same two"


class TestLosses:
    """Each connection knows of what any of them has seen: one that was idle has missed it."""

    def primary(self) -> Primary:
        found = Primary("server", watch=None, longest_silence=1.0)  # type: ignore[arg-type]
        assert found.greeted(b"fence", 0)
        return found

    def test_a_replica_that_came_and_left_between_two_answers_of_a_connection_is_missed_by_none(
        self,
    ) -> None:
        primary = self.primary()
        opened = primary.losses
        for replicas in (1, 2, 1):
            primary.seen_with(replicas)

        assert primary.losses != opened

    def test_a_connection_that_is_greeted_with_fewer_is_not_used_and_the_next_one_is(self) -> None:
        """The Sentinels named this primary before the replica left it."""
        primary = self.primary()
        primary.seen_with(2)

        assert not primary.greeted(b"fence", 1)
        assert primary.greeted(b"fence", 1)

    def test_those_of_another_primary_are_another_s(self) -> None:
        primary = self.primary()
        primary.seen_with(2)

        assert primary.greeted(b"other", 0)
