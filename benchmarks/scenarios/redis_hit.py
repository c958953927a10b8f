"""Hit through Redis beside a raw client: one after the other, from 100 tasks; the commands it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter_ns, process_time_ns
from typing import Any

import redis.asyncio

from ..adapter import Adapter, NotSupported
from ..options import Adapters, Options
from ..peers.ours import Freshly
from ..report import Row, Tables
from ..server import redis_server
from ..timing import Body, Case, compare, ratio

RAW = "· redis-py GET"
# What a strict hit has to ask at least: the value, and what its tags carry.
PAIR = "· redis-py pipeline of GET and HMGET"
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
    return {
        "redis hit, value of 100 bytes (ratios to a raw GET, and to a raw GET and HMGET)": hits,
        "commands of an operation (INFO commandstats)": [row for row in commands if len(row) > 1],
    }


async def _hits(here: Adapters, client: Any, url: str, options: Options) -> list[Row]:
    gets = await yardsticks(client)
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
    measured = await _measured(gets, options)
    for it in used:
        with suppress(Exception):
            await it.close()
    return measured + rows


async def _measured(gets: dict[str, Get], options: Options) -> list[Row]:
    """Time each way to get a value, on the wall and by the processor that the caller takes."""
    rows: dict[str, Row] = {name: {"name": name} for name in gets}
    kinds = (
        ("one after the other", in_turn, options.rounds_or(21), 15),
        ("100 tasks", together, options.rounds_or(9), 30),
    )
    for kind, body, rounds, slice_ms in kinds:
        for clock, now in (("", perf_counter_ns), (", CPU", process_time_ns)):
            cases = [Case(name, body(get, now)) for name, get in gets.items()]
            for row in await compare(cases, RAW, rounds=rounds, slice_ms=slice_ms):
                if row.get("note"):
                    rows[row["name"]]["note"] = row["note"]
                elif not clock:
                    rows[row["name"]][f"µs {kind}"] = row["ns median"] / 1e3
            for unit, units in ((RAW, "GET"), (PAIR, "pair")):
                samples = next(case.samples for case in cases if case.name == unit)
                for case in cases:
                    found = round(ratio(case.samples, samples), 2) if case.samples else None
                    rows[case.name][f"by {units}{clock}, {kind}"] = found
    return list(rows.values())


async def ratios(url: str, client: Any, options: Options) -> tuple[float, float]:
    """Return what our hit with tags costs the processor, one after the other, by a GET and HMGET; and
    how many of them fit into the time of a GET, where 100 tasks ask.
    """
    ours = Freshly("redis", url)
    await ours.open()
    gets = await yardsticks(client) | {ours.name: await _warm(ours, TAGS)}
    samples: list[list[float]] = []
    for unit, body, rounds in ((PAIR, in_turn, 21), (RAW, together, 9)):
        cases = [Case(name, body(gets[name], process_time_ns)) for name in (unit, ours.name)]
        await compare(cases, unit, rounds=options.rounds_or(rounds), slice_ms=20)
        samples += [case.samples for case in cases]
    await ours.close()
    pair, one_by_one, get, from_tasks = samples
    return ratio(one_by_one, pair), ratio(get, from_tasks)


async def yardsticks(client: Any) -> dict[str, Get]:
    """Return what is asked of a raw client, for the number of a key."""
    for key in range(KEYS):
        await client.set(f"raw:{key}", VALUE)
        await client.hset("raw:tags", f"t:{key}", key)

    async def pair(key: int) -> Any:
        async with client.pipeline(transaction=False) as pipe:
            pipe.get(f"raw:{key}")
            pipe.hmget("raw:tags", "!", "@", "#", "_", "%", f"t:{key}", f"u:{key}", f"v:{key}")
            return await pipe.execute()

    return {RAW: lambda key: client.get(f"raw:{key}"), PAIR: pair}


async def _warm(it: Adapter, tags: tuple[str, ...]) -> Get:
    async def load(a: int) -> str:
        return VALUE

    function = it.decorate(load, tags=tags)
    for _ in range(2):
        for key in range(KEYS):
            await function(key)
    return function


def in_turn(get: Get, now: Callable[[], int]) -> Body:
    async def body(times: int) -> tuple[int, int]:
        began = now()
        for number in range(times * 10):
            await get(number % KEYS)
        return now() - began, times * 10

    return body


def together(get: Get, now: Callable[[], int], each: int = 5) -> Body:
    async def worker(key: int) -> None:
        for _ in range(each):
            await get(key)

    async def body(times: int) -> tuple[int, int]:
        began = now()
        for _ in range(times):
            await asyncio.gather(*map(worker, range(KEYS)))
        return now() - began, times * KEYS * each

    return body


# What a client says when it connects, and what we ask ourselves.
NOT_COUNTED = {"info", "client|setinfo", "client|setname", "hello", "select", "ping", "auth"}


async def _commands(adapter: type[Adapter], tags: tuple[str, ...], client: Any, url: str) -> Row:
    row: Row = {"name": adapter.name + (" + 3 tags" if tags else "")}
    it = adapter("redis", url)
    try:
        await it.open()
        function = await _warm(it, tags)
        row["miss and set"] = await counted(client, lambda key: function(key + 1000))
        row["hit"] = await counted(client, function)
        if tags:
            row["delete_tags"] = await counted(client, lambda key: it.delete_tags(f"t:{key}"))
        await it.close()
    except NotSupported:
        return {}
    except Exception as error:
        row["note"] = f"{type(error).__name__}: {error}"
    return row


async def counted(client: Any, act: Get, times: int = 50) -> str:
    before = await _calls(client)
    for key in range(times):
        await act(key)
    after = await _calls(client)
    grown = {name: after[name] - before.get(name, 0) for name in after if name not in NOT_COUNTED}
    return ", ".join(f"{count / times:g} {name}" for name, count in grown.items() if count) or "none"


async def _calls(client: Any) -> dict[str, int]:
    found = await client.info("commandstats")
    return {name.removeprefix("cmdstat_"): each["calls"] for name, each in found.items()}
