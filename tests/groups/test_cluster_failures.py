"""The promise in a cluster whose nodes die, hang and come back with what they had.

The runs over several processes are those of tests/redis/test_processes.py; the long form is
``python -m tests.checker.processes --group cluster --faults kill,move --seconds 60``. What the fence is
good for shows there now and then, since whoever lost an invalidation tells it again. So its stories
are told step by step besides, with the guard and without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from freshly import Cache, StoreError
from freshly.stores.redis import scripts
from freshly.stores.redis.layout import Layout
from freshly.stores.redis.line import Line
from tests.checker.processes.cluster_faults import OF_CLUSTERS
from tests.checker.processes.group_faults import RHYTHM, GroupFaults
from tests.checker.processes.mutants import MUTANTS
from tests.checker.processes.plan import Plan
from tests.checker.processes.run import Outcome, run
from tests.servers.cluster import Cluster
from tests.servers.kinds import REDIS_8, VALKEY_9, Kind

pytestmark = pytest.mark.real_time

LAYOUT = Layout("freshly", buckets=16)
TAG = "users"
BUCKET = LAYOUT.bucket(LAYOUT.bucket_of(TAG))
# Another tag that is judged by the same bucket.
OTHER = next(tag for tag in map(str, range(1000)) if LAYOUT.bucket(LAYOUT.bucket_of(tag)) == BUCKET)
both_kinds = pytest.mark.parametrize("server_kind", [VALKEY_9, REDIS_8], ids=lambda kind: kind.name)


class Story:
    """A reader and writers, which stand for processes, and one value on the node of its tag."""

    def __init__(self, cluster: Cluster) -> None:
        # Less than a third of what it takes until a node counts as gone.
        self.url = f"{cluster.url}?timeout=300ms"
        self.cluster = cluster
        self.reader = Cache(self.url)
        self.version = 1
        self.node = cluster.owner(BUCKET)
        names = {LAYOUT.value(str(number)): str(number) for number in range(100)}
        owners = cluster.owners(names)
        self.key = next(key for name, key in names.items() if owners[name] is self.node)

        @self.reader(ttl="1h", key=self.key, tags=[TAG])
        async def read() -> int:
            return self.version

        self.read = read

    async def reads(self) -> set[int]:
        """Return what reads get, up to the first one after which something is stored, and the next.

        They begin when the reader has found the node that has the bucket now: a load past the store
        could be over, and stored, before a read sees what lies there. And the first may go past it
        where a node does not answer in time.
        """
        await self.until_done(self.reader, OTHER)
        found = {await self.read()}
        while not await self.reader.exists(self.key):
            found.add(await self.read())
        return {*found, await self.read()}

    async def write(self) -> None:
        self.version += 1
        # By a process that begins now, and finds who is primary now. What it had asked one that hangs
        # would be carried out there when that one goes on.
        async with Cache(self.url) as writer:
            await self.until_done(writer, TAG)

    async def until_done(self, cache: Cache, tag: str) -> None:
        while True:
            # Until somebody has taken over from who hangs it cannot be done.
            with contextlib.suppress(StoreError):
                await cache.delete_tags(tag)
                return

    async def close(self) -> None:
        await self.reader.close()


@pytest.fixture
async def story(cluster: Cluster) -> AsyncIterator[Story]:
    story = Story(cluster)
    yield story
    await story.close()


@pytest.fixture(params=[""])
def mutant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take a guard out, if there is one to be taken out, and put it back in the end."""
    name = str(request.param)
    for attribute in ("greeted", "proves"):
        monkeypatch.setattr(Line, attribute, getattr(Line, attribute))
    for script in vars(scripts).values():
        if isinstance(script, scripts.Script):
            monkeypatch.setattr(script, "_sources", script._sources)
    if name:
        MUTANTS[name]()
    return name


async def lose_the_last_write(story: Story) -> None:
    cluster, former = story.cluster, story.node
    slots, replica = former.owned(), cluster.replica_of(former)
    assert await story.read() == 1
    former.ask("WAIT", 1, 5000)
    replica.stop()
    # What was sent on a link that is up would be read after all.
    former.ask("CLIENT", "KILL", "TYPE", "replica")
    await story.write()
    former.kill()
    replica.resume()
    cluster.wait_for_successor(former, slots)


async def go_there_and_back(story: Story) -> None:
    cluster, first = story.cluster, story.node
    slots = first.owned()
    assert await story.read() == 1
    first.ask("WAIT", 1, 5000)
    first.stop()
    second = cluster.wait_for_successor(first, slots)
    await story.write()
    second.stop()
    first.resume()
    assert cluster.wait_for_successor(second, slots) is first
    second.resume()


def with_and_without(guard: str, *, slow: bool) -> pytest.MarkDecorator:
    marks = [pytest.mark.slow] if slow else []
    return pytest.mark.parametrize(
        "mutant",
        [pytest.param(one, marks=marks, id=one or "as it is") for one in ("", guard)],
        indirect=True,
    )


@with_and_without("no_fence", slow=False)
async def test_a_replica_that_lacks_the_last_invalidation_serves_nothing_from_before(
    story: Story, mutant: str
) -> None:
    await lose_the_last_write(story)

    assert (1 in await story.reads()) is bool(mutant)


@with_and_without("run_id_only", slow=True)
async def test_nor_does_a_primary_that_was_replaced_and_is_primary_again(
    story: Story, mutant: str
) -> None:
    await go_there_and_back(story)

    assert (1 in await story.reads()) is bool(mutant)


@pytest.mark.slow
@pytest.mark.parametrize("server_kind", [REDIS_8], ids=lambda kind: kind.name)
async def test_and_so_on_the_other_kind(story: Story, server_kind: Kind) -> None:
    await lose_the_last_write(story)

    assert await story.reads() == {2}


# -- several processes -----------------------------------------------------------------------------


def judged(
    cluster: Cluster,
    folder: Path,
    *faults: str,
    seconds: float,
    seed: int = 1,
    mutant: str = "",
    rhythm: float = RHYTHM,
    windows: list[tuple[float, float]] | None = None,
) -> Outcome:
    """Return what the run met; ``windows`` is filled with from when to when each fault lasted."""
    # A time-out of less than a third of what it takes until a node counts as gone.
    url = f"{cluster.url}?timeout=300ms"
    plan = Plan(url=url, folder=str(folder), processes=3, seconds=seconds, seed=seed, mutant=mutant)

    def trouble_for(pids: Sequence[int]) -> GroupFaults[Cluster]:
        trouble = GroupFaults(cluster, OF_CLUSTERS, faults, seed, pids, rhythm)
        if windows is not None:
            trouble.windows = windows
        return trouble

    outcome = run(plan, trouble_for=trouble_for)
    print(outcome.summary())
    return outcome


def keeps_the_promise(outcome: Outcome) -> None:
    assert outcome.history.violations == []
    assert outcome.facts["errors"] == 0, "a read never raises"
    assert outcome.history.reads > 60
    assert outcome.faults


def test_no_read_is_stale_while_nodes_are_replaced_and_slots_move(
    cluster: Cluster, tmp_path: Path
) -> None:
    keeps_the_promise(judged(cluster, tmp_path, "hand", "move", seconds=4.0))


@pytest.mark.slow
@pytest.mark.parametrize("faults", [*OF_CLUSTERS, ",".join(OF_CLUSTERS)])
@both_kinds
def test_nor_in_twenty_seconds(
    server_kind: Kind, faults: str, cluster: Cluster, tmp_path: Path
) -> None:
    seconds = 60.0 if "," in faults else 20.0

    keeps_the_promise(judged(cluster, tmp_path, *faults.split(","), seconds=seconds))


# Seconds after a failover within which a process has found the new primary, and what one may cost the
# callers of three processes in errors: several times what it does on a machine of its own.
SETTLED = 2.0
ERRORS = 120


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["hand", "takeover", "kill", "stop"])
def test_callers_see_errors_during_a_failover_and_not_after_it(
    fault: str, cluster: Cluster, tmp_path: Path
) -> None:
    windows: list[tuple[float, float]] = []

    outcome = judged(cluster, tmp_path, fault, seconds=25.0, rhythm=2 * SETTLED, windows=windows)

    print(f"{len(outcome.failures)} errors of invalidations in {len(windows)} failovers")
    stray = [
        instant
        for instant in outcome.failures
        if not any(began <= instant <= ended + SETTLED for began, ended in windows)
    ]
    keeps_the_promise(outcome)
    assert windows
    assert stray == []
    assert len(outcome.failures) <= ERRORS * len(windows)


@pytest.mark.slow
@pytest.mark.parametrize("colour", ["awaited", "blocking"])
@pytest.mark.parametrize("fault", ["hand", "takeover", "kill", "stop"])
async def test_an_invalidation_that_raises_does_so_within_two_time_outs(
    fault: str, colour: str, cluster: Cluster
) -> None:
    """One writer, which invalidates a tag of the node that is replaced, until it is served again."""
    timeout = 0.3
    cache = Cache(cluster.url, timeout=timeout)
    node = cluster.owner(BUCKET)
    slots = node.owned()
    await cache.delete_tags(TAG)
    await asyncio.to_thread(cache.blocking.delete_tags, TAG)
    over = threading.Event()

    def befall() -> None:
        match fault:
            case "hand":
                cluster.fail_over(node)
            case "takeover":
                cluster.fail_over(node, "TAKEOVER")
            case "kill":
                node.kill()
                cluster.wait_for_successor(node, slots)
            case "stop":
                node.stop()
                cluster.wait_for_successor(node, slots)
        over.set()

    thread = threading.Thread(target=befall)
    thread.start()
    raised: list[float] = []
    returned = 0
    while not (over.is_set() and returned > 10):
        began = time.monotonic()
        try:
            if colour == "awaited":
                await cache.delete_tags(TAG)
            else:
                await asyncio.to_thread(cache.blocking.delete_tags, TAG)
        except StoreError:
            raised.append(time.monotonic() - began)
            returned = 0
            await asyncio.sleep(0.01)
        else:
            returned += 1
    thread.join()
    await cache.close()
    longest = max(raised, default=0.0)
    print(f"{fault}, {colour}: {len(raised)} errors, the longest after {longest:.3f} s")

    # What a busy machine adds is no wait for an answer.
    assert longest < 3 * timeout


@pytest.mark.slow
@pytest.mark.parametrize(("guard", "fault"), [("no_fence", "lose"), ("run_id_only", "back")])
def test_without_the_fence_the_same_runs_show_violations(
    guard: str, fault: str, cluster: Cluster, tmp_path: Path
) -> None:
    """What the operating system does is not seeded, so a mutant gets a few runs."""
    for seed in range(1, 9):
        outcome = judged(cluster, tmp_path, fault, seconds=15.0, seed=seed, mutant=guard)
        if outcome.history.violations:
            return
        cluster.reset()
    pytest.fail("the checker saw nothing")
