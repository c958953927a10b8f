"""Guards of near entries that show on a server, each taken out, and the test that has to notice.

Those of the mirror and the session are in tests/stores/test_near_mutants.py, of the post in
test_near_post.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from freshly.stores.near import mirror
from freshly.stores.near.mirror import Mirror
from freshly.stores.near.mirrors import Mirrors
from freshly.stores.near.store import NearStore
from freshly.stores.redis.again import Again
from tests.redis import test_near as the
from tests.redis.fixtures import Open
from tests.redis.test_near import rows as rows
from tests.redis.test_near import start as start


def nothing(self: Any, *rest: Any, **more: Any) -> None: ...


async def marked_if_it_succeeds(self: NearStore, names: Any, invalidation: Any) -> Any:
    moment = await invalidation
    self._mirrors.invalidated(names, moment.positions)
    return moment


def never(self: Any, *rest: Any) -> bool:
    return False


def always(self: Any, *rest: Any) -> bool:
    return True


def with_its_own_stamp(self: NearStore, stamp: Any, handed_on: Any) -> Any:
    return stamp


Patch = Callable[[pytest.MonkeyPatch], None]


def put(owner: Any, name: str, mutant: Any) -> Patch:
    return lambda monkeypatch: monkeypatch.setattr(owner, name, mutant)


class Told:
    """What the tests of test_near.py take."""

    def __init__(self, start: Any, rows: Any, round_trips: Any, server: Any, open_cache: Open) -> None:
        self.start, self.rows, self.round_trips = start, rows, round_trips
        self.server, self.open_cache = server, open_cache


MUTANTS: dict[str, tuple[Patch, Callable[[Told, pytest.MonkeyPatch], Any]]] = {
    "inherits_oldest_stamp": (
        put(NearStore, "inherit", with_its_own_stamp),
        lambda told, _: the.test_a_value_made_from_a_near_one_is_no_newer_than_that(
            told.start, told.rows
        ),
    ),
    "inherits_oldest_stamp, through two": (
        put(NearStore, "inherit", with_its_own_stamp),
        lambda told, _: the.test_and_so_is_one_made_through_two_near_ones(told.start, told.rows),
    ),
    "a token has near entries asked about": (
        put(NearStore, "reach", nothing),
        lambda told, _: the.test_who_carries_the_token_reads_nothing_older(told.start, told.rows),
    ),
    "a token is compared": (
        put(Mirrors, "reached", always),
        lambda told, _: the.test_a_token_covers_what_was_invalidated_before_it(told.start, told.rows),
    ),
    "and costs nothing if it is known": (
        put(Mirrors, "reached", never),
        lambda told, _: the.test_a_token_that_was_heard_of_costs_nothing(told.start, told.round_trips),
    ),
    "near_compares_nonce": (
        put(Mirror, "_covers", lambda self, position: self._nonce is not None),
        lambda told, _: the.test_a_lost_bucket_takes_near_entries_along(
            told.start, told.rows, told.server
        ),
    ),
    "lease_margin": (
        put(mirror, "MARGIN", 1.0),
        lambda told, _: the.test_a_lease_that_runs_out_ends_the_hits_and_a_heartbeat_brings_them_back(
            told.start, told.round_trips
        ),
    ),
    "strict asks": (
        put(NearStore, "_is_confirmed", always),
        lambda told, _: the.test_bounded_and_strict_processes_share_a_namespace(
            told.start, told.open_cache, told.rows
        ),
    ),
    "what was asked is answered": (
        put(Again, "overtakes", never),
        lambda told, _: the.test_bounded_and_strict_processes_share_a_namespace(
            told.start, told.open_cache, told.rows
        ),
    ),
    "one that failed is marked": (
        put(NearStore, "_marking", marked_if_it_succeeds),
        lambda told, monkeypatch: the.test_an_invalidation_that_fails_is_obeyed_here(
            told.start, told.rows, monkeypatch
        ),
    ),
    "local_apply_writes_mirror": (
        put(Mirrors, "invalidated", nothing),
        lambda told, _: the.test_the_process_that_invalidates_sees_it_at_once(
            told.start, told.rows, the.ACTS["a tag"]
        ),
    ),
    "local_apply_writes_mirror, of a key": (
        put(Mirrors, "invalidated", nothing),
        lambda told, _: the.test_the_process_that_invalidates_sees_it_at_once(
            told.start, told.rows, the.ACTS["the key"]
        ),
    ),
    "a stale mark is seen": (
        put(Again, "makes_stale", never),
        lambda told, _: a_stale_mark_is_seen_without_a_message(told),
    ),
}  # fmt: skip


async def a_stale_mark_is_seen_without_a_message(told: Told) -> None:
    """The lease is over, and the entry is asked about: it is valid and was marked stale."""
    one, other = told.start(), told.start()
    await one.get(1)
    await other.cache.mark_stale("row:1")
    one.clock.advance(1.0)
    looks = await the.near_of(one.cache).look("row:1", ("row:1", "rows"), _shape_of(one))

    assert looks.entry is not None
    assert looks.now >= looks.entry.stale_at


def _shape_of(process: Any) -> Any:
    (entry,) = the.near_of(process.cache).living()
    return entry.shape


@pytest.mark.parametrize(("patch", "test"), MUTANTS.values(), ids=MUTANTS)
async def test_without_its_guard_a_test_fails(
    patch: Patch,
    test: Callable[[Told, pytest.MonkeyPatch], Any],
    start: Any,
    rows: Any,
    round_trips: list[list[str]],
    server: Any,
    open_cache: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = Told(start, rows, round_trips, server, open_cache)
    before = dict(rows)
    await test(told, monkeypatch)
    server.reset()
    rows.update(before)
    round_trips.clear()
    patch(monkeypatch)

    with pytest.raises((AssertionError, TimeoutError)):
        await test(told, monkeypatch)
