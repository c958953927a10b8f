"""Change the core, one place at a time, and print what no test notices."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

import freshly.core

from .player import Player
from .sites import Site, sites_of

CORE = Path(freshly.core.__file__).parent
TESTS = ("core", "faces", "faults", "stores", "context")
#: Servers and real time have no part in what the core decides.
CHOSEN = "not real_time and not slow"
NO_SERVERS = "not redis and not valkey and not Redis and not Valkey and not stepped"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m proofs.mutation",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--sample", type=int, default=200, help="how many changes")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--only", default="", help="a part of the names of the modules to change")
    return parser.parse_args()


def main() -> int:
    """Return 0 if nine of ten changes were noticed."""
    asked = arguments()
    paths = [path for path in sorted(CORE.glob("*.py")) if asked.only in path.stem]
    sites = [site for path in paths for site in sites_of(path)]
    chosen = Random(asked.seed).sample(sites, min(asked.sample, len(sites)))
    outcomes: Counter[str] = Counter()
    survivors: list[str] = []
    began = time.monotonic()

    def heard(site: Site, outcome: str, seconds: float) -> None:
        word = outcome.partition(" ")[0].strip(":")
        outcomes[word] += 1
        if word in ("SURVIVES", "called"):
            survivors.append(f"{site}  [{outcome}]")
        print(
            f"{sum(outcomes.values())} {seconds:.1f} s {outcome}: {site}", file=sys.stderr, flush=True
        )

    tests = [f"tests/{name}" for name in TESTS]
    quiet = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header"]
    pytest.main([*tests, *quiet, "-m", CHOSEN, "-k", NO_SERVERS], plugins=[Player(CORE, chosen, heard)])
    total = sum(outcomes.values()) - outcomes["untried"]
    print(f"\n{len(sites)} places in {len(paths)} modules; a sample of {total} by seed {asked.seed}")
    print(f"noticed       {outcomes['noticed']:6}")
    print(f"not noticed   {outcomes['SURVIVES']:6}")
    print(f"never called  {outcomes['called']:6}")
    score = outcomes["noticed"] / total if total else 0.0
    print(f"score         {100 * score:6.1f} %   in {time.monotonic() - began:.0f} s")
    print("\n".join(survivors))
    return 0 if score >= 0.9 else 1


if __name__ == "__main__":
    sys.exit(main())
