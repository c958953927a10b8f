"""Locks and once: one at a time, first come first served, and not for longer than the ttl.

Time is a ``ManualClock``'s: it rings for whoever waits until an instant. Two caches over one store
stand for two processes that share it.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from freshly import Cache, ConfigurationError, DeadlockError, LockLost, LockTimeout, StoreError
from freshly.core.lease import LeaseTable
from freshly.core.turns import Turns
from freshly.stores.memory import MemoryStore
from freshly.testing import ManualClock, Stepper, ThreadStepper


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock, dice=lambda: 0.5)


@pytest.fixture
def step() -> Stepper:
    return Stepper()


class SharedStore(MemoryStore):
    """A memory store that says it is shared, and counts how often it is asked for a lease."""

    is_shared = True
    asked = 0
    is_down = False

    async def take_lease(self, name: str, token: str, seconds: float) -> float | None:
        self.asked += 1
        self._check()
        return await super().take_lease(name, token, seconds)

    async def renew_lease(self, name: str, token: str, seconds: float) -> bool:
        self._check()
        return await super().renew_lease(name, token, seconds)

    async def release_lease(self, name: str, token: str) -> bool:
        self._check()
        return await super().release_lease(name, token)

    def _check(self) -> None:
        if self.is_down:
            raise StoreError("the store does not answer")


@pytest.fixture
def store(clock: ManualClock) -> SharedStore:
    return SharedStore(clock)


def over(store: MemoryStore, clock: ManualClock) -> Cache:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("freshly.home.open_store", lambda *_: store)
        return Cache(clock=clock, dice=lambda: 0.5)


@pytest.fixture
def one(store: SharedStore, clock: ManualClock) -> Cache:
    return over(store, clock)


@pytest.fixture
def other(store: SharedStore, clock: ManualClock) -> Cache:
    return over(store, clock)


async def work(cache: Cache, step: Stepper, name: str, log: list[str], **options: Any) -> None:
    async with cache.lock("report", **options):
        log.append(f"{name} in")
        await step.stop(name)
        log.append(f"{name} out")


class TestOneAtATime:
    async def test_who_comes_later_waits_until_the_first_is_out(
        self, cache: Cache, step: Stepper
    ) -> None:
        log: list[str] = []
        tasks = [step.start(work(cache, step, name, log)) for name in "ab"]
        await step.reached("a")
        await step.settle()
        assert log == ["a in"]

        step.go("a")
        await step.reached("b")
        step.go("b")
        await asyncio.gather(*tasks)

        assert log == ["a in", "a out", "b in", "b out"]

    async def test_in_one_process_they_come_in_the_order_in_which_they_asked(
        self, cache: Cache, step: Stepper
    ) -> None:
        log: list[str] = []
        tasks = [step.start(work(cache, step, name, log)) for name in "abcdef"]
        for name in "abcdef":
            await step.reached(name)
            step.go(name)
        await asyncio.gather(*tasks)

        assert [line[0] for line in log[::2]] == list("abcdef")

    async def test_locks_of_different_keys_do_not_concern_each_other(self, cache: Cache) -> None:
        async with cache.lock("a"), cache.lock("b"):
            pass

    async def test_an_error_of_the_block_passes_and_frees_the_lock(self, cache: Cache) -> None:
        with pytest.raises(ZeroDivisionError):
            async with cache.lock("a"):
                raise ZeroDivisionError

        async with cache.lock("a", timeout=0):
            pass

    def test_threads_wait_for_each_other(self, cache: Cache) -> None:
        log: list[str] = []

        def blocking_work(name: str) -> None:
            with cache.blocking.lock("report"):
                log.append(f"{name} in")
                threads.stop(name)
                log.append(f"{name} out")

        with ThreadStepper() as threads:
            first = threads.start(blocking_work, "a")
            threads.reached("a")
            second = threads.start(blocking_work, "b")
            threads.go("a")
            threads.reached("b")
            threads.go("b")
            first.result(20)
            second.result(20)

        assert log == ["a in", "a out", "b in", "b out"]

    async def test_a_thread_waits_for_a_task_and_a_task_for_a_thread(
        self, cache: Cache, step: Stepper
    ) -> None:
        log: list[str] = []

        def blocking_work() -> None:
            with cache.blocking.lock("report"):
                log.append("thread")

        task = step.start(work(cache, step, "a", log))
        await step.reached("a")
        with ThreadStepper() as threads:
            thread: Future[None] = threads.start(blocking_work)
            step.go("a")
            await asyncio.wrap_future(thread)
        await task

        assert log == ["a in", "a out", "thread"]

    async def test_the_key_of_an_entry_is_something_else(self, cache: Cache) -> None:
        await cache.set("a", 1)

        async with cache.lock("a"), cache.once("a", "1m") as is_first:
            assert is_first
            assert await cache.get("a") == 1
            await cache.delete("a")
            await cache.clear()
            with pytest.raises(LockTimeout):
                await outside(cache, "a")


async def outside(cache: Cache, key: str, **options: Any) -> None:
    """Take the lock in a task of its own, or fail at once."""

    async def take() -> None:
        async with cache.lock(key, timeout=0, **options):
            pass

    await asyncio.create_task(take())


class TestWaiting:
    async def test_it_ends_with_an_error_after_the_timeout(
        self, cache: Cache, clock: ManualClock, step: Stepper
    ) -> None:
        async with cache.lock("report", ttl="1h"):
            waiter = step.start(work(cache, step, "b", [], timeout="5s"))
            await step.settle()
            clock.advance("4999ms")
            await step.settle()
            assert not waiter.done()
            clock.advance("1ms")
            with pytest.raises(LockTimeout) as caught:
                await waiter

        assert isinstance(caught.value, TimeoutError)
        assert (caught.value.seconds, clock.alarms) == (5.0, 0)
        assert "the lock 'report' was not free within 5 seconds" in str(caught.value)

    async def test_a_timeout_of_zero_does_not_wait(self, cache: Cache) -> None:
        async with cache.lock("report"):
            with pytest.raises(LockTimeout):
                await outside(cache, "report")
        await outside(cache, "report")

    def test_a_thread_s_wait_ends_too(self, cache: Cache, clock: ManualClock) -> None:
        def wait() -> None:
            with cache.blocking.lock("report", timeout="5s"):
                pass

        with ThreadStepper() as threads, cache.blocking.lock("report", ttl="1h"):
            waiter = threads.start(wait)
            until_somebody_waits(clock)
            clock.advance("5s")
            with pytest.raises(LockTimeout):
                waiter.result(20)

    async def test_who_is_cancelled_gives_up_its_place(self, cache: Cache, step: Stepper) -> None:
        log: list[str] = []
        tasks = [step.start(work(cache, step, name, log)) for name in "abc"]
        await step.reached("a")
        await step.settle()

        tasks[1].cancel()
        await step.settle()
        step.go("a")
        await step.reached("c")
        step.go("c")
        await asyncio.gather(*tasks, return_exceptions=True)

        assert log == ["a in", "a out", "c in", "c out"]
        assert await nothing_is_left(cache)

    async def test_who_gave_up_at_the_head_lets_the_next_one_on(
        self, cache: Cache, step: Stepper
    ) -> None:
        log: list[str] = []
        tasks = [step.start(work(cache, step, name, log)) for name in "abc"]
        await step.reached("a")
        await step.settle()

        step.go("a")
        tasks[1].cancel()
        await step.reached("c")
        step.go("c")
        await asyncio.gather(*tasks, return_exceptions=True)

        assert log[-2:] == ["c in", "c out"]


def until_somebody_waits(clock: ManualClock) -> None:
    changed = threading.Event()
    for _ in range(100_000):
        if clock.alarms:
            return
        changed.wait(0)
    raise AssertionError("nobody waits")


async def nothing_is_left(cache: Cache) -> bool:
    side: Any = cache._home.parts.awaited
    turns: Turns = side.locking._turns
    return not turns._queues and not turns._holders


class TestOwned:
    async def test_inside_it_is_held(self, cache: Cache) -> None:
        lock = cache.lock("report")
        assert not lock.is_held
        async with lock as held:
            assert held is lock
            assert lock.is_held
            assert lock.key == "report"
        assert not lock.is_held

    async def test_a_holder_that_takes_too_long_loses_it_and_is_told(
        self, cache: Cache, clock: ManualClock, step: Stepper
    ) -> None:
        log: list[str] = []
        slow = step.start(work(cache, step, "slow", log, ttl="10s"))
        await step.reached("slow")
        quick = step.start(work(cache, step, "quick", log, ttl="10s"))
        await step.settle()
        clock.advance("10s")
        await step.reached("quick")
        step.go("slow")
        with pytest.raises(LockLost, match=r"ttl=10 seconds.*renew=True"):
            await slow

        # It has not given back what is another's by now.
        with pytest.raises(LockTimeout):
            await outside(cache, "report")
        step.go("quick")
        await quick

    async def test_an_error_of_the_block_is_worth_more_than_that(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        with pytest.raises(ZeroDivisionError):
            async with cache.lock("report", ttl="1s"):
                clock.advance("1s")
                raise ZeroDivisionError

    async def test_a_dead_holder_is_in_the_way_until_its_ttl_is_over(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        lock = cache.lock("report", ttl="10s")
        await asyncio.create_task(lock.__aenter__())

        with pytest.raises(LockTimeout):
            await outside(cache, "report")
        clock.advance("10s")
        await outside(cache, "report")
        assert not lock.is_held

    def test_the_same_for_the_blocking_face(self, cache: Cache, clock: ManualClock) -> None:
        with pytest.raises(LockLost), cache.blocking.lock("report", ttl="10s") as lock:
            assert lock.is_held
            clock.advance("10s")
            assert not lock.is_held

    async def test_one_object_is_for_one_block_at_a_time(self, cache: Cache) -> None:
        lock = cache.lock("report")
        async with lock:
            with pytest.raises(ConfigurationError, match=r"cache\.lock\('report'\) for each block"):
                async with lock:
                    pass
        async with lock:
            pass

    async def test_setup_in_between_does_not_lose_it(self, cache: Cache) -> None:
        async with cache.lock("report") as lock:
            cache.setup()
            assert lock.is_held


class TestNotReentrant:
    async def test_a_task_that_has_it_is_told(self, cache: Cache) -> None:
        async with cache.lock("report"):
            with pytest.raises(DeadlockError, match="not reentrant"):
                async with cache.lock("report"):
                    pass
        await outside(cache, "report")

    def test_a_thread_that_has_it_is_told(self, cache: Cache) -> None:
        again = cache.blocking.lock("report")
        with cache.blocking.lock("report"), pytest.raises(DeadlockError, match="not reentrant"):
            again.__enter__()
        with cache.blocking.lock("report", timeout=0):
            pass

    async def test_a_blocking_one_on_the_thread_of_the_loop_that_has_it_is_told(
        self, cache: Cache
    ) -> None:
        async with cache.lock("report"):
            with pytest.raises(DeadlockError, match="would stop that task"):
                cache.blocking.lock("report").__enter__()
            with cache.blocking.lock("other", timeout=0):
                pass


class TestRenewed:
    async def test_a_holder_that_lives_keeps_it(
        self, cache: Cache, clock: ManualClock, step: Stepper
    ) -> None:
        async with cache.lock("report", ttl="9s", renew=True) as lock:
            for _ in range(30):
                clock.advance("3s")
                await step.settle()
            assert lock.is_held
            with pytest.raises(LockTimeout):
                await outside(cache, "report")
        await outside(cache, "report")
        assert clock.alarms == 0
        assert len(asyncio.all_tasks()) == 1

    async def test_a_block_that_never_waits_ends_before_its_keeper_has_begun(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        async with cache.lock("report", renew=True):
            pass

        assert clock.alarms == 0
        assert len(asyncio.all_tasks()) == 1

    def test_on_threads_too(self, cache: Cache, clock: ManualClock) -> None:
        with cache.blocking.lock("report", ttl="9s", renew=True) as lock:
            for _ in range(10):
                until_somebody_waits(clock)
                clock.advance("3s")
            until_somebody_waits(clock)
            assert lock.is_held
        assert clock.alarms == 0

    async def test_an_answer_that_does_not_come_is_asked_for_again(
        self, one: Cache, store: SharedStore, clock: ManualClock, step: Stepper
    ) -> None:
        async with one.lock("report", ttl="9s", renew=True) as lock:
            store.is_down = True
            clock.advance("3s")
            await step.settle()
            store.is_down = False
            clock.advance("3s")
            await step.settle()
            clock.advance("8s")
            assert lock.is_held

    async def test_what_was_lost_is_not_held_any_more(
        self, one: Cache, store: SharedStore, clock: ManualClock, step: Stepper
    ) -> None:
        with pytest.raises(LockLost):
            async with one.lock("report", ttl="9s", renew=True) as lock:
                store.is_down = True
                for _ in range(3):
                    clock.advance("3s")
                    await step.settle()
                assert not lock.is_held
                store.is_down = False


class TestAmongProcesses:
    async def test_one_waits_for_the_other_and_asks_again_and_again(
        self, one: Cache, other: Cache, store: SharedStore, clock: ManualClock, step: Stepper
    ) -> None:
        log: list[str] = []
        first = step.start(work(one, step, "a", log, ttl="1h"))
        await step.reached("a")
        second = step.start(work(other, step, "b", log, ttl="1h"))
        await step.settle()
        step.go("a")
        await first
        await step.settle()
        assert log == ["a in", "a out"]

        clock.advance("500ms")
        await step.reached("b")
        step.go("b")
        await second

    async def test_the_questions_become_rarer_and_stay_bounded(
        self, one: Cache, other: Cache, store: SharedStore, clock: ManualClock, step: Stepper
    ) -> None:
        async with one.lock("report", ttl="1h"):
            waiter = step.start(work(other, step, "b", []))
            await step.settle()
            for _ in range(600):
                clock.advance("100ms")
                await step.settle(5)
            asked = store.asked
            waiter.cancel()
            await step.settle()

        assert 60 / 0.5 - 10 < asked < 60 / 0.5 + 10

    async def test_only_the_first_of_a_process_asks(
        self, one: Cache, other: Cache, store: SharedStore, clock: ManualClock, step: Stepper
    ) -> None:
        async with one.lock("report", ttl="1h"):
            waiters = [step.start(work(other, step, str(n), [])) for n in range(50)]
            await step.settle()
            assert store.asked == 2
            for waiter in waiters:
                waiter.cancel()
            await step.settle(500)

    async def test_a_store_that_does_not_answer_is_an_error(
        self, one: Cache, store: SharedStore
    ) -> None:
        store.is_down = True
        with pytest.raises(StoreError):
            async with one.lock("report"):
                pass
        store.is_down = False
        await outside(one, "report")

    async def test_a_lock_that_cannot_be_given_back_runs_out(
        self, one: Cache, store: SharedStore, clock: ManualClock
    ) -> None:
        async with one.lock("report", ttl="10s"):
            store.is_down = True
        store.is_down = False

        with pytest.raises(LockTimeout):
            await outside(one, "report")
        clock.advance("10s")
        await outside(one, "report")

    async def test_who_is_cancelled_while_it_asks_leaves_nothing_behind(
        self, one: Cache, store: SharedStore, step: Stepper
    ) -> None:
        """The store may have given it the lease, and the answer comes too late."""
        take = store.take_lease

        async def given_and_slow(name: str, token: str, seconds: float) -> float | None:
            given = await take(name, token, seconds)
            await step.stop("answering")
            return given

        store.take_lease = given_and_slow  # type: ignore[method-assign]
        waiter = step.start(work(one, step, "a", []))
        await step.reached("answering")
        waiter.cancel()
        await step.settle()
        store.take_lease = take  # type: ignore[method-assign]

        assert waiter.cancelled()
        await outside(one, "report")


class TestOnce:
    async def test_one_of_many_runs_and_nobody_waits(
        self, cache: Cache, clock: ManualClock, step: Stepper
    ) -> None:
        async def send() -> bool:
            async with cache.once("welcome:7", "1d") as is_first:
                if is_first:
                    await step.stop("sending")
            return is_first

        first = step.start(send())
        await step.reached("sending")
        assert [await send() for _ in range(3)] == [False] * 3
        step.go("sending")
        assert await first
        assert not await send()

        clock.advance("1d")
        again = step.start(send())
        await step.reached("sending")
        step.go("sending")
        assert await again

    async def test_if_it_raises_the_next_one_runs(self, cache: Cache) -> None:
        with pytest.raises(ZeroDivisionError):
            async with cache.once("k", "1d"):
                raise ZeroDivisionError

        async with cache.once("k", "1d") as is_first:
            assert is_first

    async def test_if_one_that_does_not_run_raises_the_first_one_s_right_stays(
        self, cache: Cache
    ) -> None:
        async with cache.once("k", "1d"):
            with pytest.raises(ZeroDivisionError):
                async with cache.once("k", "1d"):
                    raise ZeroDivisionError
            async with cache.once("k", "1d") as is_first:
                assert not is_first

    async def test_if_its_process_dies_nobody_runs_before_the_ttl_is_over(
        self, one: Cache, other: Cache, clock: ManualClock
    ) -> None:
        await one.once("k", "1d").__aenter__()

        async with other.once("k", "1d") as is_first:
            assert not is_first
        clock.advance("1d")
        async with other.once("k", "1d") as is_first:
            assert is_first

    def test_the_same_for_the_blocking_face(self, cache: Cache) -> None:
        with pytest.raises(ZeroDivisionError), cache.blocking.once("k", 60):
            raise ZeroDivisionError
        with cache.blocking.once("k", 60) as is_first:
            assert is_first
        with cache.blocking.once("k", 60) as is_first:
            assert not is_first

    async def test_a_store_that_does_not_answer_is_an_error(
        self, one: Cache, store: SharedStore
    ) -> None:
        store.is_down = True
        with pytest.raises(StoreError):
            async with one.once("k", "1d"):
                pass

    async def test_it_is_entered_once(self, cache: Cache) -> None:
        once = cache.once("k", "1d")
        async with once:
            pass
        with pytest.raises(ConfigurationError, match="second time"):
            await once.__aenter__()


class TestRefused:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"ttl": 0}, "ttl=0"),
            ({"ttl": "soon"}, "ttl='soon'"),
            ({"ttl": None}, "ttl=None"),
            ({"timeout": -1}, "timeout=-1"),
            ({"timeout": "soon"}, "timeout='soon'"),
            ({"timeout": False}, "timeout=False"),
        ],
    )
    def test_bad_options(self, cache: Cache, options: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigurationError, match=words):
            cache.lock("k", **options)
        with pytest.raises(ConfigurationError, match=words):
            cache.blocking.lock("k", **options)

    @pytest.mark.parametrize("key", ["", 5])
    def test_bad_keys(self, cache: Cache, key: Any) -> None:
        for make in (cache.lock, cache.blocking.lock):
            with pytest.raises(ConfigurationError, match=r"lock\("):
                make(key)
        for make in (cache.once, cache.blocking.once):
            with pytest.raises(ConfigurationError, match=r"once\("):
                make(key, "1m")

    async def test_a_key_with_braces_that_nobody_filled_in_is_refused_by_the_block(
        self, cache: Cache
    ) -> None:
        """Above a function it is a template; at a block it is a forgotten ``f``."""
        key = "user:{user_id}"

        with pytest.raises(ConfigurationError, match=r"lock\(.*put an f before"):
            async with cache.lock(key):
                pytest.fail("it was entered")
        with pytest.raises(ConfigurationError, match=r"once\(.*put an f before"):
            async with cache.once(key, "1m"):
                pytest.fail("it was entered")
        with pytest.raises(ConfigurationError, match="put an f before"), cache.blocking.lock(key):
            pytest.fail("it was entered")
        with pytest.raises(ConfigurationError, match="put an f before"), cache.blocking.once(key, 60):
            pytest.fail("it was entered")


class TestLeases:
    def test_leases_that_are_over_are_forgotten_in_passes(self) -> None:
        table = LeaseTable()

        for number in range(100_000):
            table.take(str(number), "t", 1.0, float(number))

        assert len(table) < 3_000

    def test_to_take_it_again_is_to_have_it_longer(self) -> None:
        """The answer was lost, and the question was sent again."""
        table = LeaseTable()

        assert table.take("n", "t", 1.0, 0.0) is None
        assert table.take("n", "t", 1.0, 0.5) is None
        assert table.take("n", "other", 1.0, 1.25) == 0.25
        assert table.take("n", "other", 1.0, 1.5) is None
        assert not table.release("n", "t", 1.5)
        assert not table.renew("n", "t", 1.0, 1.5)
        assert table.renew("n", "other", 1.0, 2.0)
        assert not table.renew("n", "other", 1.0, 3.0)
