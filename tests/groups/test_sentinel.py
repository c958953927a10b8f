"""Behind Sentinels: the primary is found, and found again, and the promise goes along.

The runs over several processes are those of tests/redis/test_processes.py, with primaries that are
killed, with their last writes or without, stopped for longer than the Sentinels wait, and replaced by
hand, forth and back, while they go on. The long form is
``python -m tests.checker.processes --group sentinel --faults hand,kill,stop,tail,back --seconds 60``.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from freshly import Cache, StoreError
from tests.checker.processes.group_faults import OF_SENTINELS, RHYTHM, GroupFaults
from tests.checker.processes.plan import Plan
from tests.checker.processes.run import Outcome, run
from tests.groups.failover import entries_are_misses_and_all_goes_on
from tests.servers.kinds import REDIS_8, VALKEY_9, Kind
from tests.servers.sentinel import SERVICE, Sentinels

pytestmark = pytest.mark.real_time

# Runs that a mutant gets.
SEEDS = range(1, 5)

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
    await entries_are_misses_and_all_goes_on(open_cache(), open_cache(), sentinels.fail_over)


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

# Seconds after a failover within which a process has found the new primary, and what a failover may
# cost the callers of three processes in errors: several times what it does on a machine of its own.
SETTLED = 2.0
ERRORS = 120


def judged(
    sentinels: Sentinels,
    folder: Path,
    *faults: str,
    seconds: float,
    seed: int = 1,
    rhythm: float = RHYTHM,
    mutant: str = "",
) -> tuple[Outcome, list[tuple[float, float]]]:
    """Return what the run met, and from when to when each failover lasted."""
    plan = Plan(
        url=sentinels.url, folder=str(folder), processes=3, seconds=seconds, seed=seed, mutant=mutant
    )
    windows: list[tuple[float, float]] = []

    def trouble_for(pids: Sequence[int]) -> GroupFaults[Sentinels]:
        trouble = GroupFaults(sentinels, OF_SENTINELS, faults, seed, pids, rhythm)
        trouble.windows = windows
        return trouble

    outcome = run(plan, trouble_for=trouble_for)
    print(outcome.summary())
    return outcome, windows


@pytest.mark.parametrize(
    ("server_kind", "fault"),
    [(VALKEY_9, "hand"), (REDIS_8, "tail")],
    ids=["Valkey 9, by hand", "Redis 8.2, killed with its last writes"],
)
def test_no_read_is_stale_while_the_primary_is_replaced(
    server_kind: Kind, fault: str, sentinels: Sentinels, tmp_path: Path
) -> None:
    outcome, _ = judged(sentinels, tmp_path, fault, seconds=4.0)

    assert outcome.history.violations == []
    assert outcome.facts["errors"] == 0, "a read never raises"
    assert outcome.history.reads > 200
    assert outcome.faults, "it was replaced"


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["hand", "kill", "stop", "flush", "tail", "back"])
@both_kinds
def test_nor_in_twenty_seconds(
    server_kind: Kind, fault: str, sentinels: Sentinels, tmp_path: Path
) -> None:
    outcome, _ = judged(sentinels, tmp_path, fault, seconds=20.0)

    assert outcome.history.violations == []
    assert outcome.facts["errors"] == 0
    assert outcome.faults


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutant", "fault"), [("no_fence", "tail"), ("no_fence", "back"), ("run_id_only", "back")]
)
def test_without_the_fence_the_same_runs_show_violations(
    mutant: str, fault: str, sentinels: Sentinels, tmp_path: Path
) -> None:
    for seed in SEEDS:
        outcome, _ = judged(sentinels, tmp_path, fault, seconds=8.0, seed=seed, mutant=mutant)
        if outcome.history.violations:
            return
    pytest.fail("nobody noticed that another primary serves")


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["hand", "kill", "tail"])
def test_callers_see_errors_during_a_failover_and_not_after_it(
    fault: str, sentinels: Sentinels, tmp_path: Path
) -> None:
    outcome, windows = judged(sentinels, tmp_path, fault, seconds=25.0, rhythm=2 * SETTLED)

    print(f"{len(outcome.failures)} errors of invalidations in {len(windows)} failovers")
    stray = [
        instant
        for instant in outcome.failures
        if not any(began <= instant <= ended + SETTLED for began, ended in windows)
    ]
    assert outcome.facts["errors"] == 0, "a read never raises"
    assert windows
    assert stray == []
    assert len(outcome.failures) <= ERRORS * len(windows)
