"""The traffic: readers and writers over HTTP, and the history of what they saw.

A reader waits for its answer, thinks for a moment, and asks again. Writers keep a rhythm, so that
every run sees about as many changes. When they have ended, what was changed is read once more and
compared with the database itself.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import Any

from . import queries, views
from .checker import History, Read
from .client import Client
from .database import Database
from .plan import Ask, Change, Plan

__all__ = ["Crowd", "Outcome", "Share", "drive"]

# Seconds that a reader thinks, on average.
THINKING = 0.02

# Seconds between the writes of one writer.
RHYTHM = 0.2

# Views whose answers are compared with the database at the end. The others may trail it, as their
# loaders say.
EXACT = {"dashboard", "city", "cities"}

# Answers compared at the end, at most: about a second's work without a cache.
COMPARED = 200


@dataclass(frozen=True, slots=True)
class Crowd:
    """How much traffic there is, and for how long."""

    seconds: float = 4.0
    readers: int = 20
    writers: int = 4


@dataclass(frozen=True, slots=True)
class Share:
    """What one process of the service did. A cache that does not count has no hits and misses."""

    loads: int
    overtaken: int = 0
    hits: int = 0
    misses: int = 0

    @classmethod
    def of(cls, stats: dict[str, Any]) -> Share:
        counted = {
            name: sum(counts[name] for counts in stats["functions"].values())
            for name in ("overtaken", "hits", "misses")
        }
        return cls(sum(stats["loads"].values()), **counted)


@dataclass(slots=True)
class Outcome:
    """What the traffic met."""

    history: History = field(default_factory=History)
    latencies: list[float] = field(default_factory=list)
    """Seconds from sending a read to having its answer."""
    loads: int = 0
    """How often the service asked its database."""
    overtaken: int = 0
    """Loads that an invalidation overtook; freshly answers with none of them what comes after."""
    compared: int = 0
    wrong: int = 0
    """Of the ``compared`` answers after the last write, those that differ from the database."""
    processes: list[Share] = field(default_factory=list)
    """What each process of the service did."""


async def drive(
    ports: Sequence[int],
    database: Database,
    plan: Plan,
    crowd: Crowd,
    progress: Callable[[float], None] = lambda done: None,
) -> Outcome:
    """Drive the service at ``ports`` and return what happened.

    Args:
        ports: Those of its processes, on loopback. Readers and writers are dealt out among them.
        database: The service's, for the writes past it and the comparison at the end.
        plan: What is asked and changed.
        crowd: How much and for how long.
        progress: Told how much of the time is over, from 0 to 1.

    Raises:
        ExceptionGroup: of ``RequestError``, if the service answered with an error.
    """
    outcome = Outcome()
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(Client(ports[number % len(ports)]))
            for number in range(crowd.readers + crowd.writers)
        ]
        traffic = Traffic(database, outcome, perf_counter() + crowd.seconds)
        async with asyncio.TaskGroup() as tasks:
            for number, client in enumerate(clients[: crowd.readers]):
                tasks.create_task(traffic.read(client, plan.asks(number), random.Random(number)))
            for number, client in enumerate(clients[crowd.readers :]):
                tasks.create_task(
                    traffic.write(client, plan.changes(number), RHYTHM * number / crowd.writers)
                )
            tasks.create_task(traffic.show(crowd.seconds, progress))
        for port in ports:
            client = await stack.enter_async_context(Client(port))
            outcome.processes.append(Share.of(await client.get("/stats")))
        outcome.loads = sum(process.loads for process in outcome.processes)
        outcome.overtaken = sum(process.overtaken for process in outcome.processes)
        await traffic.compare(clients)
    return outcome


class Traffic:
    def __init__(self, database: Database, outcome: Outcome, until: float) -> None:
        self.database = database
        self.outcome = outcome
        self.until = until
        self.views: dict[str, str] = {}

    async def read(self, client: Client, asks: Iterator[Ask], dice: random.Random) -> None:
        while perf_counter() < self.until:
            read = await self.ask(client, next(asks))
            self.outcome.latencies.append(perf_counter() - read.at)
            await asyncio.sleep(dice.expovariate(1 / THINKING))

    async def ask(self, client: Client, ask: Ask) -> Read:
        self.views[ask.path] = ask.view
        read = self.outcome.history.send(ask.path, perf_counter())
        read.versions = views.versions(ask.view, await client.get(ask.path))
        return read

    async def write(self, client: Client, changes: Iterator[Change], begin: float) -> None:
        next_at = perf_counter() + begin
        while (now := perf_counter()) < self.until:
            await asyncio.sleep(next_at - now)
            next_at = max(next_at, now) + RHYTHM
            await self.change(client, next(changes))

    async def change(self, client: Client, change: Change) -> None:
        """Make the change, and note what it invalidates once that has returned."""
        match change.kind:
            case "city":
                city = await client.put(f"/cities/{change.id}", {"population": change.people})
                self.note(city["version"], f"city:{city['id']}", f"country:{city['country']}")
            case "country":
                country = await client.put(f"/countries/{change.id}", {"census": change.people})
                self.note(country["version"], f"country:{change.id}", f"listed:{change.id}")
            case _:
                changed = await self.database.write(
                    queries.set_population, int(change.id), change.people
                )
                assert changed is not None
                for kind, name in (("city", changed.id), ("country", changed.country)):
                    await client.post("/webhooks/data-update", {"type": kind, "id": name})
                    self.note(changed.version, f"{kind}:{name}")

    def note(self, version: int, *subjects: str) -> None:
        self.outcome.history.invalidate(subjects, version, perf_counter())

    async def show(self, seconds: float, progress: Callable[[float], None]) -> None:
        while (left := self.until - perf_counter()) > 0:
            progress(1 - left / seconds)
            await asyncio.sleep(min(0.1, left))
        progress(1.0)

    async def compare(self, clients: list[Client]) -> None:
        """Read once more what was changed and compare it with the database; nobody writes now."""
        asks = iter(list(islice(self.changed(), COMPARED)))

        async def compare_some(client: Client) -> None:
            for ask in asks:
                read = self.outcome.history.send(ask.path, perf_counter())
                answer = await client.get(ask.path)
                read.versions = views.versions(ask.view, answer)
                self.outcome.compared += 1
                self.outcome.wrong += answer != await self.database.read(views.truth, ask.path)

        async with asyncio.TaskGroup() as tasks:
            for client in clients[:4]:
                tasks.create_task(compare_some(client))

    def changed(self) -> Iterator[Ask]:
        """Yield what the readers had asked for and the writers have changed."""
        events = self.outcome.history.events
        written = {
            subject for event in events if not isinstance(event, Read) for subject in event.subjects
        }
        asked = {
            event.path: event.versions.keys()
            for event in events
            if isinstance(event, Read) and event.versions
        }
        for path, subjects in asked.items():
            if self.views[path] in EXACT and subjects & written:
                yield Ask(self.views[path], path)
