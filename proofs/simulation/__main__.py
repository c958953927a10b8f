"""Simulate histories: many seeds, one seed, or mutants until each is noticed."""

from __future__ import annotations

import argparse
import os
import sys

from .campaign import Sum, campaign, play, play_plans
from .mutants import MUTANTS
from .plan import Plan, plan_of
from .profiles import PROFILES
from .shrink import shrink
from .table import said_of, story, table


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m proofs.simulation",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="this one only, made smaller if it fails")
    parser.add_argument("--workers", type=int, default=1, help="processes that simulate")
    parser.add_argument("--profile", choices=list(PROFILES), default="", help="what all are like")
    parser.add_argument("--mutant", choices=list(MUTANTS), default="", help="a guard to take out")
    parser.add_argument("--mutants", action="store_true", help="each mutant, until it is noticed")
    return parser.parse_args()


def main() -> int:
    """Return 0 if nothing was broken, and each mutant was noticed."""
    asked = arguments()
    if asked.seed is not None:
        return one(asked.seed, asked.profile, asked.mutant)
    seeds = range(asked.first, asked.first + asked.seeds)
    if asked.mutants:
        return mutants(seeds)
    total = campaign(
        seeds, workers=asked.workers, mutant=asked.mutant, profile=asked.profile, told=tell
    )
    print(file=sys.stderr)
    for outcome in total.failed[:10]:
        print("\n".join(said_of(outcome, asked.mutant)))
    print("\n".join(table(total)))
    return 1 if total.failed else 0


def one(seed: int, profile: str, mutant: str) -> int:
    """Run one history; if it fails, look for a smaller one that does."""

    def fails(plan: Plan) -> bool:
        return not play_plans([plan], mutant)[0].is_well

    plan = plan_of(seed, profile)
    (outcome,) = play_plans([plan], mutant)
    print(f"seed {seed}, profile {plan.profile}, digest {outcome.digest}: {dict(outcome.counts)}")
    if outcome.is_well:
        print("nothing was broken")
        return 0
    print("\n".join(said_of(outcome, mutant)))
    smaller = shrink(plan, fails)
    print(f"made smaller, from {len(plan.steps)} steps to {len(smaller.steps)}:")
    print("\n".join(story(smaller)))
    return 1


def mutants(seeds: range) -> int:
    """Run each mutant until a history fails; print by which seed."""
    unnoticed = 0
    for name, mutant in MUTANTS.items():
        if not name:
            continue
        total = play(seeds, name, profile=mutant.profile, stops=True)
        unnoticed += not total.failed
        found = f"seed {total.failed[0].seed}" if total.failed else f"NOT in {total.seeds} seeds"
        print(f"{name:28} {mutant.profile:12} {found:>18}   {mutant.says}", flush=True)
    return 1 if unnoticed else 0


def tell(total: Sum) -> None:
    print(
        f"\r{total.seeds} seeds, {len(total.failed)} failed, {total.seconds:.0f} s",
        end="",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    # The order of sets is part of a history, so it is the same in every run.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "proofs.simulation", *sys.argv[1:]])
    sys.exit(main())
