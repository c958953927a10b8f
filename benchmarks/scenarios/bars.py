"""Our own ratios beside the bars that we hold ourselves to. ``make bench-check`` asks for no more."""

from __future__ import annotations

import asyncio
import functools
import gc
from collections.abc import Sequence
from dataclasses import dataclass
from time import process_time_ns
from typing import Any

import redis.asyncio

from freshly import Cache

from .. import traces
from ..functions import BARE, coroutine, plain
from ..isolate import child
from ..options import Adapters, Options
from ..peers.ours import Freshly
from ..report import Row, Tables
from ..server import redis_server
from ..timing import Body, Case, awaits, calls, compare, fresh_keys, method, ratio, spread
from . import hitratio, imports, redis_hit, redis_tags, stampede
from .keys import SHAPES
from .miss import TASK, in_a_task

KEYS = list(range(10_000, 11_000))
# Seconds that another process may take to fill a store with a million entries: on a busy machine it
# takes some minutes, alone twenty seconds.
PATIENCE = 900.0


@dataclass(frozen=True)
class Bar:
    """``limit`` is what the ratio may be at most, or at least where more is better. ``check`` is
    what ``make bench-check`` lets pass: about twice the bar, or twice what we know we have."""

    name: str
    limit: float
    check: float
    more_is_better: bool = False

    def row(self, value: float | str) -> Row:
        """Return the row of what was measured, or of why it could not be."""
        if isinstance(value, str):
            return {"name": self.name, "bar": self.limit, "note": value}
        met = value >= self.limit if self.more_is_better else value <= self.limit
        passes = value >= self.check if self.more_is_better else value <= self.check
        return {
            "name": self.name,
            "measured": round(value, 2),
            "bar": self.limit,
            "met": "yes" if met else "no",
            "check": "" if passes else f"fails: beyond {self.check:g}",
        }


HIT_ON_A_SERVER = "hit on a server, 3 tags, by a pipeline of GET and HMGET"
HITS_FROM_TASKS = "hits on a server from 100 tasks, in the time of a raw GET"
FEW_ON_A_SERVER = "delete_tags on a server with 1e2 entries, by a raw GET"
MANY_ON_A_SERVER = "delete_tags on a server with 1e5 entries, by a raw GET"

BARS = {
    bar.name: bar
    for bar in (
        Bar("hit, ttl, no tags, by bare await", 3.0, 6.5),
        Bar("hit, ttl, 10 tags, by bare await", 3.0, 6.5),
        Bar("hit of soft, by bare await", 3.0, 6.5),
        Bar("hit of early, by bare await", 3.0, 6.5),
        Bar("hit, key template, 3 args, keywords, by bare await of the shape", 3.5, 6.5),
        Bar("hit of a bound method, by bare await of a method", 3.5, 20.0),
        Bar("hit, dataclass of 3 fields, by bare await of the shape", 6.0, 14.0),
        Bar("hit, pydantic model of 3 fields, by bare await of the shape", 6.0, 14.0),
        Bar("hit after an unrelated invalidation, 3 tags, by bare await", 4.5, 12.0),
        Bar("sync hit, by functools.lru_cache", 4.0, 8.0),
        Bar("miss and set, 1 tag, by awaiting a new task", 1.6, 20.0),
        Bar("1000 awaits of a cold key, by 1000 sleeps", 1.3, 7.0),
        Bar("delete_tags with 1e6 entries, by 1e2 entries", 2.0, 4.0),
        Bar(HIT_ON_A_SERVER, 1.4, 3.0),
        Bar(HITS_FROM_TASKS, 5.0, 2.0, more_is_better=True),
        Bar(FEW_ON_A_SERVER, 1.8, 4.0),
        Bar(MANY_ON_A_SERVER, 1.8, 4.0),
        Bar("bytes of an entry beside key and value, ttl and 3 tags, 1e6 entries", 280.0, 320.0),
        Bar("bytes of an entry of a function of int, its table included", 280.0, 320.0),
        Bar("longest stall while 1e6 entries expire, ms above idle", 10.0, 60.0),
        Bar("hits in % of the optimum at 1 %", 73.0, 70.0, more_is_better=True),
        Bar("hits in % of the optimum at 5 %", 79.0, 77.0, more_is_better=True),
        Bar("hits in % of the optimum at 10 %", 81.0, 79.0, more_is_better=True),
        Bar("import freshly, by import asyncio", 1.2, 2.0),
        Bar("from freshly import cache, by import asyncio", 1.2, 5.0),
    )
}


async def run(adapters: Adapters, options: Options) -> Tables:
    values: dict[str, float | str] = {}
    values |= await _hits(options) | await _miss(options) | await _stampede(options)
    values |= await _invalidation(options) | await _server(options) | _import(options)
    if not options.quick:
        values |= _memory() | _stall() | _hit_ratio(options)
    return {"bars": [BARS[name].row(value) for name, value in values.items()]}


# -- hits ------------------------------------------------------------------------------------------


async def _hits(options: Options) -> dict[str, float]:
    ten = [f"t{number}:{{a}}" for number in range(10)]
    # A cache for each: they are one function to a cache, and would share their entries.
    functions = {
        "hit, ttl, no tags, by bare await": Cache()("1h")(coroutine()),
        "hit, ttl, 10 tags, by bare await": Cache()("1h", tags=ten)(coroutine()),
        "hit of soft, by bare await": Cache().soft("1h", soft_ttl="30m")(coroutine()),
        "hit of early, by bare await": Cache().early("1h", early_ttl="30m")(coroutine()),
    }
    cache = Cache()
    tagged = cache("1h", tags=ten[:3])(coroutine())
    for function in (*functions.values(), tagged):
        for key in KEYS:
            await function(key)
    cases = [Case(BARE, awaits(coroutine(), KEYS))]
    cases += [Case(name, awaits(function, KEYS)) for name, function in functions.items()]
    after = "hit after an unrelated invalidation, 3 tags, by bare await"
    cases.append(Case(after, _after_an_invalidation(cache, tagged)))
    found = await _ratios(cases, options)
    return found | await _shapes(options) | await _method(options) | await _sync(options)


def _after_an_invalidation(cache: Cache, function: Any) -> Body:
    """One unrelated invalidation before each round over all keys: every hit looks at its tags."""

    async def body(times: int) -> tuple[int, int]:
        took = 0
        for _ in range(times):
            await cache.delete_tags("unrelated")
            began = process_time_ns()
            for key in KEYS:
                await function(key)
            took += process_time_ns() - began
        return took, times * len(KEYS)

    return body


async def _shapes(options: Options) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, shape, key in (
        (
            "hit, key template, 3 args, keywords, by bare await of the shape",
            "3 args, 2 by name",
            "u:{a}",
        ),
        ("hit, dataclass of 3 fields, by bare await of the shape", "dataclass", None),
        ("hit, pydantic model of 3 fields, by bare await of the shape", "pydantic", None),
    ):
        template = None if key is None else key + ":{b}:{c}"
        function = Cache()("1h", key=template)(SHAPES[shape].make()[0])
        for args, kwargs in SHAPES[shape].calls:
            await function(*args, **kwargs)
        bare = Case(BARE, spread(SHAPES[shape].make()[0], SHAPES[shape].calls, sync=False))
        ours = Case(name, spread(function, SHAPES[shape].calls, sync=False))
        found |= await _ratios([bare, ours], options)
    return found


async def _method(options: Options) -> dict[str, float]:
    cache = Cache()

    class Bare:
        async def m(self, a: int) -> int:
            return a

    class Service:
        @cache("1h")
        async def m(self, a: int) -> int:
            return a

    service = Service()
    for key in KEYS:
        await service.m(key)
    name = "hit of a bound method, by bare await of a method"
    return await _ratios([Case(BARE, method(Bare(), KEYS)), Case(name, method(service, KEYS))], options)


async def _sync(options: Options) -> dict[str, float]:
    lru, ours = functools.lru_cache(maxsize=None)(plain()), Cache()("1h")(plain())
    for key in KEYS:
        _ = lru(key), ours(key)
    name = "sync hit, by functools.lru_cache"
    return await _ratios([Case(BARE, calls(lru, KEYS)), Case(name, calls(ours, KEYS))], options)


async def _ratios(
    cases: Sequence[Case], options: Options, unit: str = BARE, slice_ms: float = 6.0
) -> dict[str, float]:
    rows = await compare(cases, unit, rounds=options.rounds_or(31), slice_ms=slice_ms)
    return {row["name"]: row["ratio"] for row in rows if row["name"] != unit}


# -- loads and invalidations -----------------------------------------------------------------------


async def _miss(options: Options) -> dict[str, float]:
    cache = Cache()
    name = "miss and set, 1 tag, by awaiting a new task"
    ours = cache("1h", tags=["u:{a}"])(coroutine())
    cases = [Case(TASK, fresh_keys(in_a_task())), Case(name, fresh_keys(ours))]
    return await _ratios(cases, options, TASK, slice_ms=10)


async def _stampede(options: Options) -> dict[str, float]:
    it = Freshly("mem")
    await it.open()
    taken: list[tuple[float, float]] = []
    for _ in range(3 if options.quick else 7):
        bare = await stampede.measure(None, times=1)
        ours = await stampede.measure(it, times=1)
        taken.append((ours["ms min"], bare["ms min"]))
        await it.cache.clear()
    await it.close()
    value = ratio([ours for ours, _ in taken], [bare for _, bare in taken])
    return {"1000 awaits of a cold key, by 1000 sleeps": value}


async def _invalidation(options: Options) -> dict[str, float]:
    """One invalidation at a time of a tag that all entries have, while they are all there."""
    few, many = await _filled(100), await _filled(20_000 if options.quick else 1_000_000)
    name = "delete_tags with 1e6 entries, by 1e2 entries"
    cases = [Case(BARE, _invalidations(few)), Case(name, _invalidations(many))]
    found = await _ratios(cases, options)
    await few.close()
    await many.close()
    return found


async def _filled(count: int) -> Cache:
    cache = Cache("mem://", max_entries=2_000_000)
    for number in range(count):
        await cache.set(f"k{number}", number, tags=["all"])
        if not number % 1000:
            await asyncio.sleep(0)
    gc.collect()
    return cache


def _invalidations(cache: Cache) -> Body:
    async def body(times: int) -> tuple[int, int]:
        began = process_time_ns()
        for _ in range(times * 10):
            await cache.delete_tags("all")
        return process_time_ns() - began, times * 10

    return body


async def _server(options: Options) -> dict[str, float | str]:
    """What a server is asked for, by the time of the processor here."""
    with redis_server() as url:
        if not url:
            names = (HIT_ON_A_SERVER, HITS_FROM_TASKS, FEW_ON_A_SERVER, MANY_ON_A_SERVER)
            return dict.fromkeys(names, "there is no server here")
        async with redis.asyncio.Redis.from_url(url, max_connections=200) as client:
            in_turn, together = await redis_hit.ratios(url, client, options)
            _, few, many = await redis_tags.invalidations(url, client, options)
    return {
        HIT_ON_A_SERVER: in_turn,
        HITS_FROM_TASKS: together,
        FEW_ON_A_SERVER: few["by GET, CPU"],
        MANY_ON_A_SERVER: many["by GET, CPU"],
    }


# -- what takes a process of its own ---------------------------------------------------------------


def _memory() -> dict[str, float | str]:
    by_hand = child("benchmarks.scenarios.memory", "filled", Freshly, [1_000_000, True], PATIENCE)
    by_function = child(
        "benchmarks.scenarios.memory", "decorated", None, ["by a function of int", 1_000_000], PATIENCE
    )
    return {
        "bytes of an entry beside key and value, ttl and 3 tags, 1e6 entries": _found(by_hand, "bytes"),
        "bytes of an entry of a function of int, its table included": _found(by_function, "bytes"),
    }


def _stall() -> dict[str, float | str]:
    idle = child("benchmarks.scenarios.expiry", "idle", None, None, 60)
    full = child("benchmarks.scenarios.expiry", "expired", Freshly, [1_000_000, 60], PATIENCE)
    longest, usual = _found(full, "stall expiring"), _found(idle, "stall full")
    name = "longest stall while 1e6 entries expire, ms above idle"
    if isinstance(longest, str) or isinstance(usual, str):
        return {name: str(longest)}
    return {name: longest - usual}


def _found(row: Row, name: str) -> float | str:
    """Return what another process has measured, or why it has not."""
    return float(row[name]) if name in row else str(row.get("note", "not measured"))


def _hit_ratio(options: Options) -> dict[str, float]:
    means = hitratio.means(Freshly, traces.REQUESTS, traces.public(options.traces))
    return {f"hits in % of the optimum at {part * 100:.0f} %": value for part, value in means.items()}


def _import(options: Options) -> dict[str, float]:
    alone, cache = imports.Module("freshly"), imports.Module("freshly.default")
    loop = imports.Module("asyncio")
    for _ in range(5 if options.quick else 15):
        for module in (alone, cache, loop):
            module.sample()
    return {
        "import freshly, by import asyncio": imports.against(alone, loop),
        "from freshly import cache, by import asyncio": imports.against(cache, loop),
    }
