"""Break real servers, networks and processes under traffic, and judge every read.

``python -m proofs.chaos`` starts the servers that it breaks, and ends them. Each trial is a run of
``tests/checker/processes``: readers and writers in several processes, judged together. The trials in
which a guard is taken out have to show violations: a judge that sees none there sees nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tests.checker.processes.place import run_on
from tests.checker.processes.plan import THREE_DECORATORS, Plan
from tests.checker.processes.run import Outcome
from tests.servers.kinds import KINDS, Kind

# Runs that a mutant gets to show itself.
ATTEMPTS = 4


@dataclass(frozen=True)
class Trial:
    """What breaks, through which faces it is read, which guard is taken out, and with which
    near entries: "" for none, "bounded" by ``max_staleness`` seconds, or "strict". ``group`` are
    the servers that serve together: "sentinel", "cluster", or "" for one server.
    """

    title: str
    faults: tuple[str, ...] = ()
    faces: tuple[str, ...] = THREE_DECORATORS
    mutant: str = ""
    near: str = ""
    # Less than the stream is silent.
    max_staleness: float = 0.4
    group: str = ""


# Seconds of a trial of several servers, at least: some pass until a primary is replaced.
OF_A_GROUP = 15.0

EVERYTHING = (
    "kill", "restart", "rewind", "evict", "scripts", "stop", "hang",
    "flush", "fill", "cut", "freeze", "lose", "half",
)  # fmt: skip

TRIALS = (
    Trial("nothing"),
    Trial("nothing; tags from the result and from inside", faces=("result", "nested")),
    Trial("connections, by the server", ("kill",)),
    Trial("connections, on the way, in the middle of anything", ("cut",)),
    Trial("the network: silent for a while, late afterwards", ("freeze",)),
    Trial("the network: answers are lost, or come by halves", ("lose", "half")),
    Trial("a process: stopped and continued", ("stop",)),
    Trial("the server: killed, and empty", ("restart",)),
    Trial("the server: killed, its last writes lost", ("rewind",)),
    Trial("the server: silent", ("hang",)),
    Trial("the data: flushed, stamps evicted", ("flush", "evict")),
    Trial("the memory: full", ("fill",)),
    Trial("the scripts: forgotten", ("scripts",)),
    Trial("all of these", EVERYTHING),
    Trial("all of these; tags from the result and from inside", EVERYTHING, ("result", "nested")),
    Trial("near entries, bounded: nothing", near="bounded"),
    Trial("near entries, bounded: the stream silent, cut; loops blocked, processes stopped",
          ("mute", "deafen", "block", "stop", "restart", "evict"), ("soft", "nested"), near="bounded"),
    Trial("near entries, strict: the same",
          ("block", "stop", "restart", "evict", "kill"), ("soft", "nested"), near="strict"),
    Trial("Sentinels: the primary handed over, flushed", ("hand", "flush"), group="sentinel"),
    Trial("Sentinels: the primary killed, stopped", ("kill", "stop"), group="sentinel"),
    Trial("Sentinels: its last writes lost; the former one back", ("tail", "back"), group="sentinel"),
    Trial("Sentinels, near entries, bounded: all of these",
          ("hand", "kill", "stop", "tail", "back", "flush"), ("soft", "nested"),
          near="bounded", max_staleness=1.0, group="sentinel"),
    Trial("a cluster: slots moved", ("move",), group="cluster"),
    Trial("a cluster: primaries handed over, taken over", ("hand", "takeover"), group="cluster"),
    Trial("a cluster: primaries killed, stopped", ("kill", "stop"), group="cluster"),
    Trial("a cluster: last writes lost; the former primary back", ("lose", "back"), group="cluster"),
    Trial("a cluster: data flushed, evicted", ("flush", "evict"), group="cluster"),
    Trial("a cluster, near entries, bounded: all of these",
          ("hand", "takeover", "kill", "stop", "lose", "back", "move", "flush", "evict"),
          ("soft", "nested"), near="bounded", max_staleness=1.0, group="cluster"),
    Trial("a guard: stamps after the load", mutant="stamp_after_load"),
    Trial("a guard: no nonce, stamps evicted", ("evict",), mutant="no_nonce"),
    Trial("a guard: joins whatever loads", mutant="join_without_stamp"),
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """A trial that is over."""

    kind: Kind
    trial: Trial
    outcome: Outcome

    @property
    def is_as_promised(self) -> bool:
        """Return whether no read was wrong; of a mutant, whether some was."""
        if self.trial.mutant:
            return bool(self.outcome.history.violations)
        return not self.outcome.history.violations and not self.outcome.facts.get("errors")

    def row(self) -> str:
        outcome = self.outcome
        # An invalidation that raised has promised nothing, and is not among those that returned.
        cells = [
            self.kind.name,
            self.trial.title,
            f"{len(outcome.faults):,}",
            f"{outcome.history.reads:,}",
            f"{outcome.history.invalidations:,}",
            f"{outcome.facts.get('store errors', 0):,.0f}",
            f"{outcome.hit_ratio:.2f}",
            f"{len(outcome.history.violations):,}" + (" (has to)" if self.trial.mutant else ""),
        ]
        return f"| {' | '.join(cells)} |"


HEADS = (
    "server", "what is broken", "times", "reads", "invalidations", "raised", "hit ratio", "wrong reads",
)  # fmt: skip


def table(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the lines of a Markdown table."""
    rule = "|" + "---|" * len(HEADS)
    return [f"| {' | '.join(HEADS)} |", rule, *(verdict.row() for verdict in verdicts)]


def tried(kind: Kind, trials: Sequence[Trial], plan: Plan) -> Iterator[Verdict]:
    """Run each of ``trials``. What the system does is not seeded, so a mutant gets some attempts."""
    for trial in trials:
        verdict = attempt(kind, trial, plan)
        for more in range(1, ATTEMPTS if trial.mutant else 1):
            if verdict.is_as_promised:
                break
            verdict = attempt(kind, trial, replace(plan, seed=plan.seed + more))
        yield verdict


def attempt(kind: Kind, trial: Trial, plan: Plan) -> Verdict:
    """Run ``trial`` once, on servers of its own."""
    told = replace(
        plan,
        seconds=max(plan.seconds, OF_A_GROUP if trial.group else 0.0),
        faces=trial.faces,
        mutant=trial.mutant,
        near=trial.near,
        max_staleness=trial.max_staleness,
    )
    return Verdict(kind, trial, run_on(kind, told, faults=trial.faults, group=trial.group))


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    known = [kind.name for kind in KINDS]
    parser = argparse.ArgumentParser(
        prog="python -m proofs.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--seconds",
        type=float,
        default=10.0,
        help="of traffic in each trial (default: 10), and 15 at least where servers serve together",
    )
    add("--processes", type=int, default=4, help="that read and write (default: 4)")
    add("--seed", type=int, default=1, help="of reads, writes and faults (default: 1)")
    add("--server", action="append", choices=known, help="to break (default: all that are here)")
    add("--only", default="", help="a word of the titles of the trials to run")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials, print their table; return 0 if all went as promised."""
    asked = parsed(arguments)
    plan = Plan(url="", folder="", seconds=asked.seconds, processes=asked.processes, seed=asked.seed)
    trials = [trial for trial in TRIALS if asked.only in trial.title]
    if not trials:
        print(f"no trial has {asked.only!r} in its title; there are:")
        print("\n".join(f"  {trial.title}" for trial in TRIALS))
        return 2
    began, verdicts = time.monotonic(), []
    for kind in KINDS:
        if asked.server and kind.name not in asked.server:
            continue
        if kind.executable() is None:
            print(kind.why_not(), file=sys.stderr)
            continue
        for verdict in tried(kind, trials, plan):
            verdicts.append(verdict)
            print(f"{kind.name}, {verdict.trial.title}: {verdict.outcome.summary()}", file=sys.stderr)
    failed = [verdict for verdict in verdicts if not verdict.is_as_promised]
    print("\n".join(table(verdicts)))
    reads = sum(one.outcome.history.reads for one in verdicts)
    print(
        f"\n{len(verdicts)} trials, {reads:,} reads, {time.monotonic() - began:.0f} s, "
        f"{len(failed)} not as promised"
    )
    for verdict in failed:
        print(f"{verdict.kind.name}, {verdict.trial.title}:")
        for violation in verdict.outcome.history.violations[:5]:
            print(f"  {violation}")
    return 1 if failed or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
