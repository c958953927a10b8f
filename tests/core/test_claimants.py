"""The riders of one carrier on a store with leases, without a server: see ``test_claim``."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from freshly.core.batch import Rider
from freshly.core.claim import FIRST_WAIT, GROWTH, LONGEST_IN_ALL, LONGEST_INSIDE, LONGEST_WAIT
from freshly.core.claimants import Claimants
from freshly.core.flight import Flight, Flights
from freshly.core.holds import Hold, Holds
from freshly.core.load import Load, current_load
from freshly.core.ports import Look
from freshly.errors import StoreError

from .claiming import MINE, OTHERS, THIRDS, Answer, Leases, Runtime, call, entry, finish, look


def rider(key: str, found: Look, *, is_background: bool = False, is_local: bool = False) -> Rider:
    flight = Flight(key, 1, is_background=is_background)
    flight.passengers = 0 if is_background else 1
    return Rider(call(key, is_local=is_local), found, flight, is_pilot=True)


class Table:
    """Some riders, and what the store answers them."""

    def __init__(self, *riders: Rider, answers: list[Answer] | None = None) -> None:
        self.runtime = Runtime()
        self.leases = Leases(answers or [])
        self.flights = Flights()
        self.told: list[tuple[Any, ...]] = []
        self.store = SimpleNamespace(leases=self.leases)
        self.claimants = self.made(*riders)

    def made(self, *riders: Rider) -> Claimants:
        def hear(event: type, *what: Any) -> None:
            self.told.append((event.__name__, *what))

        store, runtime = cast(Any, self.store), cast(Any, self.runtime)
        return Claimants(store, runtime, self.flights, cast(Any, hear), riders)

    def due(self) -> list[str]:
        """Return the keys of those who load now."""
        return [one.call.key for one in finish(self.claimants.due())]

    def wait(self) -> None:
        finish(self.claimants.wait())


class TestWhoDoesNotAsk:
    @pytest.mark.parametrize("why", ["no leases", "local"])
    def test_what_no_other_process_shares_is_loaded_at_once(self, why: str) -> None:
        table = Table(*(rider(key, look(), is_local=why == "local") for key in "ab"))
        if why == "no leases":
            table.store.leases = None

        assert table.due() == ["a", "b"]
        assert not table.claimants
        assert not table.leases.claimed

    @pytest.mark.parametrize("why", ["no stamp", "alone", "held"])
    def test_nor_does_one_that_loads_whatever_others_do(self, why: str) -> None:
        holds = Holds()
        holds.add(Hold("token", 10.0), 50.0, [], ["a"])
        found = look(stamp=None) if why == "no stamp" else look()
        free = rider("a", found._replace(held=holds.at(50.0)) if why == "held" else found)
        free.flight.is_alone = why == "alone"
        table = Table(free, rider("b", look()), answers=[[look(OTHERS)]])

        assert table.due() == ["a"]
        assert [asked for asked, _ in table.leases.claimed] == [[("b", ("t",))]]
        assert table.claimants

    def test_what_such_a_one_has_won_is_given_back(self) -> None:
        holds = Holds()
        holds.add(Hold("token", 10.0), 50.0, ["t"], [])
        free = [
            rider(key, look(bid)._replace(held=holds.at(50.0)))
            for key, bid in (("a", MINE), ("b", OTHERS))
        ]
        table = Table(*free)

        assert table.due() == ["a", "b"]
        assert table.leases.released == [["a"]]
        assert not table.leases.claimed


class TestDue:
    def test_ours_are_loaded_and_the_others_are_waited_for(self) -> None:
        table = Table(rider("a", look(MINE)), rider("b", look(OTHERS)))

        assert table.due() == ["a"]
        assert table.leases.kept == {"a": MINE}
        assert table.claimants
        assert not table.leases.claimed

    def test_who_came_without_a_bid_is_asked_for_and_has_what_the_answer_says(self) -> None:
        holds = Holds()
        holds.add(Hold("token", 10.0), 50.0, [], ["b"])
        asked, bound = rider("b", look()), rider("a", look(OTHERS))
        table = Table(bound, asked, answers=[[look(MINE, stamp=9)._replace(held=holds.at(50.0))]])
        tickets: list[float] = []
        table.leases.asked = lambda: tickets.append(asked.flight.ticket)

        assert table.due() == ["b"]
        assert table.leases.claimed == [([("b", ("t",))], "shape")]
        assert (asked.flight.stamp, asked.flight.held_until) == (9, 60.0)
        assert tickets == [asked.flight.ticket]
        assert asked.flight.ticket < table.flights.ticket() < bound.flight.ticket
        assert table.leases.kept == {"b": MINE}

    def test_a_lease_that_a_passenger_gave_is_as_good(self) -> None:
        given = rider("a", look(OTHERS))
        given.flight.bid = MINE
        table = Table(given)

        assert table.due() == ["a"]
        assert given.flight.bid is None
        assert table.leases.kept == {"a": MINE}

    def test_a_value_that_is_there_ends_its_flight_and_gives_back_the_lease(self) -> None:
        done, other = rider("a", look()), rider("b", look())
        table = Table(done, other, answers=[[look(MINE, entry=entry()), look(MINE)]])
        table.flights.take_off_alone(done.flight)

        assert table.due() == ["b"]
        assert (done.flight.has_ended, done.flight.value) == (True, "v")
        assert not other.flight.has_ended
        assert table.leases.released == [["a"]]
        assert not table.claimants

    def test_a_refresh_is_left_to_the_process_that_is_at_it(self) -> None:
        left, ours = (rider(key, look(), is_background=True) for key in "ab")
        table = Table(left, ours, answers=[[look(OTHERS), look(MINE)]])

        assert table.due() == ["b"]
        assert (left.flight.has_ended, left.flight.is_abandoned) == (True, True)
        assert not table.claimants

    def test_a_store_that_does_not_answer_is_told_of_and_all_load(self) -> None:
        error = StoreError("gone")
        table = Table(rider("a", look(OTHERS)), rider("b", look()), answers=[error])

        assert table.due() == ["a", "b"]
        assert table.told == [("StoreFailed", "claim", "a and 1 more", error)]


class TestWaiting:
    def test_who_waits_asks_again_each_time(self) -> None:
        table = Table(rider("a", look(OTHERS)), answers=[look(OTHERS), look(MINE)])

        assert table.due() == []
        assert table.due() == []
        assert table.due() == ["a"]
        assert len(table.leases.claimed) == 2

    def test_after_one_holder_that_stored_nothing_nobody_waits_for_the_next(self) -> None:
        table = Table(
            rider("a", look(OTHERS)),
            rider("b", look(OTHERS)),
            answers=[[look(OTHERS), look(OTHERS)], [look(THIRDS), look(OTHERS)]],
        )

        assert table.due() == []
        assert table.due() == []
        assert table.due() == ["a"]
        assert table.claimants

    def test_waits_grow_up_to_a_longest(self) -> None:
        table = Table(rider("a", look(OTHERS)))

        for _ in range(40):
            table.wait()

        longer = [FIRST_WAIT * GROWTH**turn for turn in range(40)]
        assert table.runtime.waits == pytest.approx([min(wait, LONGEST_WAIT) for wait in longer])

    def test_up_to_half_of_each_is_left_out_by_chance(self) -> None:
        table = Table(rider("a", look(OTHERS)))
        table.runtime.chance = 0.0

        table.wait()
        table.wait()

        assert table.runtime.waits == pytest.approx([FIRST_WAIT / 2, FIRST_WAIT * GROWTH / 2])

    def test_at_the_end_all_who_wait_load(self) -> None:
        table = Table(rider("a", look(OTHERS)), answers=[look(OTHERS)])
        began = table.runtime.time

        table.runtime.time = began + LONGEST_IN_ALL - 0.001
        assert table.due() == []
        table.runtime.time = began + LONGEST_IN_ALL
        assert table.due() == ["a"]

    def test_inside_of_another_load_the_end_comes_soon(self) -> None:
        table = Table(rider("a", look(OTHERS)))
        token = current_load.set(Load(None, Flight("outer", 1, is_background=False), None))
        try:
            table.claimants = table.made(rider("a", look(OTHERS)))
        finally:
            current_load.reset(token)

        table.runtime.time += LONGEST_INSIDE
        assert table.due() == ["a"]

    def test_whom_nobody_waits_for_any_more_is_given_up(self) -> None:
        left, stays = rider("a", look(OTHERS)), rider("b", look(OTHERS))
        table = Table(left, stays, answers=[[look(MINE)]])
        table.due()
        left.flight.passengers = 0

        table.wait()

        assert (left.flight.has_ended, left.flight.is_abandoned) == (True, True)
        assert not stays.flight.has_ended
        assert table.due() == ["b"]
