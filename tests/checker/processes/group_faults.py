"""What goes wrong where several servers serve together: primaries die, hang and are replaced."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from tests.servers.sentinel import Sentinels

G = TypeVar("G")

# Seconds between the end of one fault and the next one.
RHYTHM = 0.4
# Seconds that a primary is stopped: longer than it takes to promote another one.
STOPPED = 3.5


class GroupFaults(Generic[G]):
    """Does ``faults`` to ``group`` one after another, until the run is over."""

    def __init__(
        self, group: G, faults: Mapping[str, Callable[[G], None]], names: Sequence[str], seed: int
    ) -> None:
        self.done: list[str] = []
        self._group = group
        self._faults = faults
        self._names = names
        self._chance = random.Random(f"{seed} faults")

    def run(self, over: threading.Event) -> None:
        while self._names:
            for name in self._chance.sample(self._names, len(self._names)):
                if over.wait(self._chance.uniform(0.5, 1.5) * RHYTHM):
                    return
                self._faults[name](self._group)
                self.done.append(name)


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


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
        _wait(0.5)
    finally:
        former.resume()
    group.wait_until_whole()


def flush(group: Sentinels) -> None:
    group.primary().admin.flushall()


OF_SENTINELS: Mapping[str, Callable[[Sentinels], None]] = {
    "kill": kill,
    "hand": hand,
    "stop": stop,
    "flush": flush,
}


# What may be started, and what may go wrong there.
GROUPS: Mapping[str, tuple[Any, Mapping[str, Callable[[Any], None]]]] = {
    "sentinel": (Sentinels, OF_SENTINELS),
}
