"""The clock of tests: it moves when told, rings on its way, and knows the time of day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Thread
from zoneinfo import ZoneInfo

import pytest

from freshly import ConfigurationError
from freshly.testing import ManualClock


class TestAlarms:
    def test_they_ring_in_the_order_of_their_instants_each_at_its_own(self) -> None:
        clock = ManualClock()
        rung: list[tuple[str, float]] = []
        clock.call_at(3.0, lambda: rung.append(("third", clock.now())))
        clock.call_at(1.0, lambda: rung.append(("first", clock.now())))
        clock.call_at(2.0, lambda: rung.append(("second", clock.now())))

        clock.advance(2.5)

        assert rung == [("first", 1.0), ("second", 2.0)]
        assert clock.now() == 2.5
        assert clock.alarms == 1

    def test_of_one_instant_they_ring_in_the_order_of_their_setting(self) -> None:
        clock = ManualClock()
        rung: list[int] = []
        for number in range(3):
            clock.call_at(1.0, lambda number=number: rung.append(number))  # type: ignore[misc]

        clock.advance(1.0)

        assert rung == [0, 1, 2]

    def test_one_that_is_cancelled_does_not_ring(self) -> None:
        clock = ManualClock()
        rung: list[str] = []
        cancel = clock.call_at(1.0, lambda: rung.append("no"))

        cancel()
        cancel()
        clock.advance(1.0)

        assert rung == []
        assert clock.alarms == 0

    def test_one_for_an_instant_that_has_come_rings_at_once(self) -> None:
        clock = ManualClock(start=5.0)
        rung: list[str] = []

        clock.call_at(5.0, lambda: rung.append("at once"))

        assert rung == ["at once"]
        assert clock.alarms == 0

    def test_one_that_an_alarm_sets_on_the_way_rings_too(self) -> None:
        clock = ManualClock()
        rung: list[float] = []

        def again() -> None:
            rung.append(clock.now())
            clock.call_at(clock.now() + 1.0, again)

        clock.call_at(1.0, again)
        clock.advance(3.0)

        assert rung == [1.0, 2.0, 3.0]


def test_threads_that_advance_together_lose_no_time() -> None:
    clock = ManualClock()

    def advance_often() -> None:
        for _ in range(1_000):
            clock.advance(1)

    threads = [Thread(target=advance_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)

    assert clock.now() == 4_000.0


class TestTheTimeOfDay:
    def test_it_moves_with_the_seconds(self) -> None:
        noon = datetime(2026, 3, 29, 12, tzinfo=ZoneInfo("Europe/Paris"))
        clock = ManualClock(start=100.0, wall=noon)

        clock.advance("1h")

        assert datetime.fromtimestamp(clock.wall(), UTC) == noon + timedelta(hours=1)

    def test_without_a_zone_it_is_an_error(self) -> None:
        with pytest.raises(ConfigurationError, match="no time zone"):
            ManualClock(wall=datetime(2026, 3, 29, 12))  # noqa: DTZ001
