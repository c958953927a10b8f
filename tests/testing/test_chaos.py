"""Faults by script: what they do to a store and a loader, and that the same script does it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from threading import Lock
from typing import Any

import pytest

from freshly import Cache, ConfigurationError, StoreError
from freshly.core.ports import Store
from freshly.observe import StoreFailed
from freshly.runtime.threads import finish
from freshly.stores.memory import MemoryStore
from freshly.testing import (
    Chance,
    ChaosError,
    ChaosLoader,
    ChaosStore,
    Fail,
    Hang,
    History,
    Lose,
    ManualClock,
    Pause,
    Stepper,
    StoreContract,
    ThreadStepper,
    assert_hit,
    assert_miss,
)
from freshly.testing.around import OPERATIONS


@pytest.fixture
def cache() -> Cache:
    return Cache(clock=ManualClock())


@pytest.fixture
def step() -> Stepper:
    return Stepper()


class TestOnLoadersByHand:
    """Loaders that commands are given have no function to be named by. Their keys name them."""

    async def test_the_loader_of_a_key_stands_and_an_invalidation_comes_by(
        self, cache: Cache, step: Stepper
    ) -> None:
        names = {"user:1": "Ada"}

        async def get() -> str:
            return await cache.get_or_set("user:1", lambda: names["user:1"], "1h", tags=["users"])

        with ChaosLoader("user:1", Pause("load", after=True), step=step, cache=cache) as loader:
            reader = step.start(get())
            await step.reached("after load")
            names["user:1"] = "Grace"
            await cache.delete_tags("users")
            step.go("after load")
            assert await step.ended(reader) == "Ada"
            assert await get() == "Grace"

        assert loader.loads == 2

    def test_a_pattern_names_many_and_leaves_others_alone(self, cache: Cache) -> None:
        get = cache.blocking.get_or_set
        with ChaosLoader("user:*", Fail("load", None), cache=cache) as loader:
            for key in ("user:1", "user:2"):
                with pytest.raises(ChaosError):
                    get(key, int)
            assert get("post:1", int) == 0

        assert loader.loads == 2
        assert get("user:1", int) == 0
        assert repr(loader).startswith("<ChaosLoader of 'user:*': ")

    async def test_a_loader_of_many_is_struck_as_one(self, cache: Cache) -> None:
        def load(keys: list[str]) -> dict[str, int]:
            return dict.fromkeys(keys, 1)

        with ChaosLoader("user:2", Fail("load"), cache=cache) as loader:
            with pytest.raises(ChaosError):
                await cache.get_or_set_many(["user:1", "user:2"], load)
            assert await cache.get_or_set_many(["user:1"], load) == {"user:1": 1}
            assert cache.blocking.get_or_set_many(["user:1", "user:2"], load) == {
                "user:1": 1,
                "user:2": 1,
            }

        assert loader.loads == 2

    async def test_functions_are_not_meant(self, cache: Cache) -> None:
        @cache("1h", key="user:{user_id}")
        async def get(user_id: int) -> int:
            return user_id

        with ChaosLoader("user:1", Fail("load"), cache=cache) as loader:
            assert await get(1) == 1

        assert loader.loads == 0


class TestOnGenerators:
    async def test_an_async_one_stands_before_its_first_element(
        self, cache: Cache, step: Stepper
    ) -> None:
        @cache.iterator("1h", tags=["t"])
        async def rows() -> AsyncIterator[int]:
            yield 1
            yield 2

        async def read() -> list[int]:
            return [row async for row in rows()]

        with ChaosLoader(rows, Pause("load"), step=step):
            reader = step.start(read())
            await step.reached("load")
            await cache.delete_tags("t")
            step.go("load")
            assert await step.ended(reader) == [1, 2]

        await assert_miss(rows)

    def test_a_plain_one_fails_at_its_first_element_or_after_its_last(self, cache: Cache) -> None:
        @cache.iterator("1h")
        def rows() -> Iterator[int]:
            yield 1
            yield 2

        seen: list[int] = []
        with ChaosLoader(rows, Fail("load"), Lose("load", 2)) as loader:
            with pytest.raises(ChaosError, match="failed, as it was told to"):
                seen += rows()
            assert seen == []
            with pytest.raises(ChaosError, match="was lost"):
                for row in rows():
                    seen.append(row)
            assert seen == [1, 2]
            assert_miss(rows)
            assert [*rows()] == [1, 2]

        assert loader.loads == 3
        assert assert_hit(rows).value == (1, 2)

    def test_a_plain_one_that_is_left_early_is_closed(self, cache: Cache) -> None:
        closed: list[int] = []

        @cache.iterator("1h")
        def rows() -> Iterator[int]:
            try:
                yield 1
                yield 2
            finally:
                closed.append(1)

        with ChaosLoader(rows):
            for _ in rows():
                break

        assert closed == [1]
        assert_miss(rows)


class TestOnAStore:
    async def test_the_nth_operation_fails_and_the_store_is_not_asked(self, cache: Cache) -> None:
        with ChaosStore.behind(cache, Fail("put", 2)) as store:
            assert await cache.set("a", 1)
            assert not await cache.set("b", 2)
            assert await cache.set("c", 3)

        assert [await cache.get(key) for key in "abc"] == [1, None, 3]
        assert store.struck == [Fail("put", 2)]
        assert store.count("put") == 3

    async def test_an_answer_is_lost_and_the_write_is_done(self, cache: Cache) -> None:
        with ChaosStore.behind(cache, Lose("put"), Lose("invalidate")):
            assert not await cache.set("a", 1, tags=["t"])
            assert await cache.get("a") == 1
            with pytest.raises(StoreError, match="the answer to invalidate was lost"):
                await cache.delete_tags("t")
            assert await cache.get("a") is None

    async def test_an_error_of_your_own_is_raised(self, cache: Cache) -> None:
        with (
            ChaosStore.behind(cache, Fail("invalidate", error=StoreError("OOM"))),
            pytest.raises(StoreError, match=r"^OOM$"),
        ):
            await cache.delete_tags("t")

    async def test_none_is_each_of_them(self, cache: Cache) -> None:
        with ChaosStore.behind(cache, Fail("invalidate", None)):
            for _ in range(3):
                with pytest.raises(StoreError):
                    await cache.delete_tags("t")

    async def test_an_operation_stands_until_it_is_let_go(self, cache: Cache, step: Stepper) -> None:
        """Here between the load and its landing: an invalidation comes, and the value is not kept."""

        @cache("1h", tags=["t"])
        async def get() -> int:
            return 1

        with ChaosStore.behind(cache, Pause("land"), step=step):
            reader = step.start(get())
            await step.reached("land")
            await cache.delete_tags("t")
            step.go("land")

            assert await reader == 1
            assert await get.peek() is None

    async def test_or_after_it_is_done(self, cache: Cache, step: Stepper) -> None:
        with ChaosStore.behind(cache, Pause("invalidate", after=True), step=step):
            await cache.set("a", 1, tags=["t"])
            writer = step.start(cache.delete_tags("t"))
            await step.reached("after invalidate")

            assert await cache.get("a") is None
            assert not writer.done()
            step.go("after invalidate")
            await writer

    async def test_a_point_may_have_a_name(self, cache: Cache, step: Stepper) -> None:
        with ChaosStore.behind(cache, Pause("look", 1, point="first look"), step=step):
            reader = step.start(cache.get("a"))
            await step.reached("first look")
            step.go("first look")
            assert await reader is None

    async def test_one_that_hangs_fails_when_it_is_let_go(self, cache: Cache, step: Stepper) -> None:
        with ChaosStore.behind(cache, Hang("invalidate"), step=step):
            writer = step.start(cache.delete_tags("t"))
            await step.reached("invalidate")
            step.go("invalidate")
            with pytest.raises(StoreError, match="did not answer"):
                await writer

    async def test_one_that_hangs_can_be_cancelled(self, cache: Cache, step: Stepper) -> None:
        with ChaosStore.behind(cache, Hang("look"), step=step):
            reader = step.start(cache.get("a"))
            await step.reached("look")
            reader.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reader

    def test_threads_stand_too(self, cache: Cache) -> None:
        with (
            ThreadStepper() as step,
            ChaosStore.behind(cache, Pause("land"), Hang("invalidate", 2), step=step),
        ):

            @cache("1h", tags=["t"])
            def get() -> int:
                return 1

            reader = step.start(get)
            step.reached("land")
            cache.blocking.delete_tags("t")
            step.go("land")
            assert reader.result(20) == 1
            assert get.peek() is None

            writer = step.start(cache.blocking.delete_tags, "t")
            step.reached("invalidate")
            step.go("invalidate")
            with pytest.raises(StoreError, match="did not answer"):
                writer.result(20)

    async def test_a_store_that_is_down_fails_everything_until_it_is_up(self, cache: Cache) -> None:
        events: list[Any] = []
        cache.observe(events.append, StoreFailed)

        with ChaosStore.behind(cache) as store:
            await cache.set("a", 1)
            store.is_down = True
            assert await cache.get("a") is None
            with pytest.raises(StoreError, match="told to be down"):
                await cache.delete_tags("t")
            store.is_down = False
            assert await cache.get("a") == 1

        assert [event.operation for event in events] == ["look"]

    async def test_every_read_asks_also_those_that_would_hit_without_a_look(self, cache: Cache) -> None:
        @cache("1h")
        async def get(number: int) -> int:
            return number

        await get(1)
        await get(1)
        with ChaosStore.behind(cache) as store:
            for _ in range(5):
                await get(1)
            assert store.count("look") == 5
        before = cache.stats().hits
        await get(1)
        assert cache.stats().hits == before + 1

    async def test_a_store_that_setup_puts_there_has_the_faults_too(self, cache: Cache) -> None:
        with ChaosStore.behind(cache, Fail("invalidate", 1)):
            cache.setup("mem://")
            with pytest.raises(StoreError):
                await cache.delete_tags("t")

    async def test_what_the_cache_held_is_there_inside_and_after(self, cache: Cache) -> None:
        await cache.set("a", 1, tags=["t"])

        with ChaosStore.behind(cache):
            assert await cache.get("a") == 1
            await cache.set("b", 2)

        assert [await cache.get(key) for key in "ab"] == [1, 2]

    def test_every_operation_of_the_port_can_fail(self) -> None:
        for name in OPERATIONS:
            store: Any = ChaosStore(MemoryStore(ManualClock()), Fail(name))
            with pytest.raises(StoreError, match=f"{name} failed, as it was told to"):
                finish(getattr(store, name)())
            stepped: Any = ChaosStore(MemoryStore(ManualClock()), Fail(name)).blocking
            with pytest.raises(StoreError):
                finish(getattr(stepped, name)())

        assert {"look", "land", "put", "invalidate", "delete", "clear", "tidy", "ping"} < set(
            OPERATIONS
        )

    def test_both_sides_count_together(self) -> None:
        store: Any = ChaosStore(MemoryStore(ManualClock()), Fail("ping", 2))

        finish(store.ping())
        with pytest.raises(StoreError):
            finish(store.blocking.ping())


class TestWithoutFaultsTheContractHolds(StoreContract):
    async def open_store(self, namespace: str) -> Store:
        self.clock = ManualClock()
        store: Any = ChaosStore(MemoryStore(self.clock))
        return store  # type: ignore[no-any-return]

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)


class TestOnALoader:
    async def test_a_load_stands_after_it_has_read_and_an_invalidation_wins(
        self, cache: Cache, step: Stepper
    ) -> None:
        names = {1: "Ada"}

        @cache("1h", tags=["user:{user_id}"])
        async def get(user_id: int) -> str:
            return names[user_id]

        with ChaosLoader(get, Pause("load", after=True), step=step):
            reader = step.start(get(1))
            await step.reached("after load")
            names[1] = "Grace"
            await cache.delete_tags("user:1")
            later = step.start(get(1))
            step.go("after load")

            assert await reader == "Ada"
            assert await later == "Grace"
        assert await get(1) == "Grace"

    async def test_or_before_it_begins(self, cache: Cache, step: Stepper) -> None:
        loads: list[int] = []

        @cache("1h")
        async def get() -> int:
            loads.append(1)
            return 1

        with ChaosLoader(get, Pause("load"), step=step) as loader:
            readers = [step.start(get()) for _ in range(3)]
            await step.reached("load")
            await step.settle()
            assert loads == []
            step.go("load")
            assert await asyncio.gather(*readers) == [1, 1, 1]
            assert loader.loads == 1

    def test_of_a_plain_function_in_a_thread(self, cache: Cache) -> None:
        @cache("1h", tags=["t"])
        def get() -> int:
            return 1

        with ThreadStepper() as step, ChaosLoader(get, Pause("load", after=True), step=step):
            reader = step.start(get)
            step.reached("after load")
            cache.blocking.delete_tags("t")
            step.go("after load")

            assert reader.result(20) == 1
            assert get.peek() is None

    @pytest.mark.parametrize(
        ("fault", "error", "loaded"),
        [
            (Fail("load"), ChaosError, 0),
            (Lose("load"), ChaosError, 1),
            (Fail("load", error=OSError("down")), OSError, 0),
        ],
    )
    def test_it_fails_as_told(
        self, cache: Cache, fault: Any, error: type[Exception], loaded: int
    ) -> None:
        loads: list[int] = []

        @cache("1h")
        def get() -> int:
            loads.append(1)
            return len(loads)

        with ChaosLoader(get, fault) as loader:
            with pytest.raises(error):
                get()
            assert len(loads) == loaded
            assert get() == loaded + 1
            assert loader.struck == [fault]

    async def test_a_refresh_that_fails_behind(self, cache: Cache, step: Stepper) -> None:
        clock = ManualClock()
        cache = Cache(clock=clock)

        @cache.soft("1h", soft_ttl="1m")
        async def get() -> int:
            return 1

        with ChaosLoader(get, Fail("load", 2)) as loader:
            await get()
            clock.advance("1m")
            assert await get() == 1
            await step.settle()
            assert loader.struck == [Fail("load", 2)]

    async def test_other_functions_are_left_alone_and_it_ends_with_the_block(
        self, cache: Cache
    ) -> None:
        @cache("1h")
        async def one() -> int:
            return 1

        @cache("1h")
        async def other() -> int:
            return 2

        with ChaosLoader(one, Fail("load", None)):
            assert await other() == 2
            with pytest.raises(ChaosError):
                await one()
        assert await one() == 1

    async def test_a_method_is_struck_on_every_object(self, cache: Cache) -> None:
        class Service:
            @cache("1h")
            async def get(self) -> int:
                return 1

        service = Service()
        with ChaosLoader(service.get, Fail("load", 1)):
            with pytest.raises(ChaosError):
                await Service().get()
            assert await service.get() == 1


class TestScripts:
    def test_chance_strikes_the_same_operations_on_each_run(self) -> None:
        def run() -> list[Any]:
            store: Any = ChaosStore(MemoryStore(ManualClock()), Chance(seed=3, rate=0.2))
            for _ in range(100):
                for name in ("ping", "stamp"):
                    with suppress(StoreError):
                        finish(getattr(store, name)())
            return list(store.struck)

        struck = run()

        assert struck == run()
        assert 20 < len(struck) < 60
        assert {type(fault) for fault in struck} == {Fail, Lose}
        assert {fault.operation for fault in struck} == {"ping", "stamp"}

    def test_what_struck_can_be_pasted_to_have_the_same_again(self) -> None:
        def run(*faults: Any) -> tuple[str, list[bool]]:
            store: Any = ChaosStore(MemoryStore(ManualClock()), *faults)
            outcomes = []
            for _ in range(50):
                try:
                    finish(store.ping())
                    outcomes.append(True)
                except StoreError:
                    outcomes.append(False)
            return repr(store.struck), outcomes

        pasted, outcomes = run(Chance(seed=5, rate=0.1))
        faults = eval(pasted, {"Fail": Fail, "Lose": Lose})

        assert run(*faults) == (pasted, outcomes)
        assert False in outcomes

    def test_chance_strikes_only_what_it_names(self) -> None:
        store: Any = ChaosStore(MemoryStore(ManualClock()), Chance(1, 1.0, ("stamp",)))

        finish(store.ping())
        with pytest.raises(StoreError):
            finish(store.stamp())

    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            (Fail("lok"), "no operation 'lok'; did you mean 'look'"),
            (Fail("load"), "no operation 'load'"),
            (Chance(1, operations=("lnd",)), "no operation 'lnd'; did you mean 'land'"),
            (Fail("look", 0), "counted from 1"),
            (Chance(1, rate=2), "a number from 0 to 1"),
            (Pause("look"), "needs somebody to let it go"),
            (Hang("look"), "needs somebody to let it go"),
            ("look", "'look' is no fault"),
        ],
    )
    def test_slips_are_refused(self, fault: Any, words: str) -> None:
        with pytest.raises(ConfigurationError, match=words):
            ChaosStore(MemoryStore(ManualClock()), fault)

    def test_a_loader_has_one_operation(self, cache: Cache) -> None:
        @cache("1h")
        def get() -> int:
            return 1

        with pytest.raises(ConfigurationError, match="there is load"):
            ChaosLoader(get, Fail("look"))
        with pytest.raises(ConfigurationError, match="is not cached"):
            ChaosLoader(print, Fail("load"))

    def test_they_say_what_they_are(self, cache: Cache) -> None:
        @cache("1h")
        def get() -> int:
            return 1

        assert repr(ChaosLoader(get, Fail("load", 2))).endswith(
            "get: Fail(operation='load', nth=2, error=None)>"
        )
        assert "Lose(operation='land'" in repr(ChaosStore(MemoryStore(ManualClock()), Lose("land")))


class TestThePromiseUnderChaos:
    """Seeded traffic over a store that fails and loses answers: every read that starts after an
    invalidation has returned is judged. One that raised has promised nothing."""

    @pytest.mark.parametrize("seed", range(25))
    async def test_awaited(self, seed: int) -> None:
        history, store = await self.traffic(Cache(clock=ManualClock()), seed)

        assert history.violations == [], f"seed {seed}, struck {store.struck}"
        assert history.reads == 90
        assert history.invalidations > 10
        assert len(store.struck) > 10

    async def test_the_same_traffic_finds_a_store_that_lands_what_was_overtaken(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def land(self: MemoryStore, entry: Any, *_: Any) -> bool:
            return await self.put(entry, is_stamped=False)

        monkeypatch.setattr(MemoryStore, "land", land)

        histories = [await self.traffic(Cache(clock=ManualClock()), seed) for seed in range(5)]

        assert sum(len(history.violations) for history, _ in histories) > 0

    async def traffic(self, cache: Cache, seed: int) -> tuple[History, ChaosStore]:
        step, history, versions = Stepper(), History(), [0, 0, 0]

        @cache("1h", tags=["subject:{subject}"])
        async def get(subject: int) -> int:
            return versions[subject]

        async def read(subject: int) -> None:
            begun = history.begins(subject)
            history.ends(begun, await get(subject))

        async def write(subject: int) -> None:
            versions[subject] += 1
            version = versions[subject]
            try:
                await cache.delete_tags(f"subject:{subject}")
            except StoreError:
                return
            history.invalidated(subject, version)

        with (
            ChaosStore.behind(cache, Chance(seed, 0.2), Pause("land", None), step=step) as store,
            ChaosLoader(get, Pause("load", None, after=True), step=step),
        ):
            callers = []
            for turn in range(120):
                act = write if turn % 4 == seed % 4 else read
                callers.append(step.start(act((turn * 7 + seed) % 3)))
                await step.settle(turn * seed % 5)
                self.let_some_go(step, turn + seed)
            while not all(caller.done() for caller in callers):
                self.let_some_go(step, 0)
                await step.settle(5)
            await asyncio.gather(*callers)
        return history, store

    def let_some_go(self, step: Stepper, turn: int) -> None:
        for point in ("land", "after load")[turn % 2 :]:
            if step.is_standing(point):
                step.go(point)

    @pytest.mark.parametrize("seed", range(5))
    def test_in_threads(self, seed: int) -> None:
        cache, versions = Cache(clock=ManualClock()), [0]
        history = History()
        lock = Lock()

        @cache("1h", tags=["t"])
        def get() -> int:
            return versions[0]

        def read() -> None:
            for _ in range(50):
                with lock:
                    begun = history.begins("t")
                got = get()
                with lock:
                    history.ends(begun, got)

        def write() -> None:
            for _ in range(50):
                with lock:
                    versions[0] += 1
                    version = versions[0]
                try:
                    cache.blocking.delete_tags("t")
                except StoreError:
                    continue
                with lock:
                    history.invalidated("t", version)

        acts: list[Callable[[], None]] = [read, read, read, write]
        with ChaosStore.behind(cache, Chance(seed, 0.2)), ThreadStepper() as step:
            for outcome in [step.start(act) for act in acts]:
                outcome.result(20)

        assert history.violations == []
        assert history.reads == 150
