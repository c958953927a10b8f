"""Races between processes, stepped by hand: two caches on one server stand for two processes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from freshly import Cache
from freshly.stores.redis.placing import AtOnce
from freshly.stores.redis.stamps import Stamps
from freshly.testing import Stepper
from tests.redis.fixtures import Open
from tests.servers.server import Server

BUCKET = b"fr:{freshly#0}:t"


class Source:
    """A row whose load stands still, after it was read, until the test lets it go."""

    def __init__(self) -> None:
        self.version = 1
        self.step = Stepper()

    def on(self, cache: Cache, **options: Any) -> Callable[[], Awaitable[int]]:
        @cache(ttl="1h", key="key", **options)
        async def get() -> int:
            version = self.version
            await self.step.stop("loading")
            return version

        return get


@pytest.fixture
def source() -> Source:
    return Source()


#: A step of the store: a class of its parts, and a method of it.
Step = tuple[type, str]
Act = Callable[[Cache], Awaitable[object]]

ACTS: dict[str, Act] = {
    "a tag": lambda other: other.delete_tags("row"),
    "the key": lambda other: other.delete("key"),
    "a pattern": lambda other: other.delete_match("k*"),
    "everything": lambda other: other.clear(),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
async def test_what_another_process_invalidated_during_a_load_is_not_valid_after_it(
    open_cache: Open, source: Source, act: Act
) -> None:
    cache, other = open_cache(), open_cache()
    get = source.on(cache, tags=["row"])
    reader = source.step.start(get())
    await source.step.reached("loading")
    source.version = 2
    await act(other)
    source.step.go("loading")
    assert await reader == 1

    later = source.step.start(get())
    await source.step.reached("loading")
    source.step.go("loading")
    assert await later == 2


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
async def test_a_reader_does_not_join_a_load_that_another_process_has_overtaken(
    open_cache: Open, source: Source, act: Act
) -> None:
    cache, other = open_cache(), open_cache()
    get = source.on(cache, tags=["row"])
    first = source.step.start(get())
    await source.step.reached("loading")
    source.version = 2
    await act(other)

    later = source.step.start(get())
    async with asyncio.timeout(5):
        while source.step.visits("loading") < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)
    source.step.go("loading")
    source.step.go("loading")

    assert [await first, await later] == [1, 2]


async def test_a_reader_that_joined_is_judged_by_the_tags_that_the_result_told(
    open_cache: Open, source: Source
) -> None:
    """Nobody knew of the tag when it joined."""
    cache, other = open_cache(), open_cache()
    get = source.on(cache, tags=lambda result: ["row"])
    first = source.step.start(get())
    await source.step.reached("loading")
    source.version = 2
    await other.delete_tags("row")

    later = source.step.start(get())
    await source.step.settle(200)
    source.step.go("loading")
    assert await first == 1
    await source.step.reached("loading")
    source.step.go("loading")

    assert await later == 2


async def test_a_value_made_from_one_that_another_process_invalidated_is_invalid(
    open_cache: Open,
) -> None:
    cache, other = open_cache(), open_cache()
    step, rows = Stepper(), {"inner": 1}

    @cache(ttl="1h", tags=["inner"])
    async def inner() -> int:
        return rows["inner"]

    @cache(ttl="1h")
    async def outer() -> int:
        value = await inner()
        await step.stop("outer has read inner")
        return value * 10

    await inner()
    reader = step.start(outer())
    await step.reached("outer has read inner")
    rows["inner"] = 2
    await other.delete_tags("inner")
    step.go("outer has read inner")
    assert await reader == 10

    later = step.start(outer())
    await step.reached("outer has read inner")
    step.go("outer has read inner")
    assert await later == 20


async def test_a_bucket_that_is_lost_during_a_load_takes_its_value_along(
    open_cache: Open, source: Source, server: Server
) -> None:
    """The stamp of the load is one of the former bucket, whose invalidations nobody remembers."""
    cache, other = open_cache(), open_cache()
    get = source.on(cache, tags=["row"])
    reader = source.step.start(get())
    await source.step.reached("loading")
    source.version = 2
    await other.delete_tags("row")
    server.admin.delete(BUCKET)
    source.step.go("loading")
    assert await reader == 1

    later = source.step.start(get())
    await source.step.reached("loading")
    source.step.go("loading")
    assert await later == 2


async def test_a_value_set_by_hand_stays_when_an_older_load_of_another_process_ends(
    open_cache: Open, source: Source
) -> None:
    cache, other = open_cache(), open_cache()
    get = source.on(cache)
    reader = source.step.start(get())
    await source.step.reached("loading")
    await other.set("key", 7, "1h")
    source.step.go("loading")
    assert await reader == 1

    assert await other.get("key") == 7


async def test_a_stamped_value_is_not_set_over_what_another_process_deleted(open_cache: Open) -> None:
    cache, other = open_cache(), open_cache()
    for act in ACTS.values():
        stamp = await cache.stamp()
        await act(other)
        assert not await cache.set("key", "old", tags=["row"], stamp=stamp)
        assert await cache.get("key") is None


@pytest.mark.parametrize("step", [(Stamps, "stamp"), (AtOnce, "place")], ids=["stamp", "land"])
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
async def test_what_is_invalidated_while_a_stamped_value_is_set_is_not_valid_after_it(
    open_cache: Open, monkeypatch: pytest.MonkeyPatch, act: Act, step: Step
) -> None:
    """1. set looks whether the value was overtaken  2. it stamps the key  3. it lands the value"""
    cache, other = open_cache(), open_cache()
    stamp = await cache.stamp()
    act_before(monkeypatch, step, lambda: act(other))

    await cache.set("key", "old", tags=["row"], stamp=stamp)

    assert await cache.get("key") is None
    assert await other.get("key") is None


async def test_a_pattern_that_a_bucket_forgets_while_a_stamped_value_is_set_is_not_forgotten(
    open_cache: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, other = open_cache(), open_cache()
    stamp = await cache.stamp()

    async def as_many_as_it_remembers() -> None:
        for number in range(64):
            await other.delete_match(f"other:{number}*")

    act_before(monkeypatch, (Stamps, "stamp"), lambda: other.delete_match("k*"))
    act_before(monkeypatch, (AtOnce, "place"), as_many_as_it_remembers)

    await cache.set("key", "old", stamp=stamp)

    assert await cache.get("key") is None


def act_before(
    monkeypatch: pytest.MonkeyPatch, step: Step, act: Callable[[], Awaitable[object]]
) -> None:
    """Have ``act`` done before a step of the store, the next time it comes to it."""
    part, name = step
    original = getattr(part, name)

    async def after_it(self: Any, *args: Any, **options: Any) -> Any:
        monkeypatch.setattr(part, name, original)
        await act()
        return await original(self, *args, **options)

    monkeypatch.setattr(part, name, after_it)


async def test_more_patterns_than_a_bucket_remembers_forget_no_invalidation(
    open_cache: Open, source: Source, server: Server
) -> None:
    cache, other = open_cache(), open_cache()
    get = source.on(cache)
    reader = source.step.start(get())
    await source.step.reached("loading")
    source.version = 2
    await other.delete_match("k*")
    for number in range(70):
        await other.delete_match(f"other:{number}*")
    assert len(server.admin.hget(BUCKET, "*").split(b"other:")) <= 65
    source.step.go("loading")
    assert await reader == 1

    later = source.step.start(get())
    await source.step.reached("loading")
    source.step.go("loading")
    assert await later == 2


async def test_entries_of_a_plain_object_stay_here_and_are_invalidated_from_anywhere(
    open_cache: Open, server: Server
) -> None:
    cache, other = open_cache(), open_cache()
    loads: list[int] = []

    class Service:
        @cache(ttl="1h", tags=["row"])
        async def get(self) -> int:
            loads.append(1)
            return len(loads)

    service = Service()
    with pytest.warns(UserWarning, match="its entries stay in this one"):
        assert [await service.get(), await service.get()] == [1, 1]
    assert server.admin.keys("*:v") == []

    await other.delete_tags("row")
    assert [await service.get(), await service.get()] == [2, 2]
    await other.clear()
    assert await service.get() == 3
