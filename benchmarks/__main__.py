"""Run scenarios: print their tables, and write what was measured to results/.

python -m benchmarks                     every scenario, every library
python -m benchmarks hit keys            some of them
python -m benchmarks hit --only cashews  some libraries
python -m benchmarks --check             our own ratios against the bars, the short way
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
import warnings
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from time import perf_counter

from . import registry, report
from .options import Adapters, Options, Scenario
from .options import run as run_scenario

SCENARIOS = Path(__file__).parent / "scenarios"
# The bars come first: they are what one looks for.
FIRST = "bars"


def main() -> int:
    names = sorted((path.stem for path in SCENARIOS.glob("[!_]*.py")), key=lambda name: name != FIRST)
    asked = _arguments(names)
    options = Options(
        rounds=asked.rounds, quick=asked.quick or asked.check, traces=_folder(asked.traces)
    )
    if asked.list:
        for name in names:
            print(f"{name:10} {_scenario(name)[1]}")
        return 0
    warnings.simplefilter("ignore")
    # Some peers log each of a thousand failures with its traceback; the row says the last of them.
    logging.disable(logging.ERROR)
    only = [part for part in asked.only.split(",") if part]
    adapters, missing = ([], {}) if asked.check else registry.load(only)
    for peer, why in missing.items():
        print(f"# {peer} is left out: {why}", file=sys.stderr)
    if asked.check:
        # A slow spell of the machine does not come twice; what has become slow does.
        return int(all(_run(FIRST, [], options, save=False) for _ in range(2)))
    failed = [name for name in asked.scenarios or names if not _runs(name, adapters, options)]
    if failed:
        print(f"# failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=", ".join(names))
    parser.add_argument("--only", default="", help="parts of the names of libraries, with commas")
    parser.add_argument("--rounds", type=int, default=0, help="how often each case is measured")
    parser.add_argument("--quick", action="store_true", help="small sizes: does everything run?")
    parser.add_argument("--check", action="store_true", help="fail if a ratio is far beyond its bar")
    parser.add_argument("--list", action="store_true", help="say what there is")
    parser.add_argument(
        "--traces", default=os.environ.get("BENCH_TRACES", ""), help="a folder of traces"
    )
    asked = parser.parse_args()
    if unknown := sorted(set(asked.scenarios) - set(names)):
        parser.error(f"there is no scenario {', '.join(unknown)}; there are {', '.join(names)}")
    return asked


def _folder(text: str) -> Path | None:
    return Path(text) if text else None


def _scenario(name: str) -> tuple[Scenario, str]:
    module = import_module(f"benchmarks.scenarios.{name}")
    return module.run, (module.__doc__ or "").strip().splitlines()[0]


def _runs(name: str, adapters: Adapters, options: Options) -> bool:
    """Run a scenario; one that fails says why, and does not keep the others from running."""
    try:
        _run(name, adapters, options, save=True)
    except Exception:
        print(f"# {name} failed", file=sys.stderr)
        traceback.print_exc()
        return False
    return True


def _run(name: str, adapters: Adapters, options: Options, *, save: bool) -> bool:
    began = perf_counter()
    # Some take minutes, and print when they are done.
    print(f"# {name} begins at {datetime.now(UTC):%H:%M:%S} UTC", file=sys.stderr, flush=True)
    tables = run_scenario(_scenario(name)[0], adapters, options)
    for title, rows in tables.items():
        print(report.show(title, rows), flush=True)
    took = f"# {name}: {perf_counter() - began:.0f} s"
    if save:
        took += f", {report.save(name, tables, [each.dist for each in adapters])}"
    print(took + "\n", flush=True)
    return any(row.get("check") for rows in tables.values() for row in rows)


if __name__ == "__main__":
    sys.exit(main())
