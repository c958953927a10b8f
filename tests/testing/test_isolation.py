"""``isolated``: an empty cache behind the objects that a program holds, and nothing left after it."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from typing import Any

import pytest

import freshly
from freshly import Cache, ConfigurationError, FreshlyWarning
from freshly.testing import ManualClock, Stepper, ThreadStepper, isolated


@pytest.fixture
def cache() -> Cache:
    return Cache(clock=ManualClock(100.0))


class Source:
    def __init__(self) -> None:
        self.loads = 0

    def read(self) -> int:
        self.loads += 1
        return self.loads


@pytest.fixture
def source() -> Source:
    return Source()


async def test_a_function_decorated_before_uses_the_empty_cache_and_then_its_own_again(
    cache: Cache, source: Source
) -> None:
    @cache("1h")
    async def get(number: int) -> int:
        return source.read()

    assert [await get(1), await get(1)] == [1, 1]

    with isolated(cache):
        assert [await get(1), await get(1)] == [2, 2]
        await cache.clear()

    assert [await get(1), await get(1)] == [1, 1]
    assert source.loads == 2


def test_so_do_plain_functions_methods_and_commands(cache: Cache) -> None:
    class Service:
        def __init__(self) -> None:
            self.source = Source()

        @cache("1h")
        def get(self) -> int:
            return self.source.read()

    service = Service()
    cache.blocking.set("k", "before")
    assert [service.get(), service.get()] == [1, 1]

    with isolated(cache):
        assert [service.get(), service.get()] == [2, 2]
        assert not cache.blocking.exists("k")
        cache.blocking.set("k", "inside")
        cache.blocking.set("l", "inside")

    assert service.get() == 1
    assert (cache.blocking.get("k"), cache.blocking.get("l")) == ("before", None)


def test_a_function_decorated_inside_goes_on_outside(cache: Cache, source: Source) -> None:
    with isolated(cache):

        @cache("1h")
        def get() -> int:
            return source.read()

        assert [get(), get()] == [1, 1]

    assert [get(), get()] == [2, 2]


def test_its_clock_is_moved_by_hand(cache: Cache, source: Source) -> None:
    @cache("1h")
    def get() -> int:
        return source.read()

    with isolated(cache) as clock:
        assert clock.now() == 0
        get()
        clock.advance("59m59s")
        assert get() == 1
        clock.advance("1s")
        assert get() == 2
    with isolated(cache, clock=(mine := ManualClock(50.0))) as clock:
        assert clock is mine


def test_without_a_name_it_is_the_default_cache() -> None:
    with isolated():
        freshly.cache.blocking.set("k", 1)
        assert freshly.cache.stats().entries == 1
        with isolated(freshly.cache):
            assert freshly.cache.stats().entries == 0
        assert freshly.cache.blocking.get("k") == 1


def test_several_caches_share_the_clock(cache: Cache) -> None:
    other = Cache()

    with isolated(cache, other) as clock:
        for each in (cache, other):
            each.blocking.set("k", 1, "1m")
        clock.advance("1m")

        assert [each.blocking.exists("k") for each in (cache, other)] == [False, False]


def test_counts_begin_at_zero_and_are_put_back(cache: Cache) -> None:
    @cache("1h")
    def get(number: int) -> int:
        return number

    for _ in range(3):
        get(1)
    cache.blocking.get("k")
    before = cache.stats()

    with isolated(cache):
        assert (cache.stats().hits, cache.stats().misses) == (0, 0)
        get(1)
        assert (cache.stats().hits, cache.stats().loads, cache.stats().entries) == (0, 1, 1)

    assert cache.stats() == before
    assert (before.hits, before.misses) == (2, 2)


def test_setup_inside_holds_for_the_block(cache: Cache) -> None:
    cache.blocking.set("k", 1)

    with isolated(cache) as clock:
        cache.setup("mem://?max_entries=1")
        cache.blocking.set("a", 1, "1m")
        cache.blocking.set("b", 1, "1m")
        assert cache.stats().entries == 1
        clock.advance("1m")
        assert not cache.blocking.exists("b")

    assert cache.blocking.get("k") == 1


def test_an_observer_of_before_hears_it_and_one_of_inside_is_gone_after(cache: Cache) -> None:
    before: list[Any] = []
    inside: list[Any] = []
    cache.observe(before.append)

    with isolated(cache):
        cache.observe(inside.append)
        cache.blocking.delete_tags("a")
    cache.blocking.delete_tags("b")

    assert [event.tags for event in before] == [("a",), ("b",)]
    assert [event.tags for event in inside] == [("a",)]


def test_everything_is_put_back_after_an_error(cache: Cache) -> None:
    cache.blocking.set("k", 1)

    with pytest.raises(LookupError), isolated(cache):
        raise LookupError

    assert cache.blocking.get("k") == 1


def test_objects_of_one_test_do_not_add_up_to_a_warning_in_another(cache: Cache) -> None:
    """A warning says that many objects of a class never hit. Each test makes one and drops it."""

    class Service:
        @cache("1h")
        def get(self) -> int:
            return 1

    with warnings.catch_warnings():
        warnings.simplefilter("error", FreshlyWarning)
        for _ in range(20):
            with isolated(cache):
                Service().get()


async def test_what_the_block_had_begun_is_cancelled(cache: Cache) -> None:
    step = Stepper()
    ended: list[str] = []

    @cache.soft("1h", soft_ttl="1m")
    async def get() -> int:
        if not ended and step.visits("refreshing") == 0 and clock.now():
            try:
                await step.stop("refreshing")
            finally:
                ended.append("refreshing")
        return 1

    with isolated(cache) as clock:
        await get()
        clock.advance("1m")
        await get()
        await step.reached("refreshing")
    await step.settle()

    assert ended == ["refreshing"]


def test_threads_of_refreshes_end_with_it(cache: Cache) -> None:
    with ThreadStepper() as step:

        @cache.soft("1h", soft_ttl="1m")
        def get() -> int:
            if clock.now():
                step.stop("refreshing")
            return 1

        with isolated(cache) as clock:
            get()
            clock.advance("1m")
            get()
            step.reached("refreshing")
        step.go("refreshing")

    for thread in threading.enumerate():
        if thread.name.startswith("freshly refreshes"):
            thread.join(20)
            assert not thread.is_alive()
    assert cache.stats().entries == 0


def test_a_load_that_ends_after_the_block_lands_nowhere(cache: Cache) -> None:
    with ThreadStepper() as step:

        @cache("1h", key="k")
        def get() -> int:
            step.stop("loading")
            return 1

        with isolated(cache):
            reader = step.start(get)
            step.reached("loading")
        step.go("loading")

        assert reader.result(20) == 1
        assert not cache.blocking.exists("k")


def test_a_loop_that_was_closed_with_a_refresh_under_way_is_no_obstacle(cache: Cache) -> None:
    loads: list[int] = []

    @cache.soft("1h", soft_ttl="1m")
    async def get() -> int:
        loads.append(1)
        if len(loads) == 2:
            await asyncio.Event().wait()
        return len(loads)

    with isolated(cache) as clock:
        loop = asyncio.new_event_loop()
        # It would say that a task was destroyed while it was pending; that is so.
        loop.set_exception_handler(lambda *_: None)
        loop.run_until_complete(get())
        clock.advance("1m")
        loop.run_until_complete(get())
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    del loop
    gc.collect()

    assert (len(loads), cache.stats().entries) == (2, 0)


def test_what_is_no_cache_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is no cache"), isolated("mem://"):  # type: ignore[arg-type]
        pass
