"""Step asynchronous callers by hand, so that a test writes the interleaving down.

    step = Stepper()

    async def load(user_id):
        await step.stop("loading")      # stands here until the test lets it go
        ...

    reader = step.start(get_user(1))
    await step.reached("loading")       # runs the loop until a loader stands there
    await cache.delete_tags("user:1")   # now, in the middle of the load
    step.go("loading")
    assert await step.ended(reader) == ...

No time passes: the loop is turned until the awaited thing has happened, and if it has not after
very many turns the test fails instead of hanging.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# A cached call takes some ten turns of the loop to settle. So many mean that it never will.
MANY_TURNS = 10_000


class Stepper:
    """Named points at which callers stand until they are let go, first come first gone."""

    def __init__(self) -> None:
        self._standing: dict[str, deque[asyncio.Future[None]]] = {}
        self._visits: dict[str, int] = {}

    def start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a caller of its own. It runs when the test waits for something."""
        return asyncio.get_running_loop().create_task(coroutine)

    async def stop(self, point: str) -> None:
        """Stand at ``point`` until the test says ``go``."""
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._standing.setdefault(point, deque()).append(gate)
        self._visits[point] = self.visits(point) + 1
        await gate

    def visits(self, point: str) -> int:
        """Return how many have come to ``point`` so far."""
        return self._visits.get(point, 0)

    def is_standing(self, point: str) -> bool:
        return any(not gate.done() for gate in self._standing.get(point, ()))

    async def reached(self, point: str) -> None:
        """Run the loop until somebody stands at ``point``."""
        for _ in range(MANY_TURNS):
            if self.is_standing(point):
                return
            await asyncio.sleep(0)
        raise AssertionError(f"nobody came to {point!r}; points reached: {sorted(self._visits)}")

    async def ended(self, caller: asyncio.Task[T]) -> T:
        """Run the loop until ``caller`` has ended, and return what it got or raise what it raised."""
        for _ in range(MANY_TURNS):
            if caller.done():
                return caller.result()
            await asyncio.sleep(0)
        raise AssertionError(
            f"{caller.get_name()} goes on waiting; points reached: {sorted(self._visits)}"
        )

    def go(self, point: str) -> None:
        """Let the one go who has stood longest at ``point``."""
        gates = self._standing.get(point, deque())
        while gates:
            gate = gates.popleft()
            if not gate.done():
                gate.set_result(None)
                return
        raise AssertionError(f"nobody stands at {point!r}")

    async def settle(self, turns: int = 50) -> None:
        """Run the loop until everyone who can go on has done so."""
        for _ in range(turns):
            await asyncio.sleep(0)
