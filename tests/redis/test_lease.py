"""One load of a key among processes: who loads, who waits, and who takes over.

Two caches stand for two processes here: they share nothing but the server. Only where one is killed
is it a process of its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from freshly import Cache
from freshly.testing import ManualClock, Stepper
from tests.redis.fixtures import Open
from tests.servers.server import Server

LEASE = b"fr:{freshly:key}:l"


class Source:
    """A loader that stands still until the test lets it go, and counts."""

    def __init__(self) -> None:
        self.step = Stepper()
        self.loads = 0

    def on(self, cache: Cache, **options: object) -> Callable[[], object]:
        @cache(ttl="1h", key="key", **options)
        async def get() -> int:
            self.loads += 1
            await self.step.stop("loading")
            return self.loads

        return get


@pytest.mark.real_time
async def test_two_processes_of_fifty_callers_load_a_cold_key_once(open_cache: Open) -> None:
    loads: list[int] = []

    def on(cache: Cache) -> Callable[[], object]:
        @cache(ttl="1h", key="key")
        async def get() -> int:
            loads.append(1)
            await asyncio.sleep(0.1)
            return len(loads)

        return get

    readers = [on(open_cache(pool_size=20)), on(open_cache(pool_size=20))]

    values = await asyncio.gather(*(get() for get in readers for _ in range(50)))

    assert values == [1] * 100
    assert loads == [1]


@pytest.mark.real_time
async def test_a_waiter_takes_what_the_holder_stored_and_the_lease_is_gone(
    open_cache: Open, server: Server
) -> None:
    source = Source()
    one, other = source.on(open_cache()), source.on(open_cache())
    first = asyncio.ensure_future(one())
    await source.step.reached("loading")
    assert server.admin.exists(LEASE)
    second = asyncio.ensure_future(other())
    await asyncio.sleep(0.05)

    source.step.go("loading")

    assert [await first, await second] == [1, 1]
    assert source.loads == 1
    assert not server.admin.exists(LEASE)


@pytest.mark.real_time
async def test_a_load_that_is_longer_than_its_lease_keeps_it(open_cache: Open, server: Server) -> None:
    source = Source()
    one, other = source.on(open_cache(lease="200ms")), source.on(open_cache(lease="200ms"))
    first = asyncio.ensure_future(one())
    await source.step.reached("loading")
    second = asyncio.ensure_future(other())

    await asyncio.sleep(1)

    assert source.loads == 1
    assert server.admin.exists(LEASE)
    source.step.go("loading")
    assert [await first, await second] == [1, 1]


@pytest.mark.real_time
async def test_when_the_holder_fails_a_waiter_loads(open_cache: Open) -> None:
    step, loads = Stepper(), [0]

    def on(cache: Cache) -> Callable[[], object]:
        @cache(ttl="1h", key="key")
        async def get() -> int:
            loads[0] += 1
            await step.stop("loading")
            if loads[0] == 1:
                raise LookupError("gone")
            return loads[0]

        return get

    one, other = on(open_cache()), on(open_cache())
    first = asyncio.ensure_future(one())
    await step.reached("loading")
    second = asyncio.ensure_future(other())
    await asyncio.sleep(0.05)
    step.go("loading")

    with pytest.raises(LookupError):
        await first
    async with asyncio.timeout(5):
        while not step.is_standing("loading"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    step.go("loading")
    assert await second == 2


@pytest.mark.real_time
async def test_a_stale_value_is_refreshed_by_one_process(open_cache: Open) -> None:
    clock, source = ManualClock(), Source()
    caches = [open_cache(clock=clock), open_cache(clock=clock)]
    one, other = (source.on(cache, soft_ttl="1m") for cache in caches)
    first = asyncio.ensure_future(one())
    await source.step.reached("loading")
    source.step.go("loading")
    assert await first == 1
    clock.advance("2m")

    assert await one() == 1
    await source.step.reached("loading")
    assert [await other() for _ in range(5)] == [1] * 5
    await asyncio.sleep(0.1)

    assert source.loads == 2
    source.step.go("loading")


@pytest.mark.real_time
async def test_without_leases_each_process_loads(open_cache: Open, server: Server) -> None:
    source = Source()
    one, other = source.on(open_cache(lease=False)), source.on(open_cache(lease=False))
    readers = [asyncio.ensure_future(get()) for get in (one, other)]

    async with asyncio.timeout(5):
        while source.loads < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    assert not server.admin.exists(LEASE)
    source.step.go("loading")
    source.step.go("loading")
    await asyncio.gather(*readers)


HOLDER = """
    import asyncio, sys
    from freshly import Cache

    cache = Cache(sys.argv[1], lease="500ms")

    @cache(ttl="1h", key="key")
    async def get() -> str:
        print("loading", flush=True)
        await asyncio.sleep(3600)
        return "never"

    asyncio.run(get())
"""


@pytest.mark.real_time
async def test_when_the_holder_is_killed_a_waiter_takes_over_within_the_lease(
    open_cache: Open, server: Server
) -> None:
    holder = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", textwrap.dedent(HOLDER), server.url], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    await asyncio.to_thread(holder.stdout.readline)
    cache = open_cache(lease="500ms")

    @cache(ttl="1h", key="key")
    async def get() -> str:
        return "taken over"

    waiter = asyncio.ensure_future(get())
    await asyncio.sleep(0.8)
    assert not waiter.done(), "the holder lives, and keeps its lease"
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    loop = asyncio.get_running_loop()
    killed_at = loop.time()

    assert await waiter == "taken over"

    # What is left of the lease, and the longest pause between two questions.
    assert loop.time() - killed_at < 0.5 + 0.5 + 0.5


def test_threads_of_two_processes_load_once(server: Server) -> None:
    loads: list[int] = []
    barrier = Barrier(8)
    caches = [Cache(server.url, timeout=5), Cache(server.url, timeout=5)]

    def on(cache: Cache) -> Callable[[], int]:
        @cache(ttl="1h", key="key")
        def get() -> int:
            loads.append(1)
            return len(loads)

        return get

    readers = [on(cache) for cache in caches]

    def read(number: int) -> int:
        barrier.wait()
        return readers[number % 2]()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(8))) == [1] * 8
    assert loads == [1]
    for cache in caches:
        cache.blocking.close()


@pytest.mark.real_time
async def test_processes_whose_values_cannot_be_stored_do_not_queue_up(open_cache: Open) -> None:
    """Each would wait for all before it, and find nothing."""
    running, most = [0], [0]

    def on(cache: Cache) -> Callable[[], object]:
        @cache(ttl="1h", key="key", condition=lambda result: False)
        async def get() -> int:
            running[0] += 1
            most[0] = max(most[0], running[0])
            await asyncio.sleep(0.2)
            running[0] -= 1
            return 1

        return get

    readers = [on(open_cache()) for _ in range(8)]
    loop = asyncio.get_running_loop()
    began = loop.time()

    assert await asyncio.gather(*(get() for get in readers)) == [1] * 8

    assert loop.time() - began < 8 * 0.2
    assert most[0] > 1


async def test_under_a_hold_nobody_waits_for_another(open_cache: Open, server: Server) -> None:
    """What is loaded under a hold is not stored, so there is nothing to wait for."""
    source = Source()
    caches = [open_cache(max_hold="1m") for _ in range(2)]
    await caches[0].ping()
    one, other = (source.on(cache, tags=["row"]) for cache in caches)
    await caches[0].delete_tags("row", hold="1m")

    readers = [source.step.start(one()), source.step.start(other())]
    async with asyncio.timeout(5):
        while source.step.visits("loading") < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)

    assert not server.admin.exists(LEASE)
    source.step.go("loading")
    source.step.go("loading")
    await asyncio.gather(*readers)


@pytest.mark.real_time
async def test_an_exception_that_is_an_answer_is_taken_over_like_a_value(open_cache: Open) -> None:
    step, loads = Stepper(), [0]

    def on(cache: Cache) -> Callable[[], object]:
        @cache(ttl="1h", key="key", cache_exceptions={LookupError: "1m"})
        async def get() -> int:
            loads[0] += 1
            await step.stop("loading")
            raise LookupError("no such row")

        return get

    one, other = on(open_cache()), on(open_cache())
    first = asyncio.ensure_future(one())
    await step.reached("loading")
    second = asyncio.ensure_future(other())
    await asyncio.sleep(0.05)
    step.go("loading")

    for reader in (first, second):
        with pytest.raises(LookupError, match="no such row"):
            await reader
    assert loads == [1]
