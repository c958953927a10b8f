"""Loads that other processes may do as well: who asks for a lease, and when it is given back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from freshly import Cache, StoreError
from freshly.core.ports import Look
from freshly.observe import StoreFailed
from freshly.testing import ManualClock, Stepper

from .shared import OTHERS, SharedStore, shared


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock, dice=lambda: 0.0)


@pytest.fixture
def step() -> Stepper:
    return Stepper()


@pytest.fixture
def store(cache: Cache) -> Iterator[SharedStore]:
    with shared(cache) as store:
        yield store


class Functions:
    """One function of a name and one of many, with the same keys; their loads stand at "loading"."""

    def __init__(self, cache: Cache, step: Stepper, ttl: Any = "1h", **options: Any) -> None:
        self.step = step
        self.error: Exception | None = None

        @cache(ttl, key="{name}", **options)
        async def one(name: str) -> str:
            return (await self.load([name]))[name]

        @cache.many(ttl, key="{name}", **options)
        async def many(names: list[str]) -> dict[str, str]:
            return await self.load(names)

        self.one, self.many = one, many

    async def load(self, names: list[str]) -> dict[str, str]:
        await self.step.stop("loading")
        if self.error is not None:
            raise self.error
        return {name: name.upper() for name in names}

    async def filled(self, *names: str) -> None:
        reader = self.step.start(self.many([*names]))
        await self.step.reached("loading")
        self.step.go("loading")
        await self.step.ended(reader)


@pytest.fixture
def get(cache: Cache, step: Stepper, store: SharedStore) -> Functions:
    return Functions(cache, step)


class TestLeases:
    @pytest.mark.parametrize("fails", [False, True])
    @pytest.mark.parametrize("together", [False, True])
    async def test_are_kept_during_a_load_and_given_back_however_it_ends(
        self, get: Functions, store: SharedStore, step: Stepper, together: bool, fails: bool
    ) -> None:
        reader: Any = step.start(get.many(["a", "b"]) if together else get.one("a"))
        await step.reached("loading")
        assert sorted(store.leases.kept) == (["a", "b"] if together else ["a"])

        get.error = ConnectionError("down") if fails else None
        step.go("loading")
        if fails:
            with pytest.raises(ConnectionError):
                await step.ended(reader)
        else:
            await step.ended(reader)

        assert (store.leases.kept, store.leases.holders) == ({}, {})

    @pytest.mark.parametrize("together", [False, True])
    async def test_of_a_load_that_stores_nothing_are_given_back(
        self, cache: Cache, store: SharedStore, step: Stepper, together: bool
    ) -> None:
        """Landing gives back the lease of what it stores, and here nothing lands."""
        get = Functions(cache, step, condition=lambda result: False)
        reader: Any = step.start(get.many(["a", "b"]) if together else get.one("a"))
        await step.reached("loading")
        step.go("loading")
        await step.ended(reader)

        assert "land" not in store.operations
        assert "land_many" not in store.operations
        assert (store.leases.kept, store.leases.holders) == ({}, {})

    async def test_are_asked_for_with_the_first_look_and_not_while_a_load_is_under_way_here(
        self, get: Functions, store: SharedStore, step: Stepper
    ) -> None:
        first = step.start(get.one("a"))
        await step.reached("loading")
        assert store.operations == ["bid"]

        second = step.start(get.one("a"))
        await step.settle()
        assert store.operations == ["bid", "look"]
        step.go("loading")

        assert [await step.ended(first), await step.ended(second)] == ["A", "A"]

    async def test_of_an_iteration_are_asked_for_when_it_is_known_that_it_loads(
        self, cache: Cache, store: SharedStore
    ) -> None:
        """Whoever only looks whether all is there already asks for nothing that he might not use."""

        @cache.iterator("1h", key="numbers")
        async def numbers() -> AsyncIterator[int]:
            yield 1

        assert [number async for number in numbers()] == [1]

        assert store.operations[:2] == ["look", "bid"]
        assert store.leases.holders == {}

    @pytest.mark.parametrize("together", [False, True])
    async def test_a_refresh_asks_nobody_and_does_not_wait_for_who_has_one(
        self, get: Functions, store: SharedStore, step: Stepper, together: bool
    ) -> None:
        store.leases.holders["a"] = OTHERS

        refresh: Any = step.start(get.many.refresh(["a"]) if together else get.one.refresh("a"))
        await step.reached("loading")
        step.go("loading")
        await step.ended(refresh)

        assert "claim" not in store.operations
        assert "bid" not in store.operations

    @pytest.mark.parametrize("together", [False, True])
    async def test_that_came_too_late_for_a_load_are_given_back_after_it(
        self, cache: Cache, step: Stepper, together: bool
    ) -> None:
        """
        1 a reader looks, and wins the lease; its answer is on the way
        2 a refresh begins to load, which asks for no lease
        3 the reader boards the refresh, and has no use for what it has won
        """
        with shared(cache, step=step) as store:
            get = Functions(cache, step)
            reader = step.start(get.one("a"))
            await step.reached("looked")
            refresh: Any = step.start(get.many.refresh(["a"]) if together else get.one.refresh("a"))
            await step.reached("loading")
            step.go("looked")
            await step.settle()
            assert [*store.leases.holders] == ["a"]
            step.go("loading")
            await step.ended(refresh)

            assert await step.ended(reader) == "A"
            assert step.visits("loading") == 1
            assert (store.leases.kept, store.leases.holders) == ({}, {})

    @pytest.mark.parametrize("together", [False, True])
    async def test_of_a_load_that_is_cancelled_run_out(
        self, get: Functions, store: SharedStore, step: Stepper, together: bool
    ) -> None:
        """To give them back would take time, which who is cancelled is not given."""
        reader: Any = step.start(get.many(["a", "b"]) if together else get.one("a"))
        await step.reached("loading")
        leases = dict(store.leases.holders)

        reader.cancel()
        await step.settle()

        assert reader.cancelled()
        assert store.leases.kept == {}
        assert store.leases.holders == leases


class TestHits:
    async def test_of_copies_are_counted_where_they_are_read(
        self, cache: Cache, get: Functions, store: SharedStore
    ) -> None:
        await get.filled("a")

        assert [await get.one("a") for _ in range(3)] == ["A", "A", "A"]

        assert cache.stats().hits == 3

    async def test_of_one_copy_that_several_were_handed_and_nobody_keeps_are_all_counted(
        self, cache: Cache, store: SharedStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As reads of one turn are, before a near tier that had no place for it or lost it again."""

        @cache("1h", key="k")
        async def get() -> int:
            return 1

        await get()
        handed: list[Look] = []
        copied = SharedStore.copied

        def the_same(look: Look) -> Look:
            handed.append(copied(look))
            return handed[0]

        monkeypatch.setattr(SharedStore, "copied", staticmethod(the_same))
        store.keeps_entries = True

        assert [await get() for _ in range(3)] == [1, 1, 1]
        assert cache.stats().hits == 3

    async def test_of_what_slides_and_is_stale_do_so_too(
        self, cache: Cache, store: SharedStore, clock: ManualClock, step: Stepper
    ) -> None:
        get = Functions(cache, step, ttl="10m", sliding=True, max_age="1d", soft_ttl="1m")
        await get.filled("a")
        clock.advance("1m")
        store.leases.holders["a"] = OTHERS  # and they refresh it

        assert await get.one("a") == "A"

        assert [args[0][0].key for operation, args in store.log if operation == "renew"] == ["a"]

    async def test_are_given_though_the_store_cannot_renew_what_slides(
        self, cache: Cache, store: SharedStore, step: Stepper
    ) -> None:
        events: list[StoreFailed] = []
        cache.observe(events.append, StoreFailed)
        get = Functions(cache, step, ttl="10m", sliding=True, max_age="1d")
        await get.filled("a", "b")
        store.fails = frozenset({"renew"})

        assert await get.one("a") == "A"
        assert await get.many(["a", "b"]) == {"a": "A", "b": "B"}

        assert [(event.operation, event.key) for event in events] == [("renew", "a")] * 2

    async def test_of_what_slides_have_the_store_renew_it(
        self, cache: Cache, store: SharedStore, step: Stepper
    ) -> None:
        get = Functions(cache, step, ttl="10m", sliding=True, max_age="1d")
        await get.filled("a", "b")
        store.log.clear()

        await get.one("a")
        await get.many(["a", "b"])

        renewed = [args[0] for operation, args in store.log if operation == "renew"]
        assert [[entry.key for entry in entries] for entries in renewed] == [["a"], ["a", "b"]]


class TestParts:
    """What a value is made of, whose stamp the store makes of its own and of theirs."""

    async def test_are_handed_on_with_the_reading_at_which_they_were_valid(
        self, cache: Cache, get: Functions, store: SharedStore
    ) -> None:
        await get.filled("a")

        @cache("1h", key="outer")
        async def outer() -> str:
            return await get.one("a")

        assert await outer() == "A"

        entry = await get.one.peek("a")
        assert entry is not None
        assert [args for operation, args in store.log if operation == "inherit"] == [[((), entry.seen)]]

    async def test_are_not_asked_about_where_there_are_none(
        self, get: Functions, store: SharedStore
    ) -> None:
        await get.filled("a")

        assert "inherit" not in store.operations

    async def test_are_not_asked_about_by_a_load_that_the_store_gave_no_stamp(
        self, cache: Cache, get: Functions, store: SharedStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await get.filled("a")

        @cache("1h", key="outer")
        async def outer() -> str:
            monkeypatch.undo()
            return await get.one("a")

        async def fails(*asked: Any) -> None:
            raise StoreError("down")

        monkeypatch.setattr(store.leases, "look", fails)
        assert await outer() == "A"

        assert "inherit" not in store.operations
        assert not await cache.exists("outer")


class TestInvalidations:
    async def test_have_the_store_forget_what_nobody_needs_any_more(
        self, cache: Cache, store: SharedStore
    ) -> None:
        await cache.delete_tags("t")
        await cache.mark_stale("t")
        await cache.delete("k")
        await cache.delete_match("k*")
        await cache.clear()

        done = ("invalidate", "mark_stale", "delete", "delete_match", "clear")
        assert store.operations == [word for operation in done for word in (operation, "tidy")]

    async def test_so_do_values_by_hand(self, cache: Cache, store: SharedStore) -> None:
        await cache.set("k", 1)
        await cache.set_many({"a": 1, "b": 2})

        assert [operation for operation in store.operations if "look" not in operation] == [
            "put",
            "tidy",
            "put_many",
            "tidy",
        ]


class TestWhoWaitsForAnotherProcess:
    @pytest.mark.parametrize("together", [False, True])
    async def test_is_given_what_that_has_stored(
        self,
        cache: Cache,
        get: Functions,
        store: SharedStore,
        clock: ManualClock,
        step: Stepper,
        together: bool,
    ) -> None:
        store.leases.holders["a"] = OTHERS
        reader: Any = step.start(get.many(["a"]) if together else get.one("a"))
        await step.settle()

        await cache.set("a", "theirs", "1h")
        clock.advance("1s")

        assert await step.ended(reader) == ({"a": "theirs"} if together else "theirs")
        assert step.visits("loading") == 0
        assert cache.stats().loads == 0

    @pytest.mark.parametrize("together", [False, True])
    async def test_is_not_who_refreshes_behind(
        self, cache: Cache, store: SharedStore, clock: ManualClock, step: Stepper, together: bool
    ) -> None:
        get = Functions(cache, step, soft_ttl="1m")
        await get.filled("a")
        clock.advance("1m")
        store.leases.holders["a"] = OTHERS

        assert await (get.many(["a"]) if together else get.one("a")) == (
            {"a": "A"} if together else "A"
        )
        await step.settle()

        assert cache._home.parts.flights.in_the_air() == []
        assert step.visits("loading") == 1


class TestWhatComesAgain:
    """A store that remembers what it has served is asked for that, and nothing is made before."""

    @pytest.fixture
    def store(self, cache: Cache) -> Iterator[SharedStore]:
        with shared(cache, recalls=True) as store:
            yield store

    @pytest.fixture
    async def known(self, get: Functions, store: SharedStore, step: Stepper) -> Functions:
        reader = step.start(get.one("a"))
        await step.reached("loading")
        step.go("loading")
        await step.ended(reader)
        store.log.clear()
        return get

    async def test_is_a_hit_like_any(self, cache: Cache, known: Functions, store: SharedStore) -> None:
        assert [await known.one("a"), await known.one("a")] == ["A", "A"]

        assert store.operations == ["recall"] * 2
        assert cache.stats().hits == 2

    async def test_hands_its_tags_to_the_load_around(
        self, cache: Cache, store: SharedStore, step: Stepper
    ) -> None:
        get = Functions(cache, step, tags=["t"])
        filling = step.start(get.one("a"))
        await step.reached("loading")
        step.go("loading")
        await step.ended(filling)

        @cache("1h", key="outer")
        async def outer() -> str:
            return await get.one("a")

        store.log.clear()
        assert await outer() == "A"
        assert "recall" in store.operations

        entry = await outer.peek()
        assert entry is not None
        assert entry.tags == ("t",)

    async def test_is_a_copy_where_callers_are_given_one(
        self, cache: Cache, store: SharedStore
    ) -> None:
        @cache("1h", key="list", copy=True)
        async def get() -> list[int]:
            return [1]

        await get()
        (await get()).append(2)

        assert "recall" in store.operations
        assert await get() == [1]

    async def test_is_looked_for_where_the_answer_does_not_tell_enough(
        self, known: Functions, store: SharedStore
    ) -> None:
        assert store.recall is not None
        store.recall.answer = lambda look: None

        assert await known.one("a") == "A"
        assert store.operations == ["recall", "bid"]

    async def test_is_judged_by_the_look_that_was_the_answer(
        self, known: Functions, store: SharedStore, clock: ManualClock, step: Stepper
    ) -> None:
        clock.advance("1h")
        reader = step.start(known.one("a"))
        await step.reached("loading")
        step.go("loading")

        assert await step.ended(reader) == "A"
        assert store.operations[:2] == ["recall", "claim"]
        assert step.visits("loading") == 2

    async def test_is_read_as_any_inside_of_a_transaction(
        self, cache: Cache, known: Functions, store: SharedStore, step: Stepper
    ) -> None:
        async with cache.transaction():
            await cache.delete("a")
            reader = step.start(known.one("a"))
            await step.reached("loading")
            step.go("loading")
            await step.ended(reader)

        assert "recall" not in store.operations

    async def test_is_loaded_where_the_store_is_down(
        self, cache: Cache, known: Functions, store: SharedStore, step: Stepper
    ) -> None:
        events: list[StoreFailed] = []
        cache.observe(events.append, StoreFailed)
        assert store.recall is not None
        store.recall.error = StoreError("down")

        reader = step.start(known.one("a"))
        await step.reached("loading")
        step.go("loading")

        assert await step.ended(reader) == "A"
        assert [(event.operation, event.key) for event in events] == [("look", "a")]


class TestJoins:
    async def test_ask_about_tags_of_the_flight_that_the_reader_did_not_name_and_no_others(
        self, cache: Cache, store: SharedStore, step: Stepper
    ) -> None:
        async def load() -> str:
            await step.stop("loading")
            return "a"

        async def joined(*tags: str) -> list[str]:
            readers = [
                step.start(cache.get_or_set("k", load, "1h", tags=["t", *more])) for more in ([], tags)
            ]
            await step.reached("loading")
            await step.settle()
            store.log.clear()
            step.go("loading")
            assert [await step.ended(reader) for reader in readers] == ["a", "a"]
            await cache.delete("k")
            return [operation for operation in store.operations if operation == "overtaken"]

        assert await joined("more") == []


class TestStandIns:
    async def test_are_judged_by_what_the_store_still_has(
        self,
        cache: Cache,
        store: SharedStore,
        clock: ManualClock,
        step: Stepper,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A store may keep what is dead: that is the engine's to say."""
        get = Functions(cache, step, ttl="1m", grace="1h")
        await get.filled("a")
        entry = await get.one.peek("a")
        clock.advance("1m")

        async def look(key: str, *asked: Any) -> Look:
            return Look(entry, 1, clock.now(), lambda *asked: False)

        get.error = ConnectionError("down")
        reader = step.start(get.one("a"))
        await step.reached("loading")
        clock.advance("1h")
        monkeypatch.setattr(store, "look", look, raising=False)
        step.go("loading")

        with pytest.raises(ConnectionError):
            await step.ended(reader)


class TestWhatIsNear:
    async def test_is_served_without_a_look(self, cache: Cache, step: Stepper) -> None:
        with shared(cache, glances=True) as store:
            get = Functions(cache, step)
            await get.filled("a")
            store.log.clear()

            assert await get.one("a") == "A"
            assert await cache.get("a") == "A"
            assert (await get.one.peek("a")).value == "A"
            assert await get.many(["a"]) == {"a": "A"}
            assert await cache.get_many(["a"]) == {"a": "A"}

            assert store.operations == ["glance"] * 5

    async def test_of_many_only_those_are_looked_for_that_are_not(
        self, cache: Cache, step: Stepper
    ) -> None:
        with shared(cache, glances=True) as store:
            get = Functions(cache, step)
            await get.filled("b")
            store.log.clear()

            assert await cache.get_many(["a", "b", "c"]) == {"b": "B"}

            asked = next(args[0] for operation, args in store.log if operation == "look_many")
            assert asked == [("a", ()), ("c", ())]
