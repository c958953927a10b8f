"""Values that reads renew: what nobody asks for goes soon, and nothing outlives its greatest age."""

from __future__ import annotations

import linecache
from typing import Any

import pytest

from freshly import Cache, ConfigurationError, until
from freshly.testing import ManualClock, Stepper


class Source:
    def __init__(self) -> None:
        self.version = 1
        self.loads = 0
        self.is_down = False

    def read(self) -> int:
        self.loads += 1
        if self.is_down:
            raise ConnectionError("no route")
        return self.version


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock, dice=lambda: 0.0)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def step() -> Stepper:
    return Stepper()


class TestIdleExpiry:
    async def test_each_read_renews_and_silence_ends_it(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("10m", sliding=True, max_age="1d")
        async def get() -> int:
            return source.read()

        await get()
        for _ in range(20):
            clock.advance("9m")
            await get()
        assert source.loads == 1

        clock.advance("9m59s")
        await get()
        assert source.loads == 1
        clock.advance("10m")
        await get()
        assert source.loads == 2

    async def test_the_instant_of_the_last_read_counts_and_not_a_moment_before_it(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        """Also of reads that took the shortest way."""

        @cache("10m", sliding=True, max_age="1d", key="a")
        async def get(number: int = 1) -> int:
            return source.read()

        await get()
        clock.advance("3m")
        await get()
        clock.advance("4m")
        await get()

        entry = await get.peek()
        assert entry is not None
        assert entry.expires_at == 7 * 60 + 10 * 60
        clock.advance("9m59s")
        assert await cache.exists("a")
        clock.advance("1s")
        assert not await cache.exists("a")

    async def test_no_read_renews_it_past_its_greatest_age_which_counts_from_its_birth(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("10m", sliding=True, max_age="25m")
        async def get() -> int:
            return source.read()

        await get()
        for _ in range(4):
            clock.advance("6m")
            await get()
        assert source.loads == 1

        clock.advance("1m")
        await get()
        assert source.loads == 2

    async def test_looking_is_not_reading(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("10m", sliding=True, max_age="1d", key="a")
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("9m")
        await get.peek()
        await cache.exists("a")
        clock.advance("1m")

        await get()
        assert source.loads == 2

    async def test_a_read_by_hand_is_one_and_so_is_that_of_another_function(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("10m", sliding=True, max_age="1d", key="a")
        async def get() -> int:
            return source.read()

        @cache("10m", key="a")
        async def other() -> int:
            return source.read()

        await get()
        for read in [lambda: cache.get("a"), other, other, lambda: cache.get_or_set("a", source.read)]:
            clock.advance("9m")
            await read()
        clock.advance("9m")
        await get()

        assert source.loads == 1

    async def test_an_entry_of_another_function_keeps_its_own_life(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        await cache.set("a", 7, "10m")

        @cache("10m", sliding=True, max_age="1d", key="a")
        async def get() -> int:
            return source.read()

        clock.advance("9m")
        assert [await get(), await get()] == [7, 7]
        clock.advance("1m")
        assert await get() == 1

    async def test_it_is_kept_in_the_store_and_leaves_when_it_is_over(
        self, clock: ManualClock, source: Source
    ) -> None:
        """It dies later than was thought when it came; that is not forgotten."""
        cache = Cache(clock=clock)

        @cache("10m", sliding=True, max_age="1d")
        async def get(number: int) -> int:
            return source.read()

        await get(1)
        clock.advance("9m")
        await get(1)
        clock.advance("2m")
        await get(2)  # a write clears away what is dead, and this is not
        assert cache.stats().entries == 2
        await get(1)
        assert source.loads == 2
        clock.advance("11m")
        await get(3), await get(3)

        assert cache.stats().entries == 1

    def test_on_threads_of_methods_and_by_get_or_set(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        class Service:
            @cache("10m", sliding=True, max_age="1d")
            def get(self) -> int:
                return source.read()

        service = Service()
        ask: dict[str, Any] = {"ttl": "10m", "sliding": True, "max_age": "1d"}
        for _ in range(5):
            service.get()
            cache.blocking.get_or_set("a", source.read, **ask)
            clock.advance("9m")

        assert source.loads == 2

    async def test_with_copies_and_inside_other_loads(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("10m", sliding=True, max_age="1d", copy=True, tags=["t"])
        async def inner() -> list[int]:
            return [source.read()]

        @cache("1m")
        async def outer() -> list[int]:
            return await inner()

        for _ in range(5):
            (await outer()).append(7)
            clock.advance("9m")
        assert await inner() == [1]
        source.version = 2
        await outer()
        await cache.delete_tags("t")

        assert (await outer())[0] == 2

    async def test_an_idle_time_may_be_computed(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache(lambda kind: kind, sliding=True, max_age="1d")
        async def get(kind: str) -> int:
            return source.read()

        await get("1m"), await get("10m")
        clock.advance("5m")
        await get("1m"), await get("10m")
        assert source.loads == 3

    async def test_jitter_shortens_both(self, clock: ManualClock, source: Source) -> None:
        cache = Cache(clock=clock, dice=lambda: 0.5)

        @cache("10m", sliding=True, max_age="1h", jitter=0.2)
        async def get() -> int:
            return source.read()

        await get()
        entry = await get.peek()
        assert entry is not None
        assert entry.expires_at == 540
        for _ in range(10):
            clock.advance("8m")
            await get()
        assert source.loads == 2


class TestTogetherWithOtherInstants:
    async def test_stale_counts_from_the_birth_and_a_refresh_begins_a_new_life(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        """What is asked for is never older than its soft ttl and one refresh; what is not goes."""

        @cache.soft("10m", soft_ttl="30m", sliding=True, max_age="1d")
        async def get() -> int:
            return source.read()

        await get()
        source.version = 2
        for _ in range(4):
            clock.advance("8m")
            assert await get() == 1
        await step.settle()
        assert await get() == 2
        assert source.loads == 2

    async def test_early_too(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache.early("10m", early_ttl="30m", sliding=True, max_age="1h")
        async def get() -> int:
            return source.read()

        await get()
        source.version = 2
        for _ in range(4):
            clock.advance("8m")
            assert await get() == 1
        await step.settle()
        assert await get() == 2

    async def test_one_that_was_idle_too_long_may_stand_in_within_grace_and_is_not_renewed_by_that(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("10m", sliding=True, max_age="1d", grace="1h", retry_after="1s")
        async def get() -> int:
            return source.read()

        await get()
        source.is_down = True
        clock.advance("10m")
        assert await get() == 1
        clock.advance("59m")
        assert await get() == 1
        clock.advance("1m")
        with pytest.raises(ConnectionError):
            await get()

    async def test_one_that_was_marked_stale_is_renewed_and_stays_stale(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("10m", sliding=True, max_age="1d", tags=["t"])
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("9m")
        await cache.mark_stale("t")
        source.version = 2
        assert await get() == 1
        await step.settle()
        assert await get() == 2

    async def test_an_invalidation_ends_it_however_often_it_is_read(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("10m", sliding=True, max_age="1d", tags=["t"])
        async def get() -> int:
            return source.read()

        for _ in range(3):
            await get()
        source.version = 2
        await cache.delete_tags("t")

        assert await get() == 2

    async def test_a_transaction_takes_it_off_the_hit_path_and_gives_it_back(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("10m", sliding=True, max_age="1d", tags=["t"])
        async def get() -> int:
            return source.read()

        await get()
        try:
            async with cache.transaction():
                await cache.delete_tags("t")
                clock.advance("9m")
                await get()
                raise KeyError("rolled back")
        except KeyError:
            pass
        await get()
        clock.advance("9m")
        loads = source.loads
        await get()
        assert source.loads == loads

    async def test_it_is_evicted_for_room_as_any_other(
        self, clock: ManualClock, source: Source
    ) -> None:
        cache = Cache("mem://?max_entries=10", clock=clock)

        @cache("10m", sliding=True, max_age="1d")
        async def get(number: int) -> int:
            return source.read()

        for number in range(100):
            await get(number)

        assert cache.stats().entries <= 10


def test_functions_that_do_not_slide_pay_nothing(cache: Cache) -> None:
    """The code that serves their hits is what it was."""

    @cache("10m")
    def plain(number: int) -> int:
        return number

    @cache("10m", sliding=True, max_age="1d")
    def slides(number: int) -> int:
        return number

    plain_code, sliding_code = (
        "".join(linecache.getlines(function.__code__.co_filename))  # type: ignore[attr-defined]
        for function in (plain, slides)
    )
    assert "read_at" not in plain_code
    assert sliding_code.count("read_at") == 1


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"sliding": True}, "sliding=True needs max_age="),
            ({"max_age": "1d"}, "max_age='1d' is how old a value may get that reads renew"),
            ({"ttl": None, "sliding": True, "max_age": "1d"}, "ttl=None is no such span"),
            ({"ttl": "2d", "sliding": True, "max_age": "1d"}, "ttl='2d' is longer than max_age='1d'"),
            (
                {"soft_ttl": "2d", "sliding": True, "max_age": "1d"},
                "soft_ttl='2d' is longer than max_age='1d'",
            ),
            (
                {"early_ttl": "2d", "sliding": True, "max_age": "1d"},
                "early_ttl='2d' is longer than max_age='1d'",
            ),
            ({"sliding": "10m", "max_age": "1d"}, "sliding='10m' is neither True nor False"),
            ({"sliding": True, "max_age": 0}, "max_age=0: it is not above zero"),
        ],
    )
    def test_what_does_not_fit_is_named(
        self, cache: Cache, options: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            cache(**{"ttl": "10m", **options})(lambda: 1)

        assert words in str(caught.value)

    def test_a_time_of_day_is_no_idle_time(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError, match=r"ttl=until\('06:00', tz='UTC'\) is no such span"):
            cache(until("06:00", tz="UTC"), sliding=True, max_age="1d")(lambda: 1)
