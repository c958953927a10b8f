"""Commands for many keys: one question to the store, and each key a case of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from freshly import Cache, ConfigurationError
from freshly.core.entry import Entry
from freshly.core.holds import Hold
from freshly.core.ports import Look
from freshly.core.shape import ANY, Shape
from freshly.stores.memory import MemoryStore
from freshly.testing import ManualClock, Stepper


class CountingStore(MemoryStore):
    """A memory store that notes what it was asked."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.asked: list[str] = []

    async def look_many(
        self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape = ANY
    ) -> list[Look]:
        self.asked.append(f"look at {len(asked)}")
        return await super().look_many(asked, shape)

    async def land_many(self, landings: Any, shape: Shape = ANY) -> list[bool]:
        self.asked.append(f"land {len(landings)}")
        return await super().land_many(landings, shape)

    async def put_many(
        self, entries: Sequence[Entry[Any]], *, is_stamped: bool, shape: Shape = ANY
    ) -> list[bool]:
        self.asked.append(f"put {len(entries)}")
        return await super().put_many(entries, is_stamped=is_stamped, shape=shape)

    async def delete(self, keys: Iterable[str], hold: Hold | None = None) -> int:
        keys = list(keys)
        self.asked.append(f"delete {len(keys)}")
        return await super().delete(keys, hold)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(clock: ManualClock) -> CountingStore:
    return CountingStore(clock)


@pytest.fixture
def cache(clock: ManualClock, store: CountingStore, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setattr("freshly.home.open_store", lambda *_: store)
    return Cache(clock=clock, dice=lambda: 0.0)


@pytest.fixture
def step() -> Stepper:
    return Stepper()


class TestGetMany:
    async def test_returns_what_there_is_in_the_order_of_the_keys(self, cache: Cache) -> None:
        await cache.set("a", 1)
        await cache.set("b", None)
        await cache.set("c", 3)

        found = await cache.get_many(["c", "x", "b", "c", "a"])

        assert [*found.items()] == [("c", 3), ("b", None), ("a", 1)]

    async def test_with_a_default_returns_every_key(self, cache: Cache) -> None:
        await cache.set("a", None)

        assert await cache.get_many(["a", "x"], default=0) == {"a": None, "x": 0}

    async def test_takes_a_value_of_another_type_for_absent(self, cache: Cache) -> None:
        await cache.set_many({"a": 1, "b": "text"})

        assert await cache.get_many(["a", "b"], type=int) == {"a": 1}
        assert await cache.get_many(["a", "b"], type=int, default=0) == {"a": 1, "b": 0}

    async def test_takes_any_iterable(self, cache: Cache) -> None:
        await cache.set_many({"a": 1, "b": 2})

        assert await cache.get_many(key for key in "ab") == {"a": 1, "b": 2}
        assert await cache.get_many({"a": None}) == {"a": 1}
        assert await cache.get_many(()) == {}

    async def test_finds_no_value_that_get_would_not_be_served(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        @cache("1m", key="graced", grace="1h")
        def get_graced() -> int:
            return 1

        get_graced()
        await cache.set("short", 1, "1m")
        await cache.set("tagged", 1, tags=["t"])
        await cache.set("long", 1)
        clock.advance("1m")
        await cache.delete_tags("t")

        assert await cache.get_many(["graced", "short", "tagged", "long"]) == {"long": 1}

    async def test_counts_a_read_for_each_key(self, cache: Cache) -> None:
        await cache.set_many({"a": 1, "b": 2})

        await cache.get_many(["a", "b", "c"])

        assert (cache.stats().hits, cache.stats().misses) == (2, 1)

    async def test_asks_the_store_once(self, cache: Cache, store: CountingStore) -> None:
        await cache.get_many([f"{number}" for number in range(100)])

        assert store.asked == ["look at 100"]

    def test_does_so_without_a_loop_too(self, cache: Cache) -> None:
        cache.blocking.set_many({"a": 1, "b": 2})

        assert cache.blocking.get_many(["b", "x"]) == {"b": 2}
        assert cache.blocking.get_many(["b", "x"], default="-", type=int) == {"b": 2, "x": "-"}

    async def test_finds_nothing_while_the_cache_is_disabled(self, cache: Cache) -> None:
        await cache.set("a", 1)

        with cache.disabled():
            assert await cache.get_many(["a"]) == {}
            assert await cache.get_many(["a"], default=0) == {"a": 0}

    async def test_refuses_one_key_in_place_of_many(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError, match=r"write get_many\(\['user:1'\]\)"):
            await cache.get_many("user:1")
        with pytest.raises(ConfigurationError, match="needs keys"):
            await cache.get_many(1)  # type: ignore[call-overload]

    async def test_refuses_what_is_no_key(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError, match="needs a key"):
            await cache.get_many(["a", 1])  # type: ignore[list-item]
        with pytest.raises(ConfigurationError, match="put an f before"):
            await cache.get_many(["user:{user_id}"])


class TestSetMany:
    async def test_stores_each_value_under_its_key(self, cache: Cache, clock: ManualClock) -> None:
        assert await cache.set_many({"a": 1, "b": 2}, "1m") == 2
        assert await cache.get_many(["a", "b"]) == {"a": 1, "b": 2}

        clock.advance("1m")

        assert await cache.get_many(["a", "b"]) == {}

    async def test_gives_all_the_same_tags(self, cache: Cache) -> None:
        await cache.set_many({"a": 1, "b": 2}, tags=["t"])

        await cache.delete_tags("t")

        assert await cache.get_many(["a", "b"]) == {}

    @pytest.mark.parametrize(
        "tags",
        [
            ["key:{key}", "kind:{result[kind]}"],
            lambda key, result: [f"key:{key}", f"kind:{result['kind']}"],
        ],
    )
    async def test_gives_each_the_tags_of_its_own_key_and_value(self, cache: Cache, tags: Any) -> None:
        values = {"a": {"kind": "x"}, "b": {"kind": "y"}, "c": {"kind": "y"}}
        await cache.set_many(values, tags=tags)

        await cache.delete_tags("kind:x")
        assert [*await cache.get_many(["a", "b", "c"])] == ["b", "c"]
        await cache.delete_tags("key:b")

        assert [*await cache.get_many(["a", "b", "c"])] == ["c"]

    async def test_may_compute_the_ttl_of_each(self, cache: Cache, clock: ManualClock) -> None:
        await cache.set_many({"a": 10, "b": 20}, lambda key, result: result)

        clock.advance(10)

        assert await cache.get_many(["a", "b"]) == {"b": 20}

    async def test_keeps_nothing_under_a_key_whose_ttl_is_over_at_once(self, cache: Cache) -> None:
        await cache.set_many({"a": 10, "b": 10})

        assert await cache.set_many({"a": 0, "b": 20}, lambda result: result) == 1
        assert await cache.get_many(["a", "b"]) == {"b": 20}

    async def test_with_a_stamp_leaves_out_what_was_invalidated_since(self, cache: Cache) -> None:
        stamp = await cache.stamp()
        await cache.delete_tags("t:b")
        await cache.delete("c")

        stored = await cache.set_many({"a": 1, "b": 2, "c": 3}, tags=["t:{key}"], stamp=stamp)

        assert stored == 1
        assert await cache.get_many(["a", "b", "c"]) == {"a": 1}

    async def test_with_a_stamp_of_a_former_store_stores_nothing(
        self, cache: Cache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stamp = await cache.stamp()
        monkeypatch.undo()
        cache.setup()

        assert await cache.set_many({"a": 1}, stamp=stamp) == 0
        with pytest.raises(ConfigurationError, match="is no stamp"):
            await cache.set_many({"a": 1}, stamp=1)  # type: ignore[arg-type]

    async def test_is_not_stored_over_by_a_load_that_runs(self, cache: Cache, step: Stepper) -> None:
        async def load() -> str:
            await step.stop("loading")
            return "old"

        reader = step.start(cache.get_or_set("a", load))
        await step.reached("loading")

        await cache.set_many({"a": "new", "b": "new"})
        step.go("loading")
        await reader

        assert await cache.get_many(["a", "b"]) == {"a": "new", "b": "new"}

    async def test_ends_the_pause_after_a_failed_load(self, cache: Cache, clock: ManualClock) -> None:
        outcomes: list[Any] = [1]

        @cache("1m", key="a", grace="1h", retry_after="30m")
        def get() -> Any:
            return outcomes.pop()

        get()
        clock.advance("1m")
        get()
        await cache.set_many({"a": 2}, "1s")
        clock.advance("1s")
        outcomes.append(3)

        assert get() == 3

    async def test_asks_the_store_once_when_it_is_and_once_to_store(
        self, cache: Cache, store: CountingStore
    ) -> None:
        await cache.set_many({f"{number}": number for number in range(100)})

        assert store.asked == ["look at 100", "put 100"]

    async def test_stores_nothing_while_the_cache_is_disabled(self, cache: Cache) -> None:
        with cache.disabled():
            assert await cache.set_many({"a": 1}) == 0

        assert await cache.get_many(["a"]) == {}

    async def test_refuses_what_is_no_mapping(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError, match="needs a mapping"):
            await cache.set_many([("a", 1)])  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="it may use 'key', 'result'"):
            await cache.set_many({"a": 1}, tags=["user:{id}"])

    async def test_of_nothing_is_nothing(self, cache: Cache) -> None:
        assert await cache.set_many({}) == 0


class TestDeleteMany:
    async def test_deletes_and_counts_as_delete_does(self, cache: Cache) -> None:
        await cache.set_many({"a": 1, "b": 2, "c": 3})

        assert await cache.delete_many(key for key in ["a", "c", "x", "a"]) == 2
        assert await cache.get_many(["a", "b", "c"]) == {"b": 2}

    async def test_keeps_the_promise_for_loads_that_run(self, cache: Cache, step: Stepper) -> None:
        async def load(keys: list[str]) -> dict[str, int]:
            await step.stop("loading")
            return dict.fromkeys(keys, 1)

        reader = step.start(cache.get_or_set_many(["a", "b", "c"], load))
        await step.reached("loading")

        await cache.delete_many(["a", "b"])
        step.go("loading")
        await reader

        assert await cache.get_many(["a", "b", "c"]) == {"c": 1}

    async def test_is_one_invalidation(self, cache: Cache, store: CountingStore) -> None:
        await cache.delete_many([f"{number}" for number in range(100)])

        assert store.asked == ["delete 100"]
        assert cache.stats().invalidations == 1

    def test_does_so_without_a_loop_too(self, cache: Cache) -> None:
        cache.blocking.set_many({"a": 1, "b": 2})

        assert cache.blocking.delete_many(["a", "b"]) == 2

    async def test_refuses_one_key_in_place_of_many(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError, match=r"write delete_many\(\['a'\]\)"):
            await cache.delete_many("a")


class TestGetOrSetMany:
    async def test_loads_what_is_missing_in_one_call(self, cache: Cache, store: CountingStore) -> None:
        asked: list[list[str]] = []

        def load(keys: list[str]) -> dict[str, str]:
            asked.append(keys)
            return {key: key.upper() for key in keys}

        await cache.set("b", "set")
        found = await cache.get_or_set_many(["a", "b", "c", "a"], load, "1h")

        assert [*found.items()] == [("a", "A"), ("b", "set"), ("c", "C")]
        assert asked == [["a", "c"]]
        assert store.asked == ["look at 3", "land 2"]
        assert await cache.get_or_set_many(["c", "a"], load, "1h") == {"c": "C", "a": "A"}
        assert len(asked) == 1

    async def test_takes_values_in_order_and_async_loaders(self, cache: Cache) -> None:
        async def load(keys: list[str]) -> list[int]:
            return [len(key) for key in keys]

        assert await cache.get_or_set_many(["a", "bb"], load) == {"a": 1, "bb": 2}

    def test_does_so_without_a_loop_too(self, cache: Cache) -> None:
        assert cache.blocking.get_or_set_many(["a", "bb"], lambda keys: [*map(len, keys)]) == {
            "a": 1,
            "bb": 2,
        }
        assert cache.blocking.get("bb") == 2

    async def test_gives_each_entry_its_own_tags_and_ttl(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        loads: list[str] = []

        def load(keys: list[str]) -> dict[str, int]:
            loads.extend(keys)
            return {key: int(key) for key in keys}

        async def read() -> list[str]:
            loads.clear()
            await cache.get_or_set_many(
                ["10", "20", "30"],
                load,
                lambda key, result: result,
                tags=["all", "k:{key}", "r:{result}"],
            )
            return loads

        assert await read() == ["10", "20", "30"]
        clock.advance(10)
        assert await read() == ["10"]
        await cache.delete_tags("k:20")
        assert await read() == ["20"]
        await cache.delete_tags("r:30")
        assert await read() == ["30"]
        await cache.delete_tags("all")
        assert await read() == ["10", "20", "30"]

    async def test_leaves_out_what_the_loader_leaves_out_and_asks_again(self, cache: Cache) -> None:
        asked: list[list[str]] = []

        def load(keys: list[str]) -> dict[str, int]:
            asked.append(keys)
            return {key: 1 for key in keys if key != "b"}

        assert await cache.get_or_set_many(["a", "b"], load) == {"a": 1}
        assert await cache.get_or_set_many(["a", "b"], load) == {"a": 1}
        assert asked == [["a", "b"], ["b"]]

    async def test_or_stores_what_stands_for_a_missing_value(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        asked: list[list[str]] = []

        def load(keys: list[str]) -> dict[str, int]:
            asked.append(keys)
            return {key: 1 for key in keys if key != "b"}

        async def read() -> dict[str, int | None]:
            return await cache.get_or_set_many(
                ["a", "b"],
                load,
                "1h",
                missing=None,
                missing_ttl="1m",
                tags=["k:{key}", "r:{result.real}"],
            )

        assert await read() == {"a": 1, "b": None}
        assert await read() == {"a": 1, "b": None}
        assert asked == [["a", "b"]]
        clock.advance("1m")
        assert await read() == {"a": 1, "b": None}
        assert asked == [["a", "b"], ["b"]]
        await cache.delete_tags("k:b")
        await read()
        assert asked == [["a", "b"], ["b"], ["b"]]

    async def test_stores_nothing_that_the_condition_refuses(self, cache: Cache) -> None:
        found = await cache.get_or_set_many(
            ["a", "bb"], lambda keys: [*map(len, keys)], condition=lambda key, result: result > 1
        )

        assert found == {"a": 1, "bb": 2}
        assert await cache.get_many(["a", "bb"]) == {"bb": 2}

    async def test_raises_the_errors_that_stand_in_place_of_values(self, cache: Cache) -> None:
        def load(keys: list[str]) -> dict[str, Any]:
            return {"a": 1, "b": KeyError("b"), "c": ValueError("c")}

        with pytest.raises(ExceptionGroup) as caught:
            await cache.get_or_set_many(["a", "b", "c"], load)

        assert [repr(error) for error in caught.value.exceptions] == [
            "KeyError('b')",
            "ValueError('c')",
        ]
        assert caught.value.message == "get_or_set_many: 2 of 3 ids failed: 'b', 'c'"
        assert await cache.get_many(["a", "b", "c"]) == {"a": 1}

    async def test_or_returns_them(self, cache: Cache) -> None:
        error = KeyError("b")

        found = await cache.get_or_set_many(
            ["a", "b"], lambda keys: {"a": 1, "b": error}, on_error="return"
        )

        assert found == {"a": 1, "b": error}

    async def test_lets_what_the_loader_raises_pass(self, cache: Cache) -> None:
        error = ConnectionError("down")

        def load(keys: list[str]) -> dict[str, int]:
            raise error

        with pytest.raises(ConnectionError) as caught:
            await cache.get_or_set_many(["a", "b"], load)

        assert caught.value is error

    async def test_loads_everything_and_stores_nothing_while_the_cache_is_disabled(
        self, cache: Cache
    ) -> None:
        await cache.set("a", "set")

        with cache.disabled():
            found = await cache.get_or_set_many(["a", "b"], lambda keys: {"a": "A"}, missing="-")
        assert found == {"a": "A", "b": "-"}
        assert await cache.get_many(["a", "b"]) == {"a": "set"}

    async def test_of_no_keys_calls_no_loader(self, cache: Cache, store: CountingStore) -> None:
        def load(keys: list[str]) -> dict[str, int]:
            raise AssertionError

        assert await cache.get_or_set_many([], load) == {}
        assert store.asked == []

    @pytest.mark.parametrize(
        ("returned", "message"),
        [
            ([1], "returned 1 values for 2 ids"),
            ([1, 2, 3], "returned 3 values for 2 ids"),
            (1, "returns a mapping from id to value"),
            ("ab", "returns a mapping from id to value"),
            ({1, 2}, "returns a mapping from id to value"),
            (None, "returned None: a loader of many returns"),
        ],
    )
    async def test_refuses_what_it_cannot_take_for_values(
        self, cache: Cache, returned: Any, message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            await cache.get_or_set_many(["a", "b"], lambda keys: returned)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"on_error": "ignore"}, "on_error='ignore' is neither"),
            ({"max_batch": 0}, "max_batch=0 is no number of ids"),
            ({"max_batch": True}, "max_batch=True is no number of ids"),
            ({"missing_ttl": "1m"}, "missing_ttl='1m' needs a value"),
            ({"missing": None, "missing_ttl": "1x"}, "missing_ttl='1x'"),
            ({"tag": ["a"]}, "did you mean 'tags'"),
            ({"tags": ["user:{id}"]}, "it may use 'key', 'result'"),
        ],
    )
    async def test_refuses_options_that_do_not_fit(
        self, cache: Cache, options: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            await cache.get_or_set_many(["a"], lambda keys: [1], **options)

    async def test_refuses_a_loader_that_cannot_be_called(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError, match="give a function of a list of keys"):
            await cache.get_or_set_many(["a"], {"a": 1})  # type: ignore[call-overload]
