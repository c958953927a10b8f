"""What breaks between a cache and its server, one story each, on a real server behind a proxy.

Time is the real one, so each story is as short as its time-out lets it be, and asserts what must not
happen rather than how long something took; where it does say how long, the bound is far away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from freshly import Cache, StoreError
from freshly.core.breaker import DEFAULT_PAUSE
from freshly.core.events import (
    InvalidationQueued,
    InvalidationsDelivered,
    StoreDown,
    StoreFailed,
    StoreUp,
)
from freshly.testing import ManualClock
from tests.servers.fixtures import Start
from tests.servers.proxy import Proxy
from tests.servers.server import Server
from tests.servers.waiting import wait_until

pytestmark = pytest.mark.real_time

# Seconds: far more than a server needs, also on a machine that is busy with other things.
TIMEOUT = 0.4


class Shop:
    """A source with a version, one cached function of each colour, and what observers hear.

    Both functions have the key "row" and the tag "rows".
    """

    def __init__(self, url: str, **options: Any) -> None:
        self.cache = Cache(url, timeout=TIMEOUT, **options)
        self.events: list[object] = []
        self.cache.observe(self.events.append)
        self.version = 1
        self.loads = 0

        @self.cache(ttl="1h", key="row", tags=["rows"])
        async def read() -> int:
            return self.load()

        @self.cache(ttl="1h", key="row", tags=["rows"])
        def read_plainly() -> int:
            return self.load()

        self.read, self.read_plainly = read, read_plainly

    def load(self) -> int:
        self.loads += 1
        return self.version

    def write(self) -> None:
        """Change the source and invalidate."""
        self.version += 1
        self.cache.blocking.delete_tags("rows")

    def write_in_vain(self) -> None:
        self.version += 1
        with pytest.raises(StoreError):
            self.cache.blocking.delete_tags("rows")

    def heard(self, *kinds: type) -> int:
        return sum(isinstance(event, kinds) for event in self.events)

    def is_delivered(self) -> None:
        wait_until(lambda: self.heard(InvalidationsDelivered), "the invalidation is delivered")

    def recovers(self) -> None:
        """Read until the cache is used again."""

        def is_hit() -> bool:
            before = self.loads
            self.read_plainly()
            return self.loads == before

        wait_until(is_hit, "reads are hits again")


Open = Callable[..., Shop]


@pytest.fixture
def open_shop() -> Iterator[Open]:
    shops: list[Shop] = []

    def opened(url: str, **options: Any) -> Shop:
        shops.append(Shop(url, **options))
        return shops[-1]

    yield opened
    for shop in shops:
        shop.cache.blocking.close()


@pytest.fixture
def shop(open_shop: Open, proxy: Proxy) -> Shop:
    """A shop behind the proxy, with its row stored."""
    one = open_shop(proxy.url)
    assert [one.read_plainly(), one.read_plainly()] == [1, 1]
    assert one.loads == 1
    return one


def elapsed(call: Callable[[], Any]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


class TestNobodyThere:
    def test_reads_load_and_invalidations_raise(self, shop: Shop, proxy: Proxy) -> None:
        proxy.mode = "refuse"

        assert [shop.read_plainly() for _ in range(5)] == [1] * 5
        assert shop.loads == 6
        with pytest.raises(StoreError, match="did not answer"):
            shop.cache.blocking.ping()
        shop.write_in_vain()
        assert shop.heard(StoreDown) == 1

    async def test_the_same_awaited(self, shop: Shop, proxy: Proxy) -> None:
        assert await shop.read() == 1
        assert shop.loads == 1
        proxy.mode = "refuse"

        assert [await shop.read() for _ in range(5)] == [1] * 5
        assert shop.loads == 6
        with pytest.raises(StoreError, match="did not answer"):
            await shop.cache.delete_tags("rows")
        await shop.cache.close()

    def test_when_it_is_back_it_is_used_again(self, shop: Shop, proxy: Proxy) -> None:
        proxy.mode = "refuse"
        shop.read_plainly()

        proxy.mode = "pass"
        shop.recovers()

        assert shop.heard(StoreUp) == 1

    def test_a_server_that_was_never_there_costs_nothing_at_setup(self, open_shop: Open) -> None:
        shop = open_shop("redis://127.0.0.1:1")

        assert shop.read_plainly() == 1


class TestHanging:
    def test_one_read_waits_for_a_time_out_and_the_next_do_not(self, shop: Shop, proxy: Proxy) -> None:
        proxy.mode = "freeze"

        assert TIMEOUT <= elapsed(shop.read_plainly) < 4 * TIMEOUT
        assert elapsed(lambda: [shop.read_plainly() for _ in range(20)]) < 4 * TIMEOUT
        assert shop.loads == 22

    async def test_of_many_callers_those_that_come_after_the_first_time_out_do_not_wait(
        self, shop: Shop, proxy: Proxy
    ) -> None:
        """Until then nobody can know. From then on one call a second tries."""
        errors: dict[str, Any] = {}
        shop.cache.observe(
            lambda event: isinstance(event, StoreFailed) and errors.update({event.key: event.error})
        )
        is_down = asyncio.Event()
        shop.cache.observe(lambda event: isinstance(event, StoreDown) and is_down.set())
        spared: set[str] = set()

        @shop.cache(ttl="1h", key="n:{number}")
        async def get(number: int) -> int:
            return number

        async def call(number: int) -> int:
            await asyncio.sleep(number * TIMEOUT / 100)
            # The second half comes after the first time-out, however late a busy machine notices that.
            if number >= 100:
                await is_down.wait()
            if shop.heard(StoreDown):
                spared.add(f"n:{number}")
            return await get(number)

        await asyncio.gather(*(get(number) for number in range(200)))
        assert errors == {}
        proxy.mode = "freeze"
        began = time.monotonic()
        values = await asyncio.gather(*(call(number) for number in range(200)))
        tries = 1 + (time.monotonic() - began) / DEFAULT_PAUSE
        await shop.cache.close()

        assert values == list(range(200))
        assert len(errors) == 200
        assert shop.heard(StoreDown) == 1
        assert len(spared) > 50
        assert sum(errors[key].was_asked for key in spared) <= tries

    async def test_of_readers_that_come_together_one_tries_and_the_others_do_not_wait(
        self, open_shop: Open, proxy: Proxy
    ) -> None:
        clock = ManualClock()
        asked: list[bool] = []
        cache = open_shop(proxy.url, clock=clock).cache

        def hear(event: Any) -> None:
            if isinstance(event, StoreFailed):
                asked.append(event.error.was_asked)

        cache.observe(hear)

        @cache(ttl="1h", key="n:{number}")
        async def get(number: int) -> int:
            return number

        await get(0)
        proxy.mode = "freeze"
        await get(1)
        assert asked == [True]

        clock.advance(DEFAULT_PAUSE)
        values = await asyncio.gather(*(get(number) for number in range(2, 22)))
        await cache.close()

        assert values == list(range(2, 22))
        assert sorted(asked[1:]) == [False] * 19 + [True]

    async def test_an_answer_to_a_caller_that_has_left_does_not_cost_the_others_their_connection(
        self, shop: Shop, proxy: Proxy
    ) -> None:
        await shop.read()
        proxy.delay = 0.05
        asked = [asyncio.ensure_future(shop.cache.get("row")) for _ in range(20)]
        await asyncio.sleep(0.02)
        before = proxy.accepted
        for one in asked[::2]:
            one.cancel()

        assert await asyncio.gather(*asked[1::2]) == [1] * 10
        assert proxy.accepted == before
        await shop.cache.close()

    async def test_a_loop_that_was_busy_for_longer_than_the_time_out_still_gets_its_answer(
        self, open_shop: Open, server: Server
    ) -> None:
        """The answer lies in the socket, and the timer is over, when the loop comes to both.

        The loop is stopped at each step of a read: while it connects, logs in, asks, and reads.
        """
        for steps in range(1, 30, 3):
            shop = open_shop(server.url, namespace=f"n{steps}")
            shop.cache.setup(server.url, namespace=f"n{steps}", timeout=0.15)
            asked = asyncio.ensure_future(shop.cache.exists("row"))
            for _ in range(steps):
                await asyncio.sleep(0)
            time.sleep(0.4)  # noqa: ASYNC251

            assert await asked is False
            assert shop.heard(StoreFailed) == 0
            await shop.cache.close()

    def test_a_process_that_stands_still_is_as_one_that_hangs(
        self, private_server: Server, open_shop: Open
    ) -> None:
        shop = open_shop(private_server.url)
        shop.read_plainly()
        private_server.stop()

        assert [shop.read_plainly() for _ in range(3)] == [1] * 3
        private_server.resume()
        shop.recovers()


class TestConnections:
    def test_cut_between_two_calls_they_are_made_anew_unnoticed(
        self, shop: Shop, proxy: Proxy, server: Server
    ) -> None:
        for cut in (proxy.cut, server.cut_connections, proxy.cut):
            cut()
            assert shop.read_plainly() == 1
        shop.write()

        assert shop.read_plainly() == 2
        assert shop.loads == 2
        assert shop.heard(StoreFailed, StoreDown) == 0

    async def test_the_same_awaited(self, shop: Shop, proxy: Proxy, server: Server) -> None:
        for cut in (proxy.cut, server.cut_connections, proxy.cut):
            await shop.read()
            cut()
            assert await shop.read() == 1
        await shop.cache.close()

        assert shop.loads == 1
        assert shop.heard(StoreFailed, StoreDown) == 0

    def test_half_of_an_answer_is_no_answer(self, shop: Shop, proxy: Proxy) -> None:
        proxy.mode = "half"

        assert shop.read_plainly() == 1
        assert shop.loads == 2
        proxy.mode = "pass"
        shop.recovers()

    async def test_an_answer_that_comes_too_late_is_nobody_elses(
        self, shop: Shop, proxy: Proxy
    ) -> None:
        """The caller that asked is gone; the next one on its connection must not get its value."""
        cache = shop.cache
        await cache.set("a", "value of a")
        await cache.set("b", "value of b")
        for _ in range(20):
            proxy.delay = 0.02
            asked = asyncio.ensure_future(cache.get("a"))
            await asyncio.sleep(0.01)
            asked.cancel()
            with suppress(asyncio.CancelledError):
                await asked
            proxy.delay = 0.0
            assert await cache.get("b") == "value of b"
        await cache.close()


class TestUndelivered:
    """An invalidation that failed: whom it binds, until when, and that it arrives."""

    def test_its_own_process_serves_nothing_older_even_before_it_arrives(
        self, shop: Shop, proxy: Proxy
    ) -> None:
        proxy.mode = "freeze"
        shop.write_in_vain()
        proxy.mode = "pass"

        assert shop.read_plainly() == 2
        shop.is_delivered()
        assert shop.read_plainly() == 2

    @pytest.mark.parametrize("way", ["delete_tags", "delete", "delete_match", "clear"])
    @pytest.mark.parametrize("mode", ["refuse", "freeze", "lose"])
    def test_it_does_in_whatever_way_it_was_asked_for(
        self, way: str, mode: Any, shop: Shop, proxy: Proxy
    ) -> None:
        names = {"delete_tags": ["rows"], "delete": ["row"], "delete_match": ["ro*"], "clear": []}
        proxy.mode = mode
        shop.version = 2

        with pytest.raises(StoreError):
            getattr(shop.cache.blocking, way)(*names[way])

        proxy.mode = "pass"
        for _ in range(5):
            assert shop.read_plainly() == 2
        shop.is_delivered()
        assert shop.read_plainly() == 2

    def test_other_processes_get_it_when_it_is_delivered(
        self, shop: Shop, proxy: Proxy, server: Server, open_shop: Open
    ) -> None:
        other = open_shop(server.url)
        assert other.read_plainly() == 1
        assert other.loads == 0
        proxy.mode = "refuse"
        shop.write_in_vain()
        other.version = 2
        assert other.read_plainly() == 1, "nobody told it: the caller of the invalidation knows"

        proxy.mode = "pass"
        shop.is_delivered()

        assert other.read_plainly() == 2

    def test_one_that_arrived_although_its_answer_was_lost_is_sent_again(
        self, shop: Shop, proxy: Proxy, server: Server, open_shop: Open
    ) -> None:
        shop.write()  # the server knows the script from now on
        other = open_shop(server.url)
        other.version = 2
        assert other.read_plainly() == 2
        other.version = 3
        proxy.mode = "lose"
        shop.write_in_vain()

        assert other.read_plainly() == 3, "it was carried out"
        proxy.mode = "pass"
        shop.is_delivered()
        assert shop.read_plainly() == 3

    async def test_one_whose_caller_left_is_delivered_too(self, shop: Shop, proxy: Proxy) -> None:
        """Nobody knows whether it arrived, and the data has changed."""
        await shop.read()
        proxy.mode = "freeze"
        shop.version = 2
        writer = asyncio.ensure_future(shop.cache.delete_tags("rows"))
        await asyncio.sleep(TIMEOUT / 5)
        writer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writer
        proxy.mode = "pass"

        assert await shop.read() == 2
        await asyncio.to_thread(shop.is_delivered)
        assert await shop.read() == 2
        await shop.cache.close()

    def test_many_that_fail_together_arrive_together(
        self, shop: Shop, proxy: Proxy, server: Server
    ) -> None:
        blocking = shop.cache.blocking
        for number in range(50):
            blocking.set(f"k:{number}", "old", tags=[f"t:{number}"])
        proxy.mode = "refuse"
        for number in range(50):
            with pytest.raises(StoreError):
                blocking.delete_tags(f"t:{number}")
        proxy.mode = "pass"
        before = server.calls().get("evalsha", 0)
        shop.is_delivered()

        assert [blocking.get(f"k:{number}") for number in range(50)] == [None] * 50
        assert shop.heard(InvalidationQueued) == 50
        assert server.calls()["evalsha"] - before < 50

    def test_closing_does_not_wait_for_a_server_that_is_not_there(
        self, open_shop: Open, proxy: Proxy
    ) -> None:
        shop = open_shop(proxy.url)
        proxy.mode = "freeze"
        shop.write_in_vain()

        assert elapsed(shop.cache.blocking.close) < 8 * TIMEOUT


class TestLosses:
    """A server that forgets. What it forgot may make entries invalid, and never valid."""

    def test_started_anew_and_empty(self, private_server: Server, open_shop: Open) -> None:
        shop = open_shop(private_server.url)
        shop.read_plainly()
        private_server.restart()
        shop.version = 2

        assert shop.read_plainly() == 2
        shop.recovers()

    def test_started_anew_with_entries_whose_invalidation_it_has_lost(
        self, private_server: Server, open_shop: Open
    ) -> None:
        shop, other = open_shop(private_server.url), open_shop(private_server.url)
        shop.read_plainly()
        private_server.save()
        shop.write()
        private_server.restart()
        assert private_server.admin.dbsize() > 0, "it has its entry back"

        other.version = 2
        with suppress(StoreError):
            other.cache.blocking.ping()
        assert [shop.read_plainly(), other.read_plainly()] == [2, 2]

    def test_the_stamps_are_evicted_and_the_entries_are_not(
        self, shop: Shop, server: Server, open_shop: Open
    ) -> None:
        other = open_shop(server.url)
        shop.version = other.version = 2
        (bucket,) = server.admin.keys("fr:*:t")
        server.admin.delete(bucket)

        assert [other.read_plainly(), shop.read_plainly()] == [2, 2]
        shop.write()
        other.version = 3
        assert [other.read_plainly(), shop.read_plainly()] == [3, 3]

    def test_an_invalidation_is_the_first_to_find_the_stamps_evicted(
        self, shop: Shop, server: Server
    ) -> None:
        server.admin.delete(*server.admin.keys("fr:*:t"))

        shop.write()

        assert shop.read_plainly() == 2

    def test_everything_is_flushed(self, shop: Shop, server: Server) -> None:
        server.admin.flushall()
        shop.version = 2

        assert shop.read_plainly() == 2
        shop.recovers()

    def test_scripts_are_flushed(self, shop: Shop, server: Server) -> None:
        for _ in range(3):
            server.admin.script_flush()
            shop.write()
            server.admin.script_flush()
            assert shop.read_plainly() == shop.version
        assert shop.heard(StoreFailed, StoreDown) == 0

    @pytest.mark.parametrize("garbage", [b"", b"garbage", b"\x00" * 100, b"\xff" * 10_000])
    def test_foreign_bytes_under_a_key_are_a_miss(
        self, garbage: bytes, shop: Shop, server: Server
    ) -> None:
        (name,) = server.admin.keys("fr:*:v")
        server.admin.set(name, garbage)

        assert shop.read_plainly() == 1
        assert shop.loads == 2
        shop.recovers()

    def test_so_is_something_that_is_no_text(self, shop: Shop, server: Server) -> None:
        (name,) = server.admin.keys("fr:*:v")
        server.admin.delete(name)
        server.admin.rpush(name, "an", "element")

        assert [shop.read_plainly(), shop.read_plainly()] == [1, 1]

    def test_each_half_of_an_entry_is_a_miss(self, shop: Shop, server: Server) -> None:
        (name,) = server.admin.keys("fr:*:v")
        whole = server.admin.get(name)
        for length in range(0, len(whole), 7):
            server.admin.set(name, whole[:length])
            before = shop.loads
            assert shop.read_plainly() == 1
            assert shop.loads == before + 1

    def test_something_foreign_in_the_place_of_the_stamps_fails_no_read(
        self, shop: Shop, server: Server
    ) -> None:
        """Reads go past the cache, and who invalidates is told."""
        (bucket,) = server.admin.keys("fr:*:t")
        server.admin.delete(bucket)
        server.admin.set(bucket, "foreign")

        shop.version = 2
        assert [shop.read_plainly(), shop.read_plainly()] == [2, 2]
        shop.write_in_vain()

        server.admin.delete(bucket)
        shop.recovers()


class TestRefusals:
    """A server that answers, and says no. It is not down: it is asked again each time."""

    def test_full_and_evicting_nothing(self, private_server: Server, open_shop: Open) -> None:
        shop = open_shop(private_server.url)
        shop.read_plainly()
        private_server.configure(maxmemory=1, maxmemory_policy="noeviction")

        shop.write()
        assert [shop.read_plainly(), shop.read_plainly()] == [2, 2]
        assert shop.loads == 3, "it loads, and cannot store"
        assert shop.heard(StoreDown) == 0

        private_server.configure(maxmemory=0)
        shop.recovers()

    def test_full_and_evicting(self, private_server: Server, open_shop: Open) -> None:
        private_server.configure(maxmemory="3mb", maxmemory_policy="allkeys-lru")
        shop = open_shop(private_server.url)
        blocking = shop.cache.blocking
        for number in range(300):
            blocking.set(f"k:{number}", "x" * 20_000, tags=["bulk"])
            if number % 10 == 0:
                shop.write()
            assert shop.read_plainly() == shop.version

        blocking.delete_tags("bulk")
        assert [blocking.get(f"k:{number}") for number in range(300)] == [None] * 300

    def test_a_wrong_password(self, start_server: Start, open_shop: Open) -> None:
        server = start_server(password="right")
        shop = open_shop(f"redis://:wrong-one@127.0.0.1:{server.port}")

        assert [shop.read_plainly(), shop.read_plainly()] == [1, 1]
        with pytest.raises(StoreError, match="password") as refused:
            shop.cache.blocking.delete_tags("rows")
        assert "wrong-one" not in str(refused.value)
        assert shop.heard(StoreDown) == 0

    def test_a_password_that_is_missing(self, start_server: Start, open_shop: Open) -> None:
        server = start_server(password="right")
        shop = open_shop(f"redis://127.0.0.1:{server.port}")

        assert shop.read_plainly() == 1
        with pytest.raises(StoreError, match="password"):
            shop.cache.blocking.ping()

    def test_a_primary_that_becomes_a_replica_and_again_a_primary(
        self, start_server: Start, open_shop: Open
    ) -> None:
        """It takes over other data and has lost the last invalidations: nothing from before counts."""
        primary, other = start_server(), start_server()
        shop = open_shop(primary.url)
        shop.read_plainly()

        primary.admin.replicaof("127.0.0.1", other.port)
        shop.version = 2
        assert [shop.read_plainly(), shop.read_plainly()] == [2, 2]
        shop.write_in_vain()

        primary.admin.replicaof("no", "one")
        assert shop.read_plainly() == 3
        shop.is_delivered()
        shop.recovers()
        assert shop.read_plainly() == 3

    def test_a_server_that_loads_its_data(self, start_server: Start, open_shop: Open) -> None:
        server = start_server(config={"key-load-delay": "0"})
        shop = open_shop(server.url)
        shop.read_plainly()
        for number in range(200):
            server.admin.set(f"bulk:{number}", "x" * 2_000)
        server.save()
        server.kill()
        server.directives["key-load-delay"] = "5000"
        server.directives["loading-process-events-interval-bytes"] = "1024"
        server.start(until_ready=False)
        shop.version = 2

        assert shop.read_plainly() == 2
        shop.recovers()
