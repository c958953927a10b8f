"""Miss and set in memory: every key is new; without a tag and with one of its own."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

from ..adapter import Adapter, NotSupported
from ..functions import close_all, coroutine, of_its_colour, opened, plain
from ..options import Adapters, Options
from ..report import Tables
from ..timing import Case, cheapest_first, compare, fresh_keys

TASK = "· await create_task(f(x))"


def in_a_task() -> Callable[[int], Coroutine[Any, Any, int]]:
    f = coroutine()

    async def run(a: int) -> int:
        return await asyncio.create_task(f(a))

    return run


async def run(adapters: Adapters, options: Options) -> Tables:
    lru = functools.lru_cache(maxsize=100_000)(plain())
    cases = [
        Case("· bare await f(x)", fresh_keys(coroutine())),
        Case(TASK, fresh_keys(in_a_task())),
        Case("· functools.lru_cache (sync)", fresh_keys(lru, sync=True)),
    ]
    used: list[Adapter] = []
    for adapter in adapters:
        for tags in ((), ("u:{a}",)):
            it = await opened(adapter, "miss", size=100_000)
            if it is None:
                continue
            used.append(it)
            try:
                function = it.decorate(of_its_colour(adapter), tags=tags)
            except NotSupported:
                continue
            name = it.name + (" + 1 tag" if tags else "")
            cases.append(Case(name, fresh_keys(function, sync=it.sync), it.note))
    rows = await compare(cases, TASK, rounds=options.rounds_or(15), slice_ms=10)
    await close_all(used)
    return {"miss and set (ns; ratio to awaiting a new task)": cheapest_first(rows)}
