"""One simulated process: its loop, its threads, its clock, and its death."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from math import inf
from typing import Any

from .actors import Actor, turn
from .loop import LAST_TURNS, SimulatedLoop
from .network import Network
from .world import World


class ProcessClock:
    """``CLOCK_MONOTONIC`` of the process: it begins anywhere and runs a little fast or slow."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self.now = loop.time


class Process:
    """``drift`` is how much faster than the world's its clock may run at most."""

    def __init__(self, world: World, network: Network, name: str, drift: float) -> None:
        self.world, self.network, self.name = world, network, name
        self.chance = world.chance(f"process {name}")
        self.is_dead = self.is_paused = False
        self.superseded = 0
        self.superseded_at = -inf
        self.actors: dict[Actor, None] = {}
        self._rate = 1.0 + self.chance.uniform(-drift, drift)
        self.loop = SimulatedLoop(world, self.chance.random() * 1e5, self._rate, self._dial, self)
        self.clock = ProcessClock(self.loop)
        self._waiting: list[Callable[[], None]] = []

    def now(self) -> float:
        return self.loop.time()

    def seconds(self, seconds: float) -> float:
        return seconds / self._rate

    async def _dial(self, factory: Callable[[], Any], host: str) -> Any:
        return await self.network.connect(self.loop, self, factory, host)

    # -- what runs in it ---------------------------------------------------------------------

    def task(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """Begin a task."""
        self.loop.create_task(work, name=name)

    def thread(self, work: Callable[[], object], name: str) -> None:
        """Begin a thread."""
        before, turn.home = turn.home, self
        try:
            Actor(target=work, name=name).start()
        finally:
            turn.home = before

    def heard_of(self, error: Exception) -> None:
        self.loop.troubles.append({"message": "a thread ended", "exception": error})

    # -- what can happen to it ---------------------------------------------------------------

    def pause(self, seconds: float) -> None:
        """Stand still, as at SIGSTOP."""
        if self.is_dead or self.is_paused:
            return
        self.is_paused = True
        self.loop.pause()
        self.world.after(seconds, self._go_on)

    def _go_on(self) -> None:
        if self.is_dead:
            return
        self.is_paused = False
        self.loop.go_on()
        waiting, self._waiting = self._waiting, []
        for act in waiting:
            self.world.at(self.world.now, act)

    def when_it_goes_on(self, act: Callable[[], None]) -> None:
        self._waiting.append(act)

    def die(self, *, is_noticed: bool) -> None:
        """End at once, as at SIGKILL; with the machine, if servers do not notice."""
        self.is_dead = True
        self.loop.pause()
        for link in self.network.links_of(self):
            if is_noticed:
                link.hang_up()
            else:
                link.go_silent()

    def bury(self) -> None:
        """Let go of everything that it was in the middle of. The history is over by now."""
        self.is_dead = True
        for link in self.network.links_of(self):
            link.go_silent()
        for _ in range(LAST_TURNS):
            if not self.actors:
                break
            # What it does at its end may have it wait once more.
            for actor in list(self.actors):
                actor.run_on()
        self.loop.end()
