"""What reads lose to a server that accepts everything and answers nothing (see ../hanging.py)."""

from __future__ import annotations

import logging

from .. import hanging
from ..options import Adapters, Options
from ..report import Row, Tables

#: Seconds that an answer may take: the default of the store.
TIMEOUT = 0.5


async def run(adapters: Adapters, options: Options) -> Tables:
    if not any(each.name.startswith("freshly") for each in adapters):
        return {}
    logging.getLogger("freshly").setLevel(logging.CRITICAL)  # it would say what is measured
    with hanging.proxied_server() as proxy:
        outcome = await hanging.measured(proxy, TIMEOUT, 2.0 if options.quick else 8.0)
    title = (
        f"{hanging.CALLERS} callers of a server that hangs, time-out {1000 * TIMEOUT:g} ms (extra ms)"
    )
    rows = [_row(name, phase) for name, phase in hanging.phases(outcome).items()]
    back: Row = {"name": "every read a hit again after", "max": round(1000 * outcome.back_after, 1)}
    return {title: [*rows, back]}


def _row(name: str, phase: hanging.Phase) -> Row:
    return {
        "name": name,
        "p50": round(1000 * phase.percentile(50), 2),
        "p99": round(1000 * phase.percentile(99), 2),
        "max": round(1000 * max(phase.extra), 2),
        "reads": len(phase.extra),
        "loads": phase.loads,
        "timed out": phase.waited(TIMEOUT),
    }
