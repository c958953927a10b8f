"""The longest stall of the event loop while a store is full and while all of it expires."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from itertools import count
from time import perf_counter_ns, process_time_ns
from typing import Any

from ..adapter import Adapter, NotSupported
from ..functions import close_all, opened
from ..isolate import child
from ..options import Adapters, Options
from ..report import Row, Tables
from ..timing import Body, Case, StallMeter, compare

ENTRIES = 1_000_000
FEW = 200_000
FIRST = 20_000
SLOW = ("cashews", "aiocache", "py-key-value", "fastapi-cache2")
ORDERED = "· OrderedDict set + popitem"


async def run(adapters: Adapters, options: Options) -> Tables:
    here = [each for each in adapters if "mem" in each.backends and "expiry" not in each.skips]
    stalls: list[Row] = [{"name": "· an idle loop", **child(__name__, "idle", None, None, 60)}]
    for adapter in here:
        is_slow = adapter.name.startswith(SLOW)
        entries = FEW // 4 if options.quick else FEW if is_slow else ENTRIES
        ttl = 10 if options.quick and not is_slow else 60 if is_slow and not options.quick else 20
        found = child(__name__, "expired", adapter, [entries, ttl], 400)
        if "skip" not in found:
            stalls.append({"name": adapter.name, "entries": entries, **found})
    return {
        "longest stall of the loop (ms)": stalls,
        "a set with room, and at capacity (ns)": await _sets(here, options),
    }


async def idle(_: Any, __: Any) -> Row:
    async with StallMeter() as meter:
        await asyncio.sleep(5)
    return {"stall full": round(meter.longest, 1)}


async def expired(adapter: type[Adapter], argument: tuple[int, float]) -> Row:
    entries, least = argument
    it = adapter("mem", size=2 * entries, sweep=1)
    await it.open()
    # How long the first ones take says how long all do: none may expire before the last has come.
    ttl = max(least, round(2 * (entries / FIRST) * await _filled(it, FIRST, 3600)) + 5)
    filling = await _filled(it, entries, ttl)
    began = time.monotonic() - filling
    row: Row = {"fill s": round(filling, 1)}
    if filling > ttl - 1:
        row["note"] = "filling took longer than the ttl: it does not all expire at once"
    async with StallMeter() as meter:
        await asyncio.sleep(max(0.5, min(3.0, ttl - filling - 0.5)))
    row["stall full"] = round(meter.longest, 1)
    await asyncio.sleep(max(0.0, ttl - (time.monotonic() - began) - 0.3))
    slowest = 0.0
    end = time.monotonic() + filling + 5
    async with StallMeter() as meter:
        for number in count():
            before = perf_counter_ns()
            await it.set(f"new{number}", number, 600)
            slowest = max(slowest, (perf_counter_ns() - before) / 1e6)
            await asyncio.sleep(0.005)
            if time.monotonic() > end:
                break
    return row | {"stall expiring": round(meter.longest, 1), "slowest set": round(slowest, 1)}


async def _filled(it: Adapter, entries: int, ttl: float) -> float:
    """Set so many entries, and return the seconds that it took."""
    began = time.monotonic()
    for number in range(entries):
        await it.set(f"k{number}", number, ttl)
        if not number % 1000:
            await asyncio.sleep(0)
    return time.monotonic() - began


async def _sets(adapters: Adapters, options: Options) -> list[Row]:
    cases = [Case(ORDERED, _ordered())]
    used: list[Adapter] = []
    for adapter in adapters:
        for label, size, before in (("room", 3_000_000, 0), ("full", 10_000, 12_000)):
            it = await opened(adapter, "expiry", size=size)
            if it is None:
                continue
            used.append(it)
            try:
                for number in range(before + 1):
                    await it.set(f"p{number}", 1, 3600)
            except NotSupported:
                break
            cases.append(Case(f"{adapter.name} | {label}", _sets_of(it)))
    rows = await compare(cases, ORDERED, rounds=options.rounds_or(9), slice_ms=5)
    await close_all(used)
    table: dict[str, Row] = {}
    for row in rows:
        name, _, label = row["name"].partition(" | ")
        table.setdefault(name, {"name": name})[label or "full"] = row.get("ns median")
    return list(table.values())


def _ordered(limit: int = 100_000) -> Body:
    table = OrderedDict((number, number) for number in range(limit))
    following = count(10**9)

    async def body(times: int) -> tuple[int, int]:
        numbers = [next(following) for _ in range(times * 200)]
        began = process_time_ns()
        for number in numbers:
            table[number] = number
            if len(table) > limit:
                table.popitem(last=False)
        return process_time_ns() - began, len(numbers)

    return body


def _sets_of(it: Adapter) -> Body:
    following = count()

    async def body(times: int) -> tuple[int, int]:
        keys = [f"n{next(following)}" for _ in range(times * 200)]
        began = process_time_ns()
        for key in keys:
            await it.set(key, 1, 3600)
        return process_time_ns() - began, len(keys)

    return body
