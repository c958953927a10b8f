"""What a seed decides beforehand: who does what after which pause, what goes wrong when, and how fast
everything is. The rest is decided by chance of the same seed while it happens.

A plan is data, so that a failing one can be made smaller: drop steps and faults while it still fails.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

#: What is cached in which way; ``faces`` has them.
FACES = (
    "tag",
    "soft",
    "early",
    "result",
    "nested",
    "hurried",
    "hand",
    "given",
    "several",
)
#: How something is invalidated, and how often of a hundred times.
WAYS = {
    "tag": 52,
    "keys": 10,
    "pattern": 6,
    "clear": 4,
    "writer": 10,
    "transaction": 10,
    "hold": 8,
}
#: What is done, and how often.
VERBS = {"read": 78, "many": 4, "impatient": 4, "write": 11, "nudge": 2, "refresh": 1}
#: What goes wrong, and how often.
FAULTS = {
    "reset": 18,
    "lose replies": 16,
    "half open": 8,
    "freeze": 8,
    "evict": 12,
    "evict bucket": 10,
    "forget scripts": 4,
    "flush": 4,
    "restart empty": 4,
    "restart old": 8,
    "fail over": 10,
    "fail over quietly": 10,
    "fail over and back": 8,
    "split": 10,
    "pause": 12,
    "crash": 6,
    "vanish": 3,
}


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
    colours: tuple[str, ...]
    version: str
    max_hold: float
    max_ttl: float
    lease: float
    timeout: float
    speeds: Speeds
    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]


def plan_of(seed: int, *, faults: int | None = None) -> Plan:
    """Return the plan of ``seed``; ``faults`` is how many there are, by chance if it is not given."""
    chance = Random(f"plan {seed}")
    processes = chance.choice((2, 2, 3))
    colours = tuple(chance.choices(("tasks", "threads"), (85, 15), k=processes))
    # In a crowd many ask for one thing at a time, so that they wait for each other.
    is_crowded = chance.random() < 0.3
    subjects = 1 if is_crowded else chance.choice((1, 1, 2, 3))
    faces = chance.sample(FACES, 1 if is_crowded else chance.choice((1, 2, 2, 3)))
    pauses = (0.0, 0.005) if is_crowded else (0.0, 0.005, 0.02, 0.05)
    steps = [
        _step(chance, process, caller, faces, subjects, pauses)
        for process in range(processes)
        for caller in range(3 if is_crowded else chance.choice((1, 2, 2, 3)))
        for _ in range(chance.randrange(6, 14))
    ]
    spans: dict[tuple[int, int], float] = {}
    for step in steps:
        place = step.process, step.caller
        spans[place] = spans.get(place, 0.0) + step.after
    count = chance.choice((0, 1, 1, 2, 3, 5)) if faults is None else faults
    return Plan(
        seed=seed,
        colours=colours,
        version=chance.choice(("6.2.14", "7.4.0", "8.2.3")),
        max_hold=chance.choice((0.0, 0.0, 0.5)),
        max_ttl=chance.choice((86_400.0, 86_400.0, 0.2)),
        lease=chance.choice((0.0, 0.06, 0.3)),
        timeout=chance.choice((0.1, 0.5)),
        speeds=Speeds(
            load=chance.choice((0.002, 0.01, 0.03)),
            way=chance.choice((0.0005, 0.002, 0.005)),
            tail=chance.choice((0.0, 0.02, 0.1)),
            drift=chance.choice((0.0, 0.001, 0.01)),
        ),
        steps=tuple(steps),
        faults=tuple(
            sorted(
                (_fault(chance, max(spans.values()), processes) for _ in range(count)),
                key=lambda fault: fault.at,
            )
        ),
    )


def _step(
    chance: Random,
    process: int,
    caller: int,
    faces: list[str],
    subjects: int,
    pauses: tuple[float, ...],
) -> Step:
    (verb,) = chance.choices(list(VERBS), list(VERBS.values()))
    if verb == "write":
        (how,) = chance.choices(list(WAYS), list(WAYS.values()))
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


def _fault(chance: Random, span: float, processes: int) -> Fault:
    (kind,) = chance.choices(list(FAULTS), list(FAULTS.values()))
    return Fault(
        chance.random() * span,
        kind,
        chance.randrange(processes),
        chance.choice((0.005, 0.03, 0.1, 0.4)) * chance.random() * 2,
        chance.random(),
    )
