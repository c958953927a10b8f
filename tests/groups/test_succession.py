"""A node of a cluster that takes over from one that serves, step by step: it must have let go.

What the former one tells of the cluster is kept as it was before here, as if it had not come to look.
"""

from __future__ import annotations

import asyncio

import pytest

from freshly import Cache, StoreError
from freshly.stores.redis.discovery import Discovery
from freshly.stores.redis.layout import Layout
from freshly.stores.redis.slots import SLOTS, Place, SlotMap, View
from freshly.stores.redis.succession import Succession
from tests.servers.cluster import Cluster, Node, slot_of
from tests.servers.waiting import wait_until

LAYOUT = Layout("freshly", buckets=16)
TAG = "users"
BUCKET = LAYOUT.bucket(LAYOUT.bucket_of(TAG))


class Late:
    """The node at ``place`` goes on telling what it told first, until it has ``looked``."""

    def __init__(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.has_looked = False
        self._told: View | None = None
        original = Discovery._view_of

        async def view_of(discovery: Discovery, asked: Place) -> View:
            view = await original(discovery, asked)
            if asked != place or self.has_looked:
                return view
            self.asked += 1
            self._told = self._told or view
            return self._told

        monkeypatch.setattr(Discovery, "_view_of", view_of)

    async def is_asked_again(self) -> None:
        before = self.asked
        async with asyncio.timeout(20):
            while self.asked < before + 3:  # noqa: ASYNC110
                await asyncio.sleep(0)


def place_of(node: Node) -> Place:
    return "127.0.0.1", node.port


def url_of(node: Node) -> str:
    return f"redis+cluster://127.0.0.1:{node.port}"


@pytest.mark.real_time
@pytest.mark.parametrize("colour", ["awaited", "blocking"])
@pytest.mark.parametrize("how", ["FORCE", "TAKEOVER"])
async def test_an_invalidation_waits_at_the_successor_until_the_former_has_let_go(
    colour: str, how: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = cluster.owner(BUCKET)
    late = Late(place_of(former), monkeypatch)
    # One of a process that was there before, and one of a process that knows nobody but the successor.
    there, successor = Cache(cluster.url, timeout=20), cluster.replica_of(former)
    await there.ping()
    await asyncio.to_thread(there.blocking.ping)
    cluster.fail_over(former, how)
    come = Cache(url_of(successor), timeout=20)

    def invalidate(cache: Cache) -> asyncio.Future[object]:
        if colour == "awaited":
            return asyncio.ensure_future(cache.delete_tags(TAG))
        return asyncio.ensure_future(asyncio.to_thread(cache.blocking.delete_tags, TAG))

    for cache in (there, come):
        late.has_looked = False
        waiting = invalidate(cache)
        await late.is_asked_again()
        assert not waiting.done()

        late.has_looked = True

        await asyncio.wait_for(waiting, 20)
        await cache.close()


@pytest.mark.real_time
async def test_while_it_has_not_the_invalidation_raises_and_is_tried_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = cluster.owner(BUCKET)
    late = Late(place_of(former), monkeypatch)
    cache = Cache(cluster.url, timeout="200ms")
    monkeypatch.setattr(Succession, "is_old", lambda self, fence, buckets: False)
    await cache.ping()
    cluster.fail_over(former, "TAKEOVER")

    with pytest.raises(StoreError):
        await cache.delete_tags(TAG)

    late.has_looked = True
    undelivered = cache._home.parts.store.hub.undelivered  # type: ignore[attr-defined]
    await asyncio.to_thread(wait_until, lambda: not len(undelivered), "it is not tried again")
    await cache.close()


@pytest.mark.real_time
async def test_so_it_does_where_a_slot_has_moved(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    former, slot = cluster.owner(BUCKET), slot_of(BUCKET)
    target = next(node for node in cluster.primaries() if node is not former)
    late = Late(place_of(former), monkeypatch)
    cache = Cache(cluster.url, timeout=20)
    await cache.delete_tags(TAG)
    cluster.migrate(slot, former, target)

    waiting = asyncio.ensure_future(cache.delete_tags(TAG))
    await late.is_asked_again()
    assert not waiting.done()
    late.has_looked = True

    await asyncio.wait_for(waiting, 20)
    await cache.close()
    cluster.migrate(slot, target, former)


# -- what follows from what nodes tell ---------------------------------------------------------------

A, B, C = ("a", 1), ("b", 2), ("c", 3)


def view(asked: Place, lines: str, owner: str) -> View:
    """Return what ``asked`` tells: ``lines`` of CLUSTER NODES, where one ``owner`` has all slots."""
    place = {"a": A, "b": B, "c": C}[owner]
    entry = [0, SLOTS - 1, [owner.encode(), place[1], owner.encode()]]
    return View.of([entry], lines.encode(), asked)


BEFORE = "a a:1@1 {me_a}master - 0 0 1 connected 0-16383\nb b:2@2 {me_b}slave a 0 0 1 connected\n"
AFTER = "a a:1@1 {me_a}{a} 0 0 1 connected\nb b:2@2 {me_b}master - 0 0 2 connected 0-16383\n"
OF_A_BEFORE = view(A, BEFORE.format(me_a="myself,", me_b=""), "a")
OF_A_AFTER = view(A, AFTER.format(me_a="myself,", me_b="", a="slave b"), "b")


def of_b(a: str) -> View:
    """Return what B tells when it has taken over, and knows A as ``a``: flags, and whose replica."""
    return view(B, AFTER.format(me_a="", me_b="myself,", a=a), "b")


PLACES = {"a": A, "b": B, "c": C}
SILENT, REFUSED = TimeoutError(), ConnectionError()


def told(at: float = 1.0, **words: View | Exception) -> Succession:
    slots = SlotMap()
    slots.learn(view for view in words.values() if isinstance(view, View))
    succession = Succession(slots, 1.0)
    note(succession, at, **words)
    return succession


def note(succession: Succession, at: float, **words: View | Exception) -> None:
    succession.note(at, {PLACES[name]: word for name, word in words.items()})


def test_who_says_that_it_serves_the_same_has_not_let_go() -> None:
    assert not told(a=OF_A_BEFORE, b=of_b("master -")).lets_go(B, 1)
    assert told(a=OF_A_AFTER, b=of_b("master -")).lets_go(B, 1)


def test_a_primary_without_slots_and_a_replica_may_be_the_former_and_are_asked() -> None:
    for known_as in ("master -", "slave b"):
        succession = told(5, b=of_b(known_as))

        assert succession.formers(B) == [A]
        assert not succession.lets_go(B, 1), "nobody has asked it"
        assert not succession.has_asked(B, 5)
        note(succession, 4, a=OF_A_BEFORE)
        assert not succession.has_asked(B, 5), "too early"
        note(succession, 6, a=OF_A_AFTER)
        assert succession.has_asked(B, 5)
        assert succession.lets_go(B, 5)
        assert not succession.lets_go(B, 7), "it was asked too early"


def test_who_is_gone_is_not_waited_for_and_who_is_silent_is() -> None:
    assert told(a=REFUSED, b=of_b("master -")).lets_go(B, 1), "there is nobody"
    assert not told(a=SILENT, b=of_b("master -")).lets_go(B, 1)
    assert not told(a=SILENT, b=of_b("master,fail? -")).lets_go(B, 1), "some hear nothing"
    assert told(a=SILENT, b=of_b("master,fail -")).lets_go(B, 1), "silent for long"
    succession = told(b=of_b("master,fail -"))
    note(succession, 2, a=SILENT)
    assert not succession.lets_go(B, 1), "that was before"
    note(succession, 3, b=of_b("master,fail -"))
    assert succession.lets_go(B, 1)


def test_who_says_that_it_serves_the_same_is_asked_again_whoever_knows_of_it() -> None:
    """The last to be asked do not know of it any more."""
    succession = told(a=OF_A_BEFORE, b=of_b("master -"))
    note(succession, 2, b=view(B, "b b:2@2 myself,master - 0 0 2 connected 0-16383", "b"))

    assert succession.formers(B) == [A]
    assert not succession.lets_go(B, 1)


def test_the_last_word_of_a_node_counts_whatever_comes_late() -> None:
    succession = told(2, a=OF_A_AFTER, b=of_b("slave b"))

    note(succession, 1, a=OF_A_BEFORE)

    assert succession.lets_go(B, 1)


def test_nobody_is_asked_about_a_primary_that_was_met_long_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("freshly.stores.redis.succession.monotonic", lambda: now)
    succession = told()
    assert not succession.is_old(b"one", [3, 5])
    now = 101.5
    assert succession.is_old(b"one", [3, 5])
    assert not succession.is_old(b"one", [5, 7]), "it has got another bucket meanwhile"
    assert not succession.is_old(b"other", [3]), "another one has been promoted"


def test_a_node_whose_address_nobody_knows_is_nobody_s_former() -> None:
    lines = AFTER.format(me_a="", me_b="myself,", a="master,noaddr -").replace("a:1@1", ":0@0")

    assert told(b=view(B, lines, "b")).formers(B) == []
