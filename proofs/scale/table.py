"""The tables of docs/concepts/scale.md, from what was measured and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .costs import Costs, Measured, Point
from .simulation import BEATS, Load, Served, simulate

# A primary that is busy for a larger part of the time lets callers wait for each other.
FULL = 0.7
BUCKETS = 64
TAGS = 3
# Invalidations a second of each process.
WRITES = 0.1

PROCESSES = (1, 10, 100, 300, 1_000, 3_000, 10_000)
# Processes, primaries, max staleness in seconds.
SHAPES = (
    (100, 1, 1.0),
    (300, 1, 1.0),
    (1_000, 1, 1.0),
    (1_000, 10, 1.0),
    (3_000, 10, 1.0),
    (3_000, 30, 1.0),
    (3_000, 100, 1.0),
    (10_000, 100, 1.0),
    (10_000, 100, 5.0),
)


def tables(measured: Measured) -> str:
    costs = measured.costs
    parts = [
        ("What the parts cost", cost_table(costs)),
        ("Measured beside simulated", point_table(measured)),
        ("One primary and near entries", carried_table(costs)),
        ("Many primaries and near entries", shape_table(costs)),
        ("Where it ends", end_table(costs)),
        ("Without near entries", strict_table(costs)),
    ]
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in parts)


def cost_table(costs: Costs) -> str:
    rows = [
        ("an invalidation of one tag", _us(costs.call)),
        ("each further tag in it", _us(costs.tag)),
        ("telling one process of it", _us(costs.message)),
        ("a heartbeat", _us(costs.beat)),
        ("a strict hit, one tag", _us(costs.hit)),
        ("besides, if the server slept: an invalidation", _us(costs.waking_call)),
        ("besides, if the server slept: a heartbeat", _us(costs.waking_beat)),
        ("hearing of an invalidation, in each process", _us(costs.heard)),
        ("memory of a tag that was invalidated", f"{costs.stamp_bytes:.0f} bytes"),
        ("memory of a connection that hears", f"{costs.connection_bytes / 1000:.0f} kB"),
    ]
    return _table(("what", "processor time"), rows)


def compared(point: Point, costs: Costs) -> Served:
    """Return what the simulation says of what was measured."""
    rhythm = BEATS * point.processes / point.beats
    return simulate(Load(point.processes, point.calls, max_staleness=rhythm), costs, seconds=20.0)


def point_table(measured: Measured) -> str:
    rows = [
        (
            _number(point.processes),
            _number(point.calls),
            _number(point.beats),
            _percent(point.used),
            _percent(compared(point, measured.costs).used),
        )
        for point in measured.points
    ]
    return _table(("processes", "invalidations/s", "heartbeats/s", "measured", "simulated"), rows)


def carried_table(costs: Costs) -> str:
    rows = []
    for processes in PROCESSES:
        idle = Load(processes, 0.0)
        left = FULL - idle.needs(costs)
        calls = max(0.0, left / idle.seconds_of_a_call(costs))
        rows.append(
            (
                _number(processes),
                _number(idle.beats),
                _percent(idle.needs(costs)),
                _number(calls),
                _number(calls * processes),
                _ms(idle.seconds_of_a_call(costs)),
                f"{processes * costs.connection_bytes / 1e6:,.0f} MB",
            )
        )
    head = ("processes", "heartbeats/s", "they take", "invalidations/s", "messages/s", "each takes")
    return _table((*head, "connections"), rows)


class Spread(NamedTuple):
    """What comes to each of some primaries, and what a process hears from all of them."""

    load: Load
    heard: float


def spread(processes: int, primaries: int, max_staleness: float) -> Spread:
    """Return what each primary has if tags lie evenly over the buckets, and these over the primaries.

    An invalidation is a call for each bucket that its tags lie in.
    """
    buckets = BUCKETS if primaries > 1 else 1
    calls = buckets * (1 - (1 - 1 / buckets) ** TAGS)
    everywhere = processes * WRITES * calls
    # A bucket has one primary: more primaries than buckets have no more to do.
    holders = min(primaries, buckets)
    load = Load(processes, everywhere / holders, round(TAGS / calls), max_staleness)
    return Spread(load, everywhere)


def shape_table(costs: Costs) -> str:
    rows = []
    for processes, primaries, max_staleness in SHAPES:
        load, heard = spread(processes, primaries, max_staleness)
        rows.append(
            (
                _number(processes),
                _number(primaries),
                f"{max_staleness:g} s",
                _number(load.calls),
                _number(load.messages),
                _percent(load.needs(costs)),
                *_served(load, costs),
                _percent(heard * costs.heard),
            )
        )
    head = ("processes", "primaries", "max staleness", "calls/s", "messages/s", "needs")
    return _table((*head, "a call, p99", "a heartbeat, p99", "leases lapse", "hearing"), rows)


def _served(load: Load, costs: Costs) -> tuple[str, str, str]:
    if load.needs(costs) >= 1:
        return "grows", "grows", "all"
    served = simulate(load, costs)
    return _ms(served.call_p99), _ms(served.beat_p99), _percent(served.lapsed)


def most_processes(primaries: int, max_staleness: float, costs: Costs) -> int:
    """Return how many processes with near entries keep the primaries no busier than ``FULL``."""
    least, most = 0, 1_000_000
    while most - least > 1:
        middle = (least + most) // 2
        load = spread(middle, primaries, max_staleness).load
        least, most = (middle, most) if load.needs(costs) <= FULL else (least, middle)
    return least


def end_table(costs: Costs) -> str:
    rows = []
    for primaries in (1, 3, 10, 30, 100):
        most = [most_processes(primaries, staleness, costs) for staleness in (1.0, 5.0, 30.0)]
        rows.append((_number(primaries), *(f"{round(one, -1):,}" for one in most)))
    head = ("primaries", "max staleness 1 s: processes", "5 s", "30 s")
    return _table(head, rows)


def strict_table(costs: Costs) -> str:
    rows = []
    for primaries in (1, 10, 100):
        # Half of the time goes to reads. In a cluster a value and its stamps have a primary each.
        is_alone = primaries == 1
        hits = primaries * FULL / 2 / (costs.hit if is_alone else 2 * costs.hit)
        each = costs.call + (TAGS - 1) * costs.tag if is_alone else TAGS * costs.call
        calls = min(primaries, BUCKETS) * FULL / 2 / each
        rows.append((_number(primaries), _number(hits), _number(calls)))
    return _table(("primaries", "strict hits/s", "and invalidations/s of three tags"), rows)


# -- cells -----------------------------------------------------------------------------------------


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ("---", *("---:" for _ in head[1:])), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.2g} ms" if seconds < 0.1 else f"{seconds * 1e3:,.0f} ms"


def _percent(part: float) -> str:
    return f"{part * 100:,.0f} %" if part == 0 or part >= 0.1 else f"{part * 100:.1f} %"


def _number(count: float) -> str:
    return f"{count:,.0f}" if count >= 10 or count == int(count) else f"{count:.1f}"
