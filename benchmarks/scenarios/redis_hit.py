"""Hit through Redis beside a raw client: one after the other, from 100 tasks; the commands it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter_ns
from typing import Any

import redis.asyncio

from ..adapter import Adapter, NotSupported
from ..options import Adapters, Options
from ..report import Row, Tables
from ..server import redis_server
from ..timing import Body, Case, compare

RAW = "· redis-py GET"
KEYS = 100
VALUE = "x" * 100
TAGS = ("t:{a}", "u:{a}", "v:{a}")

Get = Callable[[int], Awaitable[Any]]


async def run(adapters: Adapters, options: Options) -> Tables:
    here = [each for each in adapters if "redis" in each.backends and not each.sync]
    with redis_server() as url:
        if not url:
            return {"redis: left out, no server": []}
        async with redis.asyncio.Redis.from_url(url, max_connections=200) as client:
            hits = await _hits(here, client, url, options)
            commands = [
                await _commands(each, tags, client, url) for each in here for tags in ((), TAGS)
            ]
    missing = [] if any(each.dist == "freshly" for each in here) else [_not_yet()]
    return {
        "redis hit, value of 100 bytes (us; operations a second from 100 tasks)": hits + missing,
        "commands of an operation (INFO commandstats)": [row for row in commands if len(row) > 1],
    }


def _not_yet() -> Row:
    return {"name": "freshly", "note": "not yet: its adapter here is of the memory store"}


async def _hits(here: Adapters, client: Any, url: str, options: Options) -> list[Row]:
    for key in range(KEYS):
        await client.set(f"raw:{key}", VALUE)
    gets: dict[str, Get] = {RAW: lambda key: client.get(f"raw:{key}")}
    used: list[Adapter] = []
    rows: list[Row] = []
    for adapter in here:
        for tags in ((), TAGS):
            name = adapter.name + (" + 3 tags" if tags else "")
            it = adapter("redis", url)
            try:
                await it.open()
                used.append(it)
                gets[name] = await _warm(it, tags)
            except NotSupported:
                continue
            except Exception as error:
                rows.append({"name": name, "note": f"{type(error).__name__}: {error}"})
    in_turn = [Case(name, _in_turn(get)) for name, get in gets.items()]
    together = [Case(name, _together(get)) for name, get in gets.items()]
    alone = await compare(in_turn, RAW, rounds=options.rounds_or(21), slice_ms=15)
    at_once = await compare(together, RAW, rounds=options.rounds_or(9), slice_ms=30)
    for it in used:
        with suppress(Exception):
            await it.close()
    return [_row(one, many) for one, many in zip(alone, at_once, strict=True)] + rows


async def _warm(it: Adapter, tags: tuple[str, ...]) -> Get:
    async def load(a: int) -> str:
        return VALUE

    function = it.decorate(load, tags=tags)
    for _ in range(2):
        for key in range(KEYS):
            await function(key)
    return function


def _row(alone: Row, at_once: Row) -> Row:
    row: Row = {"name": alone["name"], "note": alone.get("note", "")}
    if "ratio" in alone:
        row |= {"us median": alone["ns median"] / 1e3, "ratio": alone["ratio"]}
    if "ratio" in at_once:
        row |= {"ops/s": int(1e9 / at_once["ns median"]), "cost ratio from 100 tasks": at_once["ratio"]}
    return row


def _in_turn(get: Get) -> Body:
    async def body(times: int) -> tuple[int, int]:
        began = perf_counter_ns()
        for number in range(times * 10):
            await get(number % KEYS)
        return perf_counter_ns() - began, times * 10

    return body


def _together(get: Get, each: int = 5) -> Body:
    async def worker(key: int) -> None:
        for _ in range(each):
            await get(key)

    async def body(times: int) -> tuple[int, int]:
        began = perf_counter_ns()
        for _ in range(times):
            await asyncio.gather(*map(worker, range(KEYS)))
        return perf_counter_ns() - began, times * KEYS * each

    return body


# What a client says when it connects, and what we ask ourselves.
NOT_COUNTED = {"info", "client|setinfo", "client|setname", "hello", "select", "ping", "auth"}


async def _commands(adapter: type[Adapter], tags: tuple[str, ...], client: Any, url: str) -> Row:
    row: Row = {"name": adapter.name + (" + 3 tags" if tags else "")}
    it = adapter("redis", url)
    try:
        await it.open()
        function = await _warm(it, tags)
        row["miss and set"] = await _counted(client, lambda key: function(key + 1000))
        row["hit"] = await _counted(client, function)
        if tags:
            row["delete_tags"] = await _counted(client, lambda key: it.delete_tags(f"t:{key}"))
        await it.close()
    except NotSupported:
        return {}
    except Exception as error:
        row["note"] = f"{type(error).__name__}: {error}"
    return row


async def _counted(client: Any, act: Get, times: int = 50) -> str:
    before = await _calls(client)
    for key in range(times):
        await act(key)
    after = await _calls(client)
    grown = {name: after[name] - before.get(name, 0) for name in after if name not in NOT_COUNTED}
    return ", ".join(f"{count / times:g} {name}" for name, count in grown.items() if count) or "none"


async def _calls(client: Any) -> dict[str, int]:
    found = await client.info("commandstats")
    return {name.removeprefix("cmdstat_"): each["calls"] for name, each in found.items()}
