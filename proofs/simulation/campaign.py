"""Many histories, one after another or in several processes, and what they came to together."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context

from .installed import installed
from .mutants import MUTANTS
from .plan import Plan, plan_of
from .run import Outcome, run

#: Histories between two collections of what they leave: few, so that it is still near the processor.
BATCH = 5
#: Histories of one errand of a worker, at least and at most: to put the simulation under the code
#: takes as long as half of one.
ERRAND = 20, 100


@dataclass
class Sum:
    """What some histories came to. ``failed`` are those that broke something."""

    seeds: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.counts += outcome.counts
        self.faults += outcome.faults
        if not outcome.is_well:
            self.failed.append(outcome)

    def join(self, other: Sum) -> None:
        self.seeds += other.seeds
        self.counts += other.counts
        self.faults += other.faults
        self.failed += other.failed


def play(seeds: Sequence[int], mutant: str = "", *, profile: str = "", stops: bool = False) -> Sum:
    """Run the histories of ``seeds``, all of one ``profile`` or each of what it draws.

    It ``stops`` at the first that fails, if told so.
    """
    total = Sum()
    with installed() as tokens, MUTANTS[mutant].applied():
        for seed in seeds:
            total.add(run(plan_of(seed, profile), tokens))
            if stops and total.failed:
                break
            if total.seeds % BATCH == 0:
                gc.collect()
    gc.collect()
    return total


def play_plans(plans: Sequence[Plan], mutant: str = "") -> list[Outcome]:
    """Run these plans."""
    with installed() as tokens, MUTANTS[mutant].applied():
        return [run(plan, tokens) for plan in plans]


def campaign(
    seeds: range,
    *,
    workers: int = 1,
    mutant: str = "",
    profile: str = "",
    told: Callable[[Sum], None] | None = None,
) -> Sum:
    """Run all of ``seeds``. ``told`` hears what came together so far, now and then."""
    began, total = time.monotonic(), Sum()
    for part in _parts(seeds, workers, mutant, profile):
        total.join(part)
        total.seconds = time.monotonic() - began
        if told is not None:
            told(total)
    total.failed.sort(key=lambda outcome: outcome.seed)
    return total


def _parts(seeds: range, workers: int, mutant: str, profile: str) -> Iterator[Sum]:
    least, most = ERRAND
    # Small ones for few seeds, so that no worker has nothing to do at the end.
    size = max(least, min(most, len(seeds) // (4 * workers)))
    batches = [seeds[start : start + size] for start in range(0, len(seeds), size)]
    if workers == 1:
        for batch in batches:
            yield play(batch, mutant, profile=profile)
        return
    # Processes of their own from the beginning: nothing of this one is in the middle of anything there.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done in as_completed(
            [pool.submit(play, batch, mutant, profile=profile) for batch in batches]
        ):
            yield done.result()
