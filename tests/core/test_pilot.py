"""What a flight and its entry are given by the pilot."""

from __future__ import annotations

from typing import Any

import pytest

from freshly import Cache
from freshly.core.counts import Counts
from freshly.core.entry import Entry
from freshly.core.flight import Flight
from freshly.core.pilot import take_over
from freshly.core.ports import Look
from freshly.core.raised import Raised
from freshly.core.special import SpecialEntry
from freshly.testing import ManualClock


@pytest.fixture
def cache() -> Cache:
    return Cache(clock=ManualClock())


async def test_a_tag_that_comes_twice_is_in_the_entry_once(cache: Cache) -> None:
    @cache("1h", tags=["users"])
    async def get() -> int:
        cache.tag("users")
        return 1

    await get()

    entry = await get.peek()
    assert entry is not None
    assert entry.tags == ("users",)


def test_the_hits_of_an_entry_stay_where_they_were_counted_when_another_function_finds_it(
    cache: Cache,
) -> None:
    @cache("1h", key="k")
    def one() -> int:
        return 1

    @cache("1h", key="k")
    def other() -> int:
        return 1

    for _ in range(4):
        one()
    assert cache.stats().hits == 3

    other()

    assert cache.stats().hits == 4
    assert cache.stats().by_function[f"{__name__}.{one.__qualname__}"].hits == 4


class TestWhatAnotherProcessHasLoaded:
    def taken(self, entry: Entry[Any] | None, now: float = 9.0) -> Flight:
        flight = Flight("k", 1, is_background=True)
        flight.held_until = 20.0
        take_over(flight, Look(entry, 1, now, lambda *asked: False))
        return flight

    def entry(self, raised: Raised | None = None) -> Entry[Any]:
        return SpecialEntry(
            "k",
            "theirs",
            instants=(0.0, 10.0, 10.0, 20.0, 20.0),
            tags=("t",),
            stamp=1,
            counts=Counts("f"),
            raised=raised,
        )

    def test_is_the_outcome_of_the_flight(self) -> None:
        flight = self.taken(self.entry())

        assert (flight.value, flight.tags, flight.error) == ("theirs", ("t",), None)
        assert (flight.is_abandoned, flight.made_from_stale, flight.held_until) == (False, False, None)

    def test_is_stale_from_the_instant_on_at_which_it_is(self) -> None:
        assert self.taken(self.entry(), now=10.0).made_from_stale

    def test_may_be_an_exception_that_is_kept(self) -> None:
        flight = self.taken(self.entry(Raised.of(LookupError("gone"))))

        assert flight.raised is not None
        with pytest.raises(LookupError, match="gone"):
            flight.raise_error()

    def test_may_be_on_the_way_and_then_nobody_waits_for_it_here(self) -> None:
        flight = self.taken(None)

        assert flight.is_abandoned
        assert flight.value is None
