"""A store that fails does not fail its caller, except where a promise would be broken.

The store here is the real one, with a switch that makes each of its operations raise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from freshly import Cache, StoreError
from freshly.core.entry import Entry
from freshly.core.events import StoreFailed
from freshly.core.holds import Hold
from freshly.core.ports import Look
from freshly.core.shape import ANY, Shape
from freshly.stores.memory import MemoryStore
from freshly.testing import ManualClock, Stepper


class FailingStore(MemoryStore):
    """A memory store with a plug."""

    is_down = False

    def _ask(self) -> None:
        if self.is_down:
            raise StoreError("the store does not answer")

    async def look(self, key: str, tags: Iterable[str] = (), shape: Shape = ANY) -> Look:
        self._ask()
        return await super().look(key, tags, shape)

    async def land(self, entry: Entry[Any], unless: Callable[[], bool], shape: Shape = ANY) -> bool:
        self._ask()
        return await super().land(entry, unless, shape)

    async def put(self, entry: Entry[Any], *, is_stamped: bool, shape: Shape = ANY) -> bool:
        self._ask()
        return await super().put(entry, is_stamped=is_stamped, shape=shape)

    async def invalidate(self, tags: Iterable[str], hold: Hold | None = None) -> int:
        self._ask()
        return await super().invalidate(tags, hold)

    async def ping(self) -> None:
        self._ask()


@pytest.fixture
def store() -> FailingStore:
    return FailingStore(ManualClock())


@pytest.fixture
def cache(store: FailingStore, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setattr("freshly.home.open_store", lambda *_: store)
    return Cache()


async def test_a_read_runs_the_loader_and_stores_nothing(cache: Cache, store: FailingStore) -> None:
    loads: list[int] = []

    @cache(ttl="1h")
    async def get(subject: int) -> int:
        loads.append(subject)
        return len(loads)

    store.is_down = True
    assert [await get(1), await get(1)] == [1, 2]

    store.is_down = False
    assert [await get(1), await get(1)] == [3, 3]


def test_the_same_for_plain_functions(cache: Cache, store: FailingStore) -> None:
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
    cache: Cache, store: FailingStore
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
    store.is_down = False
    assert cache.stats().entries == 0


async def test_the_loaders_own_error_passes_through(cache: Cache, store: FailingStore) -> None:
    @cache(ttl="1h")
    async def get() -> str:
        raise LookupError("no such user")

    store.is_down = True

    with pytest.raises(LookupError, match="no such user"):
        await get()


async def test_callers_of_one_tick_share_a_load_without_the_store(
    cache: Cache, store: FailingStore
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


async def test_a_caller_that_comes_later_loads_for_itself(cache: Cache, store: FailingStore) -> None:
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


async def test_by_hand_nothing_is_found_and_nothing_stored(cache: Cache, store: FailingStore) -> None:
    await cache.set("key", "value")

    store.is_down = True
    assert await cache.get("key", "default") == "default"
    assert not await cache.exists("key")
    assert not await cache.set("key", "new")

    store.is_down = False
    assert await cache.get("key") == "value"


async def test_an_invalidation_that_cannot_be_carried_out_raises(
    cache: Cache, store: FailingStore
) -> None:
    """Or its caller would believe in a promise that nobody keeps."""
    store.is_down = True

    with pytest.raises(StoreError, match="does not answer"):
        await cache.delete_tags("user:1")
    with pytest.raises(StoreError, match="does not answer"):
        await cache.ping()


async def test_a_writer_learns_that_its_invalidation_failed(cache: Cache, store: FailingStore) -> None:
    written: list[str] = []

    @cache.invalidates("user:{user_id}")
    async def rename(user_id: int, name: str) -> None:
        written.append(name)

    store.is_down = True

    with pytest.raises(StoreError):
        await rename(1, "Grace")
    assert written == ["Grace"]
