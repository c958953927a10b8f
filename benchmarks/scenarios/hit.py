"""Hit in memory of a function with one int argument, without tags and with two."""

from __future__ import annotations

import functools

from ..adapter import Adapter, NotSupported
from ..functions import BARE, close_all, coroutine, of_its_colour, opened, plain
from ..options import Adapters, Options
from ..report import Row, Tables
from ..timing import Case, awaits, calls, cheapest_first, compare

# A thousand hot keys, none among the small ints that Python keeps.
KEYS = list(range(10_000, 11_000))
LRU = "· functools.lru_cache (sync)"


async def run(adapters: Adapters, options: Options) -> Tables:
    cases = yardsticks()
    used: list[Adapter] = []
    for adapter in adapters:
        for tags in ((), ("t", "u:{a}")):
            it = await opened(adapter, "hit", size=200_000)
            if it is not None:
                used.append(it)
                cases += await _case(it, tags)
    rows = await compare(cases, BARE, rounds=options.rounds_or(31))
    await close_all(used)
    return {"hit, one int argument (ns; ratio to a bare await)": cheapest_first(_by_lru(rows))}


def yardsticks() -> list[Case]:
    table = {key: key for key in KEYS}
    lru = functools.lru_cache(maxsize=None)(plain())

    async def look_up(a: int) -> int:
        return table[a]

    return [
        Case("· dict lookup", calls(table.__getitem__, KEYS)),
        Case(LRU, calls(lru, KEYS)),
        Case(BARE, awaits(coroutine(), KEYS)),
        Case("· bare await, dict lookup inside", awaits(look_up, KEYS)),
    ]


async def _case(it: Adapter, tags: tuple[str, ...]) -> list[Case]:
    try:
        function = it.decorate(of_its_colour(type(it)), tags=tags)
    except NotSupported:
        return []
    for key in KEYS:
        _ = function(key) if it.sync else await function(key)
    name = it.name + (f" + {len(tags)} tags" if tags else "")
    return [Case(name, (calls if it.sync else awaits)(function, KEYS), it.note)]


def _by_lru(rows: list[Row]) -> list[Row]:
    unit = next(row["ns median"] for row in rows if row["name"] == LRU)
    for row in rows:
        if "ns median" in row:
            row["by lru_cache"] = round(row["ns median"] / unit, 1)
    return rows
