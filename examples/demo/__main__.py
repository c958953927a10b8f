"""Run the demo: ``python -m examples.demo``, or ``make demo``."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from freshly import FreshlyError

from . import data
from .database import Database, connect
from .plan import Plan
from .process import ROOT, running_service, running_services
from .report import TITLES, held, print_report
from .settings import CACHES
from .shared import is_shared, made_ready
from .traffic import Crowd, Outcome, drive

console = Console(highlight=False)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo and return its exit status: 0 if the promise held, 2 if there is no store."""
    options = parsed(arguments)
    try:
        options.url = made_ready(options.url)
    except FreshlyError as error:
        print(f"--url: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="freshly-demo-") as folder:
        try:
            return run(options, Path(folder))
        except KeyboardInterrupt:
            return 130


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m examples.demo",
        description="Drive a service over real data without a cache, with a TTL dict and with "
        "freshly, and check every read for staleness.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--seconds", type=float, default=4.0, help="of traffic in each run; 0 for no runs")
    add("--readers", type=int, default=20, help="concurrent readers")
    add("--writers", type=int, default=4, help="concurrent writers, five writes a second each")
    add("--seed", type=int, default=1, help="of the traffic")
    add("--url", default="mem://", help="where freshly keeps its entries, as redis://localhost")
    add(
        "--processes",
        type=int,
        metavar="N",
        help="of the service; without it, two on a store that they share, one in memory",
    )
    add("--serve", action="store_true", help="keep a service up at the end, to click through")
    add("--port", type=int, help="of that service; without it, a free one")
    add(
        "--cities",
        type=int,
        metavar="N",
        help="take the N cities with the most people; without it, all",
    )
    add("--folder", type=Path, default=ROOT / ".demo", help="where the data stays for the next time")
    options = parser.parse_args(arguments)
    if options.processes is None:
        options.processes = 2 if is_shared(options.url) else 1
    if options.processes < 1:
        parser.error(f"--processes={options.processes} leaves nobody to serve")
    if options.processes > 1 and not is_shared(options.url):
        parser.error(
            f"--processes={options.processes} would each have a memory of their own: "
            f"name a store that they share with --url"
        )
    if options.seconds <= 0 and not options.serve:
        parser.error(f"--seconds={options.seconds:g} leaves nothing to do without --serve")
    return options


def run(options: argparse.Namespace, folder: Path) -> int:
    with bars() as bar:
        cities = data.prepare(options.folder, options.cities, bar("the cities"))
    plan = planned(cities, options.seed)
    status = 0
    if options.seconds > 0:
        outcomes = driven(options, plan, cities, folder)
        print_report(console, outcomes)
        status = 0 if held(outcomes["freshly"]) else 1
    if options.serve:
        serve(options, copied(cities, folder, "served"))
    return status


def planned(cities: Path, seed: int) -> Plan:
    with closing(connect(cities)) as connection:
        ((number,),) = connection.execute("SELECT COUNT(*) FROM cities")
        ((countries,),) = connection.execute("SELECT COUNT(DISTINCT country) FROM cities")
        console.print(f"{number:,} cities in {countries} countries (GeoNames, CC BY 4.0)")
        return Plan(connection, seed)


def driven(options: argparse.Namespace, plan: Plan, cities: Path, folder: Path) -> dict[str, Outcome]:
    """Drive the service once with each cache, each time over a copy of the cities."""
    crowd = Crowd(options.seconds, options.readers, options.writers)
    who = f"{crowd.readers} readers and {crowd.writers} writers"
    where = f", {options.processes} processes" if options.processes > 1 else ""
    console.print(f"{who}{where}, {crowd.seconds:g} s with each cache, seed {plan.seed}")
    outcomes = {}
    with bars() as bar:
        for cache in CACHES:
            path = copied(cities, folder, cache)
            progress = bar(TITLES[cache])
            with (
                running_services(cache, path, url=options.url, processes=options.processes) as ports,
                closing(Database(path)) as database,
            ):
                outcomes[cache] = asyncio.run(drive(ports, database, plan, crowd, progress))
    return outcomes


def copied(cities: Path, folder: Path, name: str) -> Path:
    path = folder / f"{name}.sqlite3"
    shutil.copyfile(cities, path)
    return path


def serve(options: argparse.Namespace, path: Path) -> None:
    """Keep the service up until Ctrl-C."""
    with running_service("freshly", path, url=options.url, port=options.port) as port:
        console.print(f"Serving on [bold]http://127.0.0.1:{port}/[/] until Ctrl-C.")
        threading.Event().wait()


@contextmanager
def bars() -> Iterator[Callable[[str], Callable[[float], None]]]:
    """Show progress bars; each call adds one and returns the function to move it, from 0 to 1."""
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
    )
    with Progress(*columns, console=console) as progress:

        def bar(description: str) -> Callable[[float], None]:
            task = progress.add_task(description, total=1.0)
            return lambda done: progress.update(task, completed=done)

        yield bar


if __name__ == "__main__":
    sys.exit(main())
