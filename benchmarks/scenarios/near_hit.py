"""A near hit, before a server, beside a hit of the memory store; and what it asks of the server."""

from __future__ import annotations

import asyncio
from typing import Any

import redis

from freshly import Cache

from ..functions import coroutine
from ..options import Adapters, Options
from ..report import Row, Tables
from ..server import redis_server
from ..timing import Case, awaits, compare

KEYS = list(range(10_000, 11_000))
MEMORY = "hit in memory"
TAGS = ["t", "u:{a}"]


async def run(adapters: Adapters, options: Options) -> Tables:
    with redis_server() as url:
        if not url:
            return {"near: left out, no server": []}
        async with Cache() as memory, Cache(url, near=True) as near:
            functions = {MEMORY: memory("1h", tags=TAGS)(coroutine())}
            functions["near hit"] = near("1h", tags=TAGS)(coroutine())
            for function in functions.values():
                await _warm(function)
            await _lease(near)
            await _warm(functions["near hit"])
            before = _counted(url, near)
            cases = [Case(name, awaits(function, KEYS)) for name, function in functions.items()]
            rows = await compare(cases, MEMORY, rounds=options.rounds_or(31))
            asked = _per_1000_hits(before, _counted(url, near))
    return {
        "near hit, one int argument, two tags (ns; ratio to a hit in memory)": rows,
        "commands on the server for 1000 near hits": [asked],
    }


async def _warm(function: Any) -> None:
    for key in KEYS:
        await function(key)


async def _lease(cache: Cache) -> None:
    while not (near := cache.stats().near) or not near.lease_seconds:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def _counted(url: str, cache: Cache) -> tuple[int, int, int]:
    """Return how many commands the server had, how many heartbeats were sent, and hits there were."""
    stats = cache.stats()
    assert stats.near is not None
    with redis.Redis.from_url(url) as client:
        commands: Any = client.info("stats")
    return commands["total_commands_processed"], stats.near.heartbeats, stats.hits


def _per_1000_hits(before: tuple[int, int, int], after: tuple[int, int, int]) -> Row:
    commands, beats, hits = (later - earlier for earlier, later in zip(before, after, strict=True))
    return {
        "name": "near hits",
        "hits": hits,
        "commands": commands,
        "heartbeats": beats,
        "per 1000 hits": round(commands * 1000 / max(1, hits), 4),
    }
