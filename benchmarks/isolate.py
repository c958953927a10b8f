"""Run one function of a scenario in a process of its own: for memory, and for what blocks a loop.

The function is ``async def child(adapter: type[Adapter] | None, argument) -> Row``.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from .adapter import Adapter, NotSupported
from .report import Row

ROOT = Path(__file__).parents[1]
MARK = "@@"


def child(
    module: str, function: str, adapter: type[Adapter] | None, argument: Any, seconds: float
) -> Row:
    """Return what the function gave, ``{"skip": ...}`` or ``{"note": what went wrong}``."""
    place = f"{adapter.__module__}:{adapter.__name__}" if adapter else ""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.isolate", module, function, place]
    try:
        done = subprocess.run(
            [*command, json.dumps(argument)], cwd=ROOT, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return {"note": f"not done in {seconds:g} s"}
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            row: Row = json.loads(line.removeprefix(MARK))
            return row
    return {"note": (done.stderr.strip().splitlines() or ["it printed nothing"])[-1][:160]}


def main(module: str, function: str, place: str, argument: str) -> None:
    adapter = None
    if place:
        where, _, name = place.partition(":")
        adapter = getattr(import_module(where), name)
    run = getattr(import_module(module), function)
    try:
        row = asyncio.run(run(adapter, json.loads(argument)))
    except NotSupported as reason:
        row = {"skip": str(reason)}
    print(MARK + json.dumps(row), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:5])
