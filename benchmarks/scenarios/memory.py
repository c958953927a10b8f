"""Memory of an entry with a ttl, beside its key and value, without tags and with three shared ones."""

from __future__ import annotations

import functools
import gc
import resource
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freshly import Cache

from ..adapter import Adapter
from ..isolate import child
from ..options import Adapters, Options
from ..report import Row, Tables

ENTRIES = 1_000_000
#: For libraries that take minutes for more.
FEW = 200_000
SLOW = ("cashews", "aiocache", "py-key-value", "fastapi-cache2")


class Slotted:
    __slots__ = ("deadline", "value")

    def __init__(self, value: str, deadline: float) -> None:
        self.value, self.deadline = value, deadline


Fill = Callable[[list[str], list[str]], object]


def _fill_lru(keys: list[str], values: list[str]) -> object:
    following = iter(values)
    function = functools.lru_cache(maxsize=None)(lambda key: next(following))
    for key in keys:
        function(key)
    return function


YARDSTICKS: dict[str, Fill] = {
    "dict": lambda keys, values: dict(zip(keys, values, strict=True)),
    "OrderedDict": lambda keys, values: OrderedDict(zip(keys, values, strict=True)),
    "dict of (value, deadline)": lambda keys, values: {
        key: (value, float(place)) for place, (key, value) in enumerate(zip(keys, values, strict=True))
    },
    "dict of slotted objects": lambda keys, values: {
        key: Slotted(value, float(place))
        for place, (key, value) in enumerate(zip(keys, values, strict=True))
    },
    "functools.lru_cache": _fill_lru,
}


async def run(adapters: Adapters, options: Options) -> Tables:
    count = FEW // 10 if options.quick else ENTRIES
    rows: list[Row] = []
    for name in YARDSTICKS:
        found = child(__name__, "yardstick", None, [name, count], 120)
        rows.append({"name": f"· {name}", "entries": count, "no tags": found.get("bytes")})
    for adapter in adapters:
        if "mem" in adapter.backends and "memory" not in adapter.skips:
            rows += _row(adapter, min(count, FEW) if adapter.name.startswith(SLOW) else count)
    for name in ("by a function of str", "by a function of int"):
        found = child(__name__, "decorated", None, [name, count], 240)
        rows.append(
            {"name": f"freshly, {name}", "entries": count, "3 tags": found.get("bytes")} | found
        )
    return {"memory of an entry with a ttl, key and value not counted (bytes of the process)": rows}


def _row(adapter: type[Adapter], count: int) -> list[Row]:
    row: Row = {"name": adapter.name, "entries": count}
    for column, has_tags in (("no tags", False), ("3 tags", True)):
        if has_tags and not adapter.has_tags():
            continue
        found = child(__name__, "filled", adapter, [count, has_tags], 240)
        if "skip" in found:
            return []
        row[column] = found.get("bytes")
        row |= {"note": found["note"]} if "note" in found else {}
    return [row]


def _process() -> float:
    gc.collect()
    pages = Path("/proc/self/statm").read_text().split()[1]
    return float(int(pages) * resource.getpagesize())


def _texts(what: str, count: int) -> list[str]:
    return [f"{what}:{number:07d}" for number in range(count)]


async def yardstick(_: Any, argument: tuple[str, int]) -> Row:
    name, count = argument
    keys, values = _texts("key", count), _texts("value", count)
    before = _process()
    kept = YARDSTICKS[name](keys, values)
    grown = _process() - before
    del kept
    return {"bytes": round(grown / count, 1)}


async def filled(adapter: type[Adapter], argument: tuple[int, bool]) -> Row:
    count, has_tags = argument
    it = adapter("mem", size=2 * count)
    await it.open()
    for number in range(1000):
        await it.set(f"warm{number}", "x", 3600, ("t",) if has_tags else ())
    keys, values = _texts("key", count), _texts("value", count)
    tags = [["all", f"g:{number % 10}", f"h:{number % 100}"] for number in range(100)]
    before = _process()
    for place, (key, value) in enumerate(zip(keys, values, strict=True)):
        await it.set(key, value, 3600, tags[place % 100] if has_tags else ())
    return {"bytes": round((_process() - before) / count, 1)}


async def decorated(_: Any, argument: tuple[str, int]) -> Row:
    """Fill through a function: its table from arguments to entries is counted too. The keys, which
    the cache makes here, weigh as much as they do elsewhere, and are taken off."""
    name, count = argument
    cache = Cache("mem://", max_entries=2 * count)
    values = iter(_texts("value", count + 1000))

    @cache(3600, key="key:{a}", tags=["all", "group", "kind"])
    async def get(a: Any) -> str:
        return next(values)

    for number in range(1000):
        await get(-number)
    is_text = name.endswith("str")
    arguments: list[Any] = _texts("", count) if is_text else [*range(10**6, 10**6 + count)]
    before = _process()
    for each in arguments:
        await get(each)
    grown = _process() - before
    return {"bytes": round(grown / count - (80 if is_text else 64), 1)}
