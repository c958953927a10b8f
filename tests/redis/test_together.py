"""Readers of one turn of the loop travel together: one question for all of them, and no later reader.

``Held`` holds back the answers of chosen round trips, so that the interleavings are stepped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import pytest
from redis.exceptions import ConnectionError as NoConnection

from freshly import Cache, StoreError
from freshly.stores.redis.aio import AsyncWire
from tests.redis.fixtures import Open
from tests.servers.proxy import Proxy

Trips = list[list[str]]


class Held:
    """The next round trips get their answers when ``release`` is called, in the order of asking."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gates: deque[asyncio.Event] = deque()
        self.to_hold = 0
        original = AsyncWire.exchange

        async def exchange(wire: AsyncWire, commands: Sequence[Any]) -> list[Any]:
            replies = await original(wire, commands)
            if self.to_hold:
                self.to_hold -= 1
                self.gates.append(asyncio.Event())
                await self.gates[-1].wait()
            return replies

        monkeypatch.setattr(AsyncWire, "exchange", exchange)

    async def until_answered(self, count: int = 1) -> None:
        async with asyncio.timeout(20):
            while len(self.gates) < count:  # noqa: ASYNC110 - the readers are to go on
                await asyncio.sleep(0)

    def release(self) -> None:
        self.gates.popleft().set()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(monkeypatch)


async def filled(cache: Cache, count: int) -> None:
    await cache.set_many({f"k:{number}": number for number in range(count)}, "1h", tags=["all"])


async def test_a_hundred_readers_cost_one_round_trip(open_cache: Open, round_trips: Trips) -> None:
    cache = open_cache()

    @cache(ttl="1h", key="k:{number}", tags=["all", "n:{number}"])
    async def get(number: int) -> int:
        return number

    await asyncio.gather(*map(get, range(100)))
    round_trips.clear()

    assert await asyncio.gather(*map(get, range(100))) == list(range(100))
    assert round_trips == [["MGET", "HMGET", "TIME", "INFO"]]


async def test_readers_of_one_key_ask_for_it_once(open_cache: Open, round_trips: Trips) -> None:
    cache = open_cache()
    await cache.set("key", 0)
    round_trips.clear()

    assert await asyncio.gather(*(cache.get("key") for _ in range(10))) == [0] * 10
    assert round_trips == [["GET", "HMGET", "TIME", "INFO"]]


async def test_each_gets_what_is_its_own(open_cache: Open) -> None:
    """Other types, tags and keys in one batch; one of them is damaged, one missing."""
    cache = open_cache()
    await cache.set("number", 7, tags=["a"])
    await cache.set("text", "seven", tags=["b"])
    await cache.set("dropped", 1, tags=["c"])
    await cache.delete_tags("c")

    found = await asyncio.gather(
        cache.get("number", type=int),
        cache.get("text", type=str),
        cache.get("text", type=int),
        cache.get("dropped"),
        cache.get("missing"),
        cache.exists("number"),
    )

    assert found == [7, "seven", None, None, None, True]


async def test_a_read_that_starts_after_the_batch_was_sent_opens_the_next(
    open_cache: Open, held: Held
) -> None:
    """1. A asks.  2. B's invalidation returns.  3. C starts, before A has its answer.

    What A asked for was answered before 2: to C it would be stale.
    """
    cache, other = open_cache(), open_cache()
    version = 1

    @cache(ttl="1h", key="row", tags=["rows"])
    async def read() -> int:
        return version

    assert await read() == 1
    held.to_hold = 1
    early = asyncio.ensure_future(read())
    await held.until_answered()

    version = 2
    await other.delete_tags("rows")
    late = asyncio.ensure_future(read())

    assert await late == 2
    held.release()
    assert await early in (1, 2)


async def test_one_that_is_cancelled_takes_nothing_from_the_others(
    open_cache: Open, held: Held
) -> None:
    cache = open_cache()
    await filled(cache, 3)
    held.to_hold = 1
    readers = [asyncio.ensure_future(cache.get(f"k:{number}")) for number in range(3)]
    await held.until_answered()

    readers[0].cancel()
    held.release()

    assert await asyncio.gather(*readers[1:]) == [1, 2]
    assert readers[0].cancelled()


async def test_a_server_that_fails_fails_them_all_and_once(open_cache: Open, proxy: Proxy) -> None:
    cache = open_cache(proxy.url)
    await cache.ping()
    proxy.mode = "refuse"

    errors = await asyncio.gather(*(cache.stamp() for _ in range(5)), return_exceptions=True)

    assert all(isinstance(error, StoreError) for error in errors)
    # Each has its own: an error that is raised in five places would collect the traces of all.
    assert len(set(map(id, errors))) == 5


async def test_writes_of_one_turn_go_out_together(
    open_cache: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are questions of their own, and no round trip waits for another."""
    cache = open_cache()
    await cache.delete_tags("the server knows the script from now on")
    sent: list[int] = []
    original = asyncio.selector_events._SelectorSocketTransport.write  # type: ignore[attr-defined]

    def write(self: Any, data: bytes) -> None:
        sent.append(len(data))
        original(self, data)

    monkeypatch.setattr(asyncio.selector_events._SelectorSocketTransport, "write", write)  # type: ignore[attr-defined]
    await asyncio.gather(*(cache.delete_tags(f"tag:{number}") for number in range(50)))

    # The first goes at once. The 49 behind it take 179 bytes each, since they name no channel.
    assert max(sent) > 45 * 179


async def test_closing_ends_what_nobody_waits_for(open_cache: Open, held: Held) -> None:
    cache = open_cache()
    await filled(cache, 1)
    held.to_hold = 1
    reader = asyncio.ensure_future(cache.get("k:0"))
    await held.until_answered()
    reader.cancel()
    await asyncio.sleep(0)

    await cache.close()

    names = {task.get_name() for task in asyncio.all_tasks()}
    assert "freshly asks" not in names


class Opening:
    """A connection of the client that is being opened until ``may_go_on`` is set."""

    def __init__(self) -> None:
        self.may_go_on = asyncio.Event()
        self.transport = self
        self.aborted = 0
        self._writer: Opening | None = None
        self._reader = None

    async def connect(self) -> None:
        self._writer = self
        await self.may_go_on.wait()
        assert self._writer is not None, "the client is in need of it"

    def pack_commands(self, commands: object) -> list[bytes]:
        return [b""]

    def abort(self) -> None:
        self.aborted += 1


async def test_a_connection_that_is_given_up_while_it_is_opened_ends_and_says_so() -> None:
    connection = Opening()
    wire = AsyncWire(connection, 1.0)
    asked = asyncio.create_task(wire.exchange([("PING",)]))
    await asyncio.sleep(0)

    wire.retire()
    connection.may_go_on.set()

    with pytest.raises(NoConnection, match="given up"):
        await asked
    assert connection.aborted == 1
