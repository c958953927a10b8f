"""Readers and writers that are tasks of one loop."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

from freshly import StoreError

from .caches import Judged
from .crowd import IMPATIENT, NUDGES, Crowd


class Tasks(Crowd):
    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        cache = self.cache(is_async=True)
        reads = [cache.reader(face, self._load) for face in self.plan.faces]
        self.begin()
        self.until = time.monotonic() + self.plan.seconds
        readers = [self._read_often(number, reads) for number in range(self.plan.readers)]
        writers = [self._write_often(number, cache) for number in range(self.plan.writers)]
        await asyncio.gather(*readers, *writers)
        facts = cache.facts()
        await cache.close()
        self.finish(facts)

    async def _load(self, subject: int) -> int:
        self.counts["loads"] += 1
        before, after = self.halves()
        await asyncio.sleep(before)
        version = self.source.read(subject)
        await asyncio.sleep(after)
        return version

    async def _read_often(self, number: int, reads: list[Callable[[int], Any]]) -> None:
        chance = self.chance(f"reader {number}")
        while time.monotonic() < self.until:
            subject, read = self.read_subject(chance), chance.choice(reads)
            try:
                if chance.randrange(100) < IMPATIENT:
                    await self._read_impatiently(read(subject), chance)
                else:
                    begun = self.journal.begins(f"{subject}")
                    self.journal.ends(begun, await read(subject))
            except Exception:
                self.went_wrong()
            await asyncio.sleep(chance.random() * 2 * self.plan.think_seconds)

    async def _read_impatiently(self, read: Any, chance: random.Random) -> None:
        task = asyncio.ensure_future(read)
        await asyncio.sleep(chance.random() * 2 * self.plan.load_seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _write_often(self, number: int, cache: Judged) -> None:
        chance = self.chance(f"writer {number}")
        while time.monotonic() < self.until:
            await asyncio.sleep(self.pause(chance))
            while self.is_too_early():  # noqa: ASYNC110 - the readers have other things to do
                await asyncio.sleep(self.plan.think_seconds)
            subject = self.subject(chance)
            try:
                if chance.randrange(100) < NUDGES:
                    await cache.nudge(subject)
                else:
                    self.hot = subject
                    for pause in self.burst(chance):
                        await asyncio.sleep(pause)
                        await self._write(cache, subject, chance)
            except StoreError:
                self.counts["store errors"] += 1
            except Exception:
                self.went_wrong()

    async def _write(self, cache: Judged, subject: int, chance: random.Random) -> None:
        version = self.source.write(subject)
        try:
            await cache.invalidate(subject, version, chance)
        except StoreError:
            self.journal.failed(f"{subject}", version)
            raise
        self.journal.invalidated(f"{subject}", version)
