"""The readers and writers of one process: what tasks and threads have in common."""

from __future__ import annotations

import random
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from freshly.testing import Journal

from .caches import CACHES, Judged
from .plan import Plan
from .source import Source

# Of a hundred reads, those whose caller loses patience and is cancelled; tasks only.
IMPATIENT = 5
# Of a hundred writes, those that only mark stale.
NUDGES = 10
# Writes of one subject in a row, at most.
BURST = 4
# Of a hundred reads, those of what this process wrote last.
HOT = 60
# Reads that come between two writes of a process at least: a machine that is busy reads less, and
# would only write otherwise.
READS_A_WRITE = 6
# Errors that a process shows; it counts them all.
SHOWN = 3


class Crowd:
    """``begin`` returns when the run begins: for all processes at once."""

    def __init__(self, plan: Plan, number: int, source: Source, begin: Callable[[], None]) -> None:
        self.plan = plan
        self.number = number
        self.source = source
        self.journal = Journal()
        self.counts: Counter[str] = Counter()
        self.errors = 0
        self.begin = begin
        self.until = 0.0
        self.hot = 0

    def chance(self, who: str) -> random.Random:
        return random.Random(f"{self.plan.seed} {self.number} {who}")

    def cache(self, *, is_async: bool) -> Judged:
        plan = self.plan
        return CACHES[plan.cache](plan.url, plan.faces, is_async=is_async, **plan.options)

    def subject(self, chance: random.Random) -> int:
        """A few subjects are written most: there a load is overtaken most easily."""
        return min(chance.randrange(self.plan.subjects), chance.randrange(self.plan.subjects))

    def read_subject(self, chance: random.Random) -> int:
        """What was written last is read most, as by somebody who looks at what they changed."""
        return self.hot if chance.randrange(100) < HOT else self.subject(chance)

    def burst(self, chance: random.Random) -> list[float]:
        """The pauses before each write of one burst: most follow each other within a load's time."""
        more = chance.randrange(BURST)
        return [0.0, *(chance.random() * self.plan.load_seconds for _ in range(more))]

    def pause(self, chance: random.Random) -> float:
        return chance.expovariate(self.plan.writes_a_second)

    def is_too_early(self) -> bool:
        """Return whether the readers are behind, so that a write has to wait for them."""
        writes = len(self.journal.invalidations)
        return len(self.journal.reads) < writes * READS_A_WRITE and time.monotonic() < self.until

    def halves(self) -> tuple[float, float]:
        """How long a load takes before and after it has read the source."""
        before = random.random() * self.plan.load_seconds
        return before, self.plan.load_seconds - before

    def went_wrong(self) -> None:
        self.errors += 1
        if self.errors <= SHOWN:
            traceback.print_exc()

    def finish(self, facts: dict[str, float]) -> None:
        self.journal.facts = {**facts, **self.counts, "errors": self.errors}
        self.journal.write(Path(self.plan.folder) / f"journal-{self.number}")
