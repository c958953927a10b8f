"""Start the processes of a run, do the faults, and judge the journals together."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from freshly.testing import History, Journal, judge, read_journal
from tests.servers.proxy import Proxy
from tests.servers.server import Server

from .faults import OF_THE_STREAM, ON_THE_WAY, Faults
from .plan import Plan

ROOT = Path(__file__).parents[3]
# Seconds that a process may take to begin and to end, beyond those of the run.
SLACK = 60.0


@dataclass
class Outcome:
    """What a run met."""

    history: History
    facts: dict[str, float]
    faults: list[str]
    #: Of each read that got an older value than another process had returned for, by how much.
    lags: list[float]
    #: When invalidations raised, in order, on the clock of ``time.monotonic``.
    failures: list[float] = field(default_factory=list)

    @property
    def hit_ratio(self) -> float:
        """The part of the reads for which nothing was loaded, refreshes counted as loads."""
        return 1 - self.facts.get("loads", 0) / max(1, self.history.reads)

    def summary(self) -> str:
        late = [one.late for one in self.history.violations if one.late is not None]
        worst = f", the worst {max(late):.2f} s late" if late else ""
        lags = f"; trailing reads {spread(self.lags)}" if self.lags else ""
        facts = ", ".join(f"{name} {number:g}" for name, number in sorted(self.facts.items()))
        return (
            f"{self.history.reads:,} reads, {self.history.invalidations:,} invalidations, "
            f"{len(self.history.violations):,} violations{worst}, "
            f"hit ratio {self.hit_ratio:.3f} ({facts}; faults: {len(self.faults)}){lags}"
        )


def lags_of(journals: Sequence[Journal]) -> list[float]:
    """Return by how many seconds each read trailed that trailed at all, in order.

    A read trails the first invalidation that it should have seen if there were no bound.
    """
    ends: dict[str, list[tuple[int, float]]] = {}
    for journal in journals:
        for one in journal.invalidations:
            if one.returned:
                ends.setdefault(one.subject, []).append((one.version, one.ended_at))
    lags = []
    for journal in journals:
        for read in journal.reads:
            missed = [
                end
                for version, end in ends.get(read.subject, ())
                if version > read.version and end < read.began_at
            ]
            if missed:
                lags.append(read.began_at - min(missed))
    return sorted(lags)


def spread(lags: Sequence[float]) -> str:
    p50, p99 = (lags[int(part * (len(lags) - 1))] * 1000 for part in (0.5, 0.99))
    return f"{len(lags):,}, lag p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {lags[-1] * 1000:.1f} ms"


class Trouble(Protocol):
    """What goes wrong during a run, until ``over`` is set."""

    done: list[str]

    def run(self, over: threading.Event) -> None: ...


def run(
    plan: Plan,
    *,
    faults: Sequence[str] = (),
    server: Server | None = None,
    trouble_for: Callable[[Sequence[int]], Trouble] | None = None,
) -> Outcome:
    """Run ``plan`` and return what it met.

    Faults of the network, and those that kill the server, need a ``server`` of the run's own. Where
    there are several servers ``trouble_for`` makes what goes wrong, told the processes.
    Raises ``RuntimeError`` if a process ended with an error; why, it has written to standard error.
    """
    with ExitStack() as stack:
        proxy = None
        if set(faults) & set(ON_THE_WAY):
            assert server is not None
            proxy = stack.enter_context(Proxy(server.socket))
            plan = replace(plan, url=proxy.url)
        stream = None
        if set(faults) & set(OF_THE_STREAM):
            assert server is not None
            stream = stack.enter_context(Proxy(server.socket))
            plan = replace(plan, stream=stream.url)
        workers = [stack.enter_context(_started(plan, number)) for number in range(plan.processes)]
        # Popen waits for its process at the end of the block; without this it could wait for ever.
        stack.callback(_kill_all, workers)
        for worker in workers:
            _expect_ready(worker)
        pids = [one.pid for one in workers]
        trouble: Trouble = (
            Faults(faults, plan.url, server, pids, plan.seed, proxy, stream)
            if trouble_for is None
            else trouble_for(pids)
        )
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        _trouble_while_they_run(trouble, workers, plan)
    journals = [read_journal(Path(plan.folder) / f"journal-{i}") for i in range(plan.processes)]
    history = judge(journals, bound=plan.bound)
    failures = sorted(
        one.ended_at for journal in journals for one in journal.invalidations if not one.returned
    )
    return Outcome(history, _sums(journals), trouble.done, lags_of(journals), failures)


def _started(plan: Plan, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.checker.processes.worker", str(number), plan.to_text()],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _expect_ready(worker: subprocess.Popen[str]) -> None:
    assert worker.stdout is not None
    if worker.stdout.readline() != "ready\n":
        raise RuntimeError(f"a process ended with {worker.wait()} before it began")


def _trouble_while_they_run(trouble: Trouble, workers: list[subprocess.Popen[str]], plan: Plan) -> None:
    over = threading.Event()
    timer = threading.Timer(plan.seconds, over.set)
    timer.start()
    try:
        trouble.run(over)
        for worker in workers:
            if worker.wait(plan.seconds + SLACK) != 0:
                raise RuntimeError(f"a process ended with {worker.returncode}")
    finally:
        timer.cancel()


def _kill_all(workers: list[subprocess.Popen[str]]) -> None:
    for worker in workers:
        worker.kill()


def _sums(journals: list[Journal]) -> dict[str, float]:
    names = sorted({name for journal in journals for name in journal.facts})
    return {name: sum(journal.facts.get(name, 0) for journal in journals) for name in names}
