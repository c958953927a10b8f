"""The five instants of a life, for every mix of options."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshly.core.lifetime import Lifetime
from tests.core.walls import no_wall

SPANS = st.floats(min_value=0.001, max_value=1e7)
PARTS = st.floats(min_value=0.0, max_value=1.0)


@given(
    ttl=st.none() | SPANS,
    soft=st.none() | PARTS,
    early=st.none() | PARTS,
    grace=st.just(0.0) | SPANS,
    jitter=st.floats(min_value=0.0, max_value=0.99),
    load_seconds=st.floats(min_value=0.0, max_value=1e4),
    dice=st.floats(min_value=0.0, max_value=1.0, exclude_max=True),
    longest=SPANS,
    born=st.floats(min_value=0.0, max_value=1e9),
)
def test_instants_never_decrease_and_no_life_is_longer_than_the_store_allows(
    ttl: float | None,
    soft: float | None,
    early: float | None,
    grace: float,
    jitter: float,
    load_seconds: float,
    dice: float,
    longest: float,
    born: float,
) -> None:
    whole = 1e7 if ttl is None else ttl
    soft_ttl = None if soft is None else whole * soft
    inner = whole if soft_ttl is None else soft_ttl
    life = Lifetime(ttl, soft_ttl, None if early is None else inner * early, grace, jitter)

    instants = life.instants(born, load_seconds=load_seconds, dice=dice, longest=longest, wall=no_wall)

    assert list(instants) == sorted(instants)
    assert instants[0] == born
    # One rounding of the sum.
    assert instants[-1] <= (born + longest) * (1 + 1e-15)


@pytest.mark.parametrize("grace", [0.5, 1.0, 2.0])
def test_grace_is_added_to_the_end_of_the_ttl(grace: float) -> None:
    life = Lifetime(10.0, grace=grace)

    instants = life.instants(5.0, load_seconds=0.0, dice=0.5, longest=100.0, wall=no_wall)

    assert instants == (5.0, 15.0, 15.0, 15.0, 15.0 + grace)


def test_without_a_ttl_a_value_lives_as_long_as_the_store_keeps_anything() -> None:
    instants = Lifetime(None).instants(10.0, load_seconds=0.0, dice=0.5, longest=100.0, wall=no_wall)

    assert instants == (10.0, 110.0, 110.0, 110.0, 110.0)


@pytest.mark.parametrize(
    ("load_seconds", "dice", "early_at"),
    [
        (0.0, 0.0, 90.0),  # a quick load: as the option says
        (5.0, 0.0, 90.0),  # two loads fit in behind it
        (6.0, 0.0, 88.0),  # they do not: two loads ahead of stale_at
        (6.0, 0.5, 85.0),  # up to one more, by chance
        (40.0, 0.0, 50.0),  # never before half of the way
    ],
)
def test_an_early_refresh_begins_two_loads_ahead_of_stale(
    load_seconds: float, dice: float, early_at: float
) -> None:
    life = Lifetime(ttl=100.0, early_ttl=90.0)

    instants = life.instants(0.0, load_seconds=load_seconds, dice=dice, longest=1e9, wall=no_wall)

    assert instants[1] == early_at
    assert instants[2] == 100.0


def test_an_early_ttl_before_half_of_the_way_is_kept() -> None:
    life = Lifetime(ttl=100.0, early_ttl=20.0)

    assert life.instants(0.0, load_seconds=40.0, dice=0.0, longest=1e9, wall=no_wall)[1] == 20.0


def test_jitter_alone_shortens_a_life() -> None:
    life = Lifetime(ttl=100.0, jitter=0.2)

    ends = life.instants(1000.0, load_seconds=0.0, dice=0.5, longest=1e9, wall=no_wall)

    assert ends == (1000.0, 1090.0, 1090.0, 1090.0, 1090.0)


def test_jitter_shortens_the_time_between_reads_as_well() -> None:
    assert Lifetime(ttl=100.0, jitter=0.2, idle=10.0).idle_seconds(0.5) == 9.0
    assert Lifetime(ttl=100.0, jitter=0.2).idle_seconds(0.5) is None


def test_jitter_shortens_the_whole_life_and_not_the_grace() -> None:
    life = Lifetime(ttl=100.0, soft_ttl=50.0, grace=10.0, jitter=0.2)

    assert life.instants(0.0, load_seconds=0.0, dice=0.5, longest=1e9, wall=no_wall) == (
        0.0,
        45.0,
        45.0,
        90.0,
        100.0,
    )
