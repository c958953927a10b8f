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

from .argued import ARGUED
from .player import Player, Swapped
from .reach import MOST_TESTS
from .sites import Site, sites_of

CORE = Path(freshly.core.__file__).parent
TESTS = ("core", "faces", "faults", "stores", "context")
#: Servers and real time have no part in what the core decides; tests of mutants have changes enough.
CHOSEN = "not real_time and not slow"
NO_SERVERS = "not redis and not valkey and not Redis and not Valkey and not stepped and not mutant"
#: Which test runs what, from one run to the next.
KEPT = Path(".mutation/reach.json")
QUIET = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m proofs.mutation",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--sample", type=int, default=200, help="how many changes, 0 for all")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument(
        "--only", nargs="*", default=[], help="the modules to change, without their ending"
    )
    parser.add_argument("--jobs", type=int, default=1, help="changes that are tried at a time")
    parser.add_argument(
        "--site",
        help="only the changes whose name, as printed, has this text; to all tests that run it",
    )
    parser.add_argument(
        "--tests",
        nargs="+",
        help="run these, whichever they are, with the one change that --site names",
    )
    return parser.parse_args()


def named(sites: list[Site], text: str) -> list[Site]:
    return [site for site in sites if text in site.name or text in str(site)]


def shown(sites: list[Site], tests: list[str]) -> int:
    """Run ``tests`` with the one change in ``sites``; return 0 if one of them notices it."""
    if len(sites) != 1:
        print(
            "\n".join([f"{len(sites)} changes have that name, where one is needed", *map(str, sites)])
        )
        return 2
    plugin = Swapped(sites[0])
    ended = pytest.main([*QUIET, *tests], plugins=[plugin])
    print(f"{'noticed' if ended == pytest.ExitCode.TESTS_FAILED else 'NOT NOTICED'}: {sites[0]}")
    return 0 if ended == pytest.ExitCode.TESTS_FAILED else 1


def main() -> int:
    """Return 0 if nine of ten changes were noticed, and the others are argued."""
    asked = arguments()
    paths = [path for path in sorted(CORE.glob("*.py")) if not asked.only or path.stem in asked.only]
    sites = [site for path in paths for site in sites_of(path)]
    if asked.tests:
        return shown(named(sites, asked.site or ""), asked.tests)
    if asked.site:
        sites = named(sites, asked.site)
    chosen = Random(asked.seed).sample(sites, min(asked.sample or len(sites), len(sites)))
    outcomes: Counter[str] = Counter()
    unnoticed: list[tuple[Site, str]] = []
    began = time.monotonic()

    def heard(site: Site, outcome: str, seconds: float) -> None:
        word = outcome.partition(" ")[0].strip(":")
        outcomes[word] += 1
        if word == "SURVIVES":
            unnoticed.append((site, outcome))
        print(
            f"{sum(outcomes.values())} {seconds:.1f} s {outcome}: {site}", file=sys.stderr, flush=True
        )

    tests = [f"tests/{name}" for name in TESTS]
    most = sys.maxsize if asked.site else MOST_TESTS
    player = Player(CORE, chosen, heard, kept=KEPT, jobs=asked.jobs, most=most)
    pytest.main([*tests, *QUIET, "-m", CHOSEN, "-k", NO_SERVERS], plugins=[player])
    total = sum(outcomes.values()) - outcomes["untried"]
    argued = [(site, ARGUED[site.name]) for site, _ in unnoticed if site.name in ARGUED]
    open_ = [(site, said) for site, said in unnoticed if site.name not in ARGUED]
    print(f"\n{len(sites)} places in {len(paths)} modules; {total} tried, by seed {asked.seed}")
    print(f"noticed       {outcomes['noticed']:6}")
    print(f"not noticed   {outcomes['SURVIVES']:6}")
    print(f"  and argued  {len(argued):6}")
    score = outcomes["noticed"] / total if total else 0.0
    print(f"score         {100 * score:6.1f} %   in {time.monotonic() - began:.0f} s")
    for site, why in sorted(argued, key=lambda one: str(one[0])):
        print(f"argued: {site}\n        {why}")
    for site, said in sorted(open_, key=lambda one: str(one[0])):
        print(f"OPEN:   {site}  [{said}]")
    return 0 if score >= 0.9 and not open_ else 1


if __name__ == "__main__":
    sys.exit(main())
