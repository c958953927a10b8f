"""Places for loads behind, and the order of those that wait: without an engine or a runtime."""

from __future__ import annotations

from freshly.core.budget import WAITING_BY_PLACE, Budget, Turn
from freshly.core.counts import Counts
from freshly.core.entry import Entry
from freshly.core.flight import Flight, Flights
from freshly.core.lifetime import Lifetime
from tests.core.walls import no_wall


class Begun:
    """Turns that note the flight they were given."""

    def __init__(self) -> None:
        self.flights: list[Flight] = []
        self.counts = Counts("f")
        self.can_begin = True

    def turn(self, key: str, *, early: bool = False, uses: int = 0, ttl: float = 60.0) -> Turn:
        instants = Lifetime(ttl).instants(0.0, load_seconds=0.0, dice=0.0, longest=1e9, wall=no_wall)
        entry = Entry(key, 1, instants=instants, tags=(), stamp=1, counts=self.counts)
        entry.uses = uses
        return Turn(entry, early, self.counts, self.begin)

    def begin(self, flight: Flight) -> bool:
        if self.can_begin:
            self.flights.append(flight)
        return self.can_begin

    @property
    def keys(self) -> list[str]:
        return [flight.key for flight in self.flights]


def flight(key: str = "k") -> Flight:
    return Flight(key, 1, is_background=True)


class TestPlaces:
    def test_no_more_run_than_there_are_places(self) -> None:
        budget = Budget(2)

        assert [budget.admit(flight()) for _ in range(3)] == [True, True, False]

    def test_a_flight_that_ends_gives_its_place_back(self) -> None:
        budget, flights = Budget(1), Flights()
        one = flight()
        assert budget.admit(one)

        flights.end(one)

        assert budget.admit(flight())

    def test_a_flight_whose_loop_has_stopped_has_no_place_any_more(self) -> None:
        budget = Budget(1)
        one = flight()
        budget.admit(one)

        one.is_alive = lambda: False

        assert budget.admit(flight())


class TestTurns:
    def test_the_next_begins_when_a_place_is_free_and_has_it(self) -> None:
        budget, begun, flights = Budget(1), Begun(), Flights()
        first = flight()
        budget.admit(first)
        budget.queue("a", begun.turn("a"))
        budget.queue("b", begun.turn("b"))

        flights.end(first)
        assert begun.keys == ["a"]
        assert not budget.admit(flight())

        flights.end(begun.flights[0])
        assert begun.keys == ["a", "b"]

    def test_a_stale_one_comes_before_an_early_one_then_hits_then_the_nearer_end(self) -> None:
        budget, begun, flights = Budget(1), Begun(), Flights()
        first = flight()
        budget.admit(first)
        budget.queue("early, often read", begun.turn("early, often read", early=True, uses=9))
        budget.queue("stale", begun.turn("stale"))
        budget.queue("stale, ends sooner", begun.turn("stale, ends sooner", ttl=30.0))
        budget.queue("stale, often read", begun.turn("stale, often read", uses=5))

        flights.end(first)
        for number in range(3):
            flights.end(begun.flights[number])

        assert begun.keys == [
            "stale, often read",
            "stale, ends sooner",
            "stale",
            "early, often read",
        ]

    def test_what_is_read_while_it_waits_moves_forward(self) -> None:
        budget, begun, flights = Budget(1), Begun(), Flights()
        first = flight()
        budget.admit(first)
        budget.queue("a", begun.turn("a", uses=1))
        budget.queue("b", later := begun.turn("b"))

        later.entry.uses += 2
        flights.end(first)

        assert begun.keys == ["b"]

    def test_a_key_waits_once(self) -> None:
        budget, begun = Budget(1), Begun()
        budget.admit(flight())

        for _ in range(3):
            budget.queue("a", begun.turn("a"))

        assert budget.waiting == 1
        assert begun.counts.refreshes_dropped == 0

    def test_in_a_full_queue_the_last_in_order_is_dropped_and_counted(self) -> None:
        budget, begun, flights = Budget(2), Begun(), Flights()
        first = flight()
        budget.admit(first)
        budget.admit(flight("other"))
        for number in range(2 * WAITING_BY_PLACE):
            budget.queue(f"k{number}", begun.turn(f"k{number}", uses=number + 1))

        budget.queue("unread", begun.turn("unread"))
        budget.queue("often read", begun.turn("often read", uses=99))

        assert budget.waiting == 2 * WAITING_BY_PLACE
        assert begun.counts.refreshes_dropped == 2
        flights.end(first)
        assert begun.keys == ["often read"]

    def test_one_that_cannot_begin_leaves_its_place_to_the_next(self) -> None:
        budget, begun, gone, flights = Budget(1), Begun(), Begun(), Flights()
        gone.can_begin = False
        first = flight()
        budget.admit(first)
        budget.queue("its loop is closed", gone.turn("its loop is closed", uses=9))
        budget.queue("a", begun.turn("a"))

        flights.end(first)

        assert begun.keys == ["a"]

    def test_what_is_dropped_at_the_end_does_not_begin(self) -> None:
        budget, begun, flights = Budget(1), Begun(), Flights()
        first = flight()
        budget.admit(first)
        budget.queue("a", begun.turn("a"))

        budget.drop_all()
        flights.end(first)

        assert begun.keys == []
