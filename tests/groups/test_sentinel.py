"""Behind Sentinels: the primary is found, and found again, and the promise goes along.

The runs over several processes are those of tests/redis/test_processes.py, with primaries that are
killed, stopped for longer than the Sentinels wait, and replaced by hand while they go on. The long
form is ``python -m tests.checker.processes --group sentinel --faults hand,kill,stop --seconds 60``.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from freshly import Cache, StoreError
from tests.checker.processes.group_faults import OF_SENTINELS, GroupFaults
from tests.checker.processes.plan import Plan
from tests.checker.processes.run import Outcome, run
from tests.servers.kinds import REDIS_8, VALKEY_9, Kind
from tests.servers.sentinel import SERVICE, Sentinels

pytestmark = pytest.mark.real_time

Open = Callable[..., Cache]
both_kinds = pytest.mark.parametrize("server_kind", [VALKEY_9, REDIS_8], ids=lambda kind: kind.name)


@pytest.fixture
async def open_cache(sentinels: Sentinels) -> AsyncIterator[Open]:
    async with contextlib.AsyncExitStack() as stack:

        async def close(cache: Cache) -> None:
            await cache.close()

        def one(url: str = "") -> Cache:
            cache = Cache(url or sentinels.url, timeout=5)
            stack.push_async_callback(close, cache)
            return cache

        yield one


@both_kinds
async def test_after_a_failover_entries_are_misses_and_all_goes_on_at_the_new_primary(
    sentinels: Sentinels, server_kind: Kind, open_cache: Open
) -> None:
    writer, reader = open_cache(), open_cache()
    versions = {7: 1}

    @reader(ttl="1h", tags=["user:{user_id}"])
    async def get_user(user_id: int) -> int:
        return versions[user_id]

    assert await get_user(7) == 1
    sentinels.fail_over()
    versions[7] = 2
    await writer.delete_tags("user:7")

    assert await get_user(7) == 2
    versions[7] = 3
    assert await get_user(7) == 2, "a hit"
    await writer.delete_tags("user:7")
    assert await get_user(7) == 3


async def test_one_sentinel_that_is_gone_makes_no_difference(
    sentinels: Sentinels, open_cache: Open
) -> None:
    sentinels.watchers[0].kill()
    cache = open_cache()

    await cache.set("key", 1)

    assert await cache.get("key") == 1


async def test_without_any_sentinel_the_loader_runs_and_an_invalidation_says_so() -> None:
    cache = Cache("redis+sentinel://127.0.0.1:1,127.0.0.1:2/shop", timeout="200ms")

    @cache(ttl="1h")
    async def get() -> int:
        return 1

    with pytest.raises(StoreError, match="no Sentinel tells of 'shop'"):
        await cache.ping()
    assert await get() == 1
    with pytest.raises(StoreError, match="did not answer"):
        await cache.delete_tags("tag")
    await cache.close()


async def test_a_service_that_nobody_watches_is_named(sentinels: Sentinels, open_cache: Open) -> None:
    cache = open_cache(sentinels.url.replace(SERVICE, "shop"))

    with pytest.raises(StoreError, match=r"no Sentinel tells of .shop.: .*No such master"):
        await cache.ping()


# -- several processes -----------------------------------------------------------------------------


def judged(sentinels: Sentinels, folder: Path, *faults: str, seconds: float, seed: int = 1) -> Outcome:
    plan = Plan(url=sentinels.url, folder=str(folder), processes=3, seconds=seconds, seed=seed)
    outcome = run(plan, trouble_for=lambda pids: GroupFaults(sentinels, OF_SENTINELS, faults, seed))
    print(outcome.summary())
    return outcome


@pytest.mark.parametrize(
    ("server_kind", "fault"),
    [(VALKEY_9, "hand"), (REDIS_8, "kill")],
    ids=["Valkey 9, by hand", "Redis 8.2, killed"],
)
def test_no_read_is_stale_while_the_primary_is_replaced(
    server_kind: Kind, fault: str, sentinels: Sentinels, tmp_path: Path
) -> None:
    outcome = judged(sentinels, tmp_path, fault, seconds=4.0)

    assert outcome.history.violations == []
    assert outcome.facts["errors"] == 0, "a read never raises"
    assert outcome.history.reads > 200
    assert outcome.faults, "it was replaced"


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["hand", "kill", "stop", "flush"])
@both_kinds
def test_nor_in_twenty_seconds(
    server_kind: Kind, fault: str, sentinels: Sentinels, tmp_path: Path
) -> None:
    outcome = judged(sentinels, tmp_path, fault, seconds=20.0)

    assert outcome.history.violations == []
    assert outcome.facts["errors"] == 0
