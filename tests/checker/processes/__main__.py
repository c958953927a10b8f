"""Run the checker: ``python -m tests.checker.processes --help``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace

from tests.servers.kinds import KINDS

from .caches import CACHES, FACES
from .faults import FAULTS, OWN_SERVER
from .group_faults import GROUPS
from .mutants import MUTANTS
from .place import run_on
from .plan import THREE_DECORATORS, Plan
from .run import run


def main(arguments: list[str] | None = None) -> int:
    """Run it and return the exit status: 0 if no read broke the promise."""
    options = parsed(arguments)
    plan = Plan(
        url=options.url or "",
        folder="",
        seconds=options.seconds,
        processes=options.processes,
        seed=options.seed,
        cache=options.cache,
        mutant=options.mutant,
        faces=tuple(options.faces),
        near=options.near,
        max_staleness=options.max_staleness,
    )
    if options.url:
        with tempfile.TemporaryDirectory(prefix="fr-") as folder:
            outcome = run(replace(plan, folder=folder), faults=options.faults)
    else:
        outcome = run_on(options.kind, plan, faults=options.faults, group=options.group)
    print(outcome.summary())
    for violation in outcome.history.violations[:5]:
        print(f"  {violation}")
    return 1 if outcome.history.violations or outcome.facts.get("errors") else 0


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.checker.processes",
        description="Readers and writers in several processes on one server; every read is judged.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--url", help="of a server that runs; without it, one is started")
    add("--server", choices=[one.name for one in KINDS], default=KINDS[0].name, help="to start")
    add("--group", choices=list(GROUPS), default="", help="of servers to start, in place of one")
    add("--seconds", type=float, default=10.0, help="of traffic")
    add("--processes", type=int, default=4, help="even ones run tasks, odd ones threads")
    add("--seed", type=int, default=1, help="of reads, writes and faults")
    add("--cache", choices=list(CACHES), default="freshly", help="what is judged")
    add("--mutant", choices=["", *MUTANTS], default="", help="which guard is taken out")
    add("--near", choices=["", "bounded", "strict"], default="", help="entries in the processes too")
    add("--max-staleness", type=float, default=1.0, help="of near entries, in seconds")
    add("--faces", type=_names_of(FACES), default=",".join(THREE_DECORATORS), help="read through")
    add(
        "--faults", type=_names_of(_all_faults()), default="", help=f"of {', '.join(FAULTS)}; {_hint()}"
    )
    options = parser.parse_args(arguments)
    known = FAULTS if not options.group else GROUPS[options.group][1]
    if unknown := [name for name in options.faults if name not in known]:
        parser.error(f"--faults {','.join(unknown)}: here there is {', '.join(known)}")
    options.kind = next(one for one in KINDS if one.name == options.server)
    if options.url and (needed := set(OWN_SERVER) & set(options.faults)):
        parser.error(
            f"{', '.join(sorted(needed))}: on a server of the run's own only, so leave --url out"
        )
    return options


def _all_faults() -> Mapping[str, object]:
    return {**FAULTS, **{name: one for _, faults in GROUPS.values() for name, one in faults.items()}}


def _hint() -> str:
    told = (f"with --group {name}: {', '.join(faults)}" for name, (_, faults) in GROUPS.items())
    return "; ".join(told)


def _names_of(known: Mapping[str, object]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        found = [name for name in text.split(",") if name]
        for name in found:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return found

    return names


if __name__ == "__main__":
    sys.exit(main())
