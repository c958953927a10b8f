"""Run the checker: ``python -m tests.checker.processes --help``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.servers.kinds import KINDS
from tests.servers.server import Server

from .caches import CACHES, FACES
from .faults import FAULTS, OWN_SERVER
from .mutants import MUTANTS
from .plan import THREE_DECORATORS, Plan
from .run import run


def main(arguments: list[str] | None = None) -> int:
    """Run it and return the exit status: 0 if no read broke the promise."""
    options = parsed(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fr-")))
        server = None
        if options.url is None:
            server = stack.enter_context(Server(options.kind, folder))
        plan = Plan(
            url=options.url or server.url,  # type: ignore[union-attr]
            folder=str(folder),
            seconds=options.seconds,
            processes=options.processes,
            seed=options.seed,
            cache=options.cache,
            mutant=options.mutant,
            faces=tuple(options.faces),
            near=options.near,
            max_staleness=options.max_staleness,
        )
        outcome = run(plan, faults=options.faults, server=server)
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
    add("--seconds", type=float, default=10.0, help="of traffic")
    add("--processes", type=int, default=4, help="even ones run tasks, odd ones threads")
    add("--seed", type=int, default=1, help="of reads, writes and faults")
    add("--cache", choices=list(CACHES), default="freshly", help="what is judged")
    add("--mutant", choices=["", *MUTANTS], default="", help="which guard is taken out")
    add("--near", choices=["", "bounded", "strict"], default="", help="entries in the processes too")
    add("--max-staleness", type=float, default=1.0, help="of near entries, in seconds")
    add("--faces", type=_names_of(FACES), default=",".join(THREE_DECORATORS), help="read through")
    add("--faults", type=_names_of(FAULTS), default="", help=f"of {', '.join(FAULTS)}")
    options = parser.parse_args(arguments)
    options.kind = next(one for one in KINDS if one.name == options.server)
    if options.url and (needed := set(OWN_SERVER) & set(options.faults)):
        parser.error(
            f"{', '.join(sorted(needed))}: on a server of the run's own only, so leave --url out"
        )
    return options


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
