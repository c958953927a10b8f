"""The life of an entry as callers see it: fresh, early, stale, expired, dead, and marked stale.

The clock stands still until a test moves it, and chance is always 0 unless a test says otherwise.
A refresh behind an async caller runs when the loop is turned (``Stepper.settle``); one behind a
blocking caller runs on a thread, and the test waits for the event that tells its end.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import pytest

from freshly import Cache, ConfigurationError, DeadlockError
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
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock, dice=lambda: 0.0)


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


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "freshly"]


class Refreshed:
    """Waits until a refresh behind the caller has ended, well or not."""

    def __init__(self, cache: Cache) -> None:
        self._ended = threading.Event()
        cache.observe(self._note)

    def _note(self, event: Any) -> None:
        if getattr(event, "background", False):
            self._ended.set()

    def wait(self) -> None:
        assert self._ended.wait(20), "no refresh ended"
        self._ended.clear()


class TestTtl:
    @pytest.mark.parametrize(
        ("ttl", "lasts"),
        [(90, 90), (0.5, 0.5), ("500ms", 0.5), ("1h45m", 6300), (timedelta(minutes=2), 120)],
    )
    async def test_at_its_end_itself_the_value_is_over(
        self, cache: Cache, clock: ManualClock, source: Source, ttl: Any, lasts: float
    ) -> None:
        @cache(ttl=ttl)
        async def get() -> int:
            return source.read()

        await get()
        source.version = 2

        clock.advance(lasts * 0.999)
        assert await get() == 1
        clock.advance(lasts * 0.001)
        assert await get() == 2

    async def test_it_counts_from_the_start_of_the_load(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        """The value may be as old as that."""

        @cache(ttl="1m")
        async def get() -> int:
            value = source.read()
            clock.advance("20s")
            return value

        await get()
        clock.advance("40s")
        await get()

        assert source.loads == 2

    async def test_a_value_that_took_longer_than_its_ttl_is_returned_and_over(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache(ttl="1m")
        async def get() -> int:
            clock.advance("2m")
            return source.read()

        assert await get() == 1
        assert await get() == 1
        assert source.loads == 2

    async def test_none_means_as_long_as_the_store_keeps_anything(
        self, clock: ManualClock, source: Source
    ) -> None:
        cache = Cache("mem://?max_ttl=1h", clock=clock)

        @cache(ttl=None)
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("59m")
        await get()
        assert source.loads == 1
        clock.advance("1m")
        await get()
        assert source.loads == 2

    async def test_none_means_thirty_days_where_nobody_said_otherwise(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache(ttl=None)
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("29d23h")
        await get()
        assert source.loads == 1
        clock.advance("1h")
        await get()
        assert source.loads == 2

    async def test_no_life_is_longer_than_the_store_keeps_anything_grace_included(
        self, clock: ManualClock, source: Source
    ) -> None:
        cache = Cache("mem://", max_ttl="1h", clock=clock)

        @cache(ttl="1d", grace="1d")
        async def get() -> int:
            return source.read()

        await get()
        entry = await get.peek()
        assert entry is not None
        assert (entry.expires_at, entry.dead_at) == (3600, 3600)
        clock.advance("1h")
        source.error = OSError("down")
        with pytest.raises(OSError, match="down"):
            await get()


class TestDynamicTtl:
    async def test_it_gets_the_result(self, cache: Cache, clock: ManualClock) -> None:
        loads: list[str] = []

        @cache(ttl=lambda result: "1h" if result["final"] else "1m")
        async def get(name: str) -> dict[str, bool]:
            loads.append(name)
            return {"final": name == "done"}

        await get("done")
        await get("open")
        clock.advance("1m")
        await get("done")
        await get("open")

        assert loads == ["done", "open", "open"]

    async def test_it_gets_self_and_keywords_and_defaults_by_name(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        asked: list[tuple[str, str, int]] = []

        def lasts(unit: str, self: Any, page: int) -> str:
            asked.append((self.name, unit, page))
            return f"{page}{unit}"

        class Service:
            def __init__(self, name: str) -> None:
                self.name = name

            @cache(ttl=lasts)
            async def get(self, page: int = 3, *, unit: str) -> int:
                return page

        service = Service("s")

        await service.get(unit="m")
        await service.get(7, unit="h")

        assert asked == [("s", "m", 3), ("s", "h", 7)]
        entry = await service.get.peek(unit="m")
        assert entry is not None
        assert entry.expires_at == 180

    async def test_it_gets_everything_if_it_takes_any_name(self, cache: Cache) -> None:
        asked: list[dict[str, Any]] = []

        def lasts(**given: Any) -> int:
            asked.append(given)
            return 60

        @cache(ttl=lasts)
        async def get(one: int, /, two: int = 2, *three: int, four: int = 4, **five: int) -> str:
            return "value"

        await get(1, 2, 3, six=6)

        assert asked == [
            {"one": 1, "two": 2, "three": (3,), "four": 4, "five": {"six": 6}, "result": "value"}
        ]

    async def test_a_parameter_called_result_goes_before_the_result(self, cache: Cache) -> None:
        asked: list[str] = []

        @cache(ttl=lambda result: asked.append(result) or 60)
        async def get(result: str) -> str:
            return "what came out"

        await get("what went in")

        assert asked == ["what went in"]

    async def test_a_callable_object_and_a_bound_method_will_do(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        class Policy:
            def __call__(self, result: int) -> int:
                return result

            def twice(self, result: int) -> int:
                return 2 * result

        @cache(ttl=Policy())
        async def once() -> int:
            return 30

        @cache(ttl=Policy().twice)
        async def twice() -> int:
            return 30

        await once()
        await twice()
        clock.advance(30)
        assert await once.peek() is None
        assert await twice.peek() is not None
        clock.advance(30)
        assert await twice.peek() is None

    async def test_it_may_say_none_for_as_long_as_the_store_keeps_anything(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        @cache(ttl=lambda: None)
        async def get() -> int:
            return 1

        await get()
        clock.advance("29d")

        assert await get.peek() is not None

    async def test_soft_and_early_may_be_functions_too(self, cache: Cache) -> None:
        @cache(ttl="1h", soft_ttl=lambda minutes: minutes * 60, early_ttl=lambda: "1m")
        async def get(minutes: int) -> int:
            return minutes

        await get(5)

        entry = await get.peek(5)
        assert entry is not None
        assert (entry.early_at, entry.stale_at, entry.expires_at) == (60, 300, 3600)

    async def test_a_computed_soft_ttl_longer_than_the_ttl_counts_as_the_ttl(
        self, cache: Cache
    ) -> None:
        """It cannot be refused at decoration, and at a call nobody could act on it."""

        @cache(ttl=lambda: "1m", soft_ttl="1h", early_ttl="1h")
        async def get() -> int:
            return 1

        await get()

        entry = await get.peek()
        assert entry is not None
        assert (entry.early_at, entry.stale_at, entry.expires_at) == (60, 60, 60)

    async def test_what_it_raises_passes_through_and_the_loader_ran_once(
        self, cache: Cache, source: Source
    ) -> None:
        def broken(result: int) -> int:
            raise KeyError("no such policy")

        @cache(ttl=broken)
        async def get() -> int:
            return source.read()

        with pytest.raises(KeyError, match="no such policy"):
            await get()

        assert source.loads == 1
        assert cache.stats().entries == 0

    @pytest.mark.parametrize("wrong", ["5 minutes", "", True, float("inf"), [60]])
    async def test_what_is_no_duration_is_an_error_that_names_the_option_and_the_value(
        self, cache: Cache, wrong: Any
    ) -> None:
        @cache(ttl=lambda: wrong)
        async def get() -> int:
            return 1

        with pytest.raises(ConfigurationError) as caught:
            await get()

        assert "ttl=" in str(caught.value)
        assert repr(wrong) in str(caught.value)
        assert cache.stats().entries == 0


class TestSoft:
    async def test_past_it_each_caller_gets_the_stale_value_and_one_refresh_runs(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache.soft("1h", soft_ttl="30m")
        async def get() -> int:
            value = source.read()
            if source.loads > 1:
                await step.stop("refreshing")
            return value

        await get()
        source.version = 2
        clock.advance("30m")

        assert [await get() for _ in range(10)] == [1] * 10
        await step.reached("refreshing")
        assert [await get() for _ in range(10)] == [1] * 10
        step.go("refreshing")
        await step.settle()

        assert await get() == 2
        assert source.loads == 2
        assert cache.stats().stale_hits == 20

    async def test_just_before_it_nothing_is_refreshed(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache.soft("1h", soft_ttl="30m")
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("29m59s")
        await get()
        await step.settle()

        assert source.loads == 1

    async def test_past_the_ttl_callers_wait_for_the_load(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache.soft("1h", soft_ttl="30m")
        async def get() -> int:
            return source.read()

        await get()
        source.version = 2
        clock.advance("1h")

        assert await get() == 2

    async def test_a_refreshed_value_is_as_young_as_its_refresh(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache.soft("1h", soft_ttl="30m")
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("45m")
        await get()
        await step.settle()

        entry = await get.peek()
        assert entry is not None
        assert (entry.born, entry.stale_at, entry.expires_at) == (2700, 4500, 6300)

    async def test_an_invalidated_value_is_not_stale_but_gone(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache.soft("1h", soft_ttl="30m", tags=["t"])
        async def get() -> int:
            return source.read()

        await get()
        source.version = 2
        clock.advance("30m")
        await cache.delete_tags("t")

        assert await get() == 2

    async def test_a_refresh_that_an_invalidation_overtook_is_not_stored(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache.soft("1h", soft_ttl="30m", tags=["t"])
        async def get() -> int:
            value = source.read()
            if source.loads == 2:
                await step.stop("refreshing")
            return value

        await get()
        clock.advance("30m")
        await get()
        await step.reached("refreshing")

        source.version = 2
        await cache.delete_tags("t")
        step.go("refreshing")
        await step.settle()

        assert await get() == 2

    async def test_a_refresh_that_fails_leaves_the_value_and_is_logged_once(
        self,
        cache: Cache,
        clock: ManualClock,
        source: Source,
        step: Stepper,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        @cache.soft("1h", soft_ttl="30m", key="rates")
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("30m")
        source.error = OSError("the source is down")

        assert [await get() for _ in range(5)] == [1] * 5
        await step.settle()
        assert [await get() for _ in range(5)] == [1] * 5
        await step.settle()

        assert source.loads == 2
        assert len(messages(caplog)) == 1
        assert "rates" in messages(caplog)[0]
        assert "the source is down" in messages(caplog)[0]
        assert caplog.records[0].levelno == logging.WARNING
        assert caplog.records[0].exc_info is not None

    async def test_a_refresh_that_failed_is_tried_again_after_the_pause(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache.soft("1h", soft_ttl="30m", retry_after="10s")
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("30m")
        source.error = OSError("down")
        await get()
        await step.settle()
        source.error, source.version = None, 2

        clock.advance(9.9)
        await get()
        await step.settle()
        assert source.loads == 2
        clock.advance(0.1)
        assert await get() == 1
        await step.settle()
        assert await get() == 2

    @pytest.mark.parametrize("is_refreshed", [True, False])
    async def test_a_load_that_went_well_ends_the_pause(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper, is_refreshed: bool
    ) -> None:
        @cache.soft("2h", soft_ttl="30m", retry_after="1h", tags=["rates"])
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("30m")
        source.error = OSError("down")
        await get()
        await step.settle()
        source.error, source.version = None, 2
        if not is_refreshed:
            await cache.delete_tags("rates")
        assert await (get.refresh() if is_refreshed else get()) == 2

        source.version = 3
        clock.advance("30m")
        assert await get() == 2
        await step.settle()

        assert await get() == 3

    async def test_the_soft_decorator_asks_for_a_soft_ttl(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError, match=r"soft_ttl=None: cache\.soft is cache with a"):
            cache.soft("1h", soft_ttl=None)
        with pytest.raises(TypeError, match="soft_ttl"):
            cache.soft("1h")  # type: ignore[call-arg]


class TestEarly:
    async def test_past_it_one_read_refreshes_a_value_that_is_fresh(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache.early("1h", early_ttl="50m")
        async def get() -> int:
            return source.read()

        await get()
        source.version = 2
        clock.advance("50m")

        assert [await get() for _ in range(5)] == [1] * 5
        await step.settle()

        assert await get() == 2
        assert source.loads == 2
        assert cache.stats().stale_hits == 0

    @pytest.mark.parametrize(
        ("load_minutes", "early_minutes"),
        [
            (0, 50),
            (5, 50),  # 60 - 2 x 5
            (6, 48),
            (10, 40),
            (15, 30),
            (20, 30),  # never before half of the way
            (40, 30),
        ],
    )
    async def test_it_moves_forward_for_slow_loads(
        self, cache: Cache, clock: ManualClock, load_minutes: int, early_minutes: int
    ) -> None:
        @cache.early("1h", early_ttl="50m")
        async def get() -> int:
            if load_minutes:
                clock.advance(load_minutes * 60)
            return 1

        await get()

        entry = await get.peek()
        assert entry is not None
        assert entry.load_seconds == load_minutes * 60
        assert entry.early_at == early_minutes * 60

    async def test_chance_moves_it_forward_by_up_to_one_load_more(self, clock: ManualClock) -> None:
        cache = Cache(clock=clock, dice=lambda: 0.5)

        @cache.early("1h", early_ttl="50m")
        async def get() -> int:
            clock.advance("8m")
            return 1

        await get()

        entry = await get.peek()
        assert entry is not None
        assert entry.early_at == (60 - 2.5 * 8) * 60

    async def test_without_early_ttl_slow_loads_move_nothing(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        @cache("1h", soft_ttl="40m")
        async def get() -> int:
            clock.advance("20m")
            return 1

        await get()

        entry = await get.peek()
        assert entry is not None
        assert entry.early_at == entry.stale_at == 2400

    async def test_with_soft_ttl_it_counts_towards_that(self, cache: Cache, clock: ManualClock) -> None:
        @cache("2h", soft_ttl="1h", early_ttl="50m")
        async def get() -> int:
            clock.advance("10m")
            return 1

        await get()

        entry = await get.peek()
        assert entry is not None
        assert (entry.early_at, entry.stale_at, entry.expires_at) == (2400, 3600, 7200)

    async def test_the_early_decorator_asks_for_an_early_ttl(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError, match=r"early_ttl=None: cache\.early is cache with a"):
            cache.early("1h", early_ttl=None)


class TestGrace:
    async def test_within_it_a_failing_load_is_answered_with_the_expired_value(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("1m", grace="1h")
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("1m")
        source.error = OSError("down")

        assert await get() == 1
        assert source.loads == 2

    async def test_an_expired_value_is_not_served_without_trying(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("1m", grace="1h")
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("1m")
        source.version = 2

        assert await get() == 2

    async def test_after_it_the_error_reaches_the_caller(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("1m", grace="1h")
        async def get() -> int:
            return source.read()

        await get()
        source.error = OSError("down")

        clock.advance("1h59s")
        assert await get() == 1
        clock.advance("1s")
        with pytest.raises(OSError, match="down"):
            await get()

    async def test_a_load_that_fails_after_the_grace_has_ended_meanwhile_raises(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("1m", grace="1m")
        async def get() -> int:
            if source.error is not None:
                clock.advance("1m")
            return source.read()

        await get()
        source.error = OSError("down")
        clock.advance("1m30s")

        with pytest.raises(OSError, match="down"):
            await get()

    async def test_until_the_pause_is_over_nobody_tries_again(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("1m", grace="1h", retry_after="30s")
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("1m")
        source.error = OSError("down")
        await get()
        source.error, source.version = None, 2

        clock.advance("29s")
        assert [await get(), await get()] == [1, 1]
        assert source.loads == 2
        clock.advance("1s")
        assert await get() == 2

    async def test_the_pause_is_one_second_where_nobody_said_otherwise(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("1m", grace="1h")
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("1m")
        source.error = OSError("down")
        await get()

        clock.advance("900ms")
        await get()
        assert source.loads == 2
        clock.advance("100ms")
        await get()
        assert source.loads == 3

    async def test_the_pause_counts_from_the_end_of_the_failed_load(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("1m", grace="1h", retry_after="30s")
        async def get() -> int:
            if source.error is not None:
                clock.advance("20s")
            return source.read()

        await get()
        clock.advance("1m")
        source.error = OSError("timed out")
        await get()

        clock.advance("29s")
        await get()
        assert source.loads == 2
        clock.advance("1s")
        await get()
        assert source.loads == 3

    async def test_the_pause_does_not_keep_an_invalidated_value(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("1m", grace="1h", retry_after="10m", tags=["t"])
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("1m")
        source.error = OSError("down")
        assert await get() == 1
        await cache.delete_tags("t")
        source.error, source.version = None, 2

        assert await get() == 2

    @pytest.mark.parametrize("how", ["tags", "key", "match", "clear"])
    async def test_an_invalidated_value_never_stands_in(
        self, cache: Cache, clock: ManualClock, source: Source, how: str
    ) -> None:
        @cache("1m", grace="1h", tags=["t"], key="k")
        async def get() -> int:
            return source.read()

        await get()
        source.error = OSError("down")
        if how == "tags":
            await cache.delete_tags("t")
        elif how == "key":
            await get.delete()
        elif how == "match":
            await cache.delete_match("*")
        else:
            await cache.clear()
        clock.advance("1m")

        with pytest.raises(OSError, match="down"):
            await get()

    async def test_a_value_invalidated_while_the_load_was_failing_does_not_stand_in(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h", tags=["t"])
        async def get() -> int:
            if source.error is not None:
                await step.stop("failing")
            return source.read()

        await get()
        clock.advance("1m")
        source.error = OSError("down")
        reader = step.start(get())
        await step.reached("failing")
        await cache.delete_tags("t")
        step.go("failing")

        with pytest.raises(OSError, match="down"):
            await reader

    async def test_a_value_that_was_set_while_the_load_was_failing_stands_in(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h", key="k")
        async def get() -> int:
            if source.error is not None:
                await step.stop("failing")
            return source.read()

        await get()
        clock.advance("1m")
        source.error = OSError("down")
        reader = step.start(get())
        await step.reached("failing")
        await cache.set("k", 9, "1m")
        step.go("failing")

        assert await reader == 9

    async def test_without_grace_the_error_reaches_the_caller(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("1m")
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("1m")
        source.error = OSError("down")

        with pytest.raises(OSError, match="down"):
            await get()

    async def test_get_and_exists_do_not_see_an_expired_value(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("1m", grace="1h", key="k")
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("1m")

        assert await cache.get("k") is None
        assert not await cache.exists("k")
        assert await get.peek() is None
        assert await get.delete() is False

    async def test_a_circle_of_loads_is_an_error_also_within_grace(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        """An expired value would hide it, until the grace is over on a bad day."""
        rounds: list[int] = []

        @cache("1m", grace="1h", key="k")
        async def get() -> int:
            rounds.append(1)
            return 1 if len(rounds) == 1 else await get()

        await get()
        clock.advance("1m")

        with pytest.raises(DeadlockError, match=r"the load of 'k' reads 'k' again"):
            await get()

    async def test_all_who_wait_for_the_failing_load_get_the_expired_value(
        self,
        cache: Cache,
        clock: ManualClock,
        source: Source,
        step: Stepper,
    ) -> None:
        @cache("1m", grace="1h")
        async def get() -> int:
            if source.error is not None:
                await step.stop("failing")
            return source.read()

        await get()
        clock.advance("1m")
        source.error = OSError("down")
        readers = [step.start(get()) for _ in range(10)]
        await step.reached("failing")
        await step.settle()
        step.go("failing")

        assert [await reader for reader in readers] == [1] * 10
        assert source.loads == 2

    async def test_a_read_that_got_an_expired_value_is_a_stale_hit_and_nothing_else(
        self, cache: Cache, clock: ManualClock, source: Source, step: Stepper
    ) -> None:
        @cache("1m", grace="1h")
        async def get() -> int:
            if source.error is not None:
                await step.stop("failing")
            return source.read()

        await get()
        clock.advance("1m")
        source.error = OSError("down")
        readers = [step.start(get()) for _ in range(3)]
        await step.reached("failing")
        await step.settle()
        step.go("failing")
        for reader in readers:
            await reader

        stats = cache.stats()
        assert (stats.hits, stats.stale_hits, stats.misses, stats.waits) == (3, 3, 1, 0)

    async def test_one_failed_load_is_logged_once_however_many_waited_for_it(
        self,
        cache: Cache,
        clock: ManualClock,
        source: Source,
        step: Stepper,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        @cache("1m", grace="1h")
        async def get() -> int:
            if source.error is not None:
                await step.stop("failing")
            return source.read()

        await get()
        clock.advance("1m")
        source.error = OSError("down")
        readers = [step.start(get()) for _ in range(10)]
        await step.reached("failing")
        await step.settle()
        step.go("failing")
        for reader in readers:
            await reader

        assert len(messages(caplog)) == 1

    async def test_a_base_exception_is_never_answered_with_a_value(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        class Stop(BaseException):
            pass

        @cache("1m", grace="1h")
        def get() -> int:
            if source.loads:
                raise Stop
            return source.read()

        get()
        clock.advance("1m")

        with pytest.raises(Stop):
            get()

    async def test_what_the_ttl_function_raises_is_not_masked_by_an_expired_value(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        """It is the user's own error, in code that runs on every load."""

        def lasts(result: int) -> str:
            if result == 2:
                raise KeyError("no ttl for 2")
            return "1m"

        @cache(lasts, grace="1h")
        async def get() -> int:
            return source.read()

        await get()
        source.version = 2
        clock.advance("1m")

        with pytest.raises(KeyError, match="no ttl for 2"):
            await get()


class TestMarkStale:
    async def test_the_value_is_served_once_more_and_refreshed_behind(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", tags=["t"])
        async def get() -> int:
            return source.read()

        await get()
        source.version = 2
        await cache.mark_stale("t")

        assert await get() == 1
        await step.settle()
        assert await get() == 2
        assert source.loads == 2

    async def test_it_marks_what_has_the_tag_and_nothing_else(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", tags=["user:{number}"])
        async def get(number: int) -> int:
            return source.read()

        await get(1)
        await get(2)
        source.version = 2
        await cache.mark_stale("user:1")
        await get(1)
        await get(2)
        await step.settle()

        assert [await get(1), await get(2)] == [2, 1]

    async def test_a_load_that_runs_meanwhile_is_stored_and_stale(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", tags=["t"])
        async def get() -> int:
            value = source.read()
            if source.loads == 1:
                await step.stop("loading")
            return value

        reader = step.start(get())
        await step.reached("loading")
        source.version = 2
        await cache.mark_stale("t")
        step.go("loading")

        assert await reader == 1
        assert await get() == 1
        await step.settle()
        assert await get() == 2

    async def test_a_load_that_runs_meanwhile_is_stale_by_a_tag_of_its_result_too(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", tags=["version:{result}"])
        async def get() -> int:
            value = source.read()
            if source.loads == 1:
                await step.stop("loading")
            return value

        reader = step.start(get())
        await step.reached("loading")
        source.version = 2
        await cache.mark_stale("version:1")
        step.go("loading")
        await reader
        await get()
        await step.settle()

        assert await get() == 2

    async def test_a_refresh_that_was_running_when_it_was_marked_is_stale_too(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        """The second mark came after the refresh had read the source."""

        @cache("1h", tags=["t"])
        async def get() -> int:
            value = source.read()
            if source.loads == 2:
                await step.stop("refreshing")
            return value

        await get()
        source.version = 2
        await cache.mark_stale("t")
        await get()
        await step.reached("refreshing")
        source.version = 3
        await cache.mark_stale("t")
        step.go("refreshing")
        await step.settle()

        assert await get() == 2
        await step.settle()
        assert await get() == 3

    async def test_the_end_and_the_grace_of_an_entry_stay(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("1m", grace="1h", tags=["t"], key="k")
        async def get() -> int:
            return source.read()

        await get()
        await cache.mark_stale("t")

        entry = await get.peek()
        assert entry is not None
        assert (entry.stale_at, entry.expires_at, entry.dead_at) == (0, 60, 3660)
        clock.advance("30m")
        source.error = OSError("down")
        assert await get() == 1
        clock.advance("31m")
        with pytest.raises(OSError, match="down"):
            await get()

    async def test_an_expired_value_is_not_served_because_it_was_marked(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("1m", grace="1h", tags=["t"])
        async def get() -> int:
            return source.read()

        await get()
        clock.advance("1m")
        source.version = 2
        await cache.mark_stale("t")

        assert await get() == 2

    async def test_what_was_invalidated_does_not_come_back_by_being_marked(
        self, cache: Cache, source: Source
    ) -> None:
        @cache("1h", tags=["t"])
        async def get() -> int:
            return source.read()

        await get()
        source.version = 2
        await cache.delete_tags("t")
        await cache.mark_stale("t")

        assert await get() == 2

    async def test_get_and_exists_still_see_it(self, cache: Cache) -> None:
        await cache.set("k", 1, tags=["t"])

        await cache.mark_stale("t")

        assert await cache.get("k") == 1
        assert await cache.exists("k")

    async def test_a_refresh_that_fails_leaves_it_stale_and_is_tried_again(
        self,
        cache: Cache,
        clock: ManualClock,
        source: Source,
        step: Stepper,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        @cache("1h", tags=["t"])
        async def get() -> int:
            return source.read()

        await get()
        await cache.mark_stale("t")
        source.error = OSError("down")
        await get()
        await step.settle()
        assert len(messages(caplog)) == 1

        source.error, source.version = None, 2
        assert await get() == 1
        clock.advance("1s")
        assert await get() == 1
        await step.settle()
        assert await get() == 2

    async def test_marking_what_nobody_has_does_no_harm(self, cache: Cache, source: Source) -> None:
        @cache("1h", tags=["t"])
        async def get() -> int:
            return source.read()

        await get()
        await cache.mark_stale("other")
        await cache.mark_stale()
        await get()

        assert source.loads == 1


class TestJitter:
    async def test_chance_takes_up_to_that_part_off_the_whole_life(self, clock: ManualClock) -> None:
        cache = Cache(clock=clock, dice=lambda: 0.5)

        @cache("100s", soft_ttl="50s", early_ttl="40s", grace="1h", jitter=0.2)
        async def get() -> int:
            return 1

        await get()

        entry = await get.peek()
        assert entry is not None
        assert (entry.early_at, entry.stale_at, entry.expires_at) == (36, 45, 90)
        assert entry.dead_at == 3690

    async def test_entries_made_at_once_end_at_different_times(self, clock: ManualClock) -> None:
        chances = iter([0.0, 0.25, 0.5])
        cache = Cache(clock=clock, dice=lambda: next(chances))

        @cache("100s", jitter=0.4)
        async def get(number: int) -> int:
            return number

        ends: list[float] = []
        for number in range(3):
            await get(number)
            entry = await get.peek(number)
            assert entry is not None
            ends.append(entry.expires_at)

        assert ends == [100, 90, 80]

    async def test_without_it_chance_changes_nothing(self, clock: ManualClock) -> None:
        cache = Cache(clock=clock, dice=lambda: 0.99)

        @cache("100s", soft_ttl="50s")
        async def get() -> int:
            return 1

        await get()

        entry = await get.peek()
        assert entry is not None
        assert (entry.stale_at, entry.expires_at) == (50, 100)


class TestBlocking:
    def test_the_stale_value_comes_at_once_and_the_refresh_runs_on_another_thread(
        self, cache: Cache, clock: ManualClock, source: Source, threads: ThreadStepper
    ) -> None:
        refreshed = Refreshed(cache)
        ran_on: list[threading.Thread] = []

        @cache.soft("1h", soft_ttl="30m")
        def get() -> int:
            ran_on.append(threading.current_thread())
            if source.loads:
                threads.stop("refreshing")
            return source.read()

        get()
        source.version = 2
        clock.advance("30m")
        assert [get() for _ in range(5)] == [1] * 5
        threads.reached("refreshing")
        assert get() == 1
        threads.go("refreshing")
        refreshed.wait()

        assert get() == 2
        assert source.loads == 2
        assert ran_on[0] is threading.current_thread()
        assert ran_on[1] is not threading.current_thread()
        cache.blocking.close()

    def test_early_refreshes_run_on_threads_too(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        refreshed = Refreshed(cache)

        @cache.early("1h", early_ttl="50m")
        def get() -> int:
            return source.read()

        get()
        source.version = 2
        clock.advance("50m")
        assert get() == 1
        refreshed.wait()

        assert get() == 2
        cache.blocking.close()

    def test_mark_stale_refreshes_on_a_thread(self, cache: Cache, source: Source) -> None:
        refreshed = Refreshed(cache)

        @cache("1h", tags=["t"])
        def get() -> int:
            return source.read()

        get()
        source.version = 2
        cache.blocking.mark_stale("t")
        assert get() == 1
        refreshed.wait()

        assert get() == 2
        cache.blocking.close()

    def test_a_refresh_that_fails_is_logged_once_and_paused(
        self, cache: Cache, clock: ManualClock, source: Source, caplog: pytest.LogCaptureFixture
    ) -> None:
        refreshed = Refreshed(cache)

        @cache.soft("1h", soft_ttl="30m")
        def get() -> int:
            return source.read()

        get()
        clock.advance("30m")
        source.error = OSError("down")
        assert get() == 1
        refreshed.wait()
        assert [get() for _ in range(5)] == [1] * 5
        cache.blocking.close()

        assert source.loads == 2
        assert len(messages(caplog)) == 1

    def test_within_grace_a_failing_load_is_answered_with_the_expired_value(
        self, cache: Cache, clock: ManualClock, source: Source
    ) -> None:
        @cache("1m", grace="1h", tags=["t"])
        def get() -> int:
            return source.read()

        get()
        clock.advance("1m")
        source.error = OSError("down")

        assert get() == 1
        cache.blocking.delete_tags("t")
        with pytest.raises(OSError, match="down"):
            get()

    def test_close_waits_for_a_running_refresh_and_drops_what_it_brings(
        self, cache: Cache, clock: ManualClock, source: Source, threads: ThreadStepper
    ) -> None:
        @cache.soft("1h", soft_ttl="30m", key="k")
        def get() -> int:
            if source.loads:
                threads.stop("refreshing")
            return source.read()

        get()
        clock.advance("30m")
        get()
        threads.reached("refreshing")
        closing = threads.start(cache.blocking.close)
        threads.go("refreshing")
        closing.result(20)

        assert source.loads == 2
        assert not cache.blocking.exists("k")

    def test_the_refresh_sees_the_context_of_the_caller_who_began_it(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        tenant: ContextVar[str] = ContextVar("tenant", default="nobody")
        refreshed = Refreshed(cache)
        seen: list[str] = []

        @cache.soft("1h", soft_ttl="30m", vary=[tenant])
        def get() -> str:
            seen.append(tenant.get())
            return tenant.get()

        tenant.set("acme")
        get()
        clock.advance("30m")
        get()
        refreshed.wait()

        assert seen == ["acme", "acme"]
        cache.blocking.close()


@pytest.mark.parametrize("inside", [False, True])
async def test_a_value_set_by_hand_ends_the_pause_after_a_failed_load(inside: bool) -> None:
    """The pause spares a source that fails; a new value has nothing to do with that failure."""
    clock = ManualClock()
    cache = Cache(clock=clock)
    step = Stepper()
    loads: list[int] = []

    @cache.soft(ttl="2h", soft_ttl="1m", key="rate", retry_after="1h")
    async def get_rate() -> int:
        loads.append(1)
        if len(loads) == 2:
            raise ConnectionError
        return len(loads)

    await get_rate()
    clock.advance("1m")
    await get_rate()
    await step.settle()
    assert len(loads) == 2

    async with cache.transaction() if inside else nullcontext():
        await cache.set("rate", 100, ttl="2h", soft_ttl="1m")
    clock.advance("1m")

    assert await get_rate() == 100
    await step.settle()
    assert await get_rate() == 3


async def test_a_value_that_died_during_the_load_that_fails_does_not_stand_in() -> None:
    clock = ManualClock()
    cache = Cache(clock=clock)
    loads: list[int] = []

    @cache("1m", grace="1m")
    async def get_rate() -> int:
        loads.append(1)
        if len(loads) == 2:
            clock.advance("1m")
            raise ConnectionError
        return len(loads)

    await get_rate()
    clock.advance("1m")

    with pytest.raises(ConnectionError):
        await get_rate()
