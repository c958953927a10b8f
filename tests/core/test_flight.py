"""Boarding, leaving and ending, without an engine: one test is one short history of a table."""

from __future__ import annotations

import pytest

from freshly.core.flight import Flight, Flights


@pytest.fixture
def flights() -> Flights:
    return Flights()


def anybody(flight: Flight) -> bool:
    return True


def nobody(flight: Flight) -> bool:
    return False


def behind(key: str) -> Flight:
    return Flight(key, None, is_background=True)


class TestBoarding:
    def test_the_first_is_the_pilot_and_the_others_join(self, flights: Flights) -> None:
        flight, is_pilot = flights.board("k", 1, anybody)
        joined = [flights.board("k", 1, anybody) for _ in range(2)]

        assert is_pilot
        assert joined == [(flight, False)] * 2
        assert flight.passengers == 3

    def test_another_key_is_another_flight(self, flights: Flights) -> None:
        one, _ = flights.board("k", 1, anybody)
        other, is_pilot = flights.board("l", 1, anybody)

        assert is_pilot
        assert other is not one

    def test_who_may_not_join_takes_off_anew_and_supersedes_the_former(self, flights: Flights) -> None:
        former, _ = flights.board("k", 1, anybody)
        newer, is_pilot = flights.board("k", 2, nobody)

        assert is_pilot
        assert (former.is_superseded, newer.is_superseded) == (True, False)
        assert flights.board("k", 2, anybody) == (newer, False)

    def test_nobody_joins_a_flight_whose_loop_has_stopped(self, flights: Flights) -> None:
        former, _ = flights.board("k", 1, anybody)
        former.is_alive = lambda: False

        newer, is_pilot = flights.board("k", 1, anybody)

        assert is_pilot
        assert newer is not former

    def test_a_flight_whose_loader_has_not_begun_is_later_than_every_read(
        self, flights: Flights
    ) -> None:
        flight, _ = flights.board("k", 1, anybody)

        assert flight.ticket > flights.ticket()

    def test_behind_a_flight_in_the_air_no_other_takes_off(self, flights: Flights) -> None:
        flight = behind("k")

        assert flights.take_off_behind(flight, 1, anybody)
        assert (flight.passengers, flight.stamp) == (0, 1)
        assert not flights.take_off_behind(behind("k"), 1, anybody)
        assert flights.board("k", 1, anybody) == (flight, False)


class TestLeaving:
    def test_the_last_one_out_cancels_the_load_once(self, flights: Flights) -> None:
        cancelled: list[int] = []
        flight, _ = flights.board("k", 1, anybody)
        flights.board("k", 1, anybody)
        flight.cancel = lambda: cancelled.append(1)

        flights.leave(flight, is_pilot=True)
        assert cancelled == []
        flights.leave(flight, is_pilot=False)

        assert cancelled == [1]
        assert flight.starter_left

    def test_nobody_boards_what_is_about_to_be_cancelled(self, flights: Flights) -> None:
        flight, _ = flights.board("k", 1, anybody)
        flights.leave(flight, is_pilot=True)

        newer, is_pilot = flights.board("k", 1, anybody)

        assert is_pilot
        assert newer is not flight

    def test_a_refresh_goes_on_without_passengers(self, flights: Flights) -> None:
        cancelled: list[int] = []
        flight = behind("k")
        flights.take_off_behind(flight, 1, anybody)
        assert flight is not None
        flight.cancel = lambda: cancelled.append(1)
        flights.board("k", 1, anybody)

        flights.leave(flight, is_pilot=False)

        assert cancelled == []

    def test_what_has_ended_is_not_cancelled(self, flights: Flights) -> None:
        cancelled: list[int] = []
        flight, _ = flights.board("k", 1, anybody)
        flight.cancel = lambda: cancelled.append(1)
        flights.end(flight)

        flights.leave(flight, is_pilot=True)

        assert cancelled == []


class TestEnding:
    def test_it_wakes_each_once_who_waits(self, flights: Flights) -> None:
        woken: list[str] = []
        flight, _ = flights.board("k", 1, anybody)
        assert flights.call_at_end(flight, lambda: woken.append("one"))
        assert flights.call_at_end(flight, lambda: woken.append("other"))

        flights.end(flight)
        flights.end(flight)

        assert woken == ["one", "other"]

    def test_who_comes_after_the_end_is_told_so(self, flights: Flights) -> None:
        flight, _ = flights.board("k", 1, anybody)
        flights.end(flight)

        assert flights.call_at_end(flight, lambda: None) is None

    def test_who_has_taken_its_waker_back_is_not_woken(self, flights: Flights) -> None:
        woken: list[str] = []
        flight, _ = flights.board("k", 1, anybody)
        take_back = flights.call_at_end(flight, lambda: woken.append("one"))
        flights.call_at_end(flight, lambda: woken.append("other"))

        assert take_back is not None
        take_back()
        flights.end(flight)
        take_back()

        assert woken == ["other"]

    def test_it_counts_each_load_once(self, flights: Flights) -> None:
        one, _ = flights.board("k", 1, anybody)
        other, _ = flights.board("l", 1, anybody)
        assert flights.loads == 2

        flights.end(one)
        flights.abandon(one)
        flights.abandon(other)

        assert flights.loads == 0
        assert (one.is_abandoned, other.is_abandoned) == (False, True)
        assert flights.in_the_air() == []

    def test_the_end_of_a_superseded_flight_leaves_the_newer_one_in_the_table(
        self, flights: Flights
    ) -> None:
        former, _ = flights.board("k", 1, anybody)
        newer, _ = flights.board("k", 1, nobody)

        flights.end(former)

        assert flights.board("k", 1, anybody) == (newer, False)


def test_the_oldest_stamp_is_that_of_what_flies_superseded_flights_included(
    flights: Flights,
) -> None:
    """Marks that it may have to be judged by must not be forgotten."""
    assert flights.oldest_stamp() is None
    former, _ = flights.board("k", 3, anybody)
    flights.board("k", 5, nobody)
    flights.board("no stamp", None, anybody)
    assert flights.oldest_stamp() == 3

    flights.end(former)

    assert flights.oldest_stamp() == 5
