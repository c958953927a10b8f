"""The simulation of many processes says what was measured of a few, and the page what it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from proofs.scale.costs import Measured
from proofs.scale.simulation import Load, simulate
from proofs.scale.table import compared, spread, tables

DOCS = Path(__file__).parents[2] / "docs" / "concepts" / "scale.md"
KEPT = Measured.kept()
# By how much a real server may differ from the simulated one, as a part of the latter. A machine that
# others use is no nearer to itself from one minute to the next.
TOLERANCE = 0.5


@pytest.mark.parametrize("place", range(len(KEPT.points)))
def test_the_simulation_says_what_was_measured(place: int) -> None:
    point = KEPT.points[place]

    assert point.used == pytest.approx(compared(point, KEPT.costs).used, rel=TOLERANCE)


@pytest.mark.parametrize("factor", [0.3, 4.0])
@pytest.mark.parametrize("place", range(len(KEPT.points)))
def test_and_would_not_if_the_costs_were_others(place: int, factor: float) -> None:
    point, costs = KEPT.points[place], KEPT.costs
    others = replace(
        costs,
        call=costs.call * factor,
        message=costs.message * factor,
        beat=costs.beat * factor,
        waking_call=costs.waking_call * factor,
        waking_beat=costs.waking_beat * factor,
    )

    assert point.used != pytest.approx(compared(point, others).used, rel=TOLERANCE)


def test_the_page_has_the_tables_that_the_tool_prints() -> None:
    assert tables(KEPT) in DOCS.read_text("utf-8")


def test_the_same_seed_gives_the_same_and_another_one_another() -> None:
    load = Load(100, 50.0)

    assert simulate(load, KEPT.costs, seed=7) == simulate(load, KEPT.costs, seed=7)
    assert simulate(load, KEPT.costs, seed=7) != simulate(load, KEPT.costs, seed=8)


def test_nobody_waits_on_a_server_that_has_nothing_to_do() -> None:
    served = simulate(Load(1, 0.0), KEPT.costs)

    assert served.beat_p99 == pytest.approx(KEPT.costs.beat + KEPT.costs.waking_beat)
    assert served.lapsed == 0


def test_leases_lapse_where_the_server_cannot_follow() -> None:
    costs = replace(KEPT.costs, beat=0.001)
    few, many = Load(200, 0.0), Load(400, 0.0)

    assert (few.needs(costs), many.needs(costs)) == pytest.approx((0.6, 1.2))
    assert simulate(few, costs).lapsed == 0
    assert simulate(many, costs, seconds=10.0).lapsed > 0.3


def test_a_server_that_is_never_idle_needs_what_its_calls_take() -> None:
    load = Load(1_000, 100.0)

    assert simulate(load, KEPT.costs, seconds=20.0).used == pytest.approx(
        load.needs(KEPT.costs), rel=0.35
    )


def test_tags_of_one_invalidation_share_buckets_now_and_then() -> None:
    alone, many = spread(100, 1, 1.0), spread(100, 100, 1.0)

    assert alone.load.tags == 3
    assert alone.heard == pytest.approx(10.0)
    assert 29.0 < many.heard < 30.0
    assert many.load.calls == pytest.approx(many.heard / 64)


@pytest.mark.slow
@pytest.mark.real_time
def test_what_is_measured_now_is_what_the_simulation_says() -> None:
    from proofs.scale.measuring import measure

    measured = measure(2.0)

    for point in measured.points:
        assert point.used == pytest.approx(compared(point, measured.costs).used, rel=1.0)
