"""The verdict table, whole: every span of a life, every instant itself, paused, late or neither."""

from __future__ import annotations

import itertools

import pytest

from freshly.core.counts import Counts
from freshly.core.entry import Entry
from freshly.core.lifetime import Lifetime
from freshly.core.verdict import Verdict, is_served_to_a_command, judge
from tests.core.walls import no_wall

SERVE, LOAD = Verdict.SERVE, Verdict.LOAD
BEHIND, FIRST = Verdict.SERVE_AND_REFRESH, Verdict.REFRESH_OR_SERVE

# born 100, early 110, stale 120, expired 130, dead 140
LIFE = Lifetime(ttl=30, soft_ttl=20, early_ttl=10, grace=10)

TABLE = [
    # now, verdict, while paused, when late, found by get and exists
    (100.0, SERVE, SERVE, SERVE, True),
    (109.9, SERVE, SERVE, SERVE, True),
    (110.0, BEHIND, SERVE, BEHIND, True),
    (119.9, BEHIND, SERVE, BEHIND, True),
    (120.0, BEHIND, SERVE, BEHIND, True),
    (129.9, BEHIND, SERVE, BEHIND, True),
    (130.0, FIRST, SERVE, BEHIND, False),
    (139.9, FIRST, SERVE, BEHIND, False),
    (140.0, LOAD, LOAD, LOAD, False),
    (1e9, LOAD, LOAD, LOAD, False),
]


def entry_of(life: Lifetime, born: float = 100.0) -> Entry[str]:
    instants = life.instants(born, load_seconds=0.0, dice=0.0, longest=1e9, wall=no_wall)
    return Entry("k", "value", instants=instants, tags=(), stamp=1, counts=Counts("f"))


@pytest.mark.parametrize(("now", "verdict", "paused", "late", "found"), TABLE)
def test_each_option_sets_one_instant_and_an_instant_belongs_to_the_later_state(
    now: float, verdict: Verdict, paused: Verdict, late: Verdict, found: bool
) -> None:
    entry = entry_of(LIFE)

    assert judge(entry, now) is verdict
    assert judge(entry, now, paused=True) is paused
    assert judge(entry, now, late=True) is late
    assert judge(entry, now, paused=True, late=True) is paused
    assert is_served_to_a_command(entry, now) is found


@pytest.mark.parametrize("paused", [True, False])
def test_what_is_not_there_is_loaded(paused: bool) -> None:
    assert judge(None, 0.0, paused=paused) is LOAD
    assert judge(None, 0.0, paused=paused, late=True) is LOAD
    assert not is_served_to_a_command(None, 0.0)


@pytest.mark.parametrize(
    ("has_early", "has_soft", "has_grace"), list(itertools.product([True, False], repeat=3))
)
def test_an_option_left_out_is_the_next_instant(
    has_early: bool, has_soft: bool, has_grace: bool
) -> None:
    """The states of a life without it are those of the whole life, without that span."""
    life = Lifetime(
        ttl=30,
        soft_ttl=20 if has_soft else None,
        early_ttl=10 if has_early else None,
        grace=10 if has_grace else 0.0,
    )
    begins_behind = 110 if has_early else 120 if has_soft else 130
    dies = 140 if has_grace else 130

    for now in range(100, 150):
        expected = (
            LOAD if now >= dies else FIRST if now >= 130 else BEHIND if now >= begins_behind else SERVE
        )
        assert judge(entry_of(life), float(now)) is expected, now


def test_an_entry_marked_stale_is_served_and_refreshed_until_it_expires() -> None:
    entry = entry_of(LIFE)

    entry.mark_stale()

    assert judge(entry, 100.0) is BEHIND
    assert judge(entry, 129.9) is BEHIND
    assert judge(entry, 130.0) is FIRST
    assert judge(entry, 140.0) is LOAD
