"""``wait="all"``: the call returns when no process can serve what was there before.

There is one process here, and a store that says how far others may trail. That leases are over by then
is shown on a server, in tests/redis/test_near.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from freshly import Cache, ConfigurationError
from freshly.stores.memory import MemoryStore
from freshly.testing import ManualClock, Stepper

Command = Callable[[Cache], Awaitable[Any]]
CHANGES = ("invalidate", "mark_stale", "delete", "delete_match", "clear")


def writer(*tags: str, **options: Any) -> Command:
    async def write(cache: Cache) -> None:
        @cache.invalidates(*tags, wait="all", **options)
        async def written() -> None: ...

        await written()

    return write


def blocking_writer(cache: Cache) -> Awaitable[None]:
    @cache.invalidates("a", wait="all")
    def written() -> None: ...

    return asyncio.to_thread(written)


COMMANDS: dict[str, Command] = {
    "delete_tags": lambda cache: cache.delete_tags("a", wait="all"),
    "mark_stale": lambda cache: cache.mark_stale("a", wait="all"),
    "delete": lambda cache: cache.delete("key", wait="all"),
    "delete_many": lambda cache: cache.delete_many(["key"], wait="all"),
    "delete_match": lambda cache: cache.delete_match("k*", wait="all"),
    "clear": lambda cache: cache.clear(wait="all"),
    "a writer of tags": writer("a"),
    "a writer of keys": writer(keys=["key"]),
    "a writer of both": writer("a", keys=["key"]),
}

BLOCKING: dict[str, Command] = {
    "delete_tags": lambda c: asyncio.to_thread(c.blocking.delete_tags, "a", wait="all"),
    "mark_stale": lambda c: asyncio.to_thread(c.blocking.mark_stale, "a", wait="all"),
    "delete": lambda c: asyncio.to_thread(c.blocking.delete, "key", wait="all"),
    "delete_many": lambda c: asyncio.to_thread(c.blocking.delete_many, ["key"], wait="all"),
    "delete_match": lambda c: asyncio.to_thread(c.blocking.delete_match, "k*", wait="all"),
    "clear": lambda c: asyncio.to_thread(c.blocking.clear, wait="all"),
    "a writer": blocking_writer,
}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Stepper:
    """Processes may trail by a second. A change stands at "sent" before its answer comes."""
    step = Stepper()
    monkeypatch.setattr(MemoryStore, "max_staleness", 1.0)
    for name in CHANGES:
        monkeypatch.setattr(MemoryStore, name, _slowly(getattr(MemoryStore, name), step))
    return step


def _slowly(original: Callable[..., Any], step: Stepper) -> Callable[..., Any]:
    async def slowly(*args: Any, **kwargs: Any) -> Any:
        done = await original(*args, **kwargs)
        await step.stop("sent")
        return done

    return slowly


async def returns_when_all_leases_are_over(command: Command, sent: Stepper) -> None:
    clock = ManualClock()
    cache = Cache(clock=clock)
    call = sent.start(command(cache))
    answers = 0
    await sent.reached("sent")
    while sent.is_standing("sent"):
        # A lease may be given as long as the answer has not come.
        clock.advance(0.5)
        sent.go("sent")
        answers += 1
        await sent.settle(50)
        assert not call.done(), "it does not wait"

    clock.advance(0.75)
    await sent.settle(20)
    assert not call.done(), "it waits from the call, and not from the answer"
    clock.advance(0.25)
    await call

    assert clock.now() == 0.5 * answers + 1.0


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_call_returns_when_all_leases_are_over(name: str, sent: Stepper) -> None:
    await returns_when_all_leases_are_over(COMMANDS[name], sent)


@pytest.mark.parametrize("name", BLOCKING)
async def test_so_does_a_blocking_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryStore, "max_staleness", 1.0)
    clock = ManualClock()
    call = asyncio.ensure_future(BLOCKING[name](Cache(clock=clock)))
    async with asyncio.timeout(5):
        while not clock.alarms:
            await asyncio.sleep(0)
            assert not call.done()

    clock.advance(1.0)
    await call

    assert clock.now() == 1.0


@pytest.mark.parametrize("name", COMMANDS)
async def test_inside_of_a_transaction_it_is_refused(name: str) -> None:
    """Nothing is invalidated before its end, so there is nothing to wait for."""
    cache = Cache()
    await cache.set("key", 1, tags=["a"])

    async with cache.transaction():
        with pytest.raises(ConfigurationError, match="after it"):
            await COMMANDS[name](cache)

    assert await cache.get("key") == 1


async def test_a_writer_that_may_not_wait_does_not_write() -> None:
    cache, written = Cache(), []

    @cache.invalidates("a", wait="all")
    async def write() -> None:
        written.append(1)

    @cache.invalidates("a", wait="all")
    def write_blocking() -> None:
        written.append(1)

    async with cache.transaction():
        with pytest.raises(ConfigurationError, match="wait='all'"):
            await write()
        with pytest.raises(ConfigurationError, match="wait='all'"):
            write_blocking()

    assert not written


@pytest.mark.parametrize("wrong", ["some", True, 1])
async def test_there_is_all_and_nothing_else(wrong: Any) -> None:
    cache = Cache()
    for call in (
        lambda: cache.delete("key", wait=wrong),
        lambda: cache.delete_many(["key"], wait=wrong),
        lambda: cache.delete_match("k*", wait=wrong),
        lambda: cache.mark_stale("a", wait=wrong),
        lambda: cache.clear(wait=wrong),
    ):
        with pytest.raises(ConfigurationError, match=f"wait={wrong!r}"):
            await call()
    with pytest.raises(ConfigurationError, match=f"wait={wrong!r}"):
        cache.invalidates("a", wait=wrong)
