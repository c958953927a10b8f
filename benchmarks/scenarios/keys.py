"""Hit in memory by the shape of the arguments: template, three arguments, keywords, objects, method."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..adapter import Adapter, Function, NotSupported
from ..functions import BARE, close_all, opened
from ..options import Adapters, Options
from ..report import Row, Tables
from ..timing import Call, Case, compare, method, spread

NUMBERS = list(range(1000, 1200))


@dataclass(frozen=True)
class Point:
    x: int
    y: int
    z: int


class Model(BaseModel):
    model_config = ConfigDict(frozen=True)
    x: int
    y: int
    z: int


@dataclass(frozen=True)
class Shape:
    """``make`` gives the function anew, as a coroutine and plain."""

    make: Callable[[], tuple[Function, Function]]
    calls: Sequence[Call]
    key: str | None = None


def one() -> tuple[Function, Function]:
    async def f(a: Any) -> int:
        return 1

    def g(a: Any) -> int:
        return 1

    return f, g


def point() -> tuple[Function, Function]:
    async def f(a: Point) -> int:
        return 1

    def g(a: Point) -> int:
        return 1

    return f, g


def model() -> tuple[Function, Function]:
    async def f(a: Model) -> int:
        return 1

    def g(a: Model) -> int:
        return 1

    return f, g


def three() -> tuple[Function, Function]:
    async def f(a: int, b: str = "b", c: str = "c") -> int:
        return 1

    def g(a: int, b: str = "b", c: str = "c") -> int:
        return 1

    return f, g


SHAPES = {
    "1 int": Shape(one, [((number,), {}) for number in NUMBERS]),
    "template": Shape(one, [((number,), {}) for number in NUMBERS], "user:{a}"),
    "3 args": Shape(three, [((number, "abc", "x"), {}) for number in NUMBERS]),
    "3 args, 2 by name": Shape(three, [((number,), {"b": "abc", "c": "x"}) for number in NUMBERS]),
    "defaults": Shape(three, [((number,), {}) for number in NUMBERS]),
    "dataclass": Shape(point, [((Point(number, 1, 2),), {}) for number in NUMBERS]),
    "pydantic": Shape(model, [((Model(x=number, y=1, z=2),), {}) for number in NUMBERS]),
}


async def run(adapters: Adapters, options: Options) -> Tables:
    table: dict[str, Row] = {}
    for name, shape in SHAPES.items():
        _put(table, name, await _shape(adapters, shape, options))
    _put(table, "method", await _method(adapters, options))
    title = "hit by shape of the arguments (ns in the median; ratio to a bare await of the same shape)"
    return {title: list(table.values())}


async def _shape(adapters: Adapters, shape: Shape, options: Options) -> list[Row]:
    used: list[Adapter] = []
    f, g = shape.make()
    lru = functools.lru_cache(maxsize=None)(g)
    cases = [
        Case(BARE, spread(f, shape.calls, sync=False)),
        Case("· functools.lru_cache (sync)", spread(lru, shape.calls, sync=True)),
    ]
    for adapter in adapters:
        it = await opened(adapter, "keys", size=100_000)
        if it is not None:
            used.append(it)
            cases += await _case(it, shape)
    rows = await compare(cases, BARE, rounds=options.rounds_or(15), slice_ms=5)
    await close_all(used)
    return rows


async def _case(it: Adapter, shape: Shape) -> list[Case]:
    try:
        function = it.decorate(shape.make()[it.sync], key=shape.key)
        for args, kwargs in shape.calls:
            _ = function(*args, **kwargs) if it.sync else await function(*args, **kwargs)
    except NotSupported:
        return []
    except Exception as error:
        return [_failed(it, error)]
    return [Case(it.name, spread(function, shape.calls, sync=it.sync))]


def _failed(it: Adapter, error: Exception) -> Case:
    async def fail(times: int) -> tuple[int, int]:
        raise error

    return Case(it.name, fail)


async def _method(adapters: Adapters, options: Options) -> list[Row]:
    used: list[Adapter] = []
    cases = [Case(BARE, method(_service(_identity)(), NUMBERS))]
    for adapter in adapters:
        it = None if adapter.sync else await opened(adapter, "keys", size=100_000)
        if it is None:
            continue
        used.append(it)
        instance = _service(it.decorate)()
        try:
            for number in NUMBERS:
                await instance.m(number)
        except Exception as error:
            cases.append(_failed(it, error))
        else:
            cases.append(Case(it.name, method(instance, NUMBERS)))
    rows = await compare(cases, BARE, rounds=options.rounds_or(15), slice_ms=5)
    await close_all(used)
    return rows


def _identity(function: Function) -> Function:
    return function


def _service(decorate: Callable[[Function], Function]) -> Any:
    class Service:
        @decorate
        async def m(self, a: int) -> int:
            return 1

    return Service


def _put(table: dict[str, Row], column: str, rows: list[Row]) -> None:
    for row in rows:
        line = table.setdefault(row["name"], {"name": row["name"]})
        is_timed = "ratio" in row
        line[column] = f"{row['ns median']:,.0f} ({row['ratio']:.1f})" if is_timed else row["note"][:40]
