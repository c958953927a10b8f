"""Time cases side by side on a machine that others use too.

Each case runs in slices of some milliseconds, once a round, the rounds shuffled, so that a slow spell
of the machine hits all alike. What counts is the ratio: the median over the rounds of a case's time
by the time of the yardstick in the same round.

What is computed is timed by the clock of the processor, which stands still while others have it: on a
machine with three jobs a core a slice of 10 ms takes 10 ms or 60 by the clock on the wall. What waits,
for a server or a load, needs that one.
"""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns, process_time_ns
from types import TracebackType
from typing import Any

from .report import Row

#: Runs its operations so many times over; returns nanoseconds, and how many operations that were.
Body = Callable[[int], Awaitable[tuple[int, int]]]
#: One call: its arguments by position and by name.
Call = tuple[tuple[Any, ...], dict[str, Any]]

TOO_LONG = 180.0


@dataclass
class Case:
    name: str
    body: Body
    note: str = ""
    times: int = 1
    samples: list[float] = field(default_factory=list)
    error: str = ""

    async def warm(self, slice_ms: float) -> None:
        """Let Python specialise the code, and find out how often it fits into a slice."""
        try:
            for _ in range(2):
                await self.body(1)
            nanoseconds, _ = await self.body(1)
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
        else:
            self.times = max(1, int(slice_ms * 1e6 / max(nanoseconds, 1)))

    async def sample(self) -> None:
        nanoseconds, operations = await self.body(self.times)
        self.samples.append(nanoseconds / operations)


async def compare(
    cases: Sequence[Case], yardstick: str, *, rounds: int, slice_ms: float = 6.0
) -> list[Row]:
    """Run ``cases`` and return a row for each: ns at best and in the median, and the ratio."""
    order = random.Random(1)
    for case in cases:
        await case.warm(slice_ms)
    live = [case for case in cases if not case.error]
    end = perf_counter_ns() + TOO_LONG * 1e9
    for _ in range(rounds):
        order.shuffle(live)
        gc.collect()
        gc.disable()
        try:
            for case in live:
                await case.sample()
        finally:
            gc.enable()
        if perf_counter_ns() > end:
            break
    unit = next(case.samples for case in cases if case.name == yardstick)
    return [_row(case, unit) for case in cases]


def _row(case: Case, unit: Sequence[float]) -> Row:
    if case.error:
        return {"name": case.name, "note": case.error}
    return {
        "name": case.name,
        "ns min": round(min(case.samples), 1),
        "ns median": round(statistics.median(case.samples), 1),
        "ratio": round(ratio(case.samples, unit), 2),
        "note": case.note,
    }


def ratio(samples: Sequence[float], unit: Sequence[float]) -> float:
    return statistics.median([a / b for a, b in zip(samples, unit, strict=False)])


def cheapest_first(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: float(str(row.get("ns median") or "inf")))


def awaits(function: Callable[..., Awaitable[Any]], arguments: Sequence[Any]) -> Body:
    async def body(times: int) -> tuple[int, int]:
        began = process_time_ns()
        for _ in range(times):
            for argument in arguments:
                await function(argument)
        return process_time_ns() - began, times * len(arguments)

    return body


def calls(function: Callable[..., Any], arguments: Sequence[Any]) -> Body:
    async def body(times: int) -> tuple[int, int]:
        began = process_time_ns()
        for _ in range(times):
            for argument in arguments:
                function(argument)
        return process_time_ns() - began, times * len(arguments)

    return body


def spread(function: Callable[..., Any], arguments: Sequence[Call], *, sync: bool) -> Body:
    """The same for calls with several arguments, by position and by name."""

    async def awaited(times: int) -> tuple[int, int]:
        began = process_time_ns()
        for _ in range(times):
            for args, kwargs in arguments:
                await function(*args, **kwargs)
        return process_time_ns() - began, times * len(arguments)

    async def called(times: int) -> tuple[int, int]:
        began = process_time_ns()
        for _ in range(times):
            for args, kwargs in arguments:
                function(*args, **kwargs)
        return process_time_ns() - began, times * len(arguments)

    return called if sync else awaited


def method(instance: Any, arguments: Sequence[Any]) -> Body:
    """The method ``m`` of ``instance``, looked up at each call, as in ``await service.m(1)``."""

    async def body(times: int) -> tuple[int, int]:
        began = process_time_ns()
        for _ in range(times):
            for argument in arguments:
                await instance.m(argument)
        return process_time_ns() - began, times * len(arguments)

    return body


def fresh_keys(function: Callable[..., Any], *, sync: bool = False, each: int = 200) -> Body:
    """Calls with numbers that never come again."""
    following = iter(range(10**9, 10**12))

    async def body(times: int) -> tuple[int, int]:
        numbers = [next(following) for _ in range(times * each)]
        began = process_time_ns()
        if sync:
            for number in numbers:
                function(number)
        else:
            for number in numbers:
                await function(number)
        return process_time_ns() - began, len(numbers)

    return body


class StallMeter:
    """The longest time between two turns of the event loop, in milliseconds."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def _tick(self) -> None:
        last = perf_counter_ns()
        while True:
            await asyncio.sleep(0.001)
            now = perf_counter_ns()
            self.longest = max(self.longest, (now - last) / 1e6 - 1.0)
            last = now

    async def __aenter__(self) -> StallMeter:
        self._ticking = asyncio.create_task(self._tick())
        await asyncio.sleep(0.05)
        self.longest = 0.0
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.sleep(0.003)
        self._ticking.cancel()
