"""Run one history: a plan, in a world of its own, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha1
from itertools import count
from typing import Any

from freshly.testing import Violation, judge

from .faults import Faults
from .installed import Tokens
from .plan import Plan, Step
from .process import Process
from .site import Site
from .workload import Crowd, Source
from .world import Endless, World

#: Seconds of the world in which every history ends: what takes longer hangs.
LONGEST = 120.0
#: Steps of the world, the same.
MOST_STEPS = 300_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a history came to. ``digest`` is the same for two runs that went the same way."""

    seed: int
    profile: str
    violations: tuple[Violation, ...]
    errors: tuple[str, ...]
    counts: Counter[str]
    faults: Counter[str]
    digest: str

    @property
    def is_well(self) -> bool:
        return not self.violations and not self.errors


class History:
    """One run of a plan."""

    def __init__(self, plan: Plan, tokens: Tokens) -> None:
        self._plan = plan
        self._world = World(plan.seed)
        tokens.chance = self._world.chance("tokens")
        speeds = plan.speeds
        self._site = Site(
            self._world,
            self._world.chance("site"),
            mean=speeds.way,
            tail=speeds.tail,
            version=plan.version,
        )
        self._source = Source()
        self._order: Any = count()
        self._all: list[Crowd] = []
        self._processes: list[Process] = []
        self._crowds: list[Crowd] = []
        for number, colour in enumerate(plan.colours):
            crowd = self._crowd(f"{number}", colour)
            self._processes.append(crowd.process)
            self._crowds.append(crowd)
        self._faults = Faults(self._site, self._processes, self._replace)

    def run(self) -> Outcome:
        try:
            return self._outcome(self._play())
        finally:
            for crowd in self._all:
                crowd.process.bury()

    def _play(self) -> list[str]:
        for number, crowd in enumerate(self._crowds):
            crowd.begin(self._steps(number))
        for fault in self._plan.faults:
            self._world.at(fault.at, partial(self._faults.do, fault))
        try:
            self._world.run(until=LONGEST, most=MOST_STEPS)
        except Endless as error:
            return [f"{error}"]
        return [] if self._is_over() else [f"not over after {self._world.now:.1f} s"]

    def _one_is_done(self) -> None:
        if self._is_over():
            self._world.stop()

    def _is_over(self) -> bool:
        return all(crowd.is_done for crowd in self._crowds)

    def _steps(self, process: int) -> dict[int, list[Step]]:
        found: dict[int, list[Step]] = {}
        for step in self._plan.steps:
            if step.process == process:
                found.setdefault(step.caller, []).append(step)
        return found

    def _crowd(self, name: str, colour: str) -> Crowd:
        process = Process(self._world, self._site.network, name, self._plan.speeds.drift)
        crowd = Crowd(self._plan, process, self._source, self._order, colour, self._one_is_done)
        self._all.append(crowd)
        return crowd

    def _replace(self, number: int, is_noticed: bool) -> None:
        """End a process, and let another do what it had still to do."""
        former = self._crowds[number]
        if former.is_done:
            return
        former.process.die(is_noticed=is_noticed)
        crowd = self._crowd(f"{number}.{len(self._all)}", self._plan.colours[number])
        self._crowds[number], self._processes[number] = crowd, crowd.process
        rest = {
            caller: steps[former.done[caller] + 1 :] for caller, steps in self._steps(number).items()
        }
        crowd.begin(rest)
        self._one_is_done()

    def _outcome(self, errors: Sequence[str]) -> Outcome:
        history = judge((crowd.journal for crowd in self._all), bound=self._plan.bound)
        counts: Counter[str] = Counter(
            reads=history.reads, invalidations=history.invalidations, steps=self._world.steps
        )
        told = list(errors)
        for crowd in self._all:
            stats = crowd.cache.stats()
            counts += crowd.counts + Counter(hits=stats.hits, misses=stats.misses, waits=stats.waits)
            told += [f"{type(error).__name__}: {error}" for error in crowd.errors]
            told += [f"loop: {trouble}" for trouble in crowd.process.loop.troubles]
        notes = [(crowd.journal.reads, crowd.journal.invalidations) for crowd in self._all]
        digest = sha1(repr((notes, self._world.steps, self._world.now)).encode()).hexdigest()
        return Outcome(
            self._plan.seed,
            self._plan.profile,
            tuple(history.violations),
            tuple(told),
            counts,
            self._faults.done,
            digest,
        )


def run(plan: Plan, tokens: Tokens) -> Outcome:
    """Return what came of ``plan``."""
    return History(plan, tokens).run()
