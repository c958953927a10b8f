"""A ttl that ends at a time of day, as callers see it."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from freshly import Cache, ConfigurationError, until
from freshly.testing import ManualClock, Stepper

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def clock() -> ManualClock:
    """Five in the morning, an hour before the report."""
    return ManualClock(wall=datetime(2026, 5, 4, 5, tzinfo=PARIS))


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock, dice=lambda: 0.0)


async def test_the_daily_report_is_served_until_six_and_loaded_once_after(
    cache: Cache, clock: ManualClock
) -> None:
    loads = 0

    @cache(ttl=until("06:00", tz="Europe/Paris"))
    async def get_report() -> int:
        nonlocal loads
        loads += 1
        return loads

    assert await get_report() == 1
    clock.advance("59m59s")
    assert await get_report() == 1
    clock.advance("1s")
    assert await get_report() == 2
    clock.advance("23h59m")
    assert await get_report() == 2
    clock.advance("1m")
    assert await get_report() == 3


async def test_a_load_that_began_before_is_not_served_after(cache: Cache, clock: ManualClock) -> None:
    """It may have seen the report of yesterday."""
    loads = 0

    @cache(ttl=until("06:00", tz="Europe/Paris"))
    async def get_report() -> int:
        nonlocal loads
        loads += 1
        clock.advance("20m")
        return loads

    clock.advance("50m")
    assert await get_report() == 1
    assert await get_report() == 2
    assert await get_report() == 2


async def test_it_goes_into_soft_and_early_and_comes_from_functions(
    cache: Cache, clock: ManualClock
) -> None:
    at_six, at_noon = until("06:00", tz="Europe/Paris"), until("12:00", tz="Europe/Paris")

    @cache(ttl=at_noon, soft_ttl=at_six, early_ttl="30m", key="fixed")
    async def fixed() -> int:
        return 1

    @cache(ttl=lambda kind: at_noon if kind == "daily" else "1m", key="{kind}")
    def computed(kind: str) -> int:
        return 1

    await fixed(), computed("daily"), computed("other")

    entry = await fixed.peek()
    assert entry is not None
    assert (entry.early_at, entry.stale_at, entry.expires_at) == (1800, 3600, 7 * 3600)
    daily, other = computed.peek("daily"), computed.peek("other")
    assert daily is not None
    assert other is not None
    assert (daily.expires_at, other.expires_at) == (7 * 3600, 60)


async def test_where_the_time_of_day_comes_after_the_end_it_is_cut_short(
    cache: Cache, clock: ManualClock
) -> None:
    @cache(ttl="30m", soft_ttl=until("06:00", tz="Europe/Paris"), key="a")
    async def get() -> int:
        return 1

    await get()

    entry = await get.peek()
    assert entry is not None
    assert entry.stale_at == entry.expires_at == 1800


async def test_a_value_by_hand_has_it_too(cache: Cache, clock: ManualClock) -> None:
    await cache.set("a", 1, until("06:00", tz="Europe/Paris"))
    cache.blocking.set("b", 1, "1d", soft_ttl=until("06:00", tz="Europe/Paris"))
    await cache.get_or_set("c", lambda: 1, until("06:00", tz="Europe/Paris"))

    clock.advance("59m")
    assert [await cache.exists(key) for key in "abc"] == [True] * 3
    clock.advance("1m")
    assert [await cache.exists(key) for key in "abc"] == [False, True, False]


async def test_a_refresh_at_six_is_behind_the_first_reader_after(
    cache: Cache, clock: ManualClock
) -> None:
    step = Stepper()
    loads = 0

    @cache.soft(ttl="2d", soft_ttl=until("06:00", tz="Europe/Paris"))
    async def get_report() -> int:
        nonlocal loads
        loads += 1
        return loads

    await get_report()
    clock.advance("1h")
    assert await get_report() == 1
    await step.settle()
    assert await get_report() == 2


class Blind:
    """A user's clock that knows no time of day."""

    def now(self) -> float:
        return 0.0


class TestAClockThatDoesNotKnow:
    async def test_is_enough_for_everything_else(self) -> None:
        cache = Cache(clock=Blind())

        assert await cache.get_or_set("a", lambda: 1, "1m") == 1
        assert await cache.get("a") == 1

    async def test_is_an_error_where_it_is_asked(self) -> None:
        cache = Cache(clock=Blind())
        end = until("06:00", tz="UTC")

        for refused in [
            lambda: cache(ttl=end),
            lambda: cache("1h", soft_ttl=end),
            lambda: cache.early("1h", early_ttl=end),
            lambda: cache.blocking.set("a", 1, end),
            lambda: cache.blocking.get_or_set("a", lambda: 1, end),
        ]:
            with pytest.raises(ConfigurationError, match=r"what time it is.*wall\(\)"):
                refused()


class TestRefused:
    @pytest.mark.parametrize(
        "value",
        ["6", "24:00", "06:60", "6 am", "06:00:60", "", 6, None, "06:00+02:00", time(6, tzinfo=PARIS)],
    )
    def test_what_is_no_time_of_day(self, value: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"is no time of day: write '06:00'"):
            until(value, tz="UTC")

    def test_no_time_at_all(self) -> None:
        with pytest.raises(ConfigurationError, match="names no time of day"):
            until(tz="UTC")

    @pytest.mark.parametrize("value", ["Europe/Pariss", "", 2, None, "../etc/passwd"])
    def test_what_is_no_zone(self, value: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"tz=.* is no time zone.*'Europe/Paris'"):
            until("06:00", tz=value)

    @pytest.mark.parametrize("value", ["mo", "Montag", ["mon", 3]])
    def test_what_is_no_day_of_the_week(self, value: Any) -> None:
        with pytest.raises(ConfigurationError, match="is no day of the week"):
            until("06:00", tz="UTC", on=value)

    def test_a_slip_in_a_day_is_met_with_the_day(self) -> None:
        with pytest.raises(ConfigurationError, match="did you mean 'wednesday'"):
            until("06:00", tz="UTC", on="wendesday")

    def test_zones_may_be_objects(self) -> None:
        assert until(time(6), tz=timezone(timedelta(hours=2))).seconds_after(0.0) == 4 * 3600

    def test_it_is_no_grace(self, cache: Cache) -> None:
        with pytest.raises(ConfigurationError, match=r"grace=until\('06:00', tz='UTC'\)"):
            cache("1h", grace=until("06:00", tz="UTC"))(lambda: 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("inside", [False, True])
async def test_it_is_that_time_for_values_by_hand_too(
    cache: Cache, clock: ManualClock, inside: bool
) -> None:
    at_six = until("06:00", tz="Europe/Paris")

    async def fill() -> None:
        await cache.set("alone", 1, at_six)
        await cache.set_many({"together": 1}, at_six)

    if inside:
        async with cache.transaction():
            await fill()
    else:
        await fill()

    clock.advance("59m59s")
    assert await cache.get_many(["alone", "together"]) == {"alone": 1, "together": 1}
    clock.advance("1s")
    assert await cache.get_many(["alone", "together"]) == {}
