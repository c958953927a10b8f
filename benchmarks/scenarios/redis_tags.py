"""delete_tags on a server, with 100 and with 100,000 entries under the tag, beside one raw GET."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter_ns, process_time_ns
from typing import Any

import redis.asyncio

from freshly import Cache

from ..options import Adapters, Options
from ..report import Row, Tables
from ..server import redis_server
from ..timing import Case, compare
from .redis_hit import RAW, counted, in_turn, yardsticks

FEW = 100
MANY = 100_000
# Entries that are set at a time.
SHARE = 1_000


async def run(adapters: Adapters, options: Options) -> Tables:
    if not any(each.name.startswith("freshly") for each in adapters):
        return {}
    with redis_server() as url:
        if not url:
            return {"redis tags: left out, no server": []}
        async with redis.asyncio.Redis.from_url(url) as client:
            rows = await invalidations(url, client, options)
    return {"delete_tags on a server, one after the other (ratios to a raw GET)": rows}


async def invalidations(url: str, client: Any, options: Options) -> list[Row]:
    """Return a row of a raw GET, and one of ``delete_tags`` for each number of entries."""
    many = 2_000 if options.quick else MANY
    caches = {count: await _filled(url, count) for count in (FEW, many)}
    get = (await yardsticks(client))[RAW]
    acts = {RAW: get} | {f"{count:,} entries": _delete(cache) for count, cache in caches.items()}
    rows: dict[str, Row] = {name: {"name": name} for name in acts}
    for clock, now in (("", perf_counter_ns), (", CPU", process_time_ns)):
        cases = [Case(name, in_turn(act, now)) for name, act in acts.items()]
        for row in await compare(cases, RAW, rounds=options.rounds_or(21), slice_ms=15):
            rows[row["name"]][f"by GET{clock}"] = row.get("ratio")
            rows[row["name"]]["note"] = row.get("note", "")
    for count, cache in caches.items():
        name = f"{count:,} entries"
        rows[name]["commands"] = await counted(client, acts[name])
        if await cache.get("0") is not None:
            rows[name]["note"] = "an invalidated entry was served"
        await cache.close()
    return list(rows.values())


async def _filled(url: str, count: int) -> Cache:
    """Return a cache whose entries all have one tag."""
    cache = Cache(url, namespace=f"tags-{count}")
    for start in range(0, count, SHARE):
        names = range(start, min(start + SHARE, count))
        await cache.set_many({str(name): name for name in names}, "1h", tags=["all"])
        await asyncio.sleep(0)
    return cache


def _delete(cache: Cache) -> Callable[[int], Awaitable[object]]:
    return lambda number: cache.delete_tags("all")
