"""Run scenarios and mutants, and print what they found."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import Pool

from proofs.model.catalogue import CATALOGUE, QUICK, SPARE, Guard
from proofs.model.explorer import Finding, explore, numbered
from proofs.model.guards import Guards, without
from proofs.model.machine import Protocol
from proofs.model.properties import TEXTS
from proofs.model.scenario import Scenario
from proofs.model.scenarios import SCENARIOS

HELD = "holds"
MOST_STATES = 1_500_000  # a scenario that has more is too large for `make model`


@dataclass(frozen=True)
class Job:
    """One exploration: a scenario, and the guard that is off (none: all are on)."""

    scenario: str
    guard: str = ""


@dataclass(frozen=True)
class Row:
    """What a job found."""

    job: Job
    states: int
    steps: int
    result: str  # the property that is broken, or "holds"
    lines: int
    missing: tuple[str, ...]
    story: str
    seconds: float  # of processor time

    @property
    def as_expected(self) -> bool:
        """Return whether the guards hold, or the missing guard is missed."""
        if self.job.guard:
            return self.result == guard_named(self.job.guard).breaks
        return self.result == HELD


def scenario_named(name: str) -> Scenario:
    """Return a scenario."""
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


def guard_named(name: str) -> Guard:
    """Return a guard's description."""
    return next(guard for guard in (*CATALOGUE, *SPARE) if guard.name == name)


def run(job: Job) -> Row:
    """Explore one scenario to its end, or to the first violation."""
    scenario = scenario_named(job.scenario)
    began = time.process_time()
    guards = without(job.guard) if job.guard else Guards()
    finding = explore(Protocol(scenario, guards), MOST_STATES)
    return row_of(job, scenario, finding, time.process_time() - began)


def row_of(job: Job, scenario: Scenario, finding: Finding, seconds: float) -> Row:
    """Return a finding as a row; a good thing that cannot happen is a violation too."""
    missing = () if finding.broken else tuple(sorted(set(scenario.good) - finding.events))
    if job.guard in {guard.name for guard in SPARE}:
        missing = ()
    result = finding.broken or ("LIVE" if missing else HELD)
    if not finding.complete:
        result = "UNDECIDED"
    lines = len(finding.path)
    return Row(
        job, finding.states, finding.steps, result, lines, missing, numbered(finding.path), seconds
    )


def jobs(smoke: bool) -> list[Job]:
    """Return what to explore."""
    full = [Job(s.name) for s in SCENARIOS if s.smoke or not smoke]
    spare = [Job(g.scenario, g.name) for g in SPARE if not smoke]
    mutants = [Job(g.scenario, g.name) for g in CATALOGUE if g.name in QUICK or not smoke]
    return full + spare + mutants


def explore_all(work: list[Job], processes: int) -> Iterator[Row]:
    """Yield the rows as they come in."""
    if processes == 1:
        yield from map(run, work)
        return
    with Pool(processes, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(run, work)


def guard_table() -> list[str]:
    """Return the table of guards for the documentation."""
    lines = ["| guard | number | what it says | without it | scenario |", "|---|---|---|---|---|"]
    lines += [f"| `{g.name}` | {g.number} | {g.text} | {g.breaks} | {g.scenario} |" for g in CATALOGUE]
    return lines


def spare_table() -> list[str]:
    """Return the table of spare guards for the documentation."""
    lines = ["| spare | number | what it says | checked in |", "|---|---|---|---|"]
    return lines + [f"| `{g.name}` | {g.number} | {g.text} | {g.scenario} |" for g in SPARE]


def scenario_table() -> list[str]:
    """Return the table of scenarios for the documentation."""
    lines = ["| scenario | what it combines | bounds | must be reachable |", "|---|---|---|---|"]
    lines += [f"| {s.name} | {s.text} | {s.bounds()} | {', '.join(s.good)} |" for s in SCENARIOS]
    return lines


def result_table(rows: Iterable[Row]) -> list[str]:
    """Return the table of results."""
    lines = [
        "| guard off | scenario | states | result | lines | as expected |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda r: (r.job.guard != "", order(r.job))):
        guard = f"`{row.job.guard}`" if row.job.guard else "none"
        verdict = "yes" if row.as_expected else "NO"
        found = f"{row.states} | {row.result} | {row.lines or '-'} | {verdict}"
        lines.append(f"| {guard} | {row.job.scenario} | {found} |")
    return lines


def order(job: Job) -> int:
    """Return a job's place in the table."""
    if job.guard:
        return [g.name for g in (*CATALOGUE, *SPARE)].index(job.guard)
    return [s.name for s in SCENARIOS].index(job.scenario)


def story_of(guard: str) -> str:
    """Return the counterexample that appears without a guard, as numbered lines."""
    known = guard_named(guard)
    row = run(Job(known.scenario, guard))
    head = f"Without {guard} ({known.text}), scenario {known.scenario}:"
    if row.result == "LIVE":
        return f"{head}\nnothing wrong is served, but never reached: {', '.join(row.missing)}"
    return f"{head}\n{row.story}\n{row.result}: {TEXTS.get(row.result, '')}"
