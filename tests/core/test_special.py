"""Instants of entries that slide, or that stand for an error."""

from __future__ import annotations

from typing import Any

from freshly.core.counts import Counts
from freshly.core.entry import NEVER
from freshly.core.raised import Raised
from freshly.core.special import SpecialEntry

# Born at 0, early at 50, stale at 60, expired at 100, dead at 120: 20 seconds of grace.
INSTANTS = (0.0, 50.0, 60.0, 100.0, 120.0)


def entry(**special: Any) -> SpecialEntry[int]:
    return SpecialEntry(
        "k", 1, instants=INSTANTS, tags=(), stamp=1, counts=Counts("f"), load_seconds=2.0, **special
    )


def instants(one: SpecialEntry[int]) -> tuple[float, ...]:
    return one.early_at, one.stale_at, one.expires_at, one.dead_at


def test_without_an_idle_time_they_are_those_it_was_made_with() -> None:
    one = entry(etag="e")

    assert instants(one) == (50.0, 60.0, 100.0, 120.0)
    assert not one.slides


def test_with_one_service_ends_so_long_after_the_last_read_and_grace_follows() -> None:
    one = entry(idle=10.0)

    # The load took two seconds, and whoever loads is the first to read.
    assert instants(one) == (12.0, 12.0, 12.0, 32.0)
    assert one.slides
    assert one.next_at == 12.0

    one.renew(11.0)
    assert instants(one) == (21.0, 21.0, 21.0, 41.0)
    assert one.next_at == 21.0


def test_reads_move_the_end_up_to_the_ttl_and_nothing_else() -> None:
    one = entry(idle=10.0)
    for now in range(10, 100, 5):
        one.renew(float(now))

    assert instants(one) == (50.0, 60.0, 100.0, 120.0)


def test_a_read_that_came_earlier_or_too_late_moves_nothing() -> None:
    one = entry(idle=10.0)
    one.renew(8.0)
    one.renew(5.0)
    assert one.expires_at == 18.0

    one.renew(18.0)
    assert one.expires_at == 18.0


def test_what_is_marked_stale_or_on_a_detour_stays_off_the_hit_path() -> None:
    stale, diverted = entry(idle=10.0), entry(idle=10.0)
    stale.mark_stale()
    diverted.divert()

    for one in (stale, diverted):
        one.renew(5.0)
        assert one.next_at == NEVER
    assert stale.stale_at == 0.0
    diverted.rejoin()
    assert (diverted.next_at, diverted.stale_at) == (15.0, 15.0)


def test_an_error_never_comes_to_the_hit_path() -> None:
    one = entry(raised=Raised.of(KeyError("k")))

    one.rejoin()

    assert one.next_at == NEVER
    assert instants(one) == (50.0, 60.0, 100.0, 120.0)
