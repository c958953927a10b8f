"""Hit ratio under eviction, in percent of Belady's optimum, on synthetic traces and public ones."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean
from time import perf_counter

from .. import traces
from ..adapter import Access, Adapter, NotSupported
from ..options import Adapters, Options
from ..policies import POLICIES, optimum
from ..report import Row, Tables

#: The size of the cache in parts of the keys of a trace.
PARTS = (0.01, 0.05, 0.10)

Found = dict[str, dict[float, list[float]]]


async def run(adapters: Adapters, options: Options) -> Tables:
    requests = traces.REQUESTS // 5 if options.quick else traces.REQUESTS
    of_best: Found = {}
    cost: dict[str, list[float]] = {}
    tables: Tables = {}
    for name, trace in (traces.synthetic(requests) | traces.public(options.traces)).items():
        rows: dict[str, Row] = {}
        for part in PARTS:
            size = max(10, int(len(set(trace)) * part))
            best = optimum(trace, size)
            for who, access in _policies(adapters, size):
                began = perf_counter()
                hits = sum(map(access, trace))
                cost.setdefault(who, []).append((perf_counter() - began) / len(trace) * 1e9)
                rows.setdefault(who, {"name": who})[_percent(part)] = round(100 * hits / best, 1)
                if name not in traces.LOOPS:
                    of_best.setdefault(who, {}).setdefault(part, []).append(100 * hits / best)
        title = f"hits in % of the optimum, {name}: {len(trace):,} requests, {len(set(trace)):,} keys"
        tables[title] = list(rows.values())
    title = f"hits in % of Belady's optimum, mean over the traces without {' and '.join(traces.LOOPS)}"
    return {title: _summary(of_best, cost)} | tables


def _policies(adapters: Adapters, size: int) -> Iterator[tuple[str, Access]]:
    for name, make in POLICIES.items():
        yield name, make(size)
    for adapter in adapters:
        if "mem" in adapter.backends and "hitratio" not in adapter.skips:
            try:
                yield adapter.name, adapter("mem", size=size).policy(size)
            except NotSupported:
                continue


def _summary(of_best: Found, cost: dict[str, list[float]]) -> list[Row]:
    rows: list[Row] = [
        {
            "name": who,
            **{_percent(part): round(mean(found), 1) for part, found in by_part.items()},
            "worst at 5%": round(min(by_part[0.05]), 1),
            "ns": round(sorted(cost[who])[len(cost[who]) // 2]),
        }
        for who, by_part in of_best.items()
    ]
    return sorted(rows, key=lambda row: -float(row["5%"]))


def _percent(part: float) -> str:
    return f"{part:.0%}"


def means(of: type[Adapter], requests: int, others: dict[str, traces.Trace]) -> dict[float, float]:
    """Return the mean in percent of the optimum at each size, for one adapter."""
    found: dict[float, list[float]] = {part: [] for part in PARTS}
    for name, trace in (traces.synthetic(requests) | others).items():
        if name in traces.LOOPS:
            continue
        for part in PARTS:
            size = max(10, int(len(set(trace)) * part))
            hits = sum(map(of("mem", size=size).policy(size), trace))
            found[part].append(100 * hits / optimum(trace, size))
    return {part: mean(values) for part, values in found.items()}
