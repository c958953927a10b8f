"""What goes wrong where several servers serve together: primaries die, hang and are replaced."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Generic, TypeVar

from tests.servers.cluster import Cluster
from tests.servers.sentinel import Sentinels

from .cluster_faults import OF_CLUSTERS
from .standstill import standing_still, wait

G = TypeVar("G")

# Seconds between the end of one fault and the next one.
RHYTHM = 0.4
# Seconds that a primary is stopped: longer than it takes to promote another one.
STOPPED = 3.5
# Seconds of writes that only the primary has when it goes.
TAIL = 0.4
# Faults that stop the processes of the run, and are told which.
WITH_THE_PROCESSES = (
    "back",
    "lose",
)


class GroupFaults(Generic[G]):
    """Does ``faults`` to ``group`` one after another, until the run is over.

    ``windows`` are the instants between which each of them lasted, by ``time.monotonic``. ``pids``
    are the processes of the run, for faults that befall them too.
    """

    def __init__(
        self,
        group: G,
        faults: Mapping[str, Callable[..., None]],
        names: Sequence[str],
        seed: int,
        pids: Sequence[int] = (),
        rhythm: float = RHYTHM,
    ) -> None:
        self.done: list[str] = []
        self.windows: list[tuple[float, float]] = []
        self._pids = pids
        self._rhythm = rhythm
        self._group = group
        self._faults = faults
        self._names = names
        self._chance = random.Random(f"{seed} faults")

    def run(self, over: threading.Event) -> None:
        while self._names:
            for name in self._chance.sample(self._names, len(self._names)):
                if over.wait(self._chance.uniform(0.5, 1.5) * self._rhythm):
                    return
                began = time.monotonic()
                self._faults[name](self._group, *([self._pids] if name in WITH_THE_PROCESSES else []))
                self.done.append(name)
                self.windows.append((began, time.monotonic()))


# -- Sentinel --------------------------------------------------------------------------------------


def kill(group: Sentinels) -> None:
    """Kill the primary, and start it again when another one has taken its place."""
    former = group.primary()
    former.kill()
    group.wait_for_successor(former)
    former.start()
    group.wait_until_whole()


def hand(group: Sentinels) -> None:
    """Have the Sentinels promote another one, as before maintenance: the former one goes on."""
    group.fail_over()
    group.wait_until_whole()


def stop(group: Sentinels) -> None:
    """Stop the primary in its tracks until another one has its place, and let it go on."""
    former = group.primary()
    former.stop()
    try:
        group.wait_for_successor(former)
        wait(0.5)
    finally:
        former.resume()
    group.wait_until_whole()


def flush(group: Sentinels) -> None:
    group.primary().admin.flushall()


def tail(group: Sentinels) -> None:
    """Kill the primary after its replicas have lost it, with writes that were acknowledged."""
    former = group.primary()
    with group.cut_off(former):
        wait(TAIL)
        former.kill()
    group.wait_for_successor(former)
    former.start()
    group.wait_until_whole()


def back(group: Sentinels, pids: Sequence[int]) -> None:
    """Replace the primary without its last writes, and that one by the first, as the second has it.

    Meanwhile everybody stands still, so that nobody sees the one between.
    """
    former = group.primary()
    with ExitStack() as stack:
        with group.cut_off(former):
            wait(TAIL)
            stack.enter_context(standing_still(pids))
            group.fail_over()
        group.wait_until_whole()
        group.fail_over(former)
    group.wait_until_whole()


OF_SENTINELS: Mapping[str, Callable[..., None]] = {
    "kill": kill,
    "hand": hand,
    "stop": stop,
    "flush": flush,
    "tail": tail,
    "back": back,
}


# What may be started, and what may go wrong there.
GROUPS: Mapping[str, tuple[Any, Mapping[str, Callable[..., None]]]] = {
    "sentinel": (Sentinels, OF_SENTINELS),
    "cluster": (Cluster, OF_CLUSTERS),
}
