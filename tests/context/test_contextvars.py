"""Whose context a load sees: that of the caller who began it, also behind, and when it begins anew."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

from freshly import Cache
from freshly.testing import ManualClock, Stepper

tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock)


@pytest.fixture
def step() -> Stepper:
    return Stepper()


def as_tenant(name: str, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Run ``coroutine`` as a request of ``name`` would: in a context of its own."""
    context = copy_context()
    context.run(tenant.set, name)
    return asyncio.get_running_loop().create_task(coroutine, context=context)


async def test_a_load_sees_the_context_of_the_caller_who_began_it(cache: Cache, step: Stepper) -> None:
    """Whoever joins gets what was loaded there: what decides the value has to be in the key."""

    @cache("1h")
    async def get() -> str:
        await step.stop("loading")
        return tenant.get()

    first = as_tenant("acme", get())
    await step.reached("loading")
    second = as_tenant("globex", get())
    await step.settle()
    step.go("loading")

    assert await asyncio.gather(first, second) == ["acme", "acme"]


async def test_named_in_vary_each_value_has_a_load_and_an_entry_of_its_own(
    cache: Cache, step: Stepper
) -> None:
    loads: list[str] = []

    @cache("1h", vary=[tenant], tags=["t"])
    async def get() -> str:
        loads.append(tenant.get())
        await step.stop(f"loading {tenant.get()}")
        return tenant.get()

    names = ["acme", "globex", "acme", "globex"]
    readers = [as_tenant(name, get()) for name in names]
    for name in ("acme", "globex"):
        await step.reached(f"loading {name}")
        step.go(f"loading {name}")

    assert await asyncio.gather(*readers) == names
    assert loads == ["acme", "globex"]
    assert [await as_tenant(name, get()) for name in names] == names
    assert len(loads) == 2


async def test_one_tag_invalidates_the_entries_of_all_values(cache: Cache) -> None:
    @cache("1h", vary=[tenant], tags=["t"])
    async def get() -> str:
        return tenant.get()

    for name in ("acme", "globex"):
        await as_tenant(name, get())
    assert cache.stats().entries == 2

    await cache.delete_tags("t")

    assert await as_tenant("acme", get.peek()) is None
    assert await as_tenant("globex", get.peek()) is None


async def test_a_refresh_behind_sees_the_context_of_the_caller_who_had_it_begun(
    cache: Cache, clock: ManualClock, step: Stepper
) -> None:
    """Not that of the one who loaded first, nor of those who read while it runs."""
    seen: list[str] = []

    @cache.soft("1h", soft_ttl="1m")
    async def get() -> int:
        seen.append(tenant.get())
        if len(seen) > 1:
            await step.stop("refreshing")
            seen.append(tenant.get())
        return len(seen)

    await as_tenant("acme", get())
    clock.advance("1m")
    await as_tenant("globex", get())
    await step.reached("refreshing")
    await as_tenant("initech", get())
    step.go("refreshing")
    await step.settle()

    assert seen == ["acme", "globex", "globex"]


async def test_a_waiter_that_begins_anew_does_so_in_its_own_context(
    cache: Cache, step: Stepper
) -> None:
    """
    1. acme's read begins a load; globex waits for it.
    2. acme's caller is cancelled, and what it had opened is closed.
    3. The load fails. globex loads, with its own arguments and its own context.
    """
    closed: set[str] = set()
    seen: list[tuple[str, str]] = []

    @cache("1h", exclude=["session"])
    async def get(session: str) -> str:
        seen.append((session, tenant.get()))
        await step.stop("loading")
        if session in closed:
            raise ConnectionError("the session is closed")
        return session

    first = as_tenant("acme", get("session of acme"))
    await step.reached("loading")
    second = as_tenant("globex", get("session of globex"))
    await step.settle()
    first.cancel()
    await step.settle()
    closed.add("session of acme")
    step.go("loading")
    await step.reached("loading")
    step.go("loading")

    assert await second == "session of globex"
    assert seen == [("session of acme", "acme"), ("session of globex", "globex")]


async def test_what_a_loader_sets_stays_in_its_load(cache: Cache) -> None:
    @cache("1h")
    async def get() -> str:
        tenant.set("of the load")
        return tenant.get()

    assert await as_tenant("acme", _then_tenant(get())) == ("of the load", "acme")


async def _then_tenant(coroutine: Coroutine[Any, Any, str]) -> tuple[str, str]:
    return await coroutine, tenant.get()


def test_a_plain_function_in_the_thread_of_its_caller_sets_for_its_caller(cache: Cache) -> None:
    """As if it were not decorated; a hit sets nothing."""

    @cache("1h")
    def get() -> str:
        return str(tenant.set("of the load").var.get())

    def read() -> str:
        get()
        return tenant.get()

    assert copy_context().run(read) == "of the load"
    assert copy_context().run(read) == "nobody"
