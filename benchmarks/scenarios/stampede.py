"""A thousand awaits of one cold key whose load takes 20 ms: how many loads, and how long."""

from __future__ import annotations

import asyncio
import statistics
from contextlib import suppress
from time import perf_counter_ns

from ..adapter import Adapter, Function, NotSupported
from ..options import Adapters, Options
from ..report import Row, Tables
from ..server import redis_server

CALLERS = 1000


async def run(adapters: Adapters, options: Options) -> Tables:
    # A caller that failed has said so in its row; the others of its thousand need not.
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    rows: list[Row] = [{"name": "· 1000 uncached loads", "backend": "", **await measure(None)}]
    unit = rows[0]["ms median"]
    with redis_server() as url:
        for backend in ("mem", "redis") if url else ("mem",):
            here = [it for it in adapters if backend in it.backends and "stampede" not in it.skips]
            rows += [await _row(it, backend, url) for it in here if not it.sync]
    for row in rows:
        if "ms median" in row:
            row["ratio"] = round(row["ms median"] / unit, 2)
    return {f"{CALLERS} awaits of one cold key, load 20 ms": rows}


async def _row(adapter: type[Adapter], backend: str, url: str) -> Row:
    row: Row = {"name": adapter.name, "backend": backend}
    it = adapter(backend, url)
    try:
        await it.open()
        row |= await asyncio.wait_for(measure(it), 60)
    except NotSupported as reason:
        row["note"] = f"not supported: {reason}"
    except Exception as error:
        row["note"] = f"{type(error).__name__}: {error}"
    with suppress(Exception):
        await it.close()
    return row


async def measure(it: Adapter | None, times: int = 5) -> Row:
    loads = 0

    async def load(a: int) -> int:
        nonlocal loads
        loads += 1
        await asyncio.sleep(0.02)
        return a

    function: Function = load if it is None else it.decorate(load)
    took: list[float] = []
    most = 0
    for number in range(times):
        loads = 0
        began = perf_counter_ns()
        await asyncio.gather(*(function(50_000 + number) for _ in range(CALLERS)))
        took.append((perf_counter_ns() - began) / 1e6)
        most = max(most, loads)
    return {
        "loads": most,
        "ms min": round(min(took), 1),
        "ms median": round(statistics.median(took), 1),
    }
