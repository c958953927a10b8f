"""Turns at a load that processes share, without a server: each test gives the answers of the store."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from freshly.core.claim import (
    FIRST_WAIT,
    GROWTH,
    LONGEST_IN_ALL,
    LONGEST_INSIDE,
    LONGEST_WAIT,
    Claims,
    is_made,
    longest_wait,
    won,
)
from freshly.core.flight import Flight, Flights
from freshly.core.holds import Hold, Holds
from freshly.core.load import Load, current_load
from freshly.core.ports import Look
from freshly.errors import StoreError

from .claiming import MINE, OTHERS, THIRDS, Leases, Runtime, call, entry, finish, look


class Table:
    """One process, one key, and what its store answers."""

    def __init__(self, *answers: Look | StoreError, has_leases: bool = True) -> None:
        self.runtime = Runtime()
        self.leases = Leases(list(answers))
        self.flights = Flights()
        self.told: list[tuple[Any, ...]] = []
        store = SimpleNamespace(leases=self.leases if has_leases else None)
        self.claims = Claims(
            cast(Any, store), cast(Any, self.runtime), self.flights, cast(Any, self._hear)
        )
        self.flight = Flight("k", 1, is_background=False)
        self.call = call("k")

    def _hear(self, event: type, *what: Any) -> None:
        self.told.append((event.__name__, *what))

    def turn(self, look: Look) -> tuple[Look, bool]:
        found: tuple[Look, bool] = finish(self.claims.turn(self.flight, self.call, look))
        return found


class TestWhoDoesNotAsk:
    def test_a_store_without_leases_lets_everybody_load(self) -> None:
        table, first = Table(has_leases=False), look()

        assert table.turn(first) == (first, True)

    @pytest.mark.parametrize("why", ["local", "no stamp", "alone"])
    def test_a_load_that_no_other_process_shares_begins_at_once(self, why: str) -> None:
        table, first = Table(look(OTHERS)), look(stamp=None if why == "no stamp" else 7)
        table.call = call("k", is_local=why == "local")
        table.flight.is_alone = why == "alone"

        assert table.turn(first) == (first, True)
        assert not table.leases.claimed
        assert not table.runtime.waits

    def test_under_a_hold_it_begins_at_once_and_what_was_won_is_given_back(self) -> None:
        table, holds = Table(look(OTHERS)), Holds()
        holds.add(Hold("token", 10.0), 50.0, ["t"], [])
        first = look(MINE)._replace(held=holds.at(50.0))

        assert table.turn(first) == (first, True)
        assert not table.leases.claimed
        assert table.leases.released == [["k"]]

    def test_under_a_hold_nothing_is_given_back_that_was_not_won(self) -> None:
        table, holds = Table(look(OTHERS)), Holds()
        holds.add(Hold("token", 10.0), 50.0, [], ["k"])

        assert table.turn(look(OTHERS)._replace(held=holds.at(50.0)))[1]
        assert not table.leases.released
        assert not table.leases.kept


class TestOurs:
    def test_a_lease_that_the_look_has_won_is_kept_and_nothing_is_asked(self) -> None:
        table, first = Table(look(OTHERS)), look(MINE)

        assert table.turn(first) == (first, True)
        assert table.leases.kept == {"k": MINE}
        assert not table.leases.claimed

    def test_a_look_without_a_bid_is_a_claim_that_begins(self) -> None:
        second = look(MINE, stamp=8)
        table = Table(second)

        assert table.turn(look()) == (second, True)
        assert table.leases.claimed == [([("k", ("t",))], "shape")]
        assert table.leases.kept == {"k": MINE}
        assert table.flight.stamp == 8
        assert not table.runtime.waits

    def test_the_flight_has_its_ticket_before_the_question_is_asked(self) -> None:
        table = Table(look(MINE))
        tickets: list[float] = []
        table.leases.asked = lambda: tickets.append(table.flight.ticket)

        table.turn(look())

        assert tickets == [table.flight.ticket]
        assert table.flight.ticket < table.flights.ticket()

    def test_a_lease_that_a_passenger_gave_is_as_good_as_an_own_one(self) -> None:
        table, first = Table(look(OTHERS)), look(OTHERS)
        table.flight.bid = MINE

        assert table.turn(first) == (first, True)
        assert table.flight.bid is None
        assert table.leases.kept == {"k": MINE}
        assert not table.leases.claimed

    def test_a_value_that_came_before_the_claim_is_taken_and_not_loaded(self) -> None:
        second = look(MINE, entry=entry())
        table = Table(second)

        assert table.turn(look()) == (second, False)
        assert table.leases.kept == {"k": MINE}


class TestAnothers:
    def test_who_has_none_waits_and_takes_what_was_stored_meanwhile(self) -> None:
        made = look(OTHERS, entry=entry())
        table = Table(look(OTHERS), made)

        assert table.turn(look(OTHERS)) == (made, False)
        assert table.runtime.waits == pytest.approx([FIRST_WAIT, FIRST_WAIT * GROWTH])
        assert len(table.leases.claimed) == 2
        assert not table.leases.kept

    def test_up_to_half_of_each_wait_is_left_out_by_chance(self) -> None:
        table = Table(look(OTHERS), look(OTHERS, entry=entry()))
        table.runtime.chance = 0.0

        table.turn(look(OTHERS))

        assert table.runtime.waits == pytest.approx([FIRST_WAIT / 2, FIRST_WAIT * GROWTH / 2])

    def test_waits_grow_up_to_a_longest_and_end_in_a_load_of_ones_own(self) -> None:
        table, last = Table(look(OTHERS)), look(OTHERS)
        began = table.runtime.time

        assert table.turn(last)[1]

        waits, waited = table.runtime.waits, table.runtime.time - began
        longer = [FIRST_WAIT * GROWTH**turn for turn in range(len(waits))]
        assert waits == pytest.approx([min(wait, LONGEST_WAIT) for wait in longer])
        assert LONGEST_IN_ALL <= waited <= LONGEST_IN_ALL + LONGEST_WAIT
        assert not table.leases.kept

    def test_at_the_end_itself_nobody_waits_any_more(self) -> None:
        table = Table(look(OTHERS))
        end = table.runtime.time + LONGEST_IN_ALL

        def until_the_end() -> None:
            assert not table.leases.claimed, "it asks once"
            table.runtime.waits_until = end

        table.leases.asked = until_the_end

        assert table.turn(look(OTHERS))[1]
        assert table.runtime.time == end
        assert len(table.leases.claimed) == 1

    def test_a_lease_that_has_run_out_is_ours(self) -> None:
        second = look(MINE)
        table = Table(look(OTHERS), second)

        assert table.turn(look(OTHERS)) == (second, True)
        assert table.leases.kept == {"k": MINE}

    def test_after_one_holder_that_stored_nothing_nobody_waits_for_the_next(self) -> None:
        table = Table(look(THIRDS))

        assert table.turn(look(OTHERS))[1]
        assert len(table.runtime.waits) == 1
        assert not table.leases.kept

    def test_an_older_value_is_no_reason_to_stop_waiting(self) -> None:
        made = look(OTHERS, entry=entry())
        table = Table(look(OTHERS, entry=entry(early_at=30.0, stale_at=50.0)), made)

        assert table.turn(look(OTHERS)) == (made, False)

    def test_a_refresh_behind_the_reader_leaves_it_to_the_other_process(self) -> None:
        table, first = Table(look(OTHERS)), look(OTHERS)
        table.flight.is_background = True

        assert table.turn(first) == (first, False)
        assert not table.runtime.waits

    def test_a_refresh_behind_the_reader_loads_with_the_lease(self) -> None:
        table, first = Table(look(OTHERS)), look(MINE)
        table.flight.is_background = True

        assert table.turn(first) == (first, True)

    def test_a_store_that_does_not_answer_is_told_of_and_nobody_waits(self) -> None:
        error = StoreError("gone")
        table, first = Table(error), look()

        assert table.turn(first) == (first, True)
        assert table.told == [("StoreFailed", "claim", "k", error)]


class TestGivingBack:
    def test_what_is_kept_is_released_and_nothing_else(self) -> None:
        table = Table()
        table.leases.kept = {"a": MINE, "c": MINE, "l": MINE}

        finish(table.claims.end(call("a"), call("b"), call("c"), call("l", is_local=True)))

        assert table.leases.released == [["a", "c"]]

    def test_nothing_that_is_kept_is_no_question(self) -> None:
        table = Table()

        finish(table.claims.end(call("a")))

        assert not table.leases.released

    def test_a_release_that_fails_is_told_of(self) -> None:
        table = Table()
        table.leases.kept = {"a": MINE, "b": MINE}
        table.leases.release_error = StoreError("gone")

        finish(table.claims.end(call("a"), call("b")))

        ((event, what, names, error),) = table.told
        assert (event, what, error) == ("StoreFailed", "release", table.leases.release_error)
        assert "a" in names

    def test_bids_that_brought_a_lease_are_given_back_and_those_that_are_none_are_left(self) -> None:
        table = Table()

        finish(table.claims.give_back((call("a"), MINE), (call("b"), None)))

        assert table.leases.kept == {"a": MINE}
        assert table.leases.released == [["a"]]

    def test_a_load_that_was_cancelled_lets_its_leases_run_out(self) -> None:
        table = Table()

        table.claims.drop(call("a"), call("b"))

        assert table.leases.dropped == ["a", "b"]
        assert not table.leases.released

    def test_without_leases_there_is_nothing_to_give_back(self) -> None:
        table = Table(has_leases=False)

        finish(table.claims.end(call("a")))
        finish(table.claims.give_back((call("a"), MINE)))
        table.claims.drop(call("a"))

        assert not table.leases.released
        assert not table.leases.dropped


def test_a_bid_is_won_if_it_is_ours() -> None:
    assert won(look(MINE)) is MINE
    assert won(look(OTHERS)) is None
    assert won(look()) is None


def test_a_value_is_made_until_it_is_stale_and_for_a_refresh_until_it_is_due_early() -> None:
    flight, refresh = (Flight("k", 1, is_background=behind) for behind in (False, True))

    def made(early_at: float, stale_at: float, of: Flight) -> bool:
        # The look's own time is 50.
        return is_made(of, look(entry=entry(early_at=early_at, stale_at=stale_at)))

    assert not is_made(flight, look())
    assert made(40.0, 51.0, flight)
    assert not made(40.0, 50.0, flight)
    assert made(51.0, 60.0, refresh)
    assert not made(50.0, 60.0, refresh)


class TestHowLongOneWaits:
    @pytest.fixture
    def flight(self) -> Flight:
        return Flight("k", 1, is_background=False)

    def inside(self, flight: Flight, *loads: Load) -> float:
        token = current_load.set(loads[-1])
        try:
            return longest_wait(flight)
        finally:
            current_load.reset(token)

    def test_a_load_of_its_own_waits_long(self, flight: Flight) -> None:
        assert longest_wait(flight) == LONGEST_IN_ALL

    def test_one_that_another_load_waits_for_waits_shortly(self, flight: Flight) -> None:
        around = Load(None, Flight("outer", 1, is_background=False), None)

        assert self.inside(flight, around) == LONGEST_INSIDE

    def test_its_own_load_is_none_around_it_nor_is_one_that_is_over(self, flight: Flight) -> None:
        own = Load(None, flight, None)
        over = Load(None, Flight("over", 1, is_background=False), own)
        over.is_over = True

        assert self.inside(flight, own) == LONGEST_IN_ALL
        assert self.inside(flight, over) == LONGEST_IN_ALL

    def test_behind_these_the_load_around_is_looked_for(self, flight: Flight) -> None:
        around = Load(None, Flight("outer", 1, is_background=False), None)
        own = Load(None, flight, around)

        assert self.inside(flight, own) == LONGEST_INSIDE

    def test_nobody_waits_for_a_refresh(self) -> None:
        refresh = Flight("k", 1, is_background=True)
        around = Load(None, Flight("outer", 1, is_background=False), None)

        assert self.inside(refresh, around) == LONGEST_IN_ALL
