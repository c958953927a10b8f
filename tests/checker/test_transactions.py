"""The promise with a source whose changes are visible late, as those of a database transaction are.

A writer changes its row first, and loaders see that when it commits, some steps later. It invalidates
before the commit, inside of a transaction with a hold. Some writers die between commit and end, and
some are rolled back. Judged is what docs/concepts/protocol.md promises: after the end, or after the
hold's end if the writer died, no read gets a value from before the commit.

As in test_promise.py the same histories run over mutants, and have to find violations there.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from freshly import LoadTimeout
from freshly.core.engine import Engine
from freshly.core.flight import Flight
from freshly.core.holds import Hold
from freshly.core.load import Load
from freshly.core.writes import Writes
from freshly.stores.memory import MemoryStore
from freshly.testing import History
from tests.checker.test_promise import FACES, READERS, READS, SUBJECTS, World, hand_over

SEEDS = range(30)
# A join after the hold's end needs a long load, a writer that dies, and nobody who writes after it.
MANY_SEEDS = 150
WRITERS, WRITES = 2, 12
HOLD = 2.0


class Died(BaseException):
    """What a process does that is killed: nothing more."""


class TwoPhases(World):
    """A world whose source has a version that is written, and one that is visible."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.written = dict(self.versions)
        # A row has one writer at a time, as in a database.
        self.locks = [asyncio.Lock() for _ in range(SUBJECTS)]
        self._due: list[tuple[float, int, int]] = []

    def promise_from(self, instant: float, subject: int, version: int) -> None:
        """From ``instant`` on reads get ``version`` or a later one."""
        self._due.append((instant, subject, version))

    def settle(self) -> None:
        now = self.clock.now()
        for due in [due for due in self._due if due[0] <= now]:
            self._due.remove(due)
            self.history.invalidated(due[1], due[2])


async def run(seed: int, face: str) -> History:
    world = TwoPhases(seed)
    loading = world.chance("loading")

    async def load(subject: int) -> int:
        await hand_over(loading, 3)
        version = world.versions[subject]
        # Some take so long that the hold under which they began ends before they do.
        await hand_over(loading, 8 if loading.random() < 0.8 else 80)
        return version

    read = FACES[face](world.cache, load)
    readers = [reader(world, read, number) for number in range(READERS)]
    writers = [writer(world, number) for number in range(WRITERS)]
    ticker = asyncio.ensure_future(tick(world))
    await asyncio.gather(*readers, *writers)
    ticker.cancel()
    await world.cache.close()
    return world.history


async def tick(world: TwoPhases) -> None:
    """Let time pass, also while all readers wait."""
    while True:
        world.clock.advance(0.05)
        world.settle()
        await asyncio.sleep(0)


async def reader(world: TwoPhases, read: Callable[[int], Any], number: int) -> None:
    chance = world.chance(f"reader {number}")
    for _ in range(READS):
        await hand_over(chance, 8)
        subject = chance.randrange(SUBJECTS)
        begun = world.history.begins(subject)
        try:
            version = await read(subject)
        except LoadTimeout:
            continue
        world.history.ends(begun, version)


async def writer(world: TwoPhases, number: int) -> None:
    chance = world.chance(f"writer {number}")
    for _ in range(WRITES):
        await hand_over(chance, 12)
        subject = chance.randrange(SUBJECTS)
        async with world.locks[subject]:
            try:
                await write(world, subject, chance)
            except (Died, ZeroDivisionError):
                world.written[subject] = world.versions[subject]


async def write(world: TwoPhases, subject: int, chance: random.Random) -> None:
    block = world.cache.transaction(hold=HOLD)
    await block.__aenter__()
    began = world.clock.now()
    try:
        await world.cache.delete_tags(f"s:{subject}")
        # It sees what it has written, and keeps that for itself.
        world.written[subject] += 1
        version = world.written[subject]
        await hand_over(chance, 8)
        if chance.random() < 0.2 or world.clock.now() - began >= HOLD:
            # The database gives a transaction no more time than its hold has.
            raise ZeroDivisionError
        world.versions[subject] = version
        if chance.random() < 0.4:
            world.promise_from(began + HOLD, subject, version)
            raise Died
        await hand_over(chance, 4)
    except ZeroDivisionError as error:
        await block.__aexit__(ZeroDivisionError, error, None)
        raise
    except Died:
        block._leave()
        raise
    await block.__aexit__(None, None, None)
    world.history.invalidated(subject, version)


@pytest.mark.parametrize("face", FACES)
async def test_no_read_gets_a_value_from_before_a_commit_once_the_hold_has_ended(face: str) -> None:
    histories = [await run(seed, face) for seed in SEEDS]

    assert [history.violations for history in histories] == [[]] * len(SEEDS)
    assert sum(history.reads for history in histories) > 300 * len(SEEDS)
    assert sum(history.invalidations for history in histories) > 12 * len(SEEDS)


# -- mutants ---------------------------------------------------------------------------------------


def without_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The beginning stamps, and holds nothing."""
    invalidate = MemoryStore.invalidate

    async def stamp_only(self: MemoryStore, tags: Iterable[str], hold: Hold | None = None) -> int:
        return await invalidate(self, tags)

    monkeypatch.setattr(MemoryStore, "invalidate", stamp_only)


def without_prepare(monkeypatch: pytest.MonkeyPatch) -> None:
    """What most libraries do: nothing before the commit, and everything after it."""

    async def nothing(self: Writes, *_: object) -> None:
        return

    monkeypatch.setattr(Writes, "prepare", nothing)


def without_finalize_stamps(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(self: Writes, *_: object) -> None:
        return

    monkeypatch.setattr(Writes, "_do", nothing)


def without_hold_map(monkeypatch: pytest.MonkeyPatch) -> None:
    async def end_all(self: MemoryStore, *_: object) -> None:
        self._holds._keep(lambda *_: False)

    monkeypatch.setattr(MemoryStore, "release", end_all)


def without_join_respects_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flight, "answers_at", lambda self, now: True)


def without_stamps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hold alone is not enough for a load that was running when it began."""

    async def never(self: Engine, *_: object) -> bool:
        return False

    monkeypatch.setattr(Engine, "_was_overtaken", never)
    land = MemoryStore.land

    async def stamped_late(self: MemoryStore, entry: Any, *rest: Any) -> bool:
        entry.seen = self.logical.reading
        return await land(self, entry, *rest)

    monkeypatch.setattr(MemoryStore, "land", stamped_late)


def without_unstorable_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Together with tags that are not inherited: in memory the tags alone would be enough."""
    collect = Load.collect

    def forgets(
        self: Load, tags: tuple[str, ...], *args: Any, held_until: Any = None, **_: Any
    ) -> None:
        collect(self, (), *args, **_)

    monkeypatch.setattr(Load, "collect", forgets)


MUTANTS: list[tuple[Callable[[pytest.MonkeyPatch], None], str]] = [
    (without_hold, "cache"),
    (without_hold, "soft"),
    (without_hold, "get_or_set"),
    (without_hold, "result"),
    (without_hold, "nested"),
    (without_prepare, "cache"),
    (without_prepare, "result"),
    (without_finalize_stamps, "cache"),
    (without_finalize_stamps, "get_or_set"),
    (without_join_respects_hold, "cache"),
    (without_join_respects_hold, "result"),
    (without_stamps, "cache"),
    (without_unstorable_is_inherited, "nested"),
]


@pytest.mark.parametrize(("mutant", "face"), MUTANTS)
async def test_with_a_guard_taken_out_the_same_histories_show_violations(
    monkeypatch: pytest.MonkeyPatch, mutant: Callable[[pytest.MonkeyPatch], None], face: str
) -> None:
    mutant(monkeypatch)

    for seed in range(MANY_SEEDS):
        if (await run(seed, face)).violations:
            return
    pytest.fail("the checker saw nothing")
