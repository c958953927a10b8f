"""Who serves which slot: what several nodes tell becomes one map, and redirections are followed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from inspect import CORO_CLOSED, getcoroutinestate
from time import monotonic
from typing import Any

import pytest
from redis.exceptions import AskError, ClusterDownError, MovedError, TryAgainError

from freshly.errors import StoreError
from freshly.runtime.threads import finish
from freshly.stores.redis.chorus import TaskChorus, ThreadChorus
from freshly.stores.redis.layout import Layout
from freshly.stores.redis.nodes import Nodes
from freshly.stores.redis.routing import Routing, Target
from freshly.stores.redis.slots import SLOTS, SlotMap, View, slot_of
from freshly.stores.redis.talk import Answer, Witness
from freshly.stores.redis.threads import BlockingWire
from tests.servers.cluster import slot_of as slot_by_the_client

ONE, TWO, THREE = ("one", 1), ("two", 2), ("three", 3)
LAYOUT = Layout("shop", buckets=16)
BUCKETS = {LAYOUT.bucket(number): number for number in range(16)}


def line(name: str, epoch: int) -> str:
    return f"{name} {name}:1@2 master - 0 0 {epoch} connected 0-9"


def view(*claims: tuple[int, int, tuple[str, int], int], asked: tuple[str, int] = ONE) -> View:
    slots = [
        [
            first,
            last,
            [host.encode(), port, host.encode()],
            [b"replica-of-" + host.encode(), port, b"r"],
        ]
        for first, last, (host, port), _ in claims
    ]
    nodes = "\n".join(line(host, epoch) for _, _, (host, _), epoch in claims)
    return View.of(slots, nodes.encode() + b"\n", asked)


def nodes_with(*views: View) -> Nodes:
    nodes = Nodes("cluster", [ONE], str, lambda server: None, longest_silence=1)  # type: ignore[arg-type,return-value]
    nodes.map.learn(views)
    return nodes


def test_the_newest_claim_to_a_slot_counts_whoever_is_asked_first() -> None:
    old, new = view((0, SLOTS - 1, ONE, 1)), view((0, SLOTS - 1, TWO, 7))

    for views in ([old, new], [new, old]):
        told = SlotMap()
        told.learn(views)

        assert told.owner(0) == told.owner(SLOTS - 1) == TWO
        assert told.places() == [TWO]


def test_a_slot_that_was_handed_over_is_cut_out_of_the_range_that_others_still_tell() -> None:
    told = SlotMap()

    told.learn([view((0, 100, ONE, 3)), view((0, 49, ONE, 3), (51, 100, ONE, 3), (50, 50, TWO, 4))])

    assert [told.owner(slot) for slot in (49, 50, 51, 101)] == [ONE, TWO, ONE, None]
    assert told.shard_of(TWO) == [TWO, ("replica-of-two", 2)]


@pytest.mark.parametrize("name", [b"", b"?", None])
def test_a_node_that_does_not_know_its_own_name_is_the_one_that_was_asked(name: bytes | None) -> None:
    told = SlotMap()

    told.learn([View.of([[0, 1, [name, 7000, b"id"]]], line("id", 1).encode(), ("asked", 1))])

    assert told.owner(0) == ("asked", 7000)


def test_slots_are_those_of_the_servers_and_buckets_of_a_namespace_lie_apart() -> None:
    names = [LAYOUT.bucket(number) for number in range(16)] + [LAYOUT.value("key"), LAYOUT.lease("key")]

    slots = [slot_of(name) for name in names]

    assert slots == [slot_by_the_client(name) for name in names]
    assert len(set(slots[:16])) > 10
    assert slots[16] == slots[17], "a value and its lease lie together"


# -- the questions of one call ----------------------------------------------------------------------


def halves() -> Nodes:
    return nodes_with(view((0, 8191, ONE, 1), (8192, SLOTS - 1, TWO, 2)))


def routing() -> tuple[Routing, Nodes]:
    nodes = halves()
    first = next(name for name in BUCKETS if slot_of(name) < 8192)
    second = next(name for name in BUCKETS if slot_of(name) >= 8192)
    return Routing([("HMGET", first, b"!"), ("HMGET", second, b"!"), ("GET", first)], BUCKETS), nodes


def answers(*replies: object) -> Answer:
    return Answer(list(replies), [Witness(b"fence", 1.0)] * len(replies))


def test_questions_go_to_the_node_of_their_slot_in_their_order() -> None:
    call, nodes = routing()

    assert call.groups(nodes) == [(Target(ONE), [0, 2]), (Target(TWO), [1])]


def test_what_has_moved_is_asked_there_and_so_is_what_comes_after() -> None:
    call, nodes = routing()
    slot = slot_of(call.questions[0][1])  # type: ignore[index,arg-type]

    call.take(Target(ONE), [0, 2], answers(MovedError(f"{slot} three:3"), b"value"), nodes)

    assert call.groups(nodes) == [(Target(THREE), [0]), (Target(TWO), [1])]
    assert nodes.may_serve(THREE)


def test_who_is_sent_elsewhere_for_once_asks_with_asking_and_at_the_owner_next_time() -> None:
    call, nodes = routing()

    call.take(Target(ONE), [0, 2], answers(AskError("1 :9"), b"value"), nodes)

    assert call.groups(nodes) == [(Target(("one", 9), asking=True), [0]), (Target(TWO), [1])]
    assert call.groups(nodes) == [(Target(ONE), [0]), (Target(TWO), [1])]
    assert not call.has_to_wait


def test_what_cannot_be_answered_in_the_middle_of_a_move_has_to_wait() -> None:
    call, nodes = routing()

    call.take(Target(ONE), [0, 2], answers(TryAgainError("Multiple keys"), b"value"), nodes)
    call.take(Target(TWO), [1], answers(b"value"), nodes)

    assert call.has_to_wait
    assert call.left == [0]
    call.give_up("the cluster")
    assert "Multiple keys" in str(call.answer().failures[0])


def test_a_cluster_that_is_down_is_told_at_once_unless_another_node_has_the_slot_by_now() -> None:
    call, nodes = routing()
    error = StoreError("down")

    down = call.take(Target(ONE), [0, 2], answers(ClusterDownError("it is down"), b"value"), nodes)
    call.lose(down, ONE, error, halves())

    assert call.answer().failures == {0: error}
    call, nodes = routing()
    call.lose([0], ONE, error, nodes_with(view((0, SLOTS - 1, THREE, 3))))
    assert call.answer().failures == {}
    assert call.left == [0, 1, 2]


def test_what_lies_in_a_slot_of_nobody_is_a_failure_and_the_rest_is_asked() -> None:
    call, _ = routing()

    groups = call.groups(nodes_with(view((8192, SLOTS - 1, TWO, 2))))

    assert groups == [(Target(TWO), [1])]
    assert sorted(call.answer().failures) == [0, 2]


def test_an_heir_counts_for_a_moment_and_then_as_whoever_has_a_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call, nodes = routing()
    call.take(Target(ONE), [0, 2], answers(AskError("1 three:3"), b"value"), nodes)
    assert nodes.may_serve(THREE)
    assert nodes.may_serve(ONE)
    assert not nodes.may_serve(("four", 4))

    now = monotonic()
    monkeypatch.setattr("freshly.stores.redis.nodes.monotonic", lambda: now + 1.5)

    assert not nodes.may_serve(THREE), "it may have been replaced meanwhile"
    assert nodes.may_serve(ONE)


# -- several at a time ------------------------------------------------------------------------------


class Telephone:
    """A connection that notes when it is spoken to and when it is listened to."""

    def __init__(self, name: str, notes: list[str], *, fails: bool = False) -> None:
        self.name, self.notes, self.fails = name, notes, fails

    def connect(self) -> None: ...

    def pack_commands(self, commands: Any) -> Any:
        return commands

    def send_packed_command(self, packed: Any, check_health: bool) -> None:
        self.notes.append(f"{self.name} asked")

    def read_response(self, disable_decoding: bool) -> str:
        if self.fails:
            raise ConnectionError(self.name)
        self.notes.append(f"{self.name} heard")
        return self.name


def test_a_thread_asks_all_before_it_listens_to_one() -> None:
    notes: list[str] = []
    wires = [BlockingWire(Telephone(name, notes), in_chorus=True) for name in "abc"]
    parts: list[Coroutine[Any, Any, list[Any]]] = [wire.exchange([("PING",)]) for wire in wires]

    told = finish(ThreadChorus().all(parts))

    assert told == [["a"], ["b"], ["c"]]
    assert notes == [f"{name} {done}" for done in ("asked", "heard") for name in "abc"]


async def test_what_was_cancelled_before_it_began_is_not_left_behind() -> None:
    """Python warns of coroutines that nobody awaits."""

    async def part() -> None: ...

    parts = [part(), part()]
    asking = asyncio.ensure_future(TaskChorus().all(parts))
    await asyncio.sleep(0)

    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    assert asking.cancelled()
    assert [getcoroutinestate(part) for part in parts] == [CORO_CLOSED] * 2


def test_one_that_fails_keeps_nobody_from_being_heard() -> None:
    notes: list[str] = []
    wires = [BlockingWire(Telephone(n, notes, fails=n == "a"), in_chorus=True) for n in "ab"]

    told = finish(ThreadChorus().all([wire.exchange([("PING",)]) for wire in wires]))

    assert isinstance(told[0], ConnectionError)
    assert told[1] == ["b"]
