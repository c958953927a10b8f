"""One primary that serves the heartbeats and invalidations of many processes, one after the other.

The server runs one command at a time, in the order in which they come, so a call begins when it has
come and the one before it has ended. One that slept has to be woken. Processes send heartbeats in a
rhythm, each at its own place in it; invalidations come by chance (Poisson). Each call takes what was
measured, without chance: what varies is who has to wait for whom. Same load, same seed: same result.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from heapq import merge

from .costs import Costs

# A lease counts from the sending of a heartbeat, for this part of the max staleness; three heartbeats
# are sent in it. So an answer that comes later than this part finds the lease over.
LEASE = 0.98
BEATS = 3
LATE = LEASE - 1 / BEATS


@dataclass(frozen=True)
class Load:
    """What comes to one primary in a second.

    ``processes`` keep near entries that trail by ``max_staleness`` seconds at most; ``calls`` are the
    scripts that invalidate, with ``tags`` in each, from all processes together.
    """

    processes: int
    calls: float
    tags: int = 1
    max_staleness: float = 1.0

    @property
    def beats(self) -> float:
        return self.processes * BEATS / self.max_staleness

    @property
    def messages(self) -> float:
        return self.calls * self.processes

    def seconds_of_a_call(self, costs: Costs) -> float:
        return costs.call + (self.tags - 1) * costs.tag + self.processes * costs.message

    def needs(self, costs: Costs) -> float:
        """Return the part of a processor that this takes where the server never sleeps.

        From 1 on it cannot be served.
        """
        return self.calls * self.seconds_of_a_call(costs) + self.beats * costs.beat


@dataclass(frozen=True)
class Served:
    """``used`` is the part of the time in which the server was busy; the others are seconds from the
    arrival of a call to its end, when all its messages are out, and of a heartbeat to its answer.
    ``lapsed`` is the part of the heartbeats whose answer found the lease over."""

    used: float
    call_p99: float
    beat_p99: float
    lapsed: float


def simulate(load: Load, costs: Costs, *, seconds: float = 5.0, seed: int = 1) -> Served:
    """Serve ``load`` for so many seconds and return what it met."""
    chance = random.Random(seed)
    each_call = load.seconds_of_a_call(costs)
    arrivals = merge(
        ((at, True) for at in _calls(load, seconds, chance)),
        ((at, False) for at in _beats(load, seconds, chance)),
    )
    free_at = busy = 0.0
    calls: list[float] = []
    beats: list[float] = []
    for at, is_call in arrivals:
        takes = each_call if is_call else costs.beat
        if at > free_at:
            takes += costs.waking_call if is_call else costs.waking_beat
        free_at = max(at, free_at) + takes
        busy += takes
        (calls if is_call else beats).append(free_at - at)
    late = LATE * load.max_staleness
    return Served(
        used=busy / max(seconds, free_at),
        call_p99=_p99(calls),
        beat_p99=_p99(beats),
        lapsed=sum(one > late for one in beats) / max(1, len(beats)),
    )


def _calls(load: Load, seconds: float, chance: random.Random) -> list[float]:
    found, at = [], 0.0
    while load.calls and (at := at + chance.expovariate(load.calls)) < seconds:
        found.append(at)
    return found


def _beats(load: Load, seconds: float, chance: random.Random) -> list[float]:
    period = load.max_staleness / BEATS
    first = [chance.random() * period for _ in range(load.processes)]
    return sorted(
        at + number * period
        for at in first
        for number in range(int(seconds / period) + 1)
        if at + number * period < seconds
    )


def _p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.99 * (len(seconds) - 1))] if seconds else 0.0
