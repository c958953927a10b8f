"""What a server that hangs costs: ``python -m benchmarks.hanging``.

A proxy before a real server accepts everything and answers nothing. 200 callers read a key each,
once a second and spread over it, through a loader that takes 4 ms. Extra time is what a read takes
beyond its loader. The reads are told apart by what was known when they began:

    all hits          the server answers
    it hangs          it does not, and nobody knows yet
    breaker open      somebody has waited for a time-out; one read a second tries, and waits
      in a task       the loader alone, in a task of its own, between the reads of that time: how late
                      this machine is for whatever a loop does
    200 at once       the same, but all 200 begin in one tick: what comes to the time-out is the
                      loop's time for 200 reads, with the cache and without it

Then the proxy passes again, and the callers go on until every read is a hit.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import platform
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from time import perf_counter

from freshly import Cache
from freshly.core.events import StoreDown, StoreUp
from tests.servers.kinds import VALKEY_9
from tests.servers.proxy import Proxy
from tests.servers.server import Server

CALLERS = 200
LOAD_SECONDS = 0.004
# Seconds between two reads of a caller.
RHYTHM = 1.0
# Seconds of reads with the server there, and until it has to have come back.
QUIET_SECONDS = 2.0
PATIENCE = 15.0


@dataclass
class Phase:
    """The extra seconds of some reads, and how many of them loaded."""

    extra: list[float] = field(default_factory=list)
    loads: int = 0

    def percentile(self, percent: float) -> float:
        return sorted(self.extra)[ceil(len(self.extra) * percent / 100) - 1]

    def waited(self, seconds: float) -> int:
        """How many reads lost at least ``seconds``."""
        return sum(one >= seconds for one in self.extra)


@dataclass
class Outcome:
    timeout: float
    hits: Phase
    hanging: Phase
    spared: Phase
    in_a_task: Phase
    at_once: Phase
    at_once_uncached: Phase
    back_after: float


class Crowd:
    """Callers of one cache, each with a key of its own."""

    def __init__(self, cache: Cache) -> None:
        self.phase = Phase()
        self.newest_miss = 0.0
        self._slept: dict[int, float] = {}

        @cache(ttl="1h")
        async def read(caller: int) -> int:
            began = perf_counter()
            await asyncio.sleep(LOAD_SECONDS)
            self._slept[caller] = perf_counter() - began
            return caller

        self._read = read

    async def at_once(self, *, cached: bool = True) -> Phase:
        """Have all callers read in one tick."""
        self.phase = Phase()
        read = self._read if cached else self._read.uncached
        await asyncio.gather(*(self._note(read, caller) for caller in range(CALLERS)))
        return self.phase

    async def go_on(self, caller: int) -> None:
        """Read again and again, in rhythm, each caller at its own moment of it."""
        await self._in_rhythm(caller, lambda: self._note(self._read, caller))

    async def go_on_in_tasks(self, caller: int, phase: Phase) -> None:
        """Do the same without a cache, in a new task each, between the reads of ``go_on``."""

        async def in_a_task(number: int) -> int:
            return await asyncio.create_task(self._read.uncached(number))

        # Its loads are told apart from those of the caller who reads.
        number = caller + CALLERS
        await self._in_rhythm(caller + 0.5, lambda: self._note(in_a_task, number, phase))

    async def _in_rhythm(self, place: float, act: Callable[[], Awaitable[None]]) -> None:
        next_at = perf_counter() + RHYTHM * place / CALLERS
        while True:
            await asyncio.sleep(max(0.0, next_at - perf_counter()))
            next_at += RHYTHM
            await act()

    async def _note(
        self, read: Callable[[int], Awaitable[int]], caller: int, phase: Phase | None = None
    ) -> None:
        phase, began = phase or self.phase, perf_counter()
        await read(caller)
        # What its own loader took, not what it was told to take.
        slept = self._slept.pop(caller, None)
        phase.extra.append(perf_counter() - began - (slept or 0.0))
        if slept is not None:
            phase.loads += 1
            if caller < CALLERS:
                self.newest_miss = perf_counter()


class News:
    """Waits for events of a cache, and has the callers' reads counted elsewhere from then on."""

    def __init__(self, cache: Cache, crowd: Crowd) -> None:
        self.down, self.up = asyncio.Event(), asyncio.Event()
        self.spared = Phase()
        self._crowd = crowd
        cache.observe(self._hear)

    def _hear(self, event: object) -> None:
        if isinstance(event, StoreDown) and not self.down.is_set():
            self.down.set()
            self._crowd.phase = self.spared
        if isinstance(event, StoreUp):
            self.up.set()


async def measured(proxy: Proxy, timeout: float, seconds: float) -> Outcome:
    """Return what the reads of a cache before ``proxy`` lose while it hangs."""
    cache = Cache(proxy.url, timeout=timeout)
    crowd = Crowd(cache)
    await crowd.at_once()
    crowd.phase = hits = Phase()
    callers = [asyncio.ensure_future(crowd.go_on(caller)) for caller in range(CALLERS)]
    await asyncio.sleep(QUIET_SECONDS)
    news = News(cache, crowd)
    crowd.phase = hanging = Phase()
    proxy.mode = "freeze"
    await asyncio.wait_for(news.down.wait(), 10 * timeout)
    in_a_task = Phase()
    besides = [
        asyncio.ensure_future(crowd.go_on_in_tasks(number, in_a_task)) for number in range(CALLERS)
    ]
    await asyncio.sleep(seconds)
    await ended(besides)
    proxy.mode = "pass"
    back_after = await recovery(crowd, news)
    await ended(callers)
    at_once, uncached = await the_same_at_once(proxy, crowd)
    await cache.close()
    return Outcome(timeout, hits, hanging, news.spared, in_a_task, at_once, uncached, back_after)


async def ended(callers: Sequence[asyncio.Future[None]]) -> None:
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)


async def recovery(crowd: Crowd, news: News) -> float:
    """Return how long after the server's return the last read was no hit."""
    began = perf_counter()
    crowd.phase = Phase()
    await asyncio.wait_for(news.up.wait(), PATIENCE)
    while perf_counter() - max(crowd.newest_miss, began) < 2 * RHYTHM:
        if perf_counter() - began > PATIENCE:
            raise AssertionError("the cache did not come back")
        await asyncio.sleep(0.05)
    return crowd.newest_miss - began


async def the_same_at_once(proxy: Proxy, crowd: Crowd) -> tuple[Phase, Phase]:
    uncached = await crowd.at_once(cached=False)
    proxy.mode = "freeze"
    try:
        return await crowd.at_once(), uncached
    finally:
        proxy.mode = "pass"


@contextmanager
def proxied_server() -> Iterator[Proxy]:
    with (
        tempfile.TemporaryDirectory(prefix="fr-") as folder,
        Server(VALKEY_9, Path(folder)) as server,
        Proxy(server.socket) as proxy,
    ):
        yield proxy


def run(timeout: float, seconds: float) -> Outcome:
    with proxied_server() as proxy:
        return asyncio.run(measured(proxy, timeout, seconds))


def phases(outcome: Outcome) -> dict[str, Phase]:
    return {
        "all hits": outcome.hits,
        "it hangs": outcome.hanging,
        "breaker open": outcome.spared,
        "  in a task": outcome.in_a_task,
        f"{CALLERS} at once": outcome.at_once,
        "  without a cache": outcome.at_once_uncached,
    }


def report(outcome: Outcome) -> Sequence[str]:
    lines = [
        f"Python {platform.python_version()}, {platform.machine()}, {CALLERS} callers and keys, "
        f"time-out {1000 * outcome.timeout:g} ms",
        f"{'extra ms of a read':20}{'p50':>9}{'p99':>9}{'max':>9}{'reads':>8}{'loads':>7}  timed out",
    ]
    for title, phase in phases(outcome).items():
        figures = [phase.percentile(50), phase.percentile(99), max(phase.extra)]
        numbers = "".join(f"{1000 * one:9.2f}" for one in figures)
        waited = phase.waited(outcome.timeout)
        lines.append(f"{title:20}{numbers}{len(phase.extra):8,}{phase.loads:7,}{waited:11,}")
    lines.append(f"every read a hit {outcome.back_after:.2f} s after the server answers again")
    return lines


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hanging")
    parser.add_argument("--timeout", type=float, default=0.5, help="of the store, in seconds")
    parser.add_argument("--seconds", type=float, default=8.0, help="that the server hangs")
    options = parser.parse_args(arguments)
    logging.getLogger("freshly").setLevel(logging.CRITICAL)  # it would say what is measured
    print("\n".join(report(run(options.timeout, options.seconds))))


if __name__ == "__main__":
    main()
