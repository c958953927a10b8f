"""Transactions: what is invalidated and set in a block is done when the block has ended well.

Most stories are about the order of things, so they are told with a ``Stepper`` or in plain sequence:
outside of the ``with`` block nothing of it runs at the same time.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any

import pytest

from freshly import Cache, ConfigurationError, DeadlockError, StoreError, Transaction
from freshly.core.holds import Hold
from freshly.core.ports import Look
from freshly.core.writes import Writes
from freshly.observe import HoldRanOut, Invalidated, Loaded, StoreFailed
from freshly.stores.memory import MemoryStore
from freshly.testing import ManualClock, Stepper, ThreadStepper


class World:
    """A row that a transaction changes, and a cache of it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.cache = Cache(clock=self.clock, dice=lambda: 0.0)
        self.step = Stepper()
        self.row = "old"
        self.loads = 0

        @self.cache("1h", key="row", tags=["row"])
        async def read() -> str:
            return self.load()

        @self.cache("1h", key="other", tags=["other"])
        async def read_other() -> str:
            return self.load()

        self.read = read
        self.read_other = read_other

    def load(self) -> str:
        self.loads += 1
        return self.row


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def cache(world: World) -> Cache:
    return world.cache


class PluggedStore(MemoryStore):
    """A memory store with a plug for each verb, and a point at which its callers may be stopped."""

    fails: frozenset[str] = frozenset()
    stop: Callable[[str], Awaitable[None]] | None = None

    async def _ask(self, verb: str) -> None:
        if self.stop is not None:
            await self.stop(verb)
        if verb in self.fails:
            raise StoreError(f"{verb}: the store does not answer")

    async def invalidate(self, tags: Iterable[str], hold: Hold | None = None) -> int:
        await self._ask("invalidate")
        return await super().invalidate(tags, hold)

    async def delete(self, keys: Iterable[str], hold: Hold | None = None) -> int:
        await self._ask("delete")
        return await super().delete(keys, hold)

    async def mark_stale(self, tags: Iterable[str]) -> int:
        await self._ask("mark_stale")
        return await super().mark_stale(tags)

    async def release(self, token: str, tags: Iterable[str], keys: Iterable[str]) -> None:
        await self._ask("release")
        await super().release(token, tags, keys)

    async def stamp(self) -> int:
        await self._ask("stamp")
        return await super().stamp()


def plug(world: World) -> PluggedStore:
    """Put a plugged store behind the world's cache."""
    store = PluggedStore(world.clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("freshly.home.open_store", lambda *_: store)
        world.cache.setup()
    return store


class TestTheEnd:
    async def test_what_is_invalidated_inside_is_invalid_after_the_end_and_not_before(
        self, world: World, cache: Cache
    ) -> None:
        await world.read()

        async with cache.transaction():
            await cache.delete_tags("row")
            assert await asyncio.create_task(world.read(), context=contextvars.Context()) == "old"
            world.row = "new"

        assert await world.read() == "new"

    def test_the_same_for_plain_functions(self, cache: Cache) -> None:
        row = ["old"]

        @cache("1h", tags=["row"])
        def read() -> str:
            return row[0]

        read()
        with cache.blocking.transaction():
            cache.blocking.delete_tags("row")
            assert contextvars.Context().run(read) == "old"
            row[0] = "new"

        assert read() == "new"

    async def test_if_the_block_raises_everything_is_dropped(self, world: World, cache: Cache) -> None:
        await world.read()

        with pytest.raises(ZeroDivisionError):
            async with cache.transaction():
                await cache.delete_tags("row")
                await cache.set("k", 1)
                raise ZeroDivisionError

        assert world.loads == 1
        await world.read()
        assert world.loads == 1
        assert not await cache.exists("k")

    def test_if_a_blocking_one_raises_everything_is_dropped(self, cache: Cache) -> None:
        cache.blocking.set("k", 1)

        with pytest.raises(ZeroDivisionError), cache.blocking.transaction():
            cache.blocking.delete("k")
            raise ZeroDivisionError

        assert cache.blocking.get("k") == 1

    async def test_if_the_block_is_cancelled_everything_is_dropped(
        self, world: World, cache: Cache
    ) -> None:
        await world.read()

        async def write() -> None:
            async with cache.transaction():
                await cache.delete_tags("row")
                await world.step.stop("committing")

        writer = world.step.start(write())
        await world.step.reached("committing")
        writer.cancel()
        await world.step.settle()

        assert writer.cancelled()
        await world.read()
        assert world.loads == 1

    async def test_who_is_cancelled_at_the_end_has_committed_so_it_is_carried_out(
        self, world: World, cache: Cache
    ) -> None:
        store = plug(world)
        await cache.set("k", 1, tags=["t"])

        async def write() -> None:
            async with cache.transaction():
                await cache.delete_tags("t")
                await cache.delete("k")
                store.stop = world.step.stop

        writer = world.step.start(write())
        await world.step.reached("invalidate")
        for _ in range(3):
            writer.cancel()
            await world.step.settle()
        assert not writer.done()
        world.step.go("invalidate")
        await world.step.reached("delete")
        world.step.go("delete")
        await world.step.settle()

        assert writer.cancelled()
        store.stop = None
        assert not await cache.exists("k")

    async def test_a_load_that_runs_at_the_end_is_overtaken(self, world: World, cache: Cache) -> None:
        @cache("1h", key="slow", tags=["row"])
        async def read_slowly() -> str:
            seen = world.load()
            await world.step.stop("loading")
            return seen

        async with cache.transaction():
            await cache.delete_tags("row")
            reader = asyncio.create_task(read_slowly(), context=contextvars.Context())
            await world.step.reached("loading")
            world.row = "new"
        world.step.go("loading")

        assert await reader == "old"
        assert not await cache.exists("slow")

    async def test_many_invalidations_become_one(self, cache: Cache) -> None:
        events: list[Any] = []
        cache.observe(events.append, Invalidated)

        async with cache.transaction():
            for number in range(100):
                await cache.delete_tags(f"t:{number % 10}", "all")

        [event] = events
        assert event.tags == ("t:0", "all", *(f"t:{number}" for number in range(1, 10)))

    async def test_an_empty_one_does_nothing(self, cache: Cache) -> None:
        before = await cache.stamp()

        async with cache.transaction() as transaction:
            pass

        assert (await cache.stamp()).reading == before.reading
        assert transaction.token is None


class TestWhatIsCollected:
    async def test_every_verb_waits_for_the_end(self, world: World, cache: Cache) -> None:
        @cache("1h", key="f:{x}")
        async def f(x: int) -> int:
            return x

        @cache("1h", key="g:{x}")
        def g(x: int) -> int:
            return x

        @cache.invalidates("written", keys=["written"])
        async def write() -> None: ...

        @cache.invalidates("written too")
        def write_blocking() -> None: ...

        for key in ("key", "blocking key", "match:1", "written"):
            await cache.set(key, 1)
        for tag in ("tag", "blocking tag", "written too"):
            await cache.set(tag, 1, tags=[tag])
        await f(1)
        g(1)
        keys = ["key", "blocking key", "match:1", "written", "tag", "blocking tag", "written too"]
        keys += ["f:1", "g:1"]

        async def left() -> list[str]:
            return [key for key in keys if await cache.exists(key)]

        async with cache.transaction():
            await cache.delete("key")
            await cache.delete_tags("tag")
            await cache.delete_match("match:*")
            cache.blocking.delete("blocking key")
            cache.blocking.delete_tags("blocking tag")
            await write()
            write_blocking()
            await f.delete(1)
            g.delete(1)
            outside = contextvars.Context()
            assert await asyncio.create_task(left(), context=outside) == keys

        assert await left() == []

    async def test_clear_waits_for_the_end(self, cache: Cache) -> None:
        await cache.set("k", 1)

        async with cache.transaction():
            await cache.clear()
            assert await outside(cache.exists("k"))

        assert not await cache.exists("k")

    async def test_mark_stale_waits_for_the_end(self, world: World, cache: Cache) -> None:
        await world.read()

        async with cache.transaction():
            await cache.mark_stale("row")
            await outside(world.read())
            assert world.loads == 1

        await world.read()
        await world.step.settle()
        assert world.loads == 2

    async def test_set_waits_for_the_end(self, cache: Cache) -> None:
        async with cache.transaction():
            await cache.set("k", 1)
            cache.blocking.set("l", 2)
            assert not await outside(cache.exists("k"))

        assert await cache.get("k") == 1
        assert await cache.get("l") == 2

    async def test_commands_say_what_has_been_done_and_that_is_nothing(self, cache: Cache) -> None:
        await cache.set("k", 1)

        async with cache.transaction() as transaction:
            tokens = [
                await cache.delete_tags("t"),
                await cache.mark_stale("t"),
                await cache.clear(),
            ]
            assert await cache.delete("k") == 0
            assert await cache.delete_match("k*") == 0
            assert await cache.set("k", 2) is False
            assert all(token.is_pending for token in tokens)
            assert transaction.is_open
            assert transaction.token is None

        assert transaction.token is not None
        assert not transaction.token.is_pending
        assert not transaction.is_open
        assert not (await cache.delete_tags("t")).is_pending

    async def test_drop_forgets_what_was_collected_so_far(self, cache: Cache) -> None:
        """After a rollback without an error; what comes later counts."""
        for key in ("a", "b"):
            await cache.set(key, 1)

        async with cache.transaction() as transaction:
            await cache.delete("a")
            transaction.drop()
            assert await cache.get("a") == 1
            await cache.delete("b")

        assert await cache.exists("a")
        assert not await cache.exists("b")

    async def test_a_hold_that_an_invalidation_asks_for_begins_at_the_end(self, cache: Cache) -> None:
        """For replicas that trail."""
        async with cache.transaction():
            await cache.delete_tags("t", hold="2s")
            assert await outside(cache.set("k", 1, tags=["t"]))

        assert not await cache.set("k", 1, tags=["t"])

    async def test_bad_arguments_are_refused_where_they_stand(self, cache: Cache) -> None:
        async with cache.transaction():
            with pytest.raises(ConfigurationError, match="unpack it"):
                await cache.delete_tags(["t"])  # type: ignore[arg-type]

    async def test_while_the_cache_is_disabled_invalidations_are_collected_all_the_same(
        self, cache: Cache
    ) -> None:
        await cache.set("k", 1)

        async with cache.transaction():
            with cache.disabled():
                await cache.delete("k")

        assert not await cache.exists("k")


async def outside(work: Any) -> Any:
    """Do ``work`` as somebody who is in no transaction."""
    return await asyncio.get_running_loop().create_task(work, context=contextvars.Context())


class TestOneInsideOfAnother:
    async def test_it_joins_the_outer_one(self, world: World, cache: Cache) -> None:
        await world.read()

        async with cache.transaction():
            async with cache.transaction() as inner:
                await cache.delete_tags("row")
            assert inner.token is None
            await outside(world.read())
            assert world.loads == 1

        await world.read()
        assert world.loads == 2

    async def test_if_it_raises_its_own_part_is_dropped_and_no_other(self, cache: Cache) -> None:
        """As savepoints do it."""
        for key in ("before", "inner", "after"):
            await cache.set(key, 1)

        async with cache.transaction():
            await cache.delete("before")
            with pytest.raises(ZeroDivisionError):
                async with cache.transaction():
                    await cache.delete("inner")
                    raise ZeroDivisionError
            await cache.delete("after")

        assert [await cache.exists(key) for key in ("before", "inner", "after")] == [
            False,
            True,
            False,
        ]

    async def test_if_the_outer_one_raises_all_of_it_is_dropped(self, cache: Cache) -> None:
        await cache.set("k", 1)

        with pytest.raises(ZeroDivisionError):
            async with cache.transaction():
                async with cache.transaction():
                    await cache.delete("k")
                raise ZeroDivisionError

        assert await cache.exists("k")

    async def test_the_order_of_steps_is_that_of_their_calls(self, cache: Cache) -> None:
        async with cache.transaction():
            await cache.set("a", 1, tags=["t"])
            async with cache.transaction():
                await cache.delete_tags("t")
                await cache.set("b", 1, tags=["t"])
            await cache.set("c", 1, tags=["t"])

        assert [await cache.exists(key) for key in "abc"] == [False, True, True]

    async def test_what_the_outer_one_has_done_is_seen_inside_and_dropped_with_its_end(
        self, world: World, cache: Cache
    ) -> None:
        await world.read()

        async with cache.transaction():
            await cache.set("k", 1, tags=["t"])
            await cache.delete_tags("row")
            world.row = "new"
            with pytest.raises(ZeroDivisionError):
                async with cache.transaction():
                    assert await cache.get("k") == 1
                    assert await world.read() == "new"
                    await cache.delete_tags("t")
                    assert await cache.get("k") is None
                    raise ZeroDivisionError
            assert await cache.get("k") == 1

    def test_a_blocking_one_inside_of_an_awaited_one_joins_it_and_the_other_way_round(
        self, cache: Cache
    ) -> None:
        async def both() -> None:
            await cache.set("k", 1)
            async with cache.transaction():
                with cache.blocking.transaction():
                    cache.blocking.delete("k")
                assert await outside(cache.exists("k"))
            assert not await cache.exists("k")
            await cache.set("k", 1)
            with cache.blocking.transaction():
                async with cache.transaction():
                    await cache.delete("k")
                assert await outside(cache.exists("k"))
            assert not await cache.exists("k")

        asyncio.run(both())

    async def test_those_of_two_caches_do_not_concern_each_other(self, cache: Cache) -> None:
        other = Cache()
        for one in (cache, other):
            await one.set("k", 1)

        async with cache.transaction():
            await other.delete("k")
            assert not await other.exists("k")
            await other.set("k", 1)
            async with other.transaction():
                await cache.delete("k")
                await other.delete("k")
            assert not await other.exists("k")
            assert await outside(cache.exists("k"))

        assert not await cache.exists("k")

    async def test_one_that_outlives_the_outer_one_is_carried_out_by_itself(
        self, world: World, cache: Cache
    ) -> None:
        await cache.set("k", 1)

        async def late() -> None:
            async with cache.transaction():
                await cache.delete("k")
                await world.step.stop("late")

        async with cache.transaction():
            task = world.step.start(late())
            await world.step.reached("late")
        assert await cache.exists("k")
        world.step.go("late")
        await task

        assert not await cache.exists("k")


class TestWhoIsInside:
    async def test_tasks_that_are_started_inside_are(self, cache: Cache) -> None:
        await cache.set("k", 1)

        with pytest.raises(ZeroDivisionError):
            async with cache.transaction():
                await asyncio.gather(cache.delete("k"), asyncio.to_thread(cache.blocking.clear))
                raise ZeroDivisionError

        assert await cache.exists("k")

    async def test_a_thread_without_the_context_is_not(self, cache: Cache) -> None:
        await cache.set("k", 1)

        async with cache.transaction():
            work = contextvars.Context()
            thread = threading.Thread(target=work.run, args=(cache.blocking.delete, "k"))
            thread.start()
            thread.join()
            assert not await cache.exists("k")

    async def test_a_task_that_outlives_it_is_not_any_more(self, world: World, cache: Cache) -> None:
        """Its write is neither lost nor late."""
        await cache.set("k", 1)

        async def later() -> None:
            await world.step.stop("later")
            await cache.delete("k")

        async with cache.transaction():
            task = world.step.start(later())
            await world.step.reached("later")
        world.step.go("later")
        await task

        assert not await cache.exists("k")

    async def test_what_comes_while_the_end_is_carried_out_is_done_at_once(
        self, world: World, cache: Cache
    ) -> None:
        store = plug(world)
        await cache.set("k", 1)

        async def late() -> None:
            await world.step.stop("late")
            store.stop = None
            await cache.delete("k")

        async def write() -> None:
            async with cache.transaction():
                tasks.append(world.step.start(late()))
                await world.step.reached("late")
                await cache.delete_tags("t")
                store.stop = world.step.stop

        tasks: list[asyncio.Task[None]] = []
        writer = world.step.start(write())
        await world.step.reached("invalidate")
        world.step.go("late")
        await tasks[0]
        assert not await cache.exists("k")
        world.step.go("invalidate")
        await writer

    async def test_two_at_the_same_time_are_two(self, world: World, cache: Cache) -> None:
        for key in ("good", "bad"):
            await cache.set(key, 1)

        async def write(key: str) -> None:
            async with cache.transaction():
                await cache.delete(key)
                await world.step.stop(key)
                if key == "bad":
                    raise ZeroDivisionError

        writers = [world.step.start(write(key)) for key in ("good", "bad")]
        for key in ("good", "bad"):
            await world.step.reached(key)
            world.step.go(key)
        await asyncio.gather(*writers, return_exceptions=True)

        assert not await cache.exists("good")
        assert await cache.exists("bad")

    async def test_one_block_can_be_entered_once(self, cache: Cache) -> None:
        block = cache.transaction()
        async with block:
            pass

        with pytest.raises(ConfigurationError, match=r"call cache\.transaction\(\) for each block"):
            async with block:
                pass
        blocking = cache.blocking.transaction()
        with blocking, pytest.raises(ConfigurationError, match="second time"), blocking:
            pass

    async def test_one_that_is_left_in_another_context_is_over_all_the_same(self, cache: Cache) -> None:
        """As a fixture that yields: its two halves may run in two tasks."""
        await cache.set("k", 1)

        async def fixture() -> AsyncIterator[None]:
            async with cache.transaction():
                await cache.delete("k")
                yield

        halves = fixture()
        await asyncio.create_task(anext(halves))  # type: ignore[arg-type]
        assert await cache.exists("k")
        await asyncio.create_task(anext(halves, None))  # type: ignore[arg-type]

        assert not await cache.exists("k")

    def test_a_generator_that_is_closed_drops_it(self, cache: Cache) -> None:
        cache.blocking.set("k", 1)

        def work() -> Iterator[None]:
            with cache.blocking.transaction():
                cache.blocking.delete("k")
                yield

        working = work()
        next(working)
        working.close()  # type: ignore[attr-defined]

        assert cache.blocking.exists("k")


class TestReadsInside:
    async def test_what_is_untouched_is_served_from_the_cache(self, world: World, cache: Cache) -> None:
        await world.read_other()

        async with cache.transaction():
            await cache.delete_tags("row")
            await world.read_other()
            await world.read_other()

        assert world.loads == 1

    @pytest.mark.parametrize("verb", ["delete_tags", "delete", "delete_match", "clear"])
    async def test_what_was_invalidated_inside_is_loaded_inside_and_served_outside(
        self, world: World, cache: Cache, verb: str
    ) -> None:
        await world.read()
        await world.read()

        async with cache.transaction():
            await getattr(cache, verb)(*(() if verb == "clear" else ("row",)))
            world.row = "written"
            assert [await world.read() for _ in range(3)] == ["written"] * 3
            assert await outside(world.read()) == "old"
            assert await cache.get("row") is None
            assert not await cache.exists("row")
            assert await world.read.peek() is None
            assert await world.read.refresh() == "written"
            assert await cache.get_or_set("row", world.load, tags=["row"]) == "written"
            assert await outside(world.read()) == "old"

    def test_the_same_for_plain_functions(self, cache: Cache) -> None:
        row = ["old"]

        @cache("1h", key="row:{number}", tags=["row"])
        def read(number: int) -> str:
            return row[0]

        read(1)
        with cache.blocking.transaction():
            cache.blocking.delete_tags("row")
            row[0] = "written"
            assert [read(1), read(1)] == ["written"] * 2
            assert read.peek(1) is None
            assert contextvars.Context().run(read, 1) == "old"

        assert read(1) == "written"

    async def test_nothing_that_is_loaded_inside_is_stored(self, world: World, cache: Cache) -> None:
        """It may show what is not committed: here the invalidation comes after the read."""
        with pytest.raises(ZeroDivisionError):
            async with cache.transaction():
                world.row = "uncommitted"
                assert await world.read() == "uncommitted"
                await cache.delete_tags("row")
                world.row = "old"
                raise ZeroDivisionError

        assert await world.read() == "old"

    async def test_nothing_that_is_loaded_inside_is_shared(self, world: World, cache: Cache) -> None:
        @cache("1h", key="slow")
        async def read_slowly() -> str:
            seen = world.load()
            await world.step.stop("loading")
            return seen

        async def write() -> str:
            async with cache.transaction():
                world.row = "uncommitted"
                return await read_slowly()

        inside = world.step.start(write())
        await world.step.reached("loading")
        world.row = "old"
        stranger = world.step.start(read_slowly())
        await world.step.settle()
        world.step.go("loading")
        await world.step.settle()
        world.step.go("loading")

        assert (await inside, await stranger) == ("uncommitted", "old")

    async def test_nor_does_a_read_inside_share_the_load_of_somebody_outside(
        self, world: World, cache: Cache
    ) -> None:
        @cache("1h", key="slow")
        async def read_slowly() -> str:
            seen = world.load()
            await world.step.stop("loading")
            return seen

        async def write() -> str:
            async with cache.transaction():
                world.row = "uncommitted"
                return await read_slowly()

        stranger = world.step.start(read_slowly())
        await world.step.reached("loading")
        inside = world.step.start(write())
        await world.step.settle()
        world.step.go("loading")
        world.step.go("loading")

        assert (await stranger, await inside) == ("old", "uncommitted")

    async def test_what_others_store_while_it_is_open_is_not_served_inside(
        self, world: World, cache: Cache
    ) -> None:
        """Their value is from before the commit, and would be a plain hit."""
        async with cache.transaction():
            await cache.delete_tags("row")
            await outside(world.read())
            assert await outside(world.read()) == "old"
            world.row = "written"

            assert [await world.read(), await world.read()] == ["written"] * 2

    async def test_what_was_set_inside_is_seen_inside(self, world: World, cache: Cache) -> None:
        await cache.set("row", "older", tags=["row"])

        async with cache.transaction():
            await cache.set("row", "set", tags=["row"])
            assert await cache.get("row") == "set"
            assert await cache.exists("row")
            assert await world.read() == "set"
            assert await cache.get_or_set("row", world.load) == "set"
            entry = await world.read.peek()
            assert entry is not None
            assert entry.value == "set"
            assert await outside(cache.get("row")) == "older"
            await cache.set("row", "set again", tags=["row"])
            assert await cache.get("row") == "set again"
            await cache.delete_tags("row")
            assert await cache.get("row") is None

        assert world.loads == 0

    async def test_a_stale_value_is_served_inside_and_nothing_is_refreshed_behind(
        self, world: World, cache: Cache
    ) -> None:
        """The refresh would run in the transaction's context, perhaps with its session."""

        @cache.soft("1h", soft_ttl="1m")
        async def read() -> str:
            return world.load()

        await read()
        world.clock.advance("1m")
        async with cache.transaction():
            assert await read() == "old"
            await world.step.settle()

        assert world.loads == 1

    async def test_an_error_of_a_loader_passes_though_an_expired_value_is_there(
        self, world: World, cache: Cache
    ) -> None:
        @cache("1m", grace="1h")
        async def read() -> str:
            if world.loads:
                raise ConnectionError("the transaction is broken")
            return world.load()

        await read()
        world.clock.advance("1m")
        async with cache.transaction():
            with pytest.raises(ConnectionError):
                await read()

    async def test_refresh_inside_has_the_next_reader_load_after_the_end(
        self, world: World, cache: Cache
    ) -> None:
        await world.read()

        async with cache.transaction():
            world.row = "new"
            assert await world.read.refresh() == "new"
            assert await outside(world.read()) == "old"

        assert await world.read() == "new"

    async def test_what_a_loader_reads_in_a_transaction_keeps_its_value_out_of_the_cache(
        self, world: World, cache: Cache
    ) -> None:
        @cache("1h", key="outer")
        async def outer() -> str:
            async with cache.transaction():
                return await world.read()

        assert await outer() == "old"

        assert not await cache.exists("outer")

    async def test_what_a_loader_finds_set_in_a_transaction_does_so_too(
        self, world: World, cache: Cache
    ) -> None:
        @cache("1h", key="{how}")
        async def outer(how: str) -> Any:
            async with cache.transaction():
                await cache.set("row", "uncommitted")
                if how == "get":
                    return await cache.get("row")
                if how == "get_or_set":
                    return await cache.get_or_set("row", lambda: None)
                entry = await world.read.peek()
                return entry and entry.value

        for how in ("get", "get_or_set", "peek"):
            assert await outer(how) == "uncommitted"
            assert not await cache.exists(how)

    async def test_what_a_loader_peeks_at_untouched_in_a_transaction_is_a_part_of_its_value(
        self, world: World, cache: Cache
    ) -> None:
        @cache("1h", key="outer")
        async def outer() -> Any:
            async with cache.transaction():
                entry = await world.read.peek()
                return entry and entry.value

        await world.read()
        assert await outer() == "old"
        assert await cache.exists("outer")

        await cache.delete_tags("row")

        assert not await cache.exists("outer")

    async def test_a_cached_hit_inside_of_a_load_inside_counts_as_ever(
        self, world: World, cache: Cache
    ) -> None:
        @cache("1h", key="outer")
        async def outer() -> str:
            return await world.read()

        await world.read()
        async with cache.transaction():
            assert await outer() == "old"

        assert world.loads == 1
        assert not await cache.exists("outer")

    async def test_a_loader_that_reads_its_own_key_is_an_error_inside_too(self, cache: Cache) -> None:
        @cache("1h", key="a")
        async def get() -> int:
            return await get()

        @cache("1h", key="b")
        async def load() -> int:
            async with cache.transaction():
                return await load()

        async with cache.transaction():
            with pytest.raises(DeadlockError, match="the load of 'a' reads 'a' again"):
                await get()
        with pytest.raises(DeadlockError, match="'b'"):
            await load()

    async def test_they_are_counted(self, world: World, cache: Cache) -> None:
        await world.read()

        async with cache.transaction():
            await world.read()
            await cache.delete_tags("row")
            await world.read()
            await cache.get("nothing")
            await cache.get("row")

        stats = cache.stats()
        by_name = {name.rpartition(".")[2]: one for name, one in stats.by_function.items()}
        assert (by_name["read"].hits, by_name["read"].misses, by_name["read"].loads) == (1, 2, 2)
        assert by_name["by hand"].misses == 2


class TestHitsInside:
    async def test_are_counted_as_they_are_outside(self, world: World, cache: Cache) -> None:
        await world.read()

        async with cache.transaction():
            assert await cache.get("row") == "old"
            assert await cache.get_many(["row"]) == {"row": "old"}
            assert await world.read() == "old"

        assert cache.stats().hits == 3


class TestSetInside:
    async def test_without_a_stamp_it_is_not_kept_and_what_is_there_is_deleted(
        self, world: World, cache: Cache
    ) -> None:
        store = plug(world)
        events: list[StoreFailed] = []
        cache.observe(events.append, StoreFailed)
        await cache.set("k", "old")

        async with cache.transaction():
            store.fails = frozenset({"stamp"})
            assert await cache.set("k", "new") is False
            store.fails = frozenset()

        assert [(event.operation, event.key) for event in events] == [("stamp", "k")]
        assert not await cache.exists("k")

    async def test_under_a_hold_what_is_there_is_deleted_at_once(
        self, world: World, cache: Cache
    ) -> None:
        await cache.set("k", "old")

        async with cache.transaction(hold="10s"):
            await cache.set("k", "new")
            assert not await outside(cache.exists("k"))

        assert await cache.get("k") == "new"


class TestWhatComesWithTheEnd:
    """A step that stood while the end of its transaction came is done by itself."""

    async def test_a_value_that_was_about_to_be_left_to_it_is_stored(
        self, world: World, cache: Cache
    ) -> None:
        store, step = plug(world), world.step

        async with cache.transaction():
            store.stop = step.stop
            setter = step.start(cache.set("k", 1))
            await step.reached("stamp")
            store.stop = None
        step.go("stamp")
        await step.ended(setter)

        assert await cache.get("k") == 1
        assert not store.logical._detours

    async def test_what_a_held_invalidation_names_is_invalid_after_it(
        self, world: World, cache: Cache
    ) -> None:
        """
        1 an invalidation inside begins to hold its tag, and stands
        2 the transaction ends, and its holds with it
        3 a read stores what was committed before
        4 the invalidation goes on
        """
        store, step = plug(world), world.step

        async with cache.transaction(hold="10s"):
            store.stop = step.stop
            deleter = step.start(cache.delete_tags("row"))
            await step.reached("invalidate")
            store.stop = None
        events: list[Invalidated] = []
        cache.observe(events.append, Invalidated)
        step.go("invalidate")
        await step.ended(deleter)

        assert [event.tags for event in events] == [("row",), ("row",)]


class TestManyInside:
    @pytest.fixture
    def rows(self) -> dict[str, str]:
        return {"a": "old a", "b": "old b"}

    async def test_what_is_untouched_is_served_and_the_rest_is_loaded_and_not_stored(
        self, cache: Cache, rows: dict[str, str]
    ) -> None:
        asked: list[list[str]] = []

        async def load(keys: list[str]) -> dict[str, str]:
            asked.append(keys)
            return {key: rows[key] for key in keys if key in rows}

        async def read() -> dict[str, str]:
            return await cache.get_or_set_many(["a", "b", "none"], load, tags=["t:{key}"])

        events: list[Loaded] = []
        cache.observe(events.append, Loaded)
        await read()
        async with cache.transaction():
            await cache.delete_tags("t:b")
            rows["b"] = "written"
            assert await read() == {"a": "old a", "b": "written"}
            assert await read() == {"a": "old a", "b": "written"}
            assert await cache.get_many(["a", "b"]) == {"a": "old a"}
            assert await outside(cache.get_many(["a", "b"])) == {"a": "old a", "b": "old b"}

        assert asked == [["a", "b", "none"], ["b", "none"], ["b", "none"]]
        # Three outside; inside twice the two that are not there, and once the one that nobody loads.
        assert cache.stats().misses == 3 + 2 + 2 + 1
        assert [(event.key, event.background) for event in events if event.key == "b"] == [
            ("b", False)
        ] * 3
        assert await cache.get_many(["a", "b"]) == {"a": "old a"}

    async def test_a_refresh_loads_and_has_the_next_reader_after_the_end_load_too(
        self, cache: Cache, rows: dict[str, str]
    ) -> None:
        @cache.many("1h", key="{name}")
        async def get(names: list[str]) -> dict[str, str]:
            return {name: rows[name] for name in names}

        await get(["a", "b"])
        async with cache.transaction():
            rows.update(a="new a", b="new b")
            assert await get.refresh([]) == {}
            assert await get.refresh(["a"]) == {"a": "new a"}
            assert await outside(cache.get("a")) == "old a"

        assert await get(["a", "b"]) == {"a": "new a", "b": "old b"}

    async def test_a_loader_that_waits_for_the_load_around_the_transaction_is_an_error(
        self, cache: Cache
    ) -> None:
        @cache("1h", key="outer")
        async def outer() -> Any:
            async with cache.transaction():
                return await cache.get_or_set_many(["a"], load)

        async def load(keys: list[str]) -> dict[str, Any]:
            return {key: await outer() for key in keys}

        # At once: a load that knew nothing of the one around it would begin that anew.
        with pytest.raises(DeadlockError, match="the load of 'outer' reads 'outer' again"):
            await asyncio.wait_for(outer(), 20.0)

    async def test_what_the_source_has_no_more_is_not_deleted_before_the_end(
        self, cache: Cache, rows: dict[str, str]
    ) -> None:
        async def load(keys: list[str]) -> dict[str, str]:
            return {key: rows[key] for key in keys if key in rows}

        await cache.get_or_set_many(["a"], load)
        with pytest.raises(ZeroDivisionError):
            async with cache.transaction():
                await cache.delete("a")
                del rows["a"]
                assert await cache.get_or_set_many(["a"], load) == {}
                raise ZeroDivisionError

        assert await cache.get("a") == "old a"

    async def test_what_is_set_together_waits_together(self, cache: Cache) -> None:
        async with cache.transaction():
            assert await cache.set_many({"a": 1, "b": 2}, tags=["t:{key}"]) == 0
            assert await cache.get_many(["a", "b"]) == {"a": 1, "b": 2}
            assert await outside(cache.get_many(["a", "b"])) == {}
            await cache.delete_tags("t:a")
            assert await cache.delete_many(["none"]) == 0

        assert await cache.get_many(["a", "b"]) == {"b": 2}

    async def test_errors_are_those_of_the_loader(self, cache: Cache) -> None:
        async def fail(keys: list[str]) -> dict[str, str]:
            raise ConnectionError("down")

        async def fail_in_part(keys: list[str]) -> dict[str, Any]:
            return {"a": 1, "b": ConnectionError("b is down")}

        async with cache.transaction():
            with pytest.raises(ConnectionError, match=r"^down"):
                await cache.get_or_set_many(["a", "b"], fail)
            with pytest.raises(ExceptionGroup) as caught:
                await cache.get_or_set_many(["a", "b"], fail_in_part)
        assert "b is down" in str(caught.value.exceptions)

    async def test_an_error_that_is_kept_as_an_answer_is_one_of_many_there_too(
        self, cache: Cache
    ) -> None:
        async def load(keys: list[str]) -> dict[str, Any]:
            return {"a": 1, "b": LookupError("no b")}

        async with cache.transaction():
            found = await cache.get_or_set_many(
                ["a", "b"], load, cache_exceptions=LookupError, on_error="return"
            )

        assert found["a"] == 1
        assert isinstance(found["b"], LookupError)

    async def test_what_is_made_of_them_in_a_load_around_is_not_kept(
        self, cache: Cache, rows: dict[str, str]
    ) -> None:
        @cache("1h", key="outer")
        async def outer() -> str:
            async with cache.transaction():
                found = await cache.get_or_set_many(["a"], lambda keys: rows)
            return found["a"]

        assert await outer() == "old a"

        assert not await cache.exists("outer")

    async def test_a_loader_of_many_that_reads_one_of_its_keys_is_an_error(self, cache: Cache) -> None:
        async def load(keys: list[str]) -> dict[str, Any]:
            return {key: await cache.get_or_set(key, lambda: 1) for key in keys}

        async with cache.transaction():
            with pytest.raises(DeadlockError, match=r"'b'|'a'"):
                await cache.get_or_set_many(["a", "b"], load)

    def test_the_same_for_the_blocking_face(self, cache: Cache, rows: dict[str, str]) -> None:
        def load(keys: list[str]) -> dict[str, str]:
            return {key: rows[key] for key in keys}

        blocking = cache.blocking
        blocking.get_or_set_many(["a", "b"], load)
        with blocking.transaction():
            blocking.delete_many(["b"])
            rows["b"] = "written"
            assert blocking.get_or_set_many(["a", "b"], load) == {"a": "old a", "b": "written"}
            blocking.set_many({"a": "set"})
            assert blocking.get_many(["a", "b"]) == {"a": "set"}

        assert blocking.get_many(["a", "b"]) == {"a": "set"}


class TestTheHitPath:
    """A hit does not ask whether it is inside. What a transaction touches leaves the hit path."""

    @pytest.fixture
    def looks(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        looks: list[str] = []
        look = MemoryStore.look

        async def counted(self: MemoryStore, key: str, *rest: Any) -> Look:
            looks.append(key)
            return await look(self, key, *rest)

        monkeypatch.setattr(MemoryStore, "look", counted)
        return looks

    @pytest.mark.parametrize("ends_well", [True, False])
    async def test_what_is_touched_takes_the_long_way_until_the_end(
        self, world: World, cache: Cache, looks: list[str], ends_well: bool
    ) -> None:
        await world.read()
        await world.read()
        looks.clear()

        try:
            async with cache.transaction():
                await cache.delete_tags("row")
                await outside(world.read())
                await outside(world.read())
                assert looks == ["row", "row"]
                if not ends_well:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            pass

        await world.read()
        await world.read()
        looks.clear()
        await world.read()
        assert looks == []

    async def test_what_is_not_touched_stays_on_it(
        self, world: World, cache: Cache, looks: list[str]
    ) -> None:
        await world.read_other()
        await world.read_other()
        looks.clear()

        async with cache.transaction():
            await cache.delete_tags("row")
            await world.read_other()
            await outside(world.read_other())

        assert looks == []

    async def test_two_that_touch_one_thing_keep_it_off_until_both_have_ended(
        self, world: World, cache: Cache, looks: list[str]
    ) -> None:
        await world.read()
        first, second = cache.transaction(), cache.transaction()
        with pytest.raises(ZeroDivisionError):
            async with first:
                await cache.delete_tags("row")
                with pytest.raises(ZeroDivisionError):
                    async with second:
                        await cache.delete_tags("row")
                        raise ZeroDivisionError
                world.row = "written"
                assert await world.read() == "written"
                raise ZeroDivisionError

        await world.read()
        looks.clear()
        await world.read()
        assert looks == []

    async def test_nothing_of_it_is_left_behind(self, world: World, cache: Cache) -> None:
        async with cache.transaction():
            await cache.delete_tags("row")
            await cache.delete("k")
            await cache.set("k", 1)
            await cache.clear()

        store: Any = cache._home.parts.store
        assert not store.logical._detours


class TestSets:
    async def test_after_an_invalidation_of_its_own_tag_the_value_stays(self, cache: Cache) -> None:
        await cache.set("other", 1, tags=["t"])

        async with cache.transaction():
            await cache.delete_tags("t")
            await cache.delete("k")
            await cache.delete_match("k*")
            await cache.set("k", 2, tags=["t"])

        assert await cache.get("k") == 2
        assert not await cache.exists("other")

    async def test_before_an_invalidation_of_its_own_tag_the_value_goes(self, cache: Cache) -> None:
        async with cache.transaction():
            await cache.set("k", 2, tags=["t"])
            await cache.delete_tags("t")

        assert not await cache.exists("k")

    async def test_the_last_of_two_values_of_one_key_stays(self, cache: Cache) -> None:
        async with cache.transaction():
            await cache.set("k", 1)
            await cache.set("k", 2)

        assert await cache.get("k") == 2

    @pytest.mark.parametrize("contested", [True, False])
    async def test_what_others_invalidated_since_it_was_set_is_not_stored(
        self, cache: Cache, contested: bool
    ) -> None:
        """
        1. one transaction sets what it has written
        2. another writes after it, and invalidates
        3. the first one ends: its value is out of date
        """
        await cache.set("k", "older")

        async with cache.transaction():
            if contested:
                await cache.delete_tags("t")
            await cache.set("k", "mine", tags=["t"])
            await outside(cache.delete_tags("t"))

        assert not await cache.exists("k")

    @pytest.mark.parametrize("contested", [True, False])
    async def test_what_others_set_since_is_not_written_over(
        self, cache: Cache, contested: bool
    ) -> None:
        async with cache.transaction():
            if contested:
                await cache.delete("k")
            await cache.set("k", "mine")
            await outside(cache.set("k", "theirs"))

        assert await cache.get("k") in (None, "theirs")

    async def test_what_others_invalidate_while_the_end_is_carried_out_is_not_stored(
        self, world: World, cache: Cache
    ) -> None:
        """Between the transaction's own invalidation of the tag and the value."""
        store = plug(world)
        invalidate = store.invalidate

        async def two(tags: Iterable[str], hold: Hold | None = None) -> int:
            await MemoryStore.invalidate(store, ["t"])
            return await invalidate(tags, hold)

        async with cache.transaction():
            await cache.delete_tags("t")
            await cache.set("k", "mine", tags=["t"])
            store.invalidate = two  # type: ignore[method-assign]

        assert not await cache.exists("k")

    async def test_a_stamp_of_one_s_own_counts(self, cache: Cache) -> None:
        stamp = await cache.stamp()
        await cache.delete_tags("t")

        async with cache.transaction():
            await cache.set("k", 1, tags=["t"], stamp=stamp)

        assert not await cache.exists("k")

    async def test_its_ttl_counts_from_when_it_was_set(self, world: World, cache: Cache) -> None:
        async with cache.transaction():
            await cache.set("k", 1, "1m")
            world.clock.advance("59s")
        assert await cache.exists("k")

        world.clock.advance("1s")
        assert not await cache.exists("k")

    async def test_with_a_store_that_does_not_answer_it_becomes_a_deletion(
        self, world: World, cache: Cache
    ) -> None:
        store = plug(world)
        await cache.set("k", "older")
        store.fails = frozenset({"stamp"})

        async with cache.transaction():
            assert await cache.set("k", 1) is False
            store.fails = frozenset()

        assert not await cache.exists("k")

    async def test_after_setup_it_is_stored_nowhere(self, cache: Cache) -> None:
        async with cache.transaction():
            await cache.set("k", 1)
            cache.setup()
            await cache.set("l", 1)

        assert not await cache.exists("k")
        assert await cache.exists("l")


# -- holds -----------------------------------------------------------------------------------------


async def test_with_a_hold_it_is_invalid_at_once_and_loads_are_not_stored(world: World) -> None:
    """
    1. invalidated and held
    2. a reader loads the old row: returned, not stored
    3. the database commits, and the writer dies before the block's end
    """
    cache = world.cache
    await world.read()
    block = cache.transaction(hold="10s")
    await block.__aenter__()
    await cache.delete_tags("row")

    assert await outside(world.read()) == "old"
    world.row = "new"
    assert await outside(world.read()) == "new"
    assert await outside(cache.exists("row")) is False

    world.clock.advance("10s")
    await outside(world.read())
    assert await outside(cache.get("row")) == "new"
    await block.__aexit__(ZeroDivisionError, ZeroDivisionError(), None)


async def test_at_its_end_loads_are_stored_again(world: World) -> None:
    async with world.cache.transaction(hold="10s"):
        await world.cache.delete_tags("row")
        await world.cache.delete("row")

    await world.read()
    assert await world.cache.exists("row")


async def test_rolled_back_loads_are_stored_again_too(world: World) -> None:
    with pytest.raises(ZeroDivisionError):
        async with world.cache.transaction(hold="10s"):
            await world.cache.delete_tags("row")
            raise ZeroDivisionError

    await world.read()
    assert await world.cache.exists("row")


async def test_rolled_back_it_ends_its_own_hold_and_no_other(world: World) -> None:
    """The other transaction on this row has not ended."""
    cache = world.cache
    other = cache.transaction(hold="10s")

    async def prepare() -> None:
        await other.__aenter__()
        await cache.delete_tags("row")
        await cache.delete("row")

    await outside(prepare())
    with pytest.raises(ZeroDivisionError):
        async with cache.transaction(hold="10s"):
            await cache.delete_tags("row")
            await cache.delete("row")
            raise ZeroDivisionError

    await world.read()
    assert not await cache.exists("row")
    await other.__aexit__(None, None, None)
    await world.read()
    assert await cache.exists("row")


async def test_who_joined_a_load_from_during_the_hold_after_the_end_loads_anew(world: World) -> None:
    """The hold would have lasted longer, so only the second stamp can tell them."""
    cache = world.cache

    @cache("1h", key="slow", tags=["row"])
    async def read_slowly() -> str:
        seen = world.load()
        await world.step.stop("loading")
        return seen

    async with cache.transaction(hold="10s"):
        await cache.delete_tags("row")
        first = asyncio.create_task(read_slowly(), context=contextvars.Context())
        await world.step.reached("loading")
        world.row = "new"
    second = world.step.start(read_slowly())
    await world.step.settle()
    world.step.go("loading")
    await world.step.settle()
    world.step.go("loading")

    assert (await first, await second) == ("old", "new")


async def test_who_joined_a_load_of_a_set_key_loads_anew_though_the_value_was_not_stored(
    world: World,
) -> None:
    cache = world.cache

    @cache("1h", key="slow")
    async def read_slowly() -> str:
        seen = world.load()
        await world.step.stop("loading")
        return seen

    async with cache.transaction(hold="10s"):
        await cache.set("slow", "new", tags=["t"])
        first = asyncio.create_task(read_slowly(), context=contextvars.Context())
        await world.step.reached("loading")
        world.row = "new"
        await outside(cache.delete_tags("t"))
    second = world.step.start(read_slowly())
    await world.step.settle()
    world.step.go("loading")
    await world.step.settle()
    world.step.go("loading")

    assert (await first, await second) == ("old", "new")


async def test_what_it_sets_is_stored_under_its_own_hold(world: World) -> None:
    cache = world.cache
    await cache.set("k", "older")

    async with cache.transaction(hold="10s"):
        await cache.delete_tags("t")
        await cache.set("k", "new", tags=["t"])
        assert await outside(cache.get("k")) is None
        assert await cache.get("k") == "new"

    assert await cache.get("k") == "new"


async def test_what_it_sets_under_the_hold_of_another_is_not_stored(world: World) -> None:
    cache = world.cache
    await cache.set("k", "older")
    await cache.delete_tags("t", hold="10s")

    async with cache.transaction():
        await cache.set("k", "new", tags=["t"])

    assert not await cache.exists("k")


async def test_one_inside_of_another_holds_too_and_until_the_outer_end(world: World) -> None:
    cache = world.cache

    async with cache.transaction(hold="10s"):
        async with cache.transaction():
            await cache.delete_tags("row")
        await outside(world.read())
        assert not await outside(cache.exists("row"))

    await world.read()
    assert await cache.exists("row")


async def test_one_with_a_hold_inside_of_one_without_holds_until_the_outer_end(world: World) -> None:
    cache = world.cache

    async with cache.transaction():
        async with cache.transaction(hold="10s"):
            await cache.delete_tags("row")
        await cache.delete_tags("other")
        await outside(world.read())
        assert not await outside(cache.exists("row"))
        await outside(world.read_other())
        assert await outside(cache.exists("other"))

    await world.read()
    assert await cache.exists("row")


async def test_one_inside_that_is_rolled_back_ends_its_own_holds_only(world: World) -> None:
    cache = world.cache

    async with cache.transaction(hold="10s"):
        await cache.delete_tags("row")
        with pytest.raises(ZeroDivisionError):
            async with cache.transaction():
                await cache.delete_tags("row", "other")
                raise ZeroDivisionError
        await outside(world.read())
        assert not await outside(cache.exists("row"))
        await outside(world.read_other())
        assert await outside(cache.exists("other"))


class TestHolds:
    def test_the_same_for_the_blocking_face(self, cache: Cache) -> None:
        row = ["old"]

        @cache("1h", key="row", tags=["row"])
        def read() -> str:
            return row[0]

        read()
        with cache.blocking.transaction(hold="10s"):
            cache.blocking.delete_tags("row")
            assert contextvars.Context().run(read) == "old"
            assert not contextvars.Context().run(cache.blocking.exists, "row")
            row[0] = "new"
        assert read() == "new"
        assert cache.blocking.exists("row")

    async def test_marking_stale_needs_no_hold(self, world: World, cache: Cache) -> None:
        await world.read()

        async with cache.transaction(hold="10s"):
            await cache.mark_stale("row")
            await outside(world.read())
            assert world.loads == 1

    @pytest.mark.parametrize("verb", ["clear", "delete_match"])
    async def test_what_has_no_names_cannot_be_held(self, cache: Cache, verb: str) -> None:
        async with cache.transaction(hold="10s"):
            with pytest.raises(ConfigurationError, match=f"{verb}.*no names to hold"):
                await getattr(cache, verb)(*(() if verb == "clear" else ("k*",)))

    @pytest.mark.parametrize("hold", ["2m", "soon", 0, True])
    async def test_a_bad_hold_is_refused_before_the_block(self, cache: Cache, hold: Any) -> None:
        with pytest.raises(ConfigurationError, match="hold="):
            async with cache.transaction(hold=hold):
                pytest.fail("it was entered")
        with pytest.raises(ConfigurationError, match="hold="), cache.blocking.transaction(hold=hold):
            pytest.fail("it was entered")

    async def test_one_that_takes_longer_than_its_hold_is_told(
        self, world: World, cache: Cache, caplog: pytest.LogCaptureFixture
    ) -> None:
        events: list[Any] = []
        cache.observe(events.append, HoldRanOut)

        async with cache.transaction(hold="10s"):
            await cache.delete_tags("row")
            world.clock.advance("9s")
            await cache.delete_tags("row")
            world.clock.advance("3s")

        assert events == [HoldRanOut(2.0)]
        assert "2.0 seconds after its hold" in caplog.text

    async def test_one_that_keeps_within_its_hold_is_not(self, world: World, cache: Cache) -> None:
        events: list[Any] = []
        cache.observe(events.append, HoldRanOut)

        async with cache.transaction(hold="10s"):
            await cache.delete_tags("row")
            world.clock.advance("9s")

        assert events == []


class TestFailure:
    async def test_what_fails_at_the_end_is_named_and_all_the_rest_is_done(
        self, world: World, cache: Cache
    ) -> None:
        store = plug(world)
        await cache.set("k", 1)
        await cache.set("a", 1, tags=["a"])

        with pytest.raises(StoreError) as caught:
            async with cache.transaction():
                await cache.delete_tags("t")
                await cache.mark_stale("s")
                await cache.delete_match("k*")
                store.fails = frozenset({"invalidate", "mark_stale"})

        message = str(caught.value)
        assert "Done: delete_match('k*')." in message
        assert "delete_tags('t'): invalidate: the store does not answer" in message
        assert "mark_stale('s'): mark_stale: the store does not answer" in message
        assert not await cache.exists("k")

    async def test_when_nothing_could_be_done_it_says_so(self, world: World, cache: Cache) -> None:
        store = plug(world)

        with pytest.raises(StoreError, match="Done: nothing"):
            async with cache.transaction():
                await cache.delete_tags("t")
                store.fails = frozenset({"invalidate"})

    async def test_when_the_end_fails_the_hold_stays_until_it_runs_out(
        self, world: World, cache: Cache
    ) -> None:
        store = plug(world)

        with pytest.raises(StoreError):
            async with cache.transaction(hold="10s"):
                await cache.delete_tags("t")
                store.fails = frozenset({"invalidate"})

        assert not await cache.set("k", 1, tags=["t"])
        world.clock.advance("10s")
        assert await cache.set("k", 1, tags=["t"])

    async def test_a_hold_that_cannot_be_had_is_an_error_at_the_call(
        self, world: World, cache: Cache
    ) -> None:
        """So that the database is rolled back."""
        store = plug(world)
        store.fails = frozenset({"invalidate", "delete"})

        async with cache.transaction(hold="10s"):
            with pytest.raises(StoreError):
                await cache.delete_tags("t")
            with pytest.raises(StoreError):
                await cache.set("k", 1)
            store.fails = frozenset()

    async def test_a_hold_of_which_no_answer_came_is_ended_too(
        self, world: World, cache: Cache
    ) -> None:
        """The store may have taken it."""
        store = plug(world)

        async def taken_and_lost(tags: Iterable[str], hold: Hold | None = None) -> int:
            await MemoryStore.invalidate(store, tags, hold)
            raise StoreError("no answer")

        store.invalidate = taken_and_lost  # type: ignore[method-assign]
        with pytest.raises(StoreError):
            async with cache.transaction(hold="10s"):
                await cache.delete_tags("t")

        assert await cache.set("k", 1, tags=["t"])

    async def test_a_hold_that_cannot_be_ended_does_not_hide_the_error_of_the_block(
        self, world: World, cache: Cache
    ) -> None:
        store = plug(world)
        events: list[Any] = []
        cache.observe(events.append, StoreFailed)

        with pytest.raises(ZeroDivisionError):
            async with cache.transaction(hold="10s"):
                await cache.delete_tags("t")
                store.fails = frozenset({"release"})
                raise ZeroDivisionError

        assert [event.operation for event in events] == ["release"]

    async def test_an_error_at_the_end_of_a_cancelled_writer_is_told_with_it(
        self, world: World, cache: Cache
    ) -> None:
        store = plug(world)

        async def write() -> None:
            async with cache.transaction():
                await cache.delete_tags("t")
                store.stop = world.step.stop
                store.fails = frozenset({"invalidate"})

        writer = world.step.start(write())
        await world.step.reached("invalidate")
        writer.cancel()
        await world.step.settle()
        world.step.go("invalidate")

        with pytest.raises(asyncio.CancelledError) as caught:
            await writer
        causes = [caught.value.__cause__, getattr(caught.value.__context__, "__cause__", None)]
        assert any(isinstance(cause, StoreError) for cause in causes)


class TestThreads:
    def test_threads_inside_and_outside_at_the_same_time(self, cache: Cache) -> None:
        row = ["old"]
        with ThreadStepper() as threads:

            @cache("1h", key="row", tags=["row"])
            def read() -> str:
                return row[0]

            def write() -> str:
                with cache.blocking.transaction():
                    cache.blocking.delete_tags("row")
                    row[0] = "new"
                    seen = read()
                    threads.stop("committing")
                return seen

            read()
            writer = threads.start(write)
            threads.reached("committing")
            assert [read(), read()] == ["old", "old"]
            threads.go("committing")

            assert writer.result(20) == "new"
            assert read() == "new"


# -- mutants ---------------------------------------------------------------------------------------


def without_finalize_stamps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end ends the holds, and no more: the stamps of the beginning are believed to do."""
    do = Writes._do

    async def only_puts(self: Writes, step: Any, puts: Any) -> None:
        if type(step).__name__ == "Put":
            await do(self, step, puts)

    async def without_deleting(self: Writes, put: Any, puts: Any) -> None:
        await self.store.put(put.entry, is_stamped=True)

    monkeypatch.setattr(Writes, "_do", only_puts)
    monkeypatch.setattr(Writes, "_put", without_deleting)


def without_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stamps at the beginning, and does not hold."""
    invalidate = MemoryStore.invalidate

    async def stamp_only(self: MemoryStore, tags: Iterable[str], hold: Hold | None = None) -> int:
        return await invalidate(self, tags)

    monkeypatch.setattr(MemoryStore, "invalidate", stamp_only)


def without_prepare(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(self: Writes, transaction: Transaction, step: Any) -> None:
        return

    monkeypatch.setattr(Writes, "prepare", nothing)


def without_hold_map(monkeypatch: pytest.MonkeyPatch) -> None:
    async def end_all(self: MemoryStore, *_: Any) -> None:
        self._holds._keep(lambda *_: False)

    monkeypatch.setattr(MemoryStore, "release", end_all)


def never_released(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(self: MemoryStore, *_: Any) -> None:
        return

    monkeypatch.setattr(MemoryStore, "release", nothing)


Story = Callable[[World], Awaitable[None]]

MUTANTS: list[tuple[Callable[[pytest.MonkeyPatch], None], Story]] = [
    (
        without_finalize_stamps,
        test_who_joined_a_load_from_during_the_hold_after_the_end_loads_anew,
    ),
    (
        without_finalize_stamps,
        test_who_joined_a_load_of_a_set_key_loads_anew_though_the_value_was_not_stored,
    ),
    (without_hold, test_with_a_hold_it_is_invalid_at_once_and_loads_are_not_stored),
    (without_prepare, test_with_a_hold_it_is_invalid_at_once_and_loads_are_not_stored),
    (without_prepare, test_one_inside_of_another_holds_too_and_until_the_outer_end),
    (without_hold_map, test_rolled_back_it_ends_its_own_hold_and_no_other),
    (without_hold_map, test_one_inside_that_is_rolled_back_ends_its_own_holds_only),
    (never_released, test_at_its_end_loads_are_stored_again),
    (never_released, test_rolled_back_loads_are_stored_again_too),
]


@pytest.mark.parametrize(("mutant", "story"), MUTANTS)
async def test_with_a_guard_taken_out_the_story_ends_badly(
    monkeypatch: pytest.MonkeyPatch,
    mutant: Callable[[pytest.MonkeyPatch], None],
    story: Story,
    world: World,
) -> None:
    mutant(monkeypatch)

    with pytest.raises(AssertionError):
        await asyncio.wait_for(story(world), 20)
