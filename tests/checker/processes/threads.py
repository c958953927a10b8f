"""Readers and writers that are threads, over the blocking face."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from freshly import StoreError

from .caches import Judged
from .crowd import NUDGES, Crowd


class Threads(Crowd):
    def __init__(self, *told: Any) -> None:
        super().__init__(*told)
        self._writing = threading.Lock()

    def run(self) -> None:
        cache = self.cache(is_async=False)
        reads = [cache.reader(face, self._load) for face in self.plan.faces]
        self.begin()
        self.until = time.monotonic() + self.plan.seconds
        threads = [
            threading.Thread(target=self._read_often, args=(number, reads))
            for number in range(self.plan.readers)
        ] + [
            threading.Thread(target=self._write_often, args=(number, cache))
            for number in range(self.plan.writers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        facts = cache.facts()
        cache.close()
        self.finish(facts)

    def _load(self, subject: int) -> int:
        self.counts["loads"] += 1
        before, after = self.halves()
        time.sleep(before)
        version = self.source.read(subject)
        time.sleep(after)
        return version

    def _read_often(self, number: int, reads: list[Callable[[int], Any]]) -> None:
        chance = self.chance(f"reader {number}")
        while time.monotonic() < self.until:
            subject, read = self.read_subject(chance), chance.choice(reads)
            begun = self.journal.begins(f"{subject}")
            try:
                self.journal.ends(begun, read(subject))
            except Exception:
                self.went_wrong()
            time.sleep(chance.random() * 2 * self.plan.think_seconds)

    def _write_often(self, number: int, cache: Judged) -> None:
        chance = self.chance(f"writer {number}")
        while time.monotonic() < self.until:
            time.sleep(self.pause(chance))
            while self.is_too_early():
                time.sleep(self.plan.think_seconds)
            subject = self.subject(chance)
            try:
                if chance.randrange(100) < NUDGES:
                    cache.nudge(subject)
                else:
                    self.hot = subject
                    for pause in self.burst(chance):
                        time.sleep(pause)
                        self._write(cache, subject, chance)
            except StoreError:
                self.counts["store errors"] += 1
            except Exception:
                self.went_wrong()

    def _write(self, cache: Judged, subject: int, chance: random.Random) -> None:
        with self._writing:
            version = self.source.write(subject)
        try:
            cache.invalidate(subject, version, chance)
        except StoreError:
            self.journal.failed(f"{subject}", version)
            raise
        self.journal.invalidated(f"{subject}", version)
