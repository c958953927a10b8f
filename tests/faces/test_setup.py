"""``setup``, the switches, the bounds, the numbers and the observers of a cache."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from freshly import Cache, ConfigurationError
from freshly.core.events import (
    Invalidated,
    Loaded,
    LoadFailed,
    MarkedStale,
    ServedExpired,
)
from freshly.testing import ManualClock, Stepper, ThreadStepper


class Source:
    """What loaders read: its value is its version, and it can be broken."""

    def __init__(self) -> None:
        self.version = 1
        self.loads = 0
        self.error: Exception | None = None

    def read(self) -> int:
        self.loads += 1
        if self.error is not None:
            raise self.error
        return self.version


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def cache(clock: ManualClock) -> AsyncIterator[Cache]:
    cache = Cache(clock=clock, dice=lambda: 0.0)
    yield cache
    await cache.close()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def step() -> Stepper:
    return Stepper()


@pytest.fixture
def threads() -> Iterator[ThreadStepper]:
    with ThreadStepper() as stepper:
        yield stepper


class TestSetup:
    async def test_it_may_come_after_the_functions(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache(ttl=None)
        async def get() -> int:
            return source.read()

        cache.setup("mem://", max_ttl="1m")
        await get()
        clock.advance("1m")
        await get()

        assert source.loads == 2

    async def test_and_before_them(self, clock: ManualClock, source: Source) -> None:
        cache = Cache(clock=clock)
        cache.setup("mem://", max_ttl="1m")

        @cache(ttl=None)
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("1m")
        await get()

        assert source.loads == 2

    async def test_entries_of_the_former_store_are_gone(self, cache: Cache, source: Source) -> None:
        @cache("1h")
        async def get() -> int:
            return source.read()

        await get()
        await get()
        await cache.set("k", 1)

        cache.setup()

        assert cache.stats().entries == 0
        assert await cache.get("k") is None
        await get()
        assert source.loads == 2

    async def test_rows_of_the_former_store_are_gone_for_functions_and_methods_of_both_colours(
        self, cache: Cache, source: Source
    ) -> None:
        class Service:
            @cache("1h")
            def get(self, number: int) -> int:
                return source.read()

            @cache("1h")
            async def get_async(self, number: int) -> int:
                return source.read()

        service = Service()
        for _ in range(3):
            service.get(1)
            await service.get_async(1)
        source.version = 2
        cache.setup()

        assert [service.get(1), await service.get_async(1)] == [2, 2]

    async def test_a_load_of_the_former_store_lands_nowhere(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", key="k")
        async def get() -> int:
            value = source.read()
            if source.loads == 1:
                await step.stop("loading")
            return value

        reader = step.start(get())
        await step.reached("loading")
        cache.setup()
        source.version = 2
        step.go("loading")

        assert await reader == 1
        assert not await cache.exists("k")
        assert await get() == 2

    async def test_who_comes_after_it_does_not_join_a_load_from_before(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h")
        async def get() -> int:
            value = source.read()
            if source.loads == 1:
                await step.stop("loading")
            return value

        before = step.start(get())
        await step.reached("loading")
        cache.setup()
        source.version = 2

        assert await get() == 2
        step.go("loading")
        assert await before == 1

    async def test_a_load_on_a_thread_lands_nowhere_either(
        self, cache: Cache, source: Source, threads: ThreadStepper
    ) -> None:
        @cache("1h", key="k")
        def get() -> int:
            value = source.read()
            threads.stop("loading")
            return value

        reader = threads.start(get)
        threads.reached("loading")
        cache.setup()
        threads.go("loading")

        assert reader.result(20) == 1
        assert not cache.blocking.exists("k")

    async def test_a_refresh_of_the_former_store_ends_at_the_next_command(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1h", soft_ttl="30m", key="k")
        async def get() -> int:
            value = source.read()
            if source.loads == 2:
                await step.stop("refreshing")
            return value

        await get()
        clock.advance("30m")
        await get()
        await step.reached("refreshing")
        cache.setup()
        await cache.ping()
        await step.settle()

        assert not step.is_standing("refreshing")
        assert not await cache.exists("k")

    async def test_it_may_come_again_and_again(self, cache: Cache, source: Source) -> None:
        @cache("1h")
        async def get() -> int:
            return source.read()

        for wanted in range(1, 6):
            cache.setup("mem://", max_entries=wanted)
            await get()
            await get()
            assert source.loads == wanted

    async def test_if_it_is_refused_everything_stays(self, cache: Cache, source: Source) -> None:
        @cache("1h")
        async def get() -> int:
            return source.read()

        await get()
        with pytest.raises(ConfigurationError):
            cache.setup("mem://", max_entries=0)
        await get()

        assert source.loads == 1


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "options", "words"),
        [
            ("mem://?max_entires=5", {}, ["max_entires='5'", "did you mean 'max_entries'", "max_ttl"]),
            ("mem://", {"max_entires": 5}, ["max_entires=5", "did you mean 'max_entries'"]),
            (
                "mem://",
                {"size": 5},
                ["size=5", "max_entries, max_bytes, weigh, max_hold, max_ttl, namespace"],
            ),
            ("mem://?max_entries=5", {"max_entries": 6}, ["max_entries", "twice", "'5'", "6"]),
            ("mem://?max_refreshes=5", {"max_refreshes": 6}, ["max_refreshes", "twice", "'5'", "6"]),
            ("mem://?max_refreshes=5&max_refreshes=6", {}, ["max_refreshes", "twice"]),
            ("mem://?max_refreshes=none", {}, ["max_refreshes='none'"]),
            ("mem://?max_refresh=5", {}, ["max_refresh", "did you mean 'max_refreshes'"]),
            ("mem://?max_entries=5&max_entries=6", {}, ["max_entries", "twice"]),
            ("mem://?max_entries=many", {}, ["max_entries='many'", "whole number"]),
            ("mem://?max_entries=", {}, ["max_entries=''", "whole number"]),
            ("mem://", {"max_entries": 0}, ["max_entries=0", "from 1"]),
            ("mem://", {"max_entries": -1}, ["max_entries=-1", "from 1"]),
            ("mem://", {"max_entries": 1.5}, ["max_entries=1.5", "whole number"]),
            ("mem://", {"max_entries": True}, ["max_entries=True", "whole number"]),
            ("mem://", {"max_entries": None}, ["max_entries=None", "whole number"]),
            ("mem://?max_ttl=soon", {}, ["max_ttl='soon'", "'5m'"]),
            ("mem://", {"max_ttl": None}, ["max_ttl=None"]),
            ("mem://", {"namespace": ""}, ["namespace=''", "not empty"]),
            ("mem://", {"namespace": 5}, ["namespace=5"]),
            ("mem", {}, ["url='mem'", "'mem://'"]),
            ("", {}, ["url=''", "'mem://'"]),
            (None, {}, ["url=None", "'mem://'"]),
            (5, {}, ["url=5", "'mem://'"]),
            ("men://", {}, ["'men'", "did you mean 'mem'?"]),
            ("MEMORY://", {}, ["'memory'", "mem://"]),
            ("mem://localhost", {}, ["'mem://localhost'", "names a place"]),
            ("mem:///path", {}, ["'mem:///path'", "names a place"]),
        ],
    )
    def test_what_is_wrong_is_named_with_what_there_is(
        self, url: Any, options: dict[str, Any], words: list[str]
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            Cache(url, **options)
        with pytest.raises(ConfigurationError) as caught_by_setup:
            Cache().setup(url, **options)

        assert str(caught.value) == str(caught_by_setup.value)
        for word in words:
            assert word in str(caught.value)

    @pytest.mark.parametrize("scheme", ["memcached", "sqlite", "disk"])
    def test_a_store_that_is_not_there_yet_says_what_is(self, scheme: str) -> None:
        with pytest.raises(ConfigurationError, match=rf"no store is called '{scheme}'.*mem://"):
            Cache(f"{scheme}://localhost:6379/0")

    def test_a_password_in_a_url_is_not_in_the_message(self) -> None:
        """Errors end in logs."""
        with pytest.raises(ConfigurationError) as caught:
            Cache("rediz://user:s3cret@localhost:6379/0")

        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize(
        ("url", "options"),
        [
            ("mem://", {}),
            ("mem://?", {}),
            ("MEM://", {}),
            ("mem:///", {}),
            ("mem://?max_entries=10&max_ttl=1h&namespace=mine", {}),
            ("mem://", {"max_entries": 10, "max_ttl": 3600, "namespace": "mine"}),
            ("mem://?max_entries=10", {"max_ttl": "1h"}),
            ("mem://", {"max_entries": "10"}),
        ],
    )
    def test_what_is_right_is_taken(self, url: str, options: dict[str, Any]) -> None:
        cache = Cache(url, **options)
        cache.setup(url, **options)
        cache.blocking.set("k", 1)

        assert cache.blocking.get("k") == 1


@pytest.fixture
def _killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHLY_DISABLED", "1")


class TestKillSwitch:
    @pytest.mark.usefixtures("_killed")
    async def test_every_function_runs_as_if_it_were_not_decorated(self, source: Source) -> None:
        cache = Cache()

        @cache("1h")
        async def get() -> int:
            return source.read()

        @cache("1h")
        def get_plain() -> int:
            return source.read()

        for _ in range(2):
            await get()
            get_plain()

        assert source.loads == 4
        assert cache.stats().entries == 0

    @pytest.mark.usefixtures("_killed")
    async def test_commands_store_nothing_and_find_nothing(self, source: Source) -> None:
        cache = Cache()

        assert await cache.set("k", 1) is False
        assert await cache.get("k", "default") == "default"
        assert await cache.exists("k") is False
        assert [await cache.get_or_set("k", source.read, "1h") for _ in range(2)] == [1, 1]
        assert source.loads == 2
        assert await cache.delete("k") == 0
        await cache.delete_tags("t")
        await cache.mark_stale("t")

    async def test_setup_reads_it_anew(
        self, cache: Cache, source: Source, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        @cache("1h")
        async def get() -> int:
            return source.read()

        await get()
        monkeypatch.setenv("FRESHLY_DISABLED", "1")
        await get()
        assert source.loads == 1

        cache.setup()
        await get()
        await get()
        assert source.loads == 3

        monkeypatch.delenv("FRESHLY_DISABLED")
        cache.setup()
        await get()
        await get()
        assert source.loads == 4

    @pytest.mark.parametrize(
        ("value", "is_off"),
        [("1", True), ("true", True), ("YES", True), ("on", True), ("0", False), ("", False)],
    )
    async def test_what_it_may_say(
        self, source: Source, monkeypatch: pytest.MonkeyPatch, value: str, is_off: bool
    ) -> None:
        monkeypatch.setenv("FRESHLY_DISABLED", value)
        cache = Cache()

        @cache("1h")
        async def get() -> int:
            return source.read()

        await get()
        await get()

        assert source.loads == (2 if is_off else 1)

    @pytest.mark.usefixtures("_killed")
    async def test_leaving_a_disabled_block_does_not_switch_it_on(self, source: Source) -> None:
        cache = Cache()

        @cache("1h")
        async def get() -> int:
            return source.read()

        with cache.disabled():
            await get()
        await get()

        assert source.loads == 2

    @pytest.mark.parametrize(("value", "loads"), [("1", "2"), ("0", "1")])
    def test_it_holds_for_the_cache_of_the_module_from_its_import_on(
        self, value: str, loads: str
    ) -> None:
        code = """if True:
            from freshly import cache
            loads = []

            @cache("1h")
            def get():
                loads.append(1)

            get(), get()
            print(len(loads))
        """
        outcome = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "FRESHLY_DISABLED": value},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )

        assert outcome.stdout.strip() == loads


class TestDisabled:
    async def test_inside_nothing_is_read_or_stored_and_outside_all_is_as_before(
        self, cache: Cache, source: Source
    ) -> None:
        @cache("1h", key="k")
        async def get() -> int:
            return source.read()

        await get()
        source.version = 2
        with cache.disabled():
            assert [await get(), await get()] == [2, 2]
            assert await cache.get("k") is None
            assert await get.peek() is None
            assert await get.refresh() == 2
            assert await cache.set("other", 1) is False

        assert await get() == 1
        assert source.loads == 4
        assert not await cache.exists("other")

    async def test_it_nests(self, cache: Cache, source: Source) -> None:
        @cache("1h")
        async def get() -> int:
            return source.read()

        await get()
        with cache.disabled():
            with cache.disabled():
                await get()
            await get()
        await get()

        assert source.loads == 3

    async def test_it_ends_with_an_error_too(self, cache: Cache, source: Source) -> None:
        @cache("1h")
        async def get() -> int:
            return source.read()

        await get()
        with pytest.raises(LookupError), cache.disabled():
            raise LookupError
        await get()

        assert source.loads == 1

    async def test_blocks_of_two_tasks_may_overlap(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        """It is over when the last one is."""

        @cache("1h")
        async def get() -> int:
            return source.read()

        async def disable(name: str) -> None:
            with cache.disabled():
                await step.stop(name)

        await get()
        tasks = [step.start(disable(name)) for name in ("one", "other")]
        await step.reached("one")
        await step.reached("other")
        step.go("one")
        await tasks[0]
        await get()
        assert source.loads == 2
        step.go("other")
        await tasks[1]
        await get()

        assert source.loads == 2

    def test_it_holds_for_other_threads(self, source: Source, threads: ThreadStepper) -> None:
        cache = Cache()

        @cache("1h")
        def get() -> int:
            return source.read()

        get()
        with cache.disabled():
            threads.start(get).result(20)
        threads.start(get).result(20)

        assert source.loads == 2

    async def test_with_setup_inside(self, cache: Cache, source: Source) -> None:
        @cache("1h")
        async def get() -> int:
            return source.read()

        await get()
        with cache.disabled():
            cache.setup()
            await get()
            await get()
        assert source.loads == 3

        await get()
        await get()
        assert source.loads == 4

    async def test_a_function_decorated_inside_is_disabled_until_the_end(
        self, cache: Cache, source: Source
    ) -> None:
        with cache.disabled():

            @cache("1h")
            async def get() -> int:
                return source.read()

            await get()
            await get()
        await get()
        await get()

        assert source.loads == 3

    async def test_invalidations_are_carried_out(self, cache: Cache, source: Source) -> None:
        @cache("1h", tags=["t"])
        async def get() -> int:
            return source.read()

        await get()
        with cache.disabled():
            await cache.delete_tags("t")
        source.version = 2

        assert await get() == 2

    async def test_a_load_that_was_running_before_is_stored(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h")
        async def get() -> int:
            value = source.read()
            await step.stop("loading")
            return value

        reader = step.start(get())
        await step.reached("loading")
        with cache.disabled():
            step.go("loading")
            assert await reader == 1
        assert await get.peek() is None or await get() == 1


class TestBounds:
    async def test_there_are_never_more_entries_than_that(self, clock: ManualClock) -> None:
        cache = Cache("mem://?max_entries=100", clock=clock)

        @cache("1h")
        async def get(number: int) -> int:
            return number

        for number in range(1000):
            await get(number)
            assert cache.stats().entries <= 100

        assert cache.stats().entries == 100
        assert cache.stats().evictions == 900

    async def test_what_is_used_stays_and_what_is_not_goes(self, clock: ManualClock) -> None:
        cache = Cache("mem://?max_entries=100", clock=clock)
        loads: list[int] = []

        @cache("1h")
        async def get(number: int) -> int:
            loads.append(number)
            return number

        hot = range(20)
        for number in range(2000):
            await get(100 + number)
            for each in hot:
                await get(each)

        assert all(loads.count(number) == 1 for number in hot)

    async def test_tags_work_for_what_was_evicted_and_came_back(self, clock: ManualClock) -> None:
        cache = Cache("mem://?max_entries=2", clock=clock)
        version = 1

        @cache("1h", tags=["t"])
        async def get(number: int) -> int:
            return version

        for number in range(5):
            await get(number)
        await get(0)
        version = 2
        await cache.delete_tags("t")

        assert [await get(number) for number in range(5)] == [2] * 5

    async def test_an_evicted_entry_is_not_served_by_the_short_way(self, clock: ManualClock) -> None:
        cache = Cache("mem://?max_entries=1", clock=clock)
        loads: list[int] = []

        @cache("1h")
        async def get(number: int) -> int:
            loads.append(number)
            return number

        for number in (1, 1, 2, 1):
            await get(number)

        assert loads == [1, 2, 1]

    async def test_replacing_a_value_evicts_nobody(self, clock: ManualClock) -> None:
        cache = Cache("mem://?max_entries=2", clock=clock)
        await cache.set("a", 1)
        for number in range(100):
            await cache.set("b", number)

        assert await cache.exists("a")
        assert cache.stats().evictions == 0

    async def test_nothing_lives_longer_than_max_ttl(self, clock: ManualClock) -> None:
        cache = Cache("mem://?max_ttl=1h", clock=clock)

        @cache("1d", soft_ttl="2h", grace="1d")
        async def get() -> int:
            return 1

        await get()
        await cache.set("k", 1, "1d")
        clock.advance("59m")
        assert await get.peek() is not None
        assert await cache.exists("k")
        clock.advance("1m")

        assert await get.peek() is None
        assert not await cache.exists("k")


class TestStats:
    async def test_they_are_counted_by_function_and_summed_up(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1h", soft_ttl="30m")
        async def get(number: int) -> int:
            return source.read()

        @cache("1h")
        def get_plain() -> int:
            return source.read()

        await get(1)  # miss
        await get(1)  # hit
        await get(1)  # hit, the short way
        await get(2)  # miss
        clock.advance("30m")
        await get(1)  # stale hit, and a load behind it
        await step.settle()
        get_plain()  # miss
        get_plain()  # hit
        await cache.set("k", 1)
        await cache.get("k")  # hit
        await cache.get("nothing")  # miss

        stats = cache.stats()
        by_name = {name.rpartition(".")[2]: each for name, each in stats.by_function.items()}
        assert set(by_name) == {"get", "get_plain", "by hand"}
        one = by_name["get"]
        assert (one.hits, one.stale_hits, one.misses, one.loads) == (3, 1, 2, 3)
        other = by_name["get_plain"]
        assert (other.hits, other.stale_hits, other.misses, other.loads) == (1, 0, 1, 1)
        by_hand = by_name["by hand"]
        assert (by_hand.hits, by_hand.misses, by_hand.loads) == (1, 1, 0)
        assert (stats.hits, stats.stale_hits, stats.misses, stats.loads) == (5, 1, 4, 4)
        assert stats.entries == 4
        assert stats.hit_ratio == 5 / 9

    async def test_hits_stay_when_their_entries_go(self, clock: ManualClock) -> None:
        cache = Cache("mem://?max_entries=2", clock=clock)

        @cache("1m", tags=["n:{number}"])
        async def get(number: int) -> int:
            return number

        for number in range(10):
            await get(number)
            await get(number)
        assert cache.stats().hits == 10
        await cache.delete_tags("n:9")
        await get(9)
        clock.advance("1m")
        await get(0)
        await cache.clear()
        assert cache.stats().hits == 10
        cache.setup()

        assert cache.stats().hits == 10

    async def test_waits_errors_and_overtaken_loads_are_counted(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", tags=["t"])
        async def get() -> int:
            await step.stop("loading")
            return source.read()

        readers = [step.start(get()) for _ in range(3)]
        await step.reached("loading")
        await step.settle()
        await cache.delete_tags("t")
        step.go("loading")
        for reader in readers:
            await reader
        source.error = OSError("down")
        failing = step.start(get())
        await step.reached("loading")
        step.go("loading")
        with pytest.raises(OSError, match="down"):
            await failing

        stats = cache.stats()
        assert (stats.misses, stats.waits, stats.loads) == (4, 2, 2)
        assert (stats.overtaken, stats.load_errors, stats.invalidations) == (1, 1, 1)

    async def test_functions_of_one_name_are_added_up(self, cache: Cache) -> None:
        for _ in range(2):

            @cache("1h", key="k:{number}")
            async def get(number: int) -> int:
                return number

            keep.append(get)
            await get(1)

        (name,) = [name for name in cache.stats().by_function if name != "by hand"]
        assert name.endswith("get")
        assert cache.stats().by_function[name].misses == 1

    def test_no_reads_have_no_ratio_but_zero(self, cache: Cache) -> None:
        assert cache.stats().hit_ratio == 0.0

    async def test_a_picture_that_was_taken_does_not_change(self, cache: Cache) -> None:
        before = cache.stats()
        await cache.set("k", 1)
        await cache.get("k")

        assert (before.hits, before.entries) == (0, 0)


keep: list[Any] = []


class TestObserve:
    async def test_each_event_comes_with_what_it_is_about(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        events: list[Any] = []
        cache.observe(events.append)

        @cache("1m", grace="1h", soft_ttl="30s", key="k", tags=["t"])
        async def get() -> int:
            clock.advance("1s")
            return source.read()

        name = get.uncached.__qualname__

        await get()
        assert events == [Loaded("k", events[0].function, 1.0, stored=True, background=False)]
        assert name in events[0].function

        events.clear()
        await get()
        assert events == []

        clock.advance("30s")
        await get()
        await step.settle()
        assert events == [Loaded("k", events[0].function, 1.0, stored=True, background=True)]

        events.clear()
        clock.advance("1m")
        source.error = error = OSError("down")
        await get()
        assert [type(event) for event in events] == [LoadFailed, ServedExpired]
        assert (events[0].error, events[0].background) == (error, False)
        assert (events[1].key, events[1].error) == ("k", error)

        events.clear()
        tokens = [
            await cache.delete_tags("t", "u"),
            await cache.mark_stale("t"),
            await cache.clear(),
        ]
        await cache.delete("k", "l")
        await cache.delete_match("*")
        await get.delete()
        assert events[:3] == [
            Invalidated(tokens[0].reading, tags=("t", "u")),
            MarkedStale(tokens[1].reading, ("t",)),
            Invalidated(tokens[2].reading, everything=True),
        ]
        assert [(event.keys, event.pattern) for event in events[3:]] == [
            (("k", "l"), None),
            ((), "*"),
            (("k",), None),
        ]

    async def test_a_load_that_was_overtaken_says_that_it_was_not_stored(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        events: list[Any] = []
        cache.observe(events.append)

        @cache("1h", tags=["t"])
        async def get() -> int:
            await step.stop("loading")
            return source.read()

        reader = step.start(get())
        await step.reached("loading")
        await cache.delete_tags("t")
        step.go("loading")
        await reader

        assert [type(event) for event in events] == [Invalidated, Loaded]
        assert events[1].stored is False

    async def test_a_refresh_that_failed_says_that_no_caller_saw_it(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        events: list[Any] = []

        @cache("1h", soft_ttl="30m")
        async def get() -> int:
            return source.read()

        await get()
        cache.observe(events.append)
        clock.advance("30m")
        source.error = OSError("down")
        await get()
        await step.settle()

        assert [(type(event), event.background) for event in events] == [(LoadFailed, True)]

    async def test_what_it_returns_stops_it(self, cache: Cache) -> None:
        events: list[Any] = []
        stop = cache.observe(events.append)
        await cache.delete_tags("a")

        stop()
        await cache.delete_tags("b")

        assert len(events) == 1

    async def test_stopping_twice_does_no_harm(self, cache: Cache) -> None:
        stop = cache.observe(lambda event: None)

        stop()
        stop()

    async def test_one_that_raises_is_logged_and_the_others_are_called(
        self, cache: Cache, source: Source, caplog: pytest.LogCaptureFixture
    ) -> None:
        events: list[Any] = []

        def broken(event: object) -> None:
            raise LookupError("mine")

        cache.observe(broken)
        cache.observe(events.append)

        @cache("1h")
        async def get() -> int:
            return source.read()

        assert await get() == 1
        await cache.delete_tags("t")

        assert len(events) == 2
        logged = [record for record in caplog.records if record.name == "freshly"]
        assert len(logged) == 2
        assert logged[0].levelno == logging.ERROR
        assert "an observer failed" in logged[0].getMessage()

    async def test_one_that_stops_itself_keeps_no_event_from_the_others(self, cache: Cache) -> None:
        events: list[Any] = []

        def once(event: object) -> None:
            stop()

        stop = cache.observe(once)
        cache.observe(events.append)

        await cache.delete_tags("t")

        assert len(events) == 1

    async def test_events_of_threads_come_too(self, cache: Cache, threads: ThreadStepper) -> None:
        seen: list[int] = []
        cache.observe(lambda event: seen.append(threading.get_ident()))

        @cache("1h")
        def get() -> int:
            return 1

        threads.start(get).result(20)

        assert len(seen) == 1
        assert seen[0] != threading.get_ident()

    async def test_observers_stay_when_the_store_changes(self, cache: Cache) -> None:
        events: list[Any] = []
        cache.observe(events.append)

        cache.setup()
        await cache.delete_tags("t")
        await asyncio.to_thread(cache.blocking.delete_tags, "t")

        assert len(events) == 2
