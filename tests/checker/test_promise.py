"""The promise under seeded traffic, judged by the history checker.

Readers, writers and callers who give up work on a few keys of one cache. Every loader reads the
version of its subject first and then takes a while: some turns of the loop, or some switches of
threads. Writers write a new version, invalidate it in one of the ways there are, and tell the
checker when the invalidation has returned. A read that started after that and gets an older
version is a violation.

Each mutant breaks one rule of the protocol, and the same traffic has to find it.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from threading import Lock, Thread
from typing import Any

import pytest

from freshly import Cache
from freshly.core.engine import Engine
from freshly.core.entry import Entry
from freshly.core.flight import Flight
from freshly.handles import AsyncCached
from freshly.stores.memory import MemoryStore
from freshly.testing import History, ManualClock

KEYS = range(3)
SEEDS = range(25)
POLICIES = ("cache", "soft", "early")
VERBS = ("delete_tags", "tag of the result", "a broad tag", "delete", "delete_match", "clear")

Value = dict[str, int]


class Traffic:
    """One seeded run over one cache, in tasks."""

    def __init__(self, seed: int, policy: str) -> None:
        self.rng = random.Random(f"{seed} {policy}")
        self.clock = ManualClock()
        self.cache = Cache(clock=self.clock, dice=self.rng.random)
        self.history = History()
        self.versions = dict.fromkeys(KEYS, 1)
        self.read = decorated(self.cache, policy, self.load)

        @self.cache(ttl="10s")
        async def read_outer(subject: int) -> Value:
            return await self.load_outer(subject)

        self.read_outer = read_outer

    async def load(self, subject: int) -> Value:
        version = self.versions[subject]
        await self.take_a_while(6)
        return {"subject": subject, "version": version}

    async def load_outer(self, subject: int) -> Value:
        await self.take_a_while(1)
        value = await self.read(subject)
        await self.take_a_while(3)
        return value

    async def take_a_while(self, most_turns: int) -> None:
        for _ in range(self.rng.randint(0, most_turns)):
            await asyncio.sleep(0)

    async def reader(self) -> None:
        for _ in range(50):
            subject = self.rng.choice(KEYS)
            begun = self.history.begins(subject)
            value = await self.rng.choice((self.read, self.read_outer))(subject)
            self.history.ends(begun, value["version"])
            await self.take_a_while(1)
            if self.rng.random() < 0.1:
                self.clock.advance(0.01 + 2 * self.rng.random())

    async def canceller(self) -> None:
        for _ in range(20):
            task = asyncio.create_task(self.read(self.rng.choice(KEYS)))
            await self.take_a_while(3)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def writer(self) -> None:
        for _ in range(30):
            subject = self.rng.choice(KEYS)
            self.versions[subject] += 1
            version = self.versions[subject]
            await self.take_a_while(2)
            await self.invalidate(subject, self.rng.choice(VERBS))
            self.history.invalidated(subject, version)
            await self.take_a_while(5)

    async def invalidate(self, subject: int, verb: str) -> None:
        match verb:
            case "delete_tags":
                await self.cache.delete_tags(f"subject:{subject}")
            case "tag of the result":
                await self.cache.delete_tags(f"result:{subject}")
            case "a broad tag":
                await self.cache.delete_tags("all")
            case "delete":
                await self.read.delete(subject)
                await self.read_outer.delete(subject)
            case "delete_match":
                await self.cache.delete_match(f"*subject={subject})")
            case _:
                await self.cache.clear()

    async def run(self) -> History:
        readers = [self.reader() for _ in range(6)]
        writers = [self.writer() for _ in range(2)]
        await asyncio.gather(*readers, *writers, self.canceller())
        await self.cache.close()
        return self.history


def decorated(
    cache: Cache, policy: str, load: Callable[[int], Awaitable[Value]]
) -> AsyncCached[[int], Value]:
    async def read(subject: int) -> Value:
        return await load(subject)

    tags = ["subject:{subject}", "all", "result:{result[subject]}"]
    match policy:
        case "cache":
            return cache(ttl="10s", tags=tags)(read)
        case "soft":
            return cache.soft(ttl="10s", soft_ttl="2s", tags=tags)(read)
        case _:
            return cache.early(ttl="10s", early_ttl="2s", grace="5s", tags=tags)(read)


def violations(seeds: Iterable[int], policies: Iterable[str] = POLICIES) -> list[str]:
    """Run the traffic for each seed and policy; return what broke the promise, reproducibly."""
    found: list[str] = []
    for policy in policies:
        for seed in seeds:
            history = asyncio.run(Traffic(seed, policy).run())
            assert history.reads == 300
            found += [f"{policy}, seed {seed}: {broken}" for broken in history.violations]
    return found


class TestTasks:
    @pytest.mark.parametrize("policy", POLICIES)
    def test_no_read_breaks_the_promise(self, policy: str) -> None:
        assert violations(SEEDS, [policy]) == []

    def test_the_traffic_hits_misses_waits_and_is_overtaken(self) -> None:
        """Or the tests above would prove nothing."""
        traffic = Traffic(1, "soft")
        asyncio.run(traffic.run())

        stats = traffic.cache.stats()

        assert min(stats.hits, stats.misses, stats.waits, stats.overtaken, stats.stale_hits) > 0


class TestMutants:
    def test_a_stamp_taken_after_the_load_is_caught(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def land(store: MemoryStore, entry: Entry[Any], unless: Callable[[], bool]) -> bool:
            entry.stamp = entry.seen = store.logical.reading
            return await kept(store, entry, unless)

        kept = MemoryStore.land
        monkeypatch.setattr(MemoryStore, "land", land)

        assert violations(range(3)) != []

    def test_joining_whatever_flies_is_caught(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def joiner(*_: Any, **__: Any) -> Callable[[Flight], bool]:
            return lambda flight: True

        monkeypatch.setattr(Engine, "_joiner", joiner)

        assert violations(range(3)) != []

    def test_not_judging_a_join_at_its_end_is_caught(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A tag that only the result tells was not known when the reader joined."""

        async def was_overtaken(*_: Any) -> bool:
            return False

        monkeypatch.setattr(Engine, "_was_overtaken", was_overtaken)

        assert violations(range(8)) != []

    def test_not_handing_inner_tags_to_the_outer_is_caught(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("freshly.core.engine.running_load", lambda owner: None)
        monkeypatch.setattr("freshly.core.engine.note_hit", lambda *_: None)

        assert violations(range(3)) != []

    def test_deleting_without_a_mark_is_caught(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A delete that only takes the entry out does not reach the load that is running."""

        async def delete(store: MemoryStore, keys: Iterable[str]) -> int:
            return sum(store._drop(store._entries.get(key)) for key in keys)

        monkeypatch.setattr(MemoryStore, "delete", delete)

        assert violations(range(8)) != []


class TestThreads:
    @pytest.fixture(autouse=True)
    def _switch_often(self) -> Iterator[None]:
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        yield
        sys.setswitchinterval(before)

    @pytest.mark.parametrize("policy", POLICIES)
    def test_no_read_breaks_the_promise(self, policy: str) -> None:
        assert [broken for seed in range(6) for broken in in_threads(seed, policy).violations] == []

    def test_a_stamp_taken_after_the_load_is_caught(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def land(store: MemoryStore, entry: Entry[Any], unless: Callable[[], bool]) -> bool:
            entry.stamp = entry.seen = store.logical.reading
            return await kept(store, entry, unless)

        kept = MemoryStore.land
        monkeypatch.setattr(MemoryStore, "land", land)

        # Threads are switched by chance, so try until chance has had its chances.
        assert any(in_threads(seed, "cache").violations for seed in range(60))


def in_threads(seed: int, policy: str) -> History:
    """Run readers and writers in threads over one cache of plain functions."""
    cache = Cache(clock=(clock := ManualClock()))
    versions, history, lock = dict.fromkeys(KEYS, 1), History(), Lock()
    options: dict[str, Any] = {
        "cache": {},
        "soft": {"soft_ttl": "2s"},
        "early": {"early_ttl": "2s", "grace": "5s"},
    }[policy]

    @cache(ttl="10s", tags=["subject:{subject}", "result:{result[subject]}"], **options)
    def read(subject: int) -> Value:
        version = versions[subject]
        for _ in range(5):
            # Let another thread run.
            time.sleep(0)
        return {"subject": subject, "version": version}

    @cache(ttl="10s")
    def read_outer(subject: int) -> Value:
        return read(subject)

    def reader(rng: random.Random) -> None:
        for _ in range(150):
            subject = rng.choice(KEYS)
            with lock:
                begun = history.begins(subject)
            value = rng.choice((read, read_outer))(subject)
            with lock:
                history.ends(begun, value["version"])
                if rng.random() < 0.02:
                    clock.advance("500ms")

    def writer(rng: random.Random) -> None:
        for _ in range(80):
            subject = rng.choice(KEYS)
            with lock:
                versions[subject] += 1
                version = versions[subject]
            verb = rng.choice(("subject", "result"))
            cache.blocking.delete_tags(f"{verb}:{subject}")
            with lock:
                history.invalidated(subject, version)

    jobs = [reader] * 4 + [writer] * 2
    threads = [
        Thread(target=job, args=(random.Random(f"{seed} {number}"),), daemon=True)
        for number, job in enumerate(jobs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    cache.blocking.close()
    assert history.reads == 600
    return history
