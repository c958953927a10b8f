"""How soon another process sees an invalidation through its near entries: after it has returned."""

from __future__ import annotations

import asyncio
import statistics
import sys
from asyncio.subprocess import PIPE, Process
from time import monotonic

from freshly import Cache

from ..isolate import ROOT
from ..options import Adapters, Options
from ..report import Row, Tables
from ..server import redis_server

# Seconds between two invalidations.
PAUSE = 0.02
# Seconds between two reads: a read that comes later sees it later.
REST = 0.0002


async def run(adapters: Adapters, options: Options) -> Tables:
    with redis_server() as url:
        if not url:
            return {"near: left out, no server": []}
        row = await lags(url, 100 if options.quick else 1000)
    return {"from the return of delete_tags to the first read that is new, elsewhere (ms)": [row]}


async def lags(url: str, times: int) -> Row:
    reader = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, url, cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    try:
        async with Cache(url) as cache:
            await _seen(reader)
            found = [await _lag(cache, reader) for _ in range(times)]
    finally:
        reader.kill()
        await reader.wait()
    return {
        "name": "near hit in another process",
        "invalidations": times,
        "p50": round(statistics.median(found), 3),
        "p99": round(sorted(found)[int(0.99 * (times - 1))], 3),
        "max": round(max(found), 3),
    }


async def _lag(cache: Cache, reader: Process) -> float:
    await cache.delete_tags("row")
    returned = monotonic()
    # It may have seen it before this process knew that it was done.
    lag = max(0.0, await _seen(reader) - returned) * 1000
    await asyncio.sleep(PAUSE)
    return lag


async def _seen(reader: Process) -> float:
    assert reader.stdout is not None
    return float(await reader.stdout.readline())


async def read(url: str) -> None:
    """Read again and again, and tell when the value is another: one clock for all of a machine."""
    loads = 0
    async with Cache(url, near=True) as cache:

        @cache("1h", tags=["row"])
        async def row() -> int:
            nonlocal loads
            loads += 1
            return loads

        former = 0
        while True:
            began = monotonic()
            value = await row()
            if value != former:
                former = value
                print(began, flush=True)
            # Without a pause the thread that hears would wait for the interpreter: 5 ms each time.
            await asyncio.sleep(REST)


if __name__ == "__main__":
    asyncio.run(read(sys.argv[1]))
