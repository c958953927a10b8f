"""What a running load collects from the calls inside of it, and where it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from freshly import Cache
from freshly.core.counts import Counts
from freshly.core.entry import Entry
from freshly.core.flight import Flight, Flights
from freshly.core.load import Load, current_load, hand_on, note_hit, running_load
from freshly.core.ports import Look
from freshly.core.raised import Raised
from freshly.core.special import SpecialEntry

OWNER = object()


def load(parent: Load | None = None, owner: object = OWNER) -> Load:
    return Load(owner, Flight("outer", 1, is_background=False), parent)


def entry(*, raised: Raised | None = None) -> Entry[Any]:
    """Return an entry that is stale from 10 on."""
    instants = (0.0, 10.0, 10.0, 20.0, 20.0)
    counts = Counts("f")
    if raised is None:
        return Entry("k", 1, instants=instants, tags=("t",), stamp=7, counts=counts)
    return SpecialEntry("k", 1, raised=raised, instants=instants, tags=("t",), stamp=7, counts=counts)


def look(found: Entry[Any] | None, former: Entry[Any] | None = None) -> Look:
    return Look(found, 7, 5.0, lambda *what: False, former=former)


@contextmanager
def inside(load: Load) -> Iterator[None]:
    token = current_load.set(load)
    try:
        yield
    finally:
        current_load.reset(token)


class TestWhichLoadRuns:
    def test_none_does_outside_of_all(self) -> None:
        assert running_load(OWNER) is None

    def test_the_innermost_one_of_its_owner_that_is_not_over(self) -> None:
        outer = load()
        over = load(outer)
        over.is_over = True
        foreign = load(over, owner=object())

        with inside(foreign):
            assert running_load(OWNER) is outer
        outer.is_over = True
        with inside(foreign):
            assert running_load(OWNER) is None

    async def test_after_it_its_caller_is_inside_of_none(self) -> None:
        cache = Cache()

        @cache(ttl=60)
        def blocking() -> int:
            return 1

        @cache(ttl=60)
        async def awaited() -> int:
            return 1

        blocking()
        await awaited()

        assert current_load.get() is None


class TestWhomItWaitsFor:
    def test_a_wait_that_is_over_is_forgotten(self) -> None:
        flights, one = Flights(), load()
        flight, _ = flights.board("k", 1, lambda flight: True)

        with inside(one):
            waiting = flights.begin_waiting(flight)
        assert waiting is one
        assert [*one.flight.waits_for] == [flight]

        flights.end_waiting(waiting, flight)
        assert [*one.flight.waits_for] == []

    async def test_so_is_that_of_a_loader_for_a_call_inside(self) -> None:
        cache = Cache()
        waited_for: list[int] = []

        @cache("1h")
        async def inner() -> int:
            return 1

        @cache("1h")
        async def outer() -> int:
            value = await inner()
            around = current_load.get()
            assert around is not None
            waited_for.append(len([*around.flight.waits_for]))
            return value

        await outer()

        assert waited_for == [0]


class TestWhatItCollects:
    def test_tags_once_and_in_their_order(self) -> None:
        one = load()
        one.add(("a", "b"))
        one.collect(("b", "c"), 3)

        assert one.tags == ("a", "b", "c")
        assert list(one.handed_on) == [(("b", "c"), 3)]

    def test_of_an_entry_the_reading_at_which_it_was_found_valid(self) -> None:
        one, found = load(), entry()
        found.seen = 9

        with inside(one):
            note_hit(OWNER, found, 5.0)

        assert list(one.handed_on) == [(("t",), 9)]

    async def test_the_tags_of_a_value_that_it_peeks_at(self) -> None:
        cache = Cache()

        @cache("1h", key="inner", tags=["t"])
        async def inner() -> int:
            return 1

        @cache("1h", key="outer")
        async def outer() -> bool:
            return await inner.peek() is not None

        await inner()
        assert await outer()

        entry = await outer.peek()
        assert entry is not None
        assert entry.tags == ("t",)

    def test_what_one_part_is_the_whole_is(self) -> None:
        one = load()
        assert (one.made_from_stale, one.held_until) == (False, None)

        one.collect((), 3, is_stale=True, held_until=9.0)
        one.collect((), 3, held_until=8.0)
        one.collect((), 3)

        assert (one.made_from_stale, one.held_until) == (True, 8.0)

    def test_a_hit_hands_on_its_tags_and_when_it_was_valid(self) -> None:
        one, found = load(), entry()

        with inside(one):
            note_hit(OWNER, found, 9.0)
        assert list(one.handed_on) == [(("t",), found.valid_at)]
        assert not one.made_from_stale

        with inside(one):
            note_hit(OWNER, found, 10.0)
        assert one.made_from_stale

    def test_a_flight_hands_on_what_it_brought(self) -> None:
        one, flight = load(), Flight("k", 5, is_background=False)
        flight.tags, flight.made_from_stale, flight.held_until = ("t",), True, 9.0

        hand_on(OWNER, flight)
        with inside(one):
            hand_on(OWNER, flight)

        assert list(one.handed_on) == [(("t",), 5)]
        assert (one.made_from_stale, one.held_until) == (True, 9.0)


class TestWhatMayBeConfirmed:
    def test_nothing_without_a_look(self) -> None:
        assert load().confirmable is None

    @pytest.mark.parametrize("which", ["entry", "former"])
    def test_the_older_value_that_was_found(self, which: str) -> None:
        one, older, other = load(), entry(), entry()
        one.look = look(older, other) if which == "entry" else look(None, older)

        assert one.confirmable is older

    def test_no_error_that_was_kept(self) -> None:
        one = load()
        one.look = look(entry(raised=Raised.of(KeyError("k"))))

        assert one.confirmable is None

    def test_nothing_if_there_was_nothing(self) -> None:
        one = load()
        one.look = look(None)

        assert one.confirmable is None
