"""How far it is to a time of day: every second of a year, and where the clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshly import until
from freshly.core.until import EVERY_DAY, Until

PARIS = ZoneInfo("Europe/Paris")
ZONES = [
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kolkata",
]
HOUR = 3600.0


def wall(text: str, zone: ZoneInfo = PARIS, *, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


class TestAnOrdinaryDay:
    @pytest.mark.parametrize(
        ("now", "hours"),
        [
            ("2026-05-04 05:59:59", 1 / HOUR),
            ("2026-05-04 00:00:00", 6),
            ("2026-05-04 06:00:00", 24),  # at the time itself it is the whole way to the next
            ("2026-05-04 06:00:01", 24 - 1 / HOUR),
            ("2026-05-04 18:00:00", 12),
        ],
    )
    def test_it_is_the_next_time_that_the_clocks_show_it(self, now: str, hours: float) -> None:
        assert until("06:00", tz="Europe/Paris").seconds_after(wall(now)) == pytest.approx(hours * HOUR)

    def test_of_several_times_the_next_one_counts(self) -> None:
        end = until("18:00", "06:00", "12:30", tz="Europe/Paris")

        waits = [
            end.seconds_after(wall(f"2026-05-04 {now}")) / HOUR for now in ["05:00", "06:00", "17:00"]
        ]

        assert waits == [1, 6.5, 1]

    def test_days_of_the_week(self) -> None:
        """4 May 2026 is a Monday."""
        monday, weekend = (
            until("06:00", tz=PARIS, on="mon"),
            until("06:00", tz=PARIS, on=["Sat", "sunday"]),
        )

        assert monday.seconds_after(wall("2026-05-04 05:00")) == HOUR
        assert monday.seconds_after(wall("2026-05-04 06:00")) == 7 * 24 * HOUR
        assert weekend.seconds_after(wall("2026-05-04 06:00")) == 5 * 24 * HOUR
        assert weekend.seconds_after(wall("2026-05-09 06:00")) == 24 * HOUR

    def test_seconds_count(self) -> None:
        end = until("23:59:30", tz="UTC")

        assert end.seconds_after(wall("2026-05-04 23:59:00", ZoneInfo("UTC"))) == 30


class TestWhereTheClocksAreChanged:
    """In Paris in 2026: on 29 March from 2:00 to 3:00, on 25 October from 3:00 back to 2:00."""

    def test_the_night_that_is_an_hour_shorter(self) -> None:
        assert until("06:00", tz=PARIS).seconds_after(wall("2026-03-28 22:00")) == 7 * HOUR

    def test_the_night_that_is_an_hour_longer(self) -> None:
        assert until("06:00", tz=PARIS).seconds_after(wall("2026-10-24 22:00")) == 9 * HOUR

    def test_a_time_that_is_skipped_counts_as_late_as_the_clocks_are_put_forward(self) -> None:
        end = until("02:30", tz=PARIS)
        now = wall("2026-03-29 01:30")

        ends_at = datetime.fromtimestamp(now + end.seconds_after(now), PARIS)

        assert ends_at.isoformat() == "2026-03-29T03:30:00+02:00"

    def test_a_time_that_comes_twice_counts_the_first_time_and_only_then(self) -> None:
        end = until("02:30", tz=PARIS)

        assert end.seconds_after(wall("2026-10-25 01:30")) == HOUR
        between = wall("2026-10-25 02:45")
        assert end.seconds_after(between) == wall("2026-10-26 02:30") - between
        again = wall("2026-10-25 02:15", fold=1)
        assert end.seconds_after(again) == wall("2026-10-26 02:30") - again

    def test_a_day_that_a_zone_left_out(self) -> None:
        """Samoa went from 29 to 31 December 2011."""
        zone = ZoneInfo("Pacific/Apia")
        now = wall("2011-12-29 07:00", zone)

        ends_at = datetime.fromtimestamp(now + until("06:00", tz=zone).seconds_after(now), zone)

        assert ends_at == datetime(2011, 12, 31, 6, tzinfo=zone)


@given(
    now=st.integers(1_293_840_000, 2_051_222_400).map(lambda one: datetime.fromtimestamp(one, UTC)),
    at=st.times().map(lambda one: one.replace(microsecond=0)),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    zone=st.sampled_from(ZONES),
)
def test_it_is_ahead_within_eight_days_and_the_clocks_show_it_then(
    now: datetime, at: time, days: frozenset[int], zone: str
) -> None:
    there = ZoneInfo(zone)

    seconds = Until((at,), days, there).seconds_after(now.timestamp())
    end = datetime.fromtimestamp(round(now.timestamp() + seconds), there)

    assert 0 < seconds <= timedelta(days=8, hours=25).total_seconds()
    shown = end.time()
    was_skipped = shown != at
    if was_skipped:
        skipped = datetime.combine(end.date(), at, there)
        assert skipped.astimezone(UTC).astimezone(there).time() != at
    else:
        assert end.weekday() in days


@given(now=st.floats(0, 2e9), zone=st.sampled_from(ZONES))
def test_no_day_is_left_out(now: float, zone: str) -> None:
    """The next is never further than the longest of days, but where a zone left one out."""
    longest = 49 * HOUR if zone == "Pacific/Apia" else 26 * HOUR

    assert Until((time(6),), EVERY_DAY, ZoneInfo(zone)).seconds_after(now) <= longest


class TestHowItIsWritten:
    @pytest.mark.parametrize(
        "text",
        ["until('06:00', tz='Europe/Paris')", "until('06:00', '18:30:15', tz='UTC', on=['monday'])"],
    )
    def test_it_is_shown_as_it_is_written(self, text: str) -> None:
        assert repr(eval(text)) == text
