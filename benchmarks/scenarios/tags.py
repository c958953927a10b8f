"""Invalidate a tag that many keys have; what a hit costs by the number of tags on its key."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable
from time import perf_counter_ns
from typing import Any

from ..adapter import Adapter, NotSupported
from ..functions import BARE, coroutine, opened
from ..isolate import child
from ..options import Adapters, Options
from ..report import Row, Tables
from ..server import redis_server
from ..timing import Case, awaits, compare

COUNTS = (100, 1_000, 10_000, 100_000)
#: Seconds for filling, and for deleting.
PATIENCE = 60
KEYS = list(range(10_000, 10_200))


async def run(adapters: Adapters, options: Options) -> Tables:
    with_tags = [each for each in adapters if each.has_tags() and "tags" not in each.skips]
    counts = COUNTS[:2] if options.quick else COUNTS
    with redis_server() as url:
        backends = ("mem", "redis") if url else ("mem",)
        rows = [
            row
            for backend in backends
            for adapter in with_tags
            if backend in adapter.backends
            for row in _counts(adapter, backend, url, counts)
        ]
    hits = [
        await _hits(each, options) for each in with_tags if "mem" in each.backends and not each.sync
    ]
    return {
        "delete_tags of one tag, N keys having it and three others (ms)": rows,
        "hit in memory by number of tags on its key (ns in the median; ratio to a bare await)": hits,
    }


def _counts(adapter: type[Adapter], backend: str, url: str, counts: tuple[int, ...]) -> list[Row]:
    rows: list[Row] = []
    for count in counts:
        found = child(__name__, "fill_and_delete", adapter, [count, backend, url], 3 * PATIENCE)
        if "skip" in found:
            break
        rows.append({"name": adapter.name, "backend": backend, "N": count, **found})
        if "note" in found:
            break
    return rows


class _Late(BaseException): ...


def _be_late(*_: object) -> None:
    raise _Late


async def fill_and_delete(adapter: type[Adapter], argument: tuple[int, str, str]) -> Row:
    count, backend, url = argument
    it = adapter(backend, url, size=5_000_000)
    await it.open()
    signal.signal(signal.SIGALRM, _be_late)
    row: Row = {}
    loads = 0

    async def load(a: int, g: int, h: int) -> int:
        nonlocal loads
        loads += 1
        return a

    if it.sync:
        raise NotSupported("more than one tag")
    function = it.decorate(load, tags=("all", "g:{g}", "h:{h}", "u:{a}"))

    async def fill() -> None:
        for start in range(0, count, 100):
            numbers = range(start, min(count, start + 100))
            await asyncio.gather(*(function(number, number % 10, number % 100) for number in numbers))

    try:
        await _timed(row, "fill", fill())
        await _timed(row, "delete one key's tag", it.delete_tags(f"u:{count - 1}"))
        await _timed(row, "delete shared tag", it.delete_tags("all"))
    except _Late:
        return row
    before, asked = loads, min(count, 100)
    for number in range(asked):
        await function(number, number % 10, number % 100)
    row["stale left"] = asked - (loads - before)
    return row


async def _timed(row: Row, name: str, work: Awaitable[Any]) -> None:
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    began = perf_counter_ns()
    try:
        await work
        row[name] = round((perf_counter_ns() - began) / 1e6, 4)
    except _Late:
        row["note"] = f"{name}: not done in {PATIENCE} s"
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


async def _hits(adapter: type[Adapter], options: Options) -> Row:
    cases, used = [Case(BARE, awaits(coroutine(), KEYS))], []
    for count in (0, 1, 3, 10):
        it = await opened(adapter, "tags", size=100_000)
        if it is None:
            continue
        used.append(it)
        function = it.decorate(coroutine(), tags=[f"t{number}:{{a}}" for number in range(count)])
        for key in KEYS:
            await function(key)
        cases.append(Case(f"{count} tags", awaits(function, KEYS)))
    rows = await compare(cases, BARE, rounds=options.rounds_or(11))
    for it in used:
        await it.close()
    cells = {row["name"]: f"{row['ns median']:,.0f} ({row['ratio']:.1f})" for row in rows[1:]}
    return {"name": adapter.name, **cells}
