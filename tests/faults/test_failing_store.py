"""A store that fails does not fail its caller, except where a promise would be broken.

The store here is the real one, behind one that fails when it is told to.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from freshly import Cache, StoreError
from freshly.observe import Loaded, StoreFailed
from freshly.testing import ChaosStore, Fail, Lose, ManualClock, Stepper


@pytest.fixture
def cache() -> Cache:
    return Cache(clock=ManualClock())


@pytest.fixture
def store(cache: Cache) -> Iterator[ChaosStore]:
    with ChaosStore.behind(cache) as store:
        yield store


async def test_a_read_runs_the_loader_and_stores_nothing(cache: Cache, store: ChaosStore) -> None:
    loads: list[int] = []

    @cache(ttl="1h")
    async def get(subject: int) -> int:
        loads.append(subject)
        return len(loads)

    store.is_down = True
    assert [await get(1), await get(1)] == [1, 2]

    store.is_down = False
    assert [await get(1), await get(1)] == [3, 3]


def test_the_same_for_plain_functions(cache: Cache, store: ChaosStore) -> None:
    loads: list[int] = []

    @cache(ttl="1h")
    def get() -> int:
        loads.append(1)
        return len(loads)

    store.is_down = True
    assert [get(), get()] == [1, 2]
    store.is_down = False
    assert [get(), get()] == [3, 3]


async def test_a_store_that_fails_between_look_and_landing_costs_the_entry_only(
    cache: Cache, store: ChaosStore
) -> None:
    step = Stepper()
    events: list[object] = []
    cache.observe(events.append)

    @cache(ttl="1h")
    async def get() -> str:
        await step.stop("loading")
        return "value"

    reader = step.start(get())
    await step.reached("loading")
    store.is_down = True
    step.go("loading")

    assert await reader == "value"
    assert [event.operation for event in events if isinstance(event, StoreFailed)] == ["land"]
    assert [event.stored for event in events if isinstance(event, Loaded)] == [False]
    store.is_down = False
    assert cache.stats().entries == 0


@pytest.mark.parametrize("operation", ["look", "put"])
async def test_a_value_by_hand_is_not_stored_and_its_caller_hears_so(
    cache: Cache, operation: str
) -> None:
    events: list[StoreFailed] = []
    cache.observe(events.append, StoreFailed)

    with ChaosStore.behind(cache, Fail(operation)):
        assert await cache.set("k", 1, "1h") is False

    assert [(event.operation, event.key) for event in events] == [(operation, "k")]
    assert not await cache.exists("k")


async def test_the_loaders_own_error_passes_through(cache: Cache, store: ChaosStore) -> None:
    @cache(ttl="1h")
    async def get() -> str:
        raise LookupError("no such user")

    store.is_down = True

    with pytest.raises(LookupError, match="no such user"):
        await get()


async def test_callers_of_one_tick_share_a_load_without_the_store(
    cache: Cache, store: ChaosStore
) -> None:
    """They all began before the loader did, so its value answers each of them."""
    step = Stepper()
    loads: list[int] = []

    @cache(ttl="1h")
    async def get() -> int:
        loads.append(1)
        await step.stop("loading")
        return len(loads)

    store.is_down = True
    readers = [step.start(get()) for _ in range(10)]
    await step.reached("loading")
    step.go("loading")

    assert [await reader for reader in readers] == [1] * 10


async def test_a_caller_that_comes_later_loads_for_itself(cache: Cache, store: ChaosStore) -> None:
    """Nobody can say what was invalidated since the first load began."""
    step = Stepper()
    loads: list[int] = []

    @cache(ttl="1h")
    async def get() -> int:
        loads.append(1)
        number = len(loads)
        await step.stop("loading")
        return number

    store.is_down = True
    first = step.start(get())
    await step.reached("loading")
    second = step.start(get())
    await step.settle()
    step.go("loading")
    step.go("loading")

    assert [await first, await second] == [1, 2]


async def test_a_join_that_the_store_cannot_judge_is_none(cache: Cache, store: ChaosStore) -> None:
    """Its tags are known at the end, and then nobody can say whether they were invalidated."""
    step = Stepper()
    events: list[object] = []
    cache.observe(events.append)
    loads: list[int] = []

    @cache(ttl="1h", tags=["{result[tag]}"])
    async def get() -> dict[str, object]:
        loads.append(1)
        number = len(loads)
        await step.stop("loading")
        return {"tag": "rows", "number": number}

    first = step.start(get())
    await step.reached("loading")
    second = step.start(get())
    await step.settle()
    store.is_down = True
    step.go("loading")
    await step.settle()
    step.go("loading")

    assert [(await first)["number"], (await second)["number"]] == [1, 2]
    operations = [event.operation for event in events if isinstance(event, StoreFailed)]
    assert operations == ["land", "judge", "look"]


async def test_by_hand_nothing_is_found_and_nothing_stored(cache: Cache, store: ChaosStore) -> None:
    await cache.set("key", "value")

    store.is_down = True
    assert await cache.get("key", "default") == "default"
    assert not await cache.exists("key")
    assert not await cache.set("key", "new")

    store.is_down = False
    assert await cache.get("key") == "value"


async def test_an_invalidation_that_cannot_be_carried_out_raises(
    cache: Cache, store: ChaosStore
) -> None:
    """Or its caller would believe in a promise that nobody keeps."""
    store.is_down = True

    with pytest.raises(StoreError, match="told to be down"):
        await cache.delete_tags("user:1")
    with pytest.raises(StoreError, match="told to be down"):
        await cache.ping()


async def test_a_writer_learns_that_its_invalidation_failed(cache: Cache, store: ChaosStore) -> None:
    written: list[str] = []

    @cache.invalidates("user:{user_id}")
    async def rename(user_id: int, name: str) -> None:
        written.append(name)

    store.is_down = True

    with pytest.raises(StoreError):
        await rename(1, "Grace")
    assert written == ["Grace"]


async def test_an_invalidation_whose_answer_is_lost_raises_though_it_was_carried_out(
    cache: Cache,
) -> None:
    """Nobody can tell that from one that was not: the caller has to know that it is not sure."""
    await cache.set("key", "value", tags=["t"])

    with ChaosStore.behind(cache, Lose("invalidate")):
        with pytest.raises(StoreError, match="was lost"):
            await cache.delete_tags("t")
        assert await cache.get("key") is None


async def test_landings_of_many_that_fail_cost_the_entries_only(cache: Cache) -> None:
    events: list[object] = []
    cache.observe(events.append)

    with ChaosStore.behind(cache, Fail("land_many")):
        assert await cache.get_or_set_many(["a", "b"], lambda keys: dict.fromkeys(keys, 1)) == {
            "a": 1,
            "b": 1,
        }

    assert [event.operation for event in events if isinstance(event, StoreFailed)] == ["land_many"]
    assert [event.stored for event in events if isinstance(event, Loaded)] == [False, False]
    assert cache.stats().entries == 0


async def test_a_read_of_many_runs_the_loader_and_stores_nothing(cache: Cache) -> None:
    events: list[StoreFailed] = []
    cache.observe(events.append, StoreFailed)

    with ChaosStore.behind(cache, Fail("look_many")):
        assert await cache.get_or_set_many(["a", "b"], lambda keys: dict.fromkeys(keys, 1)) == {
            "a": 1,
            "b": 1,
        }

    assert [(event.operation, event.key) for event in events] == [("look_many", "a and 1 more")]
    assert cache.stats().entries == 0


async def test_a_refresh_that_cannot_be_announced_is_done_and_told_of(cache: Cache) -> None:
    events: list[StoreFailed] = []
    cache.observe(events.append, StoreFailed)

    @cache("1h", key="{name}")
    async def get(name: str) -> int:
        return 1

    @cache.many("1h", key="{name}")
    async def get_each(names: list[str]) -> dict[str, int]:
        return dict.fromkeys(names, 1)

    with ChaosStore.behind(cache, Fail("announce"), Fail("announce", 2)):
        assert await get.refresh("a") == 1
        assert await get_each.refresh(["b", "c"]) == {"b": 1, "c": 1}

    assert [(event.operation, event.key) for event in events] == [
        ("announce", "a"),
        ("announce", "b"),
    ]
    assert cache.stats().entries == 3


async def test_a_value_that_is_gone_and_cannot_be_deleted_is_told_of(
    cache: Cache,
) -> None:
    events: list[StoreFailed] = []
    cache.observe(events.append, StoreFailed)
    rows = {"a": 1, "b": 2}

    @cache.many("1h", key="{name}")
    async def get(names: list[str]) -> dict[str, int]:
        return {name: rows[name] for name in names if name in rows}

    await get(["a", "b"])
    rows.clear()
    with ChaosStore.behind(cache, Fail("delete")):
        assert await get.refresh(["a", "b"]) == {}

    assert [(event.operation, event.key) for event in events] == [("delete", "a and 1 more")]


@pytest.mark.parametrize("operation", ["look_many", "put_many"])
async def test_of_many_values_by_hand_none_is_stored_and_none_counted(
    cache: Cache, operation: str
) -> None:
    events: list[StoreFailed] = []
    cache.observe(events.append, StoreFailed)

    with ChaosStore.behind(cache, Fail(operation)):
        assert await cache.set_many({"a": 1, "b": 2}, "1h") == 0

    assert [(event.operation, event.key) for event in events] == [(operation, "a and 1 more")]
    assert await cache.get_many(["a", "b"]) == {}


async def test_a_landing_whose_answer_is_lost_serves_its_caller_and_the_next(cache: Cache) -> None:
    loads: list[int] = []

    @cache(ttl="1h")
    async def get() -> int:
        loads.append(1)
        return len(loads)

    with ChaosStore.behind(cache, Lose("land")):
        assert [await get(), await get()] == [1, 1]


async def test_what_an_overtaken_load_brought_is_not_kept_if_its_landing_failed(
    cache: Cache,
) -> None:
    """
    1. A load begins; its landing fails, and it answers its caller.
    2. The tag is invalidated.
    3. The next read loads.
    """
    versions = [1]

    @cache(ttl="1h", tags=["t"])
    async def get() -> int:
        return versions[-1]

    with ChaosStore.behind(cache, Fail("land")):
        assert await get() == 1
        versions.append(2)
        await cache.delete_tags("t")
        assert await get() == 2
        assert await get() == 2
