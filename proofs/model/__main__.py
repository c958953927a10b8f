"""Explore the protocol: everything, ``--smoke``, ``--show GUARD``, or print ``--docs``."""

from __future__ import annotations

import argparse
import sys
import time

from proofs.model.catalogue import CATALOGUE
from proofs.model.table import (
    explore_all,
    guard_table,
    jobs,
    result_table,
    scenario_table,
    spare_table,
    story_of,
)  # fmt: skip


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m proofs.model", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="only what takes less than a minute")
    parser.add_argument(
        "--show", metavar="GUARD", help="print the counterexample that a guard prevents"
    )
    parser.add_argument("--docs", action="store_true", help="print the tables of the documentation")
    parser.add_argument(
        "--processes", type=int, default=2, help="how many scenarios to explore at once"
    )
    return parser.parse_args()


def main() -> int:
    """Return 0 if every property holds and every mutant is violated."""
    asked = arguments()
    if asked.show:
        if asked.show not in {guard.name for guard in CATALOGUE}:
            print(f"no guard {asked.show!r}; there are: {', '.join(g.name for g in CATALOGUE)}")
            return 2
        print(story_of(asked.show))
        return 0
    if asked.docs:
        print("\n".join([*scenario_table(), "", *guard_table(), "", *spare_table()]))
        return 0
    began, rows = time.monotonic(), []
    for row in explore_all(jobs(asked.smoke), asked.processes):
        rows.append(row)
        what = f"without {row.job.guard}" if row.job.guard else "all guards"
        note = "" if row.as_expected else "   UNEXPECTED " + ", ".join(row.missing)
        cost = f"{row.states} states, {row.seconds:.1f} s of processor"
        print(f"{row.job.scenario}, {what}: {row.result}, {cost}{note}", file=sys.stderr)
        if not row.as_expected and row.story:
            print(row.story, file=sys.stderr)
    print("\n".join(result_table(rows)))
    failed = [row for row in rows if not row.as_expected]
    states = sum(row.states for row in rows)
    seconds, used = time.monotonic() - began, sum(row.seconds for row in rows)
    print(
        f"\n{len(rows)} explorations, {states} states, {seconds:.0f} s "
        f"({used:.0f} s of processor), {len(failed)} unexpected"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
