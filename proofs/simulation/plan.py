"""What a seed decides beforehand: who does what after which pause, what goes wrong when, and how fast
everything is. The rest is decided by chance of the same seed while it happens.

A plan is data, so that a failing one can be made smaller: drop steps and faults while it still fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from .profiles import PROFILES, Profile


@dataclass(frozen=True, slots=True)
class Step:
    """One act of one caller, ``after`` so many seconds. ``chance`` decides its details."""

    process: int
    caller: int
    after: float
    verb: str
    how: str
    subjects: tuple[int, ...]
    chance: float


@dataclass(frozen=True, slots=True)
class Fault:
    at: float
    kind: str
    process: int
    seconds: float
    chance: float


@dataclass(frozen=True, slots=True)
class Speeds:
    """Seconds: ``load`` is what a load takes, ``way`` what a piece of bytes does, on average."""

    load: float
    way: float
    tail: float
    drift: float


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    profile: str
    colours: tuple[str, ...]
    version: str
    max_hold: float
    max_ttl: float
    lease: float
    timeout: float
    failing: int
    near: str
    max_staleness: float
    speeds: Speeds
    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]

    @property
    def bound(self) -> float:
        """By how much reads of other processes may trail."""
        return self.max_staleness if self.near == "bounded" else 0.0


def plan_of(seed: int, profile: str = "") -> Plan:
    """Return the plan of ``seed``, by a profile that it draws if none is given."""
    chance = Random(f"plan {seed}")
    (drawn,) = chance.choices(list(PROFILES), [one.often for one in PROFILES.values()])
    name = profile or drawn
    like = PROFILES[name]
    processes = chance.choice((2, 2, 3))
    colours = tuple(chance.choices(("tasks", "threads"), (1 - like.threads, like.threads), k=processes))
    steps = _steps(chance, like, processes)
    spans: dict[tuple[int, int], float] = {}
    for step in steps:
        place = step.process, step.caller
        spans[place] = spans.get(place, 0.0) + step.after
    return Plan(
        seed=seed,
        profile=name,
        colours=colours,
        version=chance.choice(("6.2.14", "7.4.0", "8.2.3")),
        max_hold=chance.choice((0.0, 0.0, 0.5)),
        max_ttl=chance.choice(like.max_ttls),
        lease=chance.choice(like.leases),
        timeout=chance.choice(like.timeouts),
        failing=like.failing,
        near=chance.choice(like.nears),
        max_staleness=chance.choice(like.stalenesses),
        speeds=Speeds(
            load=chance.choice(like.loads),
            way=chance.choice(like.ways_there),
            tail=chance.choice(like.tails),
            drift=chance.choice((0.0, 0.001, 0.01)),
        ),
        steps=tuple(steps),
        faults=_faults(chance, like, max(spans.values()), processes),
    )


def _steps(chance: Random, like: Profile, processes: int) -> list[Step]:
    is_crowded = chance.random() < like.crowded
    subjects = 1 if is_crowded else chance.choice(like.subjects)
    most = min(3, len(like.faces))
    faces = chance.sample(like.faces, 1 if is_crowded else min(most, chance.choice((1, 2, 2, 3))))
    pauses = like.pauses[:2] if is_crowded else like.pauses
    verbs, sums = list(like.verbs), list(accumulate(like.verbs.values()))
    return [
        _step(chance, like, process, caller, faces, subjects, pauses, verbs, sums)
        for process in range(processes)
        for caller in range(3 if is_crowded else chance.choice(like.callers))
        for _ in range(chance.randrange(like.busy - 8, like.busy))
    ]


def _step(
    chance: Random,
    like: Profile,
    process: int,
    caller: int,
    faces: list[str],
    subjects: int,
    pauses: tuple[float, ...],
    verbs: Sequence[str],
    sums: Sequence[int],
) -> Step:
    (verb,) = chance.choices(verbs, cum_weights=sums)
    if verb.endswith("write"):
        (how,) = chance.choices(list(like.ways), list(like.ways.values()))
    else:
        how = chance.choice(faces)
    return Step(
        process,
        caller,
        chance.choice(pauses) * chance.random() * 2 + (chance.random() < 0.04) * 0.4,
        verb,
        how,
        tuple(chance.sample(range(subjects), chance.randint(1, subjects)))
        if verb == "many"
        else (min(chance.randrange(subjects), chance.randrange(subjects)),),
        chance.random(),
    )


def _faults(chance: Random, like: Profile, span: float, processes: int) -> tuple[Fault, ...]:
    faults = [_fault(chance, like, span, processes) for _ in range(chance.choice(like.counts))]
    return tuple(sorted(faults, key=lambda fault: fault.at))


def _fault(chance: Random, like: Profile, span: float, processes: int) -> Fault:
    (kind,) = chance.choices(list(like.faults), list(like.faults.values()))
    return Fault(
        chance.random() * span,
        kind,
        chance.randrange(processes),
        chance.choice(like.fault_spans) * chance.random() * 2,
        chance.random(),
    )
