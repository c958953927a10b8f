"""Loads of two processes of which each waits for the other's.

Two caches stand for two processes: they share nothing but the server.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from freshly import Cache
from freshly.core.claim import LONGEST_INSIDE
from freshly.testing import ManualClock, Stepper
from tests.redis.fixtures import Open


class Circle:
    """Two values, each made from the other: a mistake in the code that no process can see."""

    def __init__(self) -> None:
        self.step = Stepper()
        self.runs: list[str] = []

    def on(self, cache: Cache, mine: str, other: str, read: Any = None) -> Any:
        @cache(ttl="1h", key=other)
        async def get_other() -> str:
            self.runs.append(f"{other} in {mine}'s")
            return other

        @cache(ttl="1h", key=mine)
        async def get() -> str:
            self.runs.append(mine)
            await self.step.stop(mine)
            return f"{mine} with {await (read or get_other)()}"

        return get


@pytest.mark.parametrize("many", [False, True])
async def test_two_loads_of_two_processes_that_wait_for_each_other_end(
    open_cache: Open, many: bool
) -> None:
    """Each keeps its lease while it waits. After a while each loads for itself what it needs."""
    clock, circle = ManualClock(), Circle()
    caches = [open_cache(clock=clock), open_cache(clock=clock)]

    def of_many(cache: Cache, key: str) -> Any:
        async def load(keys: list[str]) -> dict[str, str]:
            circle.runs.append(f"{key} of many")
            return dict.fromkeys(keys, key)

        async def read() -> str:
            return (await cache.get_or_set_many([key], load, "1h"))[key]

        return read if many else None

    one = circle.on(caches[0], "x", "y", of_many(caches[0], "y"))
    other = circle.on(caches[1], "y", "x", of_many(caches[1], "x"))
    readers = [circle.step.start(one()), circle.step.start(other())]
    await circle.step.reached("x")
    await circle.step.reached("y")
    assert sorted(circle.runs) == ["x", "y"]

    circle.step.go("x")
    circle.step.go("y")
    async with asyncio.timeout(10):
        while pending := sum(not reader.done() for reader in readers):
            # Time passes only while all that are left wait: answers of the server take none of it.
            if clock.alarms >= pending:
                clock.advance(0.1)
            await asyncio.sleep(0)

    assert [await reader for reader in readers] == ["x with y", "y with x"]
    assert len(circle.runs) <= 4
    assert clock.now() < 2 * LONGEST_INSIDE
