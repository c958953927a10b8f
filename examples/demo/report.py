"""The report: what the runs met, side by side, and whether the promise held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil

from rich.console import Console
from rich.table import Table

from .traffic import Outcome, Share

__all__ = ["TITLES", "held", "print_report"]

TITLES = {"none": "no cache", "naive": "TTL dict", "freshly": "freshly"}


def held(outcome: Outcome) -> bool:
    """Return whether the promise was put to the test and held."""
    history = outcome.history
    tested = history.reads > 0 and history.invalidations > 0
    return tested and outcome.wrong == 0 and not any(history.stale_reads())


def print_report(console: Console, outcomes: Mapping[str, Outcome]) -> None:
    table = Table(title="the same traffic, three times", title_justify="left", title_style="bold")
    table.add_column("")
    for name in outcomes:
        table.add_column(TITLES[name], justify="right", style="bold" if name == "freshly" else "")
    for label, figure in FIGURES.items():
        table.add_row(label, *(figure(outcome) for outcome in outcomes.values()))
    console.print(table)
    if len(outcomes["freshly"].processes) > 1:
        console.print(process_table(outcomes["freshly"]))
    console.print(verdict(outcomes["freshly"]))


def process_table(outcome: Outcome) -> Table:
    """Return what each process did with freshly."""
    table = Table(title="freshly, process by process", title_justify="left", title_style="bold")
    table.add_column("")
    for number, _ in enumerate(outcome.processes, 1):
        table.add_column(f"process {number}", justify="right")
    for label, figure in SHARES.items():
        table.add_row(label, *(figure(share) for share in outcome.processes))
    return table


def verdict(outcome: Outcome) -> str:
    history = outcome.history
    amounts = f"{history.reads:,} reads, {history.invalidations:,} invalidations"
    if held(outcome):
        return f"[bold green]The promise held:[/] freshly served 0 stale reads ({amounts})."
    return f"[bold red]The promise did not hold[/] ({amounts})."


def stale(outcome: Outcome) -> str:
    number = sum(1 for _ in outcome.history.stale_reads())
    text = f"{number:,} ({number / outcome.history.reads:.1%})" if number else "0"
    return f"[{'red' if number else 'green'}]{text}[/]"


def latest(outcome: Outcome) -> str:
    late = max((read.late for read in outcome.history.stale_reads()), default=None)
    return "-" if late is None else f"{late:.2f} s late"


def wrong(outcome: Outcome) -> str:
    return f"[{'red' if outcome.wrong else 'green'}]{outcome.wrong:,} of {outcome.compared:,}[/]"


def saved(outcome: Outcome) -> str:
    reads = len(outcome.latencies)
    return f"{max(0, reads - outcome.loads):,} ({max(0.0, 1 - outcome.loads / reads):.0%})"


def overtaken(outcome: Outcome) -> str:
    return f"{outcome.overtaken:,}" if outcome.overtaken else "-"


def percentile(percent: int) -> Callable[[Outcome], str]:
    def figure(outcome: Outcome) -> str:
        latencies = sorted(outcome.latencies)
        return f"{1000 * latencies[ceil(len(latencies) * percent / 100) - 1]:.1f} ms"

    return figure


FIGURES: dict[str, Callable[[Outcome], str]] = {
    "requests": lambda outcome: f"{len(outcome.latencies) + outcome.history.invalidations:,}",
    "reads": lambda outcome: f"{len(outcome.latencies):,}",
    "p50 of a read": percentile(50),
    "p99 of a read": percentile(99),
    "loads": lambda outcome: f"{outcome.loads:,}",
    "loads saved": saved,
    "loads overtaken by an invalidation": overtaken,
    "invalidations": lambda outcome: f"{outcome.history.invalidations:,}",
    "stale reads": stale,
    "latest stale read": latest,
    "wrong after the last write": wrong,
}

SHARES: dict[str, Callable[[Share], str]] = {
    "answered from the cache": lambda share: f"{share.hits:,}",
    "answered after a load": lambda share: f"{share.misses:,}",
    "loads": lambda share: f"{share.loads:,}",
    "loads overtaken by an invalidation": lambda share: f"{share.overtaken:,}",
}
