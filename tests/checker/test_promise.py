"""The promise, judged over many histories: readers, writers and slow loaders in random interleavings.

Each history has a seed. From it come the subjects that are read and written, how a writer
invalidates, when a reader is cancelled, and at which points callers and loaders hand over to others
(``asyncio.sleep(0)``, which takes no time). So a history on one loop is the same on every run. One on
threads is not, since the operating system takes part in it.

A checker that cannot fail proves nothing. So the same histories run over mutants, caches with one
guard taken out, and have to find violations there.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from freshly import Cache, LoadTimeout, NotModified, until
from freshly.core.engine import Engine
from freshly.core.entry import Entry
from freshly.core.flight import Flights
from freshly.core.shape import ANY, Shape
from freshly.stores.memory import MemoryStore
from freshly.testing import History, ManualClock

SUBJECTS = 3
READERS, READS = 8, 50
WRITERS, WRITES = 2, 40
# `make proofs` asks for more.
SEEDS = range(int(os.environ.get("FRESHLY_SEEDS", "30")))

Read = Callable[[int], Awaitable[int]]
Load = Callable[[int], Awaitable[int]]


# -- what is read, and how -------------------------------------------------------------------------


class World:
    """A source of versions, a cache before it, and the history of both."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.clock = ManualClock()
        self.cache = Cache(clock=self.clock, dice=self.chance("dice").random)
        self.history = History()
        self.versions = dict.fromkeys(range(SUBJECTS), 0)

    def chance(self, who: str) -> random.Random:
        return random.Random(f"{self.seed} {who}")

    def write(self, subject: int) -> int:
        self.versions[subject] += 1
        return self.versions[subject]


def decorated(ttl: Any = "10s", **options: Any) -> Callable[[Cache, Load], Read]:
    def face(cache: Cache, load: Load) -> Read:
        @cache(ttl, key="s:{subject}", tags=["s:{subject}"], **options)
        async def read(subject: int) -> int:
            return await load(subject)

        return read

    return face


def by_hand(cache: Cache, load: Load) -> Read:
    async def read(subject: int) -> int:
        return await cache.get_or_set(
            f"s:{subject}", lambda: load(subject), "10s", tags=[f"s:{subject}"], soft_ttl="2s"
        )

    return read


def tagged_by_result(cache: Cache, load: Load) -> Read:
    """Its tag is not known before the load, nor to who joins it."""

    @cache.soft("10s", soft_ttl="2s", key="s:{subject}", tags=["{result[tag]}"])
    async def get(subject: int) -> dict[str, Any]:
        return {"tag": f"s:{subject}", "version": await load(subject)}

    async def read(subject: int) -> int:
        found = await get(subject)
        version: int = found["version"]
        return version

    return read


def nested(cache: Cache, load: Load) -> Read:
    """The outer entry has its tag from the inner one, which is read through its own cache."""
    inner = decorated(soft_ttl="2s")(cache, load)

    @cache.early("10s", early_ttl="2s", key="s:{subject}:outer")
    async def outer(subject: int) -> int:
        return await inner(subject)

    return outer


class Absent(Exception):
    """What a source says that has nothing there, in its version so far."""


def answered_by_exception(cache: Cache, load: Load) -> Read:
    """Every other version of a subject is that there is none."""

    @cache.soft(
        "10s", soft_ttl="2s", key="s:{subject}", tags=["s:{subject}"], cache_exceptions={Absent: "5s"}
    )
    async def get(subject: int) -> int:
        version = await load(subject)
        if version % 2:
            raise Absent(version)
        return version

    async def read(subject: int) -> int:
        try:
            return await get(subject)
        except Absent as absent:
            version: int = absent.args[0]
            return version

    return read


def overlapping(cache: Cache, load: Load) -> Read:
    """Each read is of two subjects, of which the next reader may want one."""

    @cache.many("10s", key="s:{subject}", tags=["s:{subject}"], soft_ttl="2s")
    async def get(subjects: list[int]) -> dict[int, int]:
        return {subject: await load(subject) for subject in subjects}

    async def read(subject: int) -> int:
        return (await get([subject, (subject + 1) % SUBJECTS]))[subject]

    return read


def overlapping_results(cache: Cache, load: Load) -> Read:
    """The same, with tags that only the values tell."""

    @cache.many("10s", key="s:{subject}", tags=["{result[tag]}"], soft_ttl="2s")
    async def get(subjects: list[int]) -> dict[int, dict[str, Any]]:
        return {one: {"tag": f"s:{one}", "version": await load(one)} for one in subjects}

    async def read(subject: int) -> int:
        found = await get([subject, (subject + 1) % SUBJECTS])
        version: int = found[subject]["version"]
        return version

    return read


def generated(cache: Cache, load: Load) -> Read:
    """A sequence of one element, which alone tells its tag."""

    @cache.iterator("10s", key="s:{subject}", tags=["{result[][tag]}"], soft_ttl="2s")
    async def elements(subject: int) -> AsyncIterator[dict[str, Any]]:
        yield {"tag": f"s:{subject}", "version": await load(subject)}

    async def read(subject: int) -> int:
        versions: list[int] = [element["version"] async for element in elements(subject)]
        return versions[0]

    return read


def confirmed(cache: Cache, load: Load) -> Read:
    """Its source says that a value has not changed, also one that was invalidated."""

    @cache.soft("10s", soft_ttl="2s", grace="10s", key="s:{subject}", tags=["s:{subject}"])
    async def read(subject: int) -> int:
        version = await load(subject)
        if cache.current.etag == str(version):
            raise NotModified
        cache.current.etag = str(version)
        return version

    return read


def adaptive(cache: Cache, load: Load) -> Read:
    """The loader says all of its entry, the tag included, and does not have each one stored."""

    @cache("1m", key="s:{subject}")
    async def read(subject: int) -> int:
        cache.current.ttl, cache.current.soft_ttl = "10s", "2s"
        version = await load(subject)
        cache.current.tag(f"s:{subject}")
        if version % 4 == 3:
            cache.current.do_not_store()
        return version

    return read


tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


def varied(cache: Cache, load: Load) -> Read:
    """Each subject has an entry for each of two tenants, under one tag."""

    @cache("10s", vary=[tenant], tags=["s:{subject}"], soft_ttl="2s")
    async def get(subject: int) -> int:
        return await load(subject)

    turns = itertools.cycle(["acme", "globex"])

    async def read(subject: int) -> int:
        tenant.set(next(turns))
        return await get(subject)

    return read


FACES: dict[str, Callable[[Cache, Load], Read]] = {
    "cache": decorated(),
    "soft": decorated(soft_ttl="2s"),
    "early": decorated(early_ttl="2s"),
    "grace": decorated(grace="10s"),
    "soft_timeout": decorated("1s", grace="10s", soft_timeout="100ms"),
    "hard_timeout": decorated("1s", hard_timeout="3s"),
    "timeouts": decorated("1s", grace="10s", soft_timeout="100ms", hard_timeout="3s"),
    "get_or_set": by_hand,
    "result": tagged_by_result,
    "nested": nested,
    "exceptions": answered_by_exception,
    "confirmed": confirmed,
    "many": overlapping,
    "many results": overlapping_results,
    "iterator": generated,
    "soft and early": decorated(soft_ttl="4s", early_ttl="2s"),
    "retry_after": decorated("1s", grace="10s", retry_after="500ms"),
    "jitter": decorated(soft_ttl="2s", jitter=0.5),
    "until": decorated(until("00:01", "00:02", tz="UTC"), soft_ttl="2s"),
    "computed ttl": decorated(lambda result: result % 3, condition=lambda result: result % 5 != 0),
    "adaptive": adaptive,
    "vary": varied,
    "sliding": decorated("2s", sliding=True, max_age="10s", soft_ttl="5s", grace="5s"),
}

# Others with one option more: a third of the seeds is for them.
ONE_MORE_OPTION = (
    "soft and early",
    "retry_after",
    "jitter",
    "until",
    "computed ttl",
    "adaptive",
    "vary",
)

# How a writer invalidates. Each call has to keep the promise when it returns. An outer entry is
# found by its tags only, so the keys and patterns are for the others.
BY_TAG = ("delete_tags", "invalidates", "clear")
BY_KEY = (*BY_TAG, "delete", "delete_match", "set")


async def invalidate(world: World, how: str, subject: int) -> int:
    """Write the subject and invalidate it; return the version that was written."""
    cache, name = world.cache, f"s:{subject}"
    if how == "invalidates":

        @cache.invalidates("s:{subject}")
        async def update(subject: int) -> int:
            return world.write(subject)

        return await update(subject)
    version = world.write(subject)
    match how:
        case "delete_tags":
            await cache.delete_tags(name)
        case "clear":
            await cache.clear()
        case "delete":
            await cache.delete(name)
        case "delete_match":
            await cache.delete_match(f"{name}*")
        case "set":
            await cache.set(name, version, "10s", tags=[name])
    return version


# -- a history on one loop -------------------------------------------------------------------------


async def hand_over(chance: random.Random, most: int) -> None:
    for _ in range(chance.randint(0, most)):
        await asyncio.sleep(0)


async def run(seed: int, face: str) -> History:
    world = World(seed)
    loading = world.chance("loading")

    async def load(subject: int) -> int:
        await hand_over(loading, 3)
        version = world.versions[subject]
        await hand_over(loading, 6)
        if loading.random() < 0.05:
            raise ConnectionError("the source is down for a moment")
        return version

    read = FACES[face](world.cache, load)
    hows = BY_TAG if face in ("nested", "vary") else BY_KEY
    if face in ("result", "many results", "iterator", "adaptive"):
        hows = tuple(how for how in hows if how != "set")
    readers = [reader(world, read, number) for number in range(READERS)]
    writers = [writer(world, hows, number) for number in range(WRITERS)]
    await asyncio.gather(*readers, *writers)
    await world.cache.close()
    return world.history


async def reader(world: World, read: Read, number: int) -> None:
    chance = world.chance(f"reader {number}")
    for _ in range(READS):
        await hand_over(chance, 4)
        world.clock.advance(chance.choice([0.01, 0.01, 0.5]))
        subject = chance.randrange(SUBJECTS)
        if chance.random() < 0.1:
            await an_impatient_read(read, subject, chance)
            continue
        begun = world.history.begins(subject)
        try:
            version = await read(subject)
        except (ConnectionError, LoadTimeout):
            continue
        world.history.ends(begun, version)


async def an_impatient_read(read: Read, subject: int, chance: random.Random) -> None:
    async def call() -> int:
        return await read(subject)

    task = asyncio.ensure_future(call())
    await hand_over(chance, 4)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def writer(world: World, hows: tuple[str, ...], number: int) -> None:
    chance = world.chance(f"writer {number}")
    for _ in range(WRITES):
        await hand_over(chance, 12)
        subject = chance.randrange(SUBJECTS)
        if chance.random() < 0.2:
            await world.cache.mark_stale(f"s:{subject}")
            continue
        version = await invalidate(world, chance.choice(hows), subject)
        world.history.invalidated(subject, version)


@pytest.mark.parametrize("face", FACES)
async def test_no_read_ever_gets_what_was_invalidated_before_it_started(face: str) -> None:
    seeds = SEEDS[: len(SEEDS) // 3] if face in ONE_MORE_OPTION else SEEDS
    histories = [await run(seed, face) for seed in seeds]

    assert [history.violations for history in histories] == [[]] * len(seeds)
    assert sum(history.reads for history in histories) > 300 * len(seeds)
    assert sum(history.invalidations for history in histories) > 40 * len(seeds)


# -- mutants ---------------------------------------------------------------------------------------


class StampsAfterTheLoad(MemoryStore):
    """What most libraries do: an entry is as new as the moment it is stored."""

    async def land(self, entry: Entry[Any], unless: Callable[[], bool], shape: Shape = ANY) -> bool:
        entry.seen = self.logical.reading
        return await super().land(entry, unless, shape)


class LandsUnasked(MemoryStore):
    """It stores what a load made, whatever came meanwhile. Tags still save it; keys do not."""

    async def land(self, entry: Entry[Any], unless: Callable[[], bool], shape: Shape = ANY) -> bool:
        with self._lock:
            self._add(entry)
            return True


def stamps_after_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freshly.home.open_store", lambda *_: StampsAfterTheLoad(_[-1].clock))


def lands_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freshly.home.open_store", lambda *_: LandsUnasked(_[-1].clock))


def joins_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes later joins whatever is in the air, as most single flights do."""
    board = Flights.board

    def join_always(self: Flights, key: str, stamp: int | None, _: Any, *more: Any) -> Any:
        return board(self, key, stamp, lambda flight: True, *more)

    monkeypatch.setattr(Flights, "board", join_always)


def joins_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """A join is not judged again by the tags that only the result told."""

    async def never(*_: object) -> bool:
        return False

    monkeypatch.setattr(Engine, "_was_overtaken", never)


def forgets_inner_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load around a cached call does not learn its tags."""
    monkeypatch.setattr("freshly.core.riding.running_load", lambda owner: None)
    monkeypatch.setattr("freshly.core.engine.note_hit", lambda owner, entry, now: None)
    monkeypatch.setattr("freshly.cached.note_hit", lambda owner, entry, now: None)


MUTANTS: list[tuple[Callable[[pytest.MonkeyPatch], None], str]] = [
    (stamps_after_the_load, "cache"),
    (stamps_after_the_load, "soft"),
    (stamps_after_the_load, "early"),
    (stamps_after_the_load, "soft_timeout"),
    (stamps_after_the_load, "timeouts"),
    (stamps_after_the_load, "get_or_set"),
    (stamps_after_the_load, "result"),
    (stamps_after_the_load, "nested"),
    (stamps_after_the_load, "exceptions"),
    (stamps_after_the_load, "confirmed"),
    (stamps_after_the_load, "sliding"),
    (stamps_after_the_load, "soft and early"),
    (stamps_after_the_load, "retry_after"),
    (stamps_after_the_load, "jitter"),
    (stamps_after_the_load, "until"),
    (stamps_after_the_load, "computed ttl"),
    (stamps_after_the_load, "adaptive"),
    (stamps_after_the_load, "vary"),
    (lands_unasked, "cache"),
    (lands_unasked, "soft"),
    (lands_unasked, "hard_timeout"),
    (lands_unasked, "exceptions"),
    (lands_unasked, "confirmed"),
    (lands_unasked, "sliding"),
    (joins_unasked, "cache"),
    (joins_unasked, "get_or_set"),
    (joins_unasked, "timeouts"),
    (joins_unasked, "exceptions"),
    (joins_for_good, "result"),
    (joins_for_good, "adaptive"),
    (stamps_after_the_load, "many"),
    (stamps_after_the_load, "many results"),
    (stamps_after_the_load, "iterator"),
    (lands_unasked, "many"),
    (joins_unasked, "many"),
    (joins_for_good, "many results"),
    (joins_for_good, "iterator"),
    (forgets_inner_tags, "nested"),
]


@pytest.mark.parametrize(("mutant", "face"), MUTANTS)
async def test_with_a_guard_taken_out_the_same_histories_show_violations(
    monkeypatch: pytest.MonkeyPatch, mutant: Callable[[pytest.MonkeyPatch], None], face: str
) -> None:
    mutant(monkeypatch)

    for seed in SEEDS:
        if (await run(seed, face)).violations:
            return
    pytest.fail("the checker saw nothing")


async def test_the_same_seed_is_the_same_history() -> None:
    one, other = await run(1, "soft"), await run(1, "soft")

    assert (one.reads, one.invalidations) == (other.reads, other.invalidations)


# -- histories on threads --------------------------------------------------------------------------

THREAD_SEEDS = range(6)
THREADS, THREAD_READS, THREAD_WRITES = 4, 150, 100
LIMIT_SECONDS = 60.0


@pytest.fixture
def busy_switching() -> Iterator[None]:
    """Have Python change threads as often as it can."""
    former = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(former)


class Judge:
    """A history for threads."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._lock = threading.Lock()

    def begins(self, subject: int) -> Any:
        with self._lock:
            return self._history.begins(subject)

    def ends(self, read: Any, version: int) -> None:
        with self._lock:
            self._history.ends(read, version)

    def invalidated(self, subject: int, version: int) -> None:
        with self._lock:
            self._history.invalidated(subject, version)


class ThreadedWorld(World):
    """Blocking readers and writers. ``options`` are those of the cached function."""

    def __init__(self, seed: int, **options: Any) -> None:
        super().__init__(seed)
        self.judge = Judge(self.history)
        self.errors: list[BaseException] = []
        self._start = threading.Barrier(THREADS + 2)

        @self.cache("10s", key="s:{subject}", tags=["s:{subject}"], **options)
        def read(subject: int) -> int:
            time.sleep(0)  # hands the interpreter over, and takes no time
            version = self.versions[subject]
            time.sleep(0)
            return version

        self.read = read

    def run(self) -> History:
        work = [self._read_often] * THREADS + [self._write_often]
        threads = [
            threading.Thread(target=self._guarded, args=(one, number), name=f"checker {number}")
            for number, one in enumerate(work)
        ]
        for thread in threads:
            thread.start()
        self._start.wait(LIMIT_SECONDS)
        for thread in threads:
            thread.join(LIMIT_SECONDS)
            assert not thread.is_alive(), "a reader or writer hangs"
        self.cache.blocking.close()
        assert self.errors == []
        return self.history

    def _guarded(self, work: Callable[[random.Random], None], number: int) -> None:
        self._start.wait(LIMIT_SECONDS)
        try:
            work(self.chance(f"thread {number}"))
        except BaseException as error:
            self.errors.append(error)

    def _read_often(self, chance: random.Random) -> None:
        for _ in range(THREAD_READS):
            self.clock.advance(0.01)
            subject = chance.randrange(SUBJECTS)
            begun = self.judge.begins(subject)
            self.judge.ends(begun, self.read(subject))

    def _write_often(self, chance: random.Random) -> None:
        for _ in range(THREAD_WRITES):
            subject = chance.randrange(SUBJECTS)
            version = self.write(subject)
            self._invalidate(chance.randrange(6), subject, version)
            self.judge.invalidated(subject, version)
            time.sleep(0)

    def _invalidate(self, how: int, subject: int, version: int) -> None:
        blocking, name = self.cache.blocking, f"s:{subject}"
        match how:
            case 0:
                blocking.delete(name)
            case 1:
                blocking.delete_match(f"{name}*")
            case 2:
                blocking.clear()
            case 3:
                blocking.set(name, version, "10s", tags=[name])
            case _:
                blocking.delete_tags(name)


@pytest.mark.usefixtures("busy_switching")
class TestThreads:
    @pytest.mark.parametrize(
        "options", [{}, {"soft_ttl": "1s"}, {"early_ttl": "1s"}], ids=["cache", "soft", "early"]
    )
    def test_no_read_on_a_thread_gets_what_was_invalidated_before_it_started(
        self, options: dict[str, Any]
    ) -> None:
        histories = [ThreadedWorld(seed, **options).run() for seed in THREAD_SEEDS]

        assert [history.violations for history in histories] == [[]] * len(THREAD_SEEDS)
        assert sum(history.reads for history in histories) == (
            THREADS * THREAD_READS * len(THREAD_SEEDS)
        )

    def test_with_stamps_after_the_load_they_show_violations(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stamps_after_the_load(monkeypatch)

        histories = [ThreadedWorld(seed).run() for seed in THREAD_SEEDS]

        assert sum(len(history.violations) for history in histories) > 0

    async def test_nor_does_one_on_a_loop_beside_them(self) -> None:
        """Tasks and threads read the same keys, through functions of both colours."""
        for seed in THREAD_SEEDS:
            world = ThreadedWorld(seed, soft_ttl="1s")
            chance = world.chance("loop")

            async def load(subject: int, world: ThreadedWorld = world) -> int:
                await asyncio.sleep(0)
                version = world.versions[subject]
                await asyncio.sleep(0)
                return version

            read = decorated(soft_ttl="1s")(world.cache, load)
            threads = asyncio.ensure_future(asyncio.to_thread(world.run))
            while not threads.done():
                subject = chance.randrange(SUBJECTS)
                begun = world.judge.begins(subject)
                world.judge.ends(begun, await read(subject))
                await hand_over(chance, 3)
            await threads
            await world.cache.close()

            assert world.history.violations == []
