"""Threads on a cache in memory, switched between any two instructions as a seed says.

The interpreter switches threads where it likes, and a race that needs two switches within a few
instructions comes once in a million calls. Here real threads take turns (``proofs.simulation``, its
module ``stepping``): one runs, and before each instruction of freshly chance decides whether another
one goes on. Locks are stepped as well. Each lock is also taken out, and has to be missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import pytest

from freshly import Cache
from freshly.core.flight import Flights
from freshly.core.stamp import LogicalClock
from freshly.stores.memory import MemoryStore
from freshly.testing import History
from proofs.simulation.actors import here
from proofs.simulation.installed import installed
from proofs.simulation.network import Network
from proofs.simulation.process import Process
from proofs.simulation.stepping import StepLock, stepped
from proofs.simulation.world import World

SEEDS = range(30)
#: Seeds until a missing lock has to be noticed.
MOST_SEEDS = range(600)
THREADS = 4
STEPS = 10
SUBJECTS = 2
WAYS = ("tag", "tag", "keys", "pattern", "clear")
#: Seconds of a load at most: some instructions of others.
LOAD = 2e-6


class NoLock:
    def __enter__(self) -> None: ...

    def __exit__(self, *what: object) -> None: ...


@dataclass
class Played:
    """What came of one seed."""

    history: History = field(default_factory=History)
    errors: list[BaseException] = field(default_factory=list)
    loads: int = 0
    loads_at_once: int = 0
    readings: list[int] = field(default_factory=list)

    @property
    def readings_are_distinct(self) -> bool:
        return len(set(self.readings)) == len(self.readings)

    @property
    def is_well(self) -> bool:
        return not self.history.violations and not self.errors


class Play:
    """Threads of one process that read and invalidate in memory, by one seed."""

    def __init__(self, seed: int) -> None:
        world = World(seed)
        network = Network(world, lambda host: None, 0.001, 0.0)
        self.process = Process(world, network, "0", 0.0)
        self.chance = self.process.chance
        self.cache = Cache("mem://", clock=self.process.clock, dice=self.chance.random)
        self.played = Played()
        self._versions = [0] * SUBJECTS
        self._clock = LogicalClock()
        self._left = self._loading = 0

        @self.cache(10, key="s:{subject}", tags=["s:{subject}"])
        def read(subject: int) -> int:
            return self._load(subject)

        self.read = read

    def _load(self, subject: int) -> int:
        self.played.loads += 1
        self._loading += 1
        self.played.loads_at_once = max(self.played.loads_at_once, self._loading)
        here().rest(self.chance.random() * LOAD)
        version = self._versions[subject]
        here().rest(self.chance.random() * LOAD)
        self._loading -= 1
        return version

    def run(self, work: Callable[[Random], None]) -> Played:
        self._left = THREADS
        for _ in range(THREADS):
            chance = Random(self.chance.random())
            often = chance.choice((0.01, 0.05, 0.2))
            self.process.thread(stepped(partial(self._guarded, work, chance), chance, often), "caller")
        try:
            self.process.world.run(until=60.0, most=400_000)
            if self._left:
                self.played.errors.append(RuntimeError("threads wait for each other"))
        finally:
            self.process.bury()
        return self.played

    def _guarded(self, work: Callable[[Random], None], chance: Random) -> None:
        try:
            work(chance)
        except Exception as error:
            self.played.errors.append(error)
        self._left -= 1
        if not self._left:
            self.process.world.stop()

    # -- what threads do -----------------------------------------------------------------------

    def reads_and_writes(self, chance: Random) -> None:
        for _ in range(STEPS):
            subject = chance.randrange(SUBJECTS)
            if (dice := chance.random()) < 0.5:
                begun = self.played.history.begins(subject)
                self.played.history.ends(begun, self.read(subject))
            elif dice < 0.55:
                self._set(subject)
            elif dice < 0.7:
                self.cache.blocking.mark_stale(f"s:{subject}")
            else:
                self._versions[subject] += 1
                version = self._versions[subject]
                self._invalidate(chance.choice(WAYS), subject)
                self.played.history.invalidated(subject, version)

    def reads_and_deletes(self, chance: Random) -> None:
        """One key, deleted by its name: nothing but the lock keeps a load from landing after it."""
        for _ in range(STEPS):
            if chance.random() < 0.6:
                begun = self.played.history.begins(0)
                self.played.history.ends(begun, self.read(0))
                continue
            self._versions[0] += 1
            version = self._versions[0]
            self._invalidate("keys", 0)
            self.played.history.invalidated(0, version)

    def _invalidate(self, way: str, subject: int) -> None:
        blocking = self.cache.blocking
        match way:
            case "keys":
                blocking.delete(f"s:{subject}")
            case "pattern":
                blocking.delete_match(f"s:{subject}*")
            case "clear":
                blocking.clear()
            case _:
                blocking.delete_tags(f"s:{subject}")

    def _set(self, subject: int) -> None:
        stamp = self.cache.blocking.stamp()
        version = self._versions[subject]
        here().rest(self.chance.random() * LOAD)
        name = f"s:{subject}"
        self.cache.blocking.set(name, version, 10, tags=[name], stamp=stamp)

    def advances_the_clock(self, chance: Random) -> None:
        for _ in range(3):
            self.played.readings.append(self._clock.advance(tags=("a",)))

    def reads_one(self, chance: Random) -> None:
        self.read(0)


def play(seed: int, work: str = "reads_and_writes") -> Played:
    played = Play(seed)
    return played.run(getattr(played, work))


@contextmanager
def no_lock_of(owner: type) -> Iterator[None]:
    """Have objects of ``owner`` do without their lock."""
    original: Any = owner.__init__

    def init(self: Any, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        self._lock = NoLock()

    owner.__init__ = init  # type: ignore[misc]
    try:
        yield
    finally:
        owner.__init__ = original  # type: ignore[misc]


@pytest.fixture(scope="module", autouse=True)
def simulated() -> Iterator[None]:
    with installed(is_stepped=True):
        yield


def test_no_read_gets_what_was_invalidated_before_it_began_wherever_threads_are_switched() -> None:
    reads = loads = 0
    for seed in SEEDS:
        played = play(seed)
        assert played.is_well, (seed, played.history.violations, played.errors)
        reads, loads = reads + played.history.reads, loads + played.loads

    assert reads > 3 * len(SEEDS)
    assert loads < reads


def test_no_load_lands_after_its_key_was_deleted() -> None:
    for seed in SEEDS:
        played = play(seed, "reads_and_deletes")
        assert played.is_well, (seed, played.history.violations, played.errors)


def test_one_thread_at_a_time_loads_a_key() -> None:
    for seed in SEEDS:
        played = play(seed, "reads_one")
        assert (played.loads_at_once, played.errors) == (1, []), seed


def test_a_seed_says_where_they_are_switched() -> None:
    first, second = play(3), play(3)

    assert (first.history.reads, first.loads) == (second.history.reads, second.loads)
    assert first.history == second.history


def test_each_advance_of_the_logical_clock_has_a_reading_of_its_own() -> None:
    for seed in SEEDS:
        played = play(seed, "advances_the_clock")
        assert len(played.readings) == 3 * THREADS
        assert played.readings_are_distinct, seed


# -- a lock less ----------------------------------------------------------------------------------


def test_without_the_lock_of_the_store_the_promise_is_broken() -> None:
    with no_lock_of(MemoryStore):
        assert any(play(seed, "reads_and_deletes").history.violations for seed in MOST_SEEDS)


def test_without_the_lock_of_flights_two_threads_load_a_key() -> None:
    with no_lock_of(Flights):
        assert any(play(seed, "reads_one").loads_at_once > 1 for seed in MOST_SEEDS)


def test_without_the_lock_of_the_clock_two_advances_have_one_reading() -> None:
    with no_lock_of(LogicalClock):
        assert not all(play(seed, "advances_the_clock").readings_are_distinct for seed in MOST_SEEDS)


def test_who_waits_for_a_lock_of_its_own_is_noticed() -> None:
    lock = StepLock()
    lock.acquire()

    with pytest.raises(AssertionError, match="waits for itself"):
        lock.acquire()
