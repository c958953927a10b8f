"""What a loader may know about its load and say of its entry; conditional loads.

``Origin`` is a source that gives its value a validator and answers a conditional request as HTTP
does: "not modified" if the validator is that of what it has now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from freshly import Cache, ConfigurationError, CurrentLoad, NotModified, until
from freshly.testing import ManualClock, Stepper, ThreadStepper

LIMIT_SECONDS = 20.0


class Origin:
    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.version = 1
        self.asked: list[str | None] = []
        self.sent = 0
        self.is_down = False

    def fetch(self) -> dict[str, int]:
        """Ask with the etag of the older value, as a loader does with httpx."""
        current = self.cache.current
        self.asked.append(current.etag)
        if self.is_down:
            raise ConnectionError("no route")
        if current.etag == f'"{self.version}"':
            raise NotModified
        self.sent += 1
        current.etag = f'"{self.version}"'
        return {"version": self.version}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock, dice=lambda: 0.0)


@pytest.fixture
def origin(cache: Cache) -> Origin:
    return Origin(cache)


@pytest.fixture
def step() -> Stepper:
    return Stepper()


@pytest.fixture
def threads() -> Iterator[ThreadStepper]:
    with ThreadStepper() as stepper:
        yield stepper


class TestNotModified:
    async def test_begins_a_new_life_with_the_same_value(
        self, cache: Cache, clock: ManualClock, origin: Origin
    ) -> None:
        @cache("1m", grace="1h")
        async def get() -> dict[str, int]:
            return origin.fetch()

        first = await get()
        clock.advance("1m")
        again = await get()

        assert again is first
        entry = await get.peek()
        assert entry is not None
        assert (entry.born, entry.expires_at, entry.etag) == (60, 120, '"1"')
        assert await get() is first
        assert (origin.asked, origin.sent) == ([None, '"1"'], 1)
        clock.advance("1m")
        assert await get() is first
        assert origin.sent == 1

    async def test_may_be_returned_as_well_as_raised(self, cache: Cache, clock: ManualClock) -> None:
        said: list[Any] = [7, NotModified, NotModified()]

        @cache("1m", grace="1h")
        async def get() -> Any:
            return said.pop(0)

        for _ in range(3):
            assert await get() == 7
            clock.advance("1m")

    async def test_a_changed_value_takes_its_place(
        self, cache: Cache, clock: ManualClock, origin: Origin
    ) -> None:
        @cache("1m", grace="1h")
        async def get() -> dict[str, int]:
            return origin.fetch()

        await get()
        origin.version = 2
        clock.advance("1m")

        assert await get() == {"version": 2}
        entry = await get.peek()
        assert entry is not None
        assert entry.etag == '"2"'

    async def test_behind_a_stale_value_and_ahead_of_its_end(
        self, cache: Cache, clock: ManualClock, origin: Origin, step: Stepper
    ) -> None:
        @cache("1h", soft_ttl="30m", early_ttl="10m")
        async def get() -> dict[str, int]:
            return origin.fetch()

        first = await get()
        for wait in ["10m", "40m"]:
            clock.advance(wait)
            assert await get() is first
            await step.settle()
            entry = await get.peek()
            assert entry is not None
            assert entry.born == clock.now()
        assert origin.sent == 1

    async def test_by_refresh_too(self, cache: Cache, origin: Origin) -> None:
        @cache("1h")
        async def get() -> dict[str, int]:
            return origin.fetch()

        assert await get() is await get.refresh()
        assert origin.asked == [None, '"1"']

    async def test_its_entry_keeps_the_tags_of_what_the_value_is_made_of(
        self, cache: Cache, clock: ManualClock, origin: Origin
    ) -> None:
        """The loader that asks whether it has changed does not read them again."""

        @cache("1h", tags=["inner"])
        async def inner() -> int:
            return 1

        @cache("1m", grace="1h", tags=["outer", "version:{result[version]}"])
        async def outer() -> dict[str, int]:
            if cache.current.older is None:
                await inner()
                cache.tag("by hand")
            return origin.fetch()

        await outer()
        clock.advance("1m")
        await outer()

        entry = await outer.peek()
        assert entry is not None
        assert {*entry.tags} == {"outer", "inner", "by hand", "version:1"}
        origin.version = 2
        await cache.delete_tags("inner")
        assert (await outer())["version"] == 2

    async def test_waiters_get_it_too(
        self, cache: Cache, clock: ManualClock, origin: Origin, step: Stepper
    ) -> None:
        @cache("1m", grace="1h")
        async def get() -> dict[str, int]:
            if origin.sent:
                await step.stop("asking")
            return origin.fetch()

        first = await get()
        clock.advance("1m")
        readers = [step.start(get()) for _ in range(3)]
        await step.reached("asking")
        await step.settle()
        step.go("asking")

        assert [value is first for value in await asyncio.gather(*readers)] == [True] * 3

    async def test_without_an_older_value_it_is_an_error_that_says_so(self, cache: Cache) -> None:
        @cache("1m", key="a")
        async def get() -> int:
            raise NotModified

        with pytest.raises(ConfigurationError, match=r"'a' said NotModified, and there is no older"):
            await get()
        assert not await cache.exists("a")

    async def test_an_error_is_answered_with_the_older_value_as_always(
        self, cache: Cache, clock: ManualClock, origin: Origin
    ) -> None:
        @cache("1m", grace="1h")
        async def get() -> dict[str, int]:
            return origin.fetch()

        first = await get()
        clock.advance("1m")
        origin.is_down = True

        assert await get() is first

    async def test_the_stored_value_of_copies_is_handed_to_nobody(
        self, cache: Cache, clock: ManualClock, origin: Origin
    ) -> None:
        @cache("1m", grace="1h", copy=True)
        async def get() -> dict[str, int]:
            return origin.fetch()

        (await get())["version"] = 7
        clock.advance("1m")
        (await get())["version"] = 7

        assert await get() == {"version": 1}

    def test_on_threads_by_get_or_set_and_in_methods(
        self, cache: Cache, clock: ManualClock, origin: Origin
    ) -> None:
        class Service:
            @cache("1m", grace="1h", hard_timeout="5s")
            def get(self) -> dict[str, int]:
                return origin.fetch()

        service = Service()
        for _ in range(3):
            assert service.get() == {"version": 1}
            assert cache.blocking.get_or_set("a", origin.fetch, "1m", grace="1h") == {"version": 1}
            clock.advance("1m")

        assert origin.asked == [None, None, '"1"', '"1"', '"1"', '"1"']
        assert origin.sent == 2


class TestAfterAnInvalidation:
    """The value is nobody's any more; that the source confirms it now is another matter."""

    async def test_the_loader_gets_the_etag_and_not_the_value(
        self, cache: Cache, origin: Origin
    ) -> None:
        seen: list[Any] = []

        @cache("1h", tags=["t"])
        async def get() -> dict[str, int]:
            seen.append((cache.current.older, cache.current.etag))
            return origin.fetch()

        await get()
        await cache.delete_tags("t")
        await get()

        assert seen == [(None, None), (None, '"1"')]

    async def test_a_source_that_is_asked_now_may_confirm_it(
        self, cache: Cache, clock: ManualClock, origin: Origin
    ) -> None:
        @cache("1h", tags=["t"])
        async def get() -> dict[str, int]:
            return origin.fetch()

        first = await get()
        clock.advance("1m")
        await cache.delete_tags("t")

        assert await get() is first
        assert origin.sent == 1
        entry = await get.peek()
        assert entry is not None
        assert entry.born == 60
        await cache.delete_tags("t")
        origin.version = 2
        assert await get() == {"version": 2}

    async def test_it_is_not_stored_if_it_is_invalidated_again_before_the_answer(
        self, cache: Cache, origin: Origin, step: Stepper
    ) -> None:
        @cache("1h", tags=["t"])
        async def get() -> dict[str, int]:
            try:
                return origin.fetch()
            finally:
                await step.stop("answered")

        reader = step.start(get())
        await step.reached("answered")
        step.go("answered")
        await reader
        await cache.delete_tags("t")
        asked_early = step.start(get())
        await step.reached("answered")
        origin.version = 2
        await cache.delete_tags("t")
        asked_late = step.start(get())
        await step.settle()
        step.go("answered")
        step.go("answered")

        assert await asked_early == {"version": 1}
        assert await asked_late == {"version": 2}
        assert (await peeked(get)).value == {"version": 2}

    async def test_nor_is_it_served_if_the_source_cannot_be_asked(
        self, cache: Cache, origin: Origin
    ) -> None:
        @cache("1h", grace="1d", tags=["t"])
        async def get() -> dict[str, int]:
            return origin.fetch()

        await get()
        await cache.delete_tags("t")
        origin.is_down = True

        with pytest.raises(ConnectionError):
            await get()

    async def test_what_was_deleted_by_key_or_with_everything_is_gone(
        self, cache: Cache, origin: Origin
    ) -> None:
        @cache("1h", key="a")
        async def get() -> dict[str, int]:
            return origin.fetch()

        for forget in [lambda: cache.delete("a"), cache.clear, lambda: cache.delete_match("a*")]:
            await get()
            await forget()
        await get()

        assert origin.asked == [None] * 4

    async def test_inside_a_transaction_there_is_nothing_older(
        self, cache: Cache, origin: Origin
    ) -> None:
        """What was invalidated there is valid for the others until it ends."""
        seen: list[Any] = []

        @cache("1h", tags=["t"])
        async def get() -> dict[str, int]:
            seen.append((cache.current.older, cache.current.etag))
            return {"version": origin.version}

        await get()
        async with cache.transaction():
            origin.version = 2
            await cache.delete_tags("t")
            assert await get() == {"version": 2}

        assert seen == [(None, None)] * 2


class TestTheOlderEntry:
    async def test_is_there_in_each_state_in_which_a_load_begins(
        self, cache: Cache, clock: ManualClock, step: Stepper
    ) -> None:
        seen: list[tuple[int, float] | None] = []

        @cache("1h", soft_ttl="30m", early_ttl="10m", grace="1h")
        async def get() -> int:
            older = cache.current.older
            seen.append(None if older is None else (older.value, older.born))
            return len(seen)

        await get()
        for wait in ["10m", "30m", "1h", "3h"]:
            clock.advance(wait)
            await get()
            await step.settle()

        assert seen == [None, (1, 0), (2, 600), (3, 2400), None]

    async def test_an_answer_that_was_raised_is_none(self, cache: Cache) -> None:
        seen: list[Any] = []

        @cache("1h", key="a", cache_exceptions=KeyError)
        async def get() -> int:
            seen.append(cache.current.older)
            raise KeyError("none")

        for _ in range(2):
            with pytest.raises(KeyError):
                await get.refresh()

        assert seen == [None, None]

    async def test_a_value_may_be_made_of_it_and_an_invalidation_still_wins(
        self, cache: Cache, step: Stepper
    ) -> None:
        rows = [1, 2, 3]

        @cache("1h", tags=["rows"])
        async def get() -> list[int]:
            older = cache.current.older
            known = [] if older is None else older.value
            fresh = rows[len(known) :]
            await step.stop("loading")
            return [*known, *fresh]

        reader = step.start(get())
        await step.reached("loading")
        step.go("loading")
        await reader
        refreshing = step.start(get.refresh())
        await step.reached("loading")
        rows[:] = [4, 5, 6, 7]
        await cache.delete_tags("rows")
        step.go("loading")
        await refreshing
        late = step.start(get())
        await step.reached("loading")
        step.go("loading")

        assert await late == [4, 5, 6, 7]


class TestWhatALoaderSays:
    async def test_its_ttl_takes_the_place_of_the_option(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        @cache("1h", soft_ttl="50m", key="{number}")
        async def get(number: int) -> int:
            current = cache.current
            match number:
                case 1:
                    current.ttl, current.soft_ttl = "10m", 60
                case 2:
                    current.ttl = until("01:00", tz="UTC")
                case 3:
                    current.soft_ttl = None
                case 4:
                    current.ttl = None
            return number

        found = []
        for number in range(1, 6):
            await get(number)
            entry = await get.peek(number)
            assert entry is not None
            found.append((entry.stale_at, entry.expires_at))

        longest = cache._home.parts.store.max_ttl
        assert found == [(60, 600), (3000, 3600), (3600, 3600), (3000, longest), (3000, 3600)]

    @pytest.mark.parametrize("refuse", ["do_not_store", "ttl"])
    async def test_it_may_refuse_to_be_kept(self, cache: Cache, refuse: str) -> None:
        @cache("1h", key="a")
        async def get() -> int:
            if refuse == "ttl":
                cache.current.ttl = 0
            else:
                cache.current.do_not_store()
            return 1

        assert await get() == 1
        assert not await cache.exists("a")

    async def test_its_tags_are_added(self, cache: Cache) -> None:
        @cache("1h", tags=["own"])
        async def get() -> int:
            cache.current.tag("one", "two")
            assert cache.current.tags == ("one", "two")
            return 1

        await get()
        entry = await get.peek()

        assert entry is not None
        assert entry.tags == ("own", "one", "two")

    async def test_of_an_answer_that_is_raised_the_ttl_holds_too(self, cache: Cache) -> None:
        @cache("1h", cache_exceptions=KeyError)
        async def get() -> int:
            cache.current.ttl = "5s"
            raise KeyError("none")

        with pytest.raises(KeyError):
            await get()
        entry = await get.peek()
        assert entry is not None
        assert entry.expires_at == 5

    async def test_of_a_sliding_value_the_ttl_is_the_time_between_reads(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        @cache("10m", sliding=True, max_age="1h")
        async def get() -> float:
            cache.current.ttl = "1m"
            return clock.now()

        await get()
        clock.advance("50s")
        await get()
        clock.advance("50s")
        assert await get() == 0
        clock.advance("1m")
        assert await get() == 160

    async def test_in_a_load_of_many_it_holds_for_each_of_them(self, cache: Cache) -> None:
        def load(keys: list[str]) -> dict[str, int]:
            cache.current.ttl = "5s"
            assert cache.current.older is None
            return dict.fromkeys(keys, 1)

        await cache.get_or_set_many(["a", "b"], load, "1h")
        cache_clock: Any = cache._home.clock
        cache_clock.advance("5s")

        assert await cache.get_many(["a", "b"]) == {}

    @pytest.mark.parametrize(
        ("name", "value"),
        [("ttl", "soon"), ("ttl", True), ("soft_ttl", 0), ("etag", ""), ("etag", 7), ("etag", b"x")],
    )
    async def test_what_is_none_is_an_error_that_names_it(
        self, cache: Cache, name: str, value: Any
    ) -> None:
        @cache("1h")
        async def get() -> int:
            setattr(cache.current, name, value)
            return 1

        with pytest.raises(ConfigurationError, match=f"current.{name}="):
            await get()

    async def test_what_was_said_can_be_read(self, cache: Cache) -> None:
        seen: list[Any] = []

        @cache("1h", key="a")
        async def get() -> int:
            current = cache.current
            seen.append((current.key, current.is_running, current.ttl, current.soft_ttl, current.etag))
            current.ttl, current.soft_ttl, current.etag = "10m", "5m", "x"
            seen.append((current.ttl, current.soft_ttl, current.etag))
            return 1

        await get()

        assert seen == [("a", True, None, None, None), (600.0, 300.0, "x")]


class TestWhichLoad:
    async def test_the_innermost_of_this_cache(self, cache: Cache, clock: ManualClock) -> None:
        other = Cache(clock=clock)
        keys: list[tuple[str | None, str | None]] = []

        def note() -> None:
            keys.append((cache.current.key, other.current.key))

        @cache("1h", key="inner")
        async def inner() -> int:
            note()
            cache.current.ttl = "1m"
            return 1

        @other("1h", key="other")
        async def between() -> int:
            note()
            await inner()
            note()
            return 1

        @cache("1h", key="outer")
        async def outer() -> int:
            note()
            await between()
            note()
            return 1

        await outer()

        assert keys == [
            ("outer", None),
            ("outer", "other"),
            ("inner", "other"),
            ("outer", "other"),
            ("outer", None),
        ]
        lives = [entry.expires_at for key in ["inner", "outer"] if (entry := await _entry(cache, key))]
        assert lives == [60, 3600]

    async def test_of_each_of_two_loads_at_a_time_its_own(self, cache: Cache, step: Stepper) -> None:
        @cache("1h", key="{number}")
        async def get(number: int) -> str | None:
            await step.stop("loading")
            return cache.current.key

        readers = [step.start(get(number)) for number in range(3)]
        await step.reached("loading")
        await step.settle()
        for _ in readers:
            step.go("loading")

        assert await asyncio.gather(*readers) == ["0", "1", "2"]

    async def test_a_task_that_the_loader_starts_is_inside_until_the_loader_has_returned(
        self, cache: Cache, step: Stepper
    ) -> None:
        seen: list[bool] = []

        async def beside() -> None:
            seen.append(cache.current.is_running)
            await step.stop("beside")
            seen.append(cache.current.is_running)
            cache.current.do_not_store()
            cache.current.ttl = "1s"

        tasks: list[asyncio.Task[None]] = []

        @cache("1h", key="a")
        async def get() -> int:
            tasks.append(step.start(beside()))
            await step.reached("beside")
            return 1

        await get()
        step.go("beside")
        await asyncio.gather(*tasks)

        assert seen == [True, False]
        entry = await get.peek()
        assert entry is not None
        assert entry.expires_at == 3600

    def test_threads_have_their_own(self, cache: Cache, threads: ThreadStepper) -> None:
        @cache("1h", key="{number}")
        def get(number: int) -> str | None:
            threads.stop("loading")
            return cache.current.key

        readers = [threads.start(get, number) for number in range(3)]
        for _ in readers:
            threads.reached("loading")
        while threads.visits("loading") < 3:
            pass
        for _ in readers:
            threads.go("loading")

        assert [reader.result(LIMIT_SECONDS) for reader in readers] == ["0", "1", "2"]

    async def test_where_nothing_is_loaded_there_is_nothing_and_nothing_happens(
        self, cache: Cache
    ) -> None:
        """So that a loader works all the same when it is called without the cache."""

        def say() -> None:
            current = cache.current
            assert isinstance(current, CurrentLoad)
            assert (current.is_running, current.key, current.older) == (False, None, None)
            assert (current.etag, current.ttl, current.soft_ttl, current.tags) == (None, None, None, ())
            current.etag, current.ttl, current.soft_ttl = "x", "1m", "1s"
            current.tag("a")
            current.do_not_store()
            assert current.etag is None

        @cache("1h")
        async def get() -> int:
            say()
            return 1

        say()
        await get.uncached()
        with cache.disabled():
            assert await get() == 1
        assert repr(cache.current) == "<CurrentLoad: none>"


async def _entry(cache: Cache, key: str) -> Any:
    return await cache._home.parts.awaited.engine.find(key)


async def peeked(function: Any) -> Any:
    entry = await function.peek()
    assert entry is not None
    return entry
