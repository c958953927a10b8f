"""A session on a scripted connection: what it asks, and what it makes of the answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import ResponseError

from freshly.stores.near.mirror import Mirror
from freshly.stores.near.session import Pace, Session
from freshly.stores.near.shelf import Shelf
from freshly.stores.redis.layout import Layout
from freshly.stores.redis.replies import Push
from freshly.stores.redis.scripts import Call, Command
from freshly.testing import ManualClock

LAYOUT = Layout("ns")
RUN, REPLID = b"a" * 40, b"b" * 40
FENCE = RUN + b"." + REPLID
REFUSED = ResponseError("NOPERM")


class Script:
    """A connection on which a server of the test's making answers heartbeats, unless ``is_silent``."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.sent: list[Command] = []
        self.inbox: deque[Any] = deque()
        self.refused: set[str] = set()
        self.is_silent = False
        self.nonce, self.sequence, self.fence = b"n1", 5, FENCE
        self.role, self.replid = b"master", REPLID

    # -- what a session asks for -------------------------------------------------------------

    def open(self) -> None: ...

    def send(self, commands: Sequence[Command]) -> None:
        self.sent += commands
        if commands[0][0] == "HMGET" and not self.is_silent:
            self.answers()

    def receive(self, seconds: float) -> list[Any]:
        if not self.inbox:
            self.clock.advance(max(seconds, 0.001))
            return []
        items = list(self.inbox)
        self.inbox.clear()
        return items

    def ask(self, command: Command) -> Any:
        self.send([command])
        return self.reply()

    def reply(self) -> Any:
        verb = str(self.sent[-1][0])
        before = str(self.sent[-2][0]) if len(self.sent) > 1 else ""
        if verb == "PING" and before in self.refused:
            self.sent.append(("",))
            return REFUSED
        return REFUSED if verb in self.refused else b"PONG"

    def call(self, call: Call) -> Any:
        return [self.fence, b"7.2.0", b"0", []]

    # -- what the server does ----------------------------------------------------------------

    def answers(self) -> None:
        """Answer a heartbeat as of now."""
        now = self.clock.now()
        self.inbox.append([self.nonce, self.fence, b"%d" % self.sequence, b"0", LAYOUT.text])
        self.inbox.append([b"%d" % int(now), b"%d" % round(now % 1 * 1e6)])
        self.inbox.append(b"role:" + self.role + b"\r\nmaster_replid:" + self.replid + b"\r\n")

    def says(self, sequence: int, *names: str, verb: str = "smessage") -> None:
        self.sequence = sequence
        data = msgspec.msgpack.encode([self.nonce.decode(), sequence, "stamp", *names])
        self.inbox.append(Push([verb.encode(), LAYOUT.channel(0), data]))

    @property
    def beats(self) -> int:
        return sum(command[0] == "HMGET" for command in self.sent)


class Stand:
    """A session with all that is around it, at rest."""

    def __init__(self, *, may_subscribe: bool = True) -> None:
        self.clock = ManualClock(100.0)
        self.link = Script(self.clock)
        self.mirror = Mirror(Shelf(self.clock), 0.9)
        self.met: bytes | None = None
        self.meets = FENCE
        self.session = Session(
            self.link,
            LAYOUT,
            {0: self.mirror},
            Pace(0.9, 0.5, self.clock.now, self.clock.now),
            self,
            may_subscribe=may_subscribe,
        )

    # -- what the readers of the process know -------------------------------------------------

    longest_silence: float | None = None

    def believed(self, bucket: int) -> bytes | None:
        return self.met

    def meet(self, buckets: Sequence[int]) -> None:
        self.met = self.meets

    def greet(self, fence: bytes, ask: object) -> None: ...

    def is_proven_by(self, info: bytes) -> bool:
        return True

    def still_has(self, buckets: Sequence[int]) -> bool:
        return True

    def opened(self) -> Stand:
        self.session.open()
        return self

    def begun(self) -> Stand:
        """Open, and have the first heartbeat answered."""
        self.opened().session.turn()
        return self

    def beats(self, number: int) -> Stand:
        """Take turns until so many heartbeats were sent."""
        while self.link.beats < number:
            self.session.turn()
        return self

    @property
    def has_lease(self) -> bool:
        return self.clock.now() < self.mirror.until


def test_a_heartbeat_is_the_hmget_itself_and_proves_who_answered() -> None:
    """PING is answered after a slot has left the node."""
    stand = Stand().begun()

    *_, hmget, time, info = stand.link.sent
    assert hmget[:2] == ("HMGET", LAYOUT.bucket(0))
    assert time == ("TIME",)
    assert info == ("INFO", "replication")
    assert stand.has_lease


def test_three_heartbeats_fit_into_the_max_staleness() -> None:
    stand = Stand().begun()
    for number in range(2, 6):
        stand.beats(number)
        assert stand.clock.now() == pytest.approx(100 + 0.3 * (number - 1), abs=0.01)


def test_messages_are_taken_in_their_order_among_the_answers() -> None:
    stand = Stand().begun()
    stand.clock.advance(0.3)
    stand.link.says(6, "ha")
    stand.session.turn()

    assert stand.mirror.tally.messages == 1
    assert stand.mirror.tally.resyncs == 1  # the first, and none for what the message had said
    assert stand.mirror.until == pytest.approx(100.3 + 0.98 * 0.9)


def test_after_a_gap_a_heartbeat_is_sent_at_once() -> None:
    stand = Stand().begun()
    stand.link.says(8, "ha")
    stand.session.turn()
    assert not stand.has_lease
    stand.session.turn()

    assert stand.link.beats == 2
    assert stand.has_lease


def test_messages_before_the_first_answer_send_no_more_heartbeats() -> None:
    stand = Stand()
    stand.link.is_silent = True
    stand.opened()
    for sequence in (6, 7, 8):
        stand.link.says(sequence, "ha")
        stand.session.turn()

    assert stand.link.beats == 1


def test_a_heartbeat_that_nobody_answers_ends_the_session() -> None:
    stand = Stand().begun()
    stand.link.is_silent = True
    with pytest.raises(NoConnection, match="no heartbeat was answered"):
        stand.beats(100)

    assert stand.clock.now() < 100.3 + 0.5 + 0.31


@pytest.mark.parametrize(
    "change", [{"role": b"slave"}, {"replid": b"c" * 40}], ids=["demoted", "another"]
)
def test_a_server_that_is_not_the_primary_any_more_gives_no_lease(change: dict[str, Any]) -> None:
    stand = Stand().begun()
    until = stand.mirror.until
    vars(stand.link).update(change)
    with pytest.raises(NoConnection, match="not the primary"):
        stand.beats(3)

    assert stand.mirror.until == until


def test_nor_does_one_that_the_readers_of_the_process_have_left() -> None:
    """A failover: they ask the new one, and the old one still answers here."""
    stand = Stand().begun()
    stand.met = b"another"

    with pytest.raises(NoConnection, match="another primary"):
        stand.beats(3)


def test_a_primary_that_nobody_has_met_is_met_before_a_lease_of_it_counts() -> None:
    """So what this process invalidated lately is told to it."""
    assert Stand().opened().met == FENCE

    other = Stand()
    other.meets = b"still the old one"
    with pytest.raises(NoConnection, match="another primary"):
        other.opened()


def test_a_bucket_of_another_primary_gives_no_lease() -> None:
    """It was written before a failover, and nobody has owned it since."""
    stand = Stand().opened()
    stand.link.fence = b"before.it"
    stand.session.turn()

    assert stand.mirror.tally.beats == 1
    assert not stand.has_lease


def test_a_refused_heartbeat_ends_the_session() -> None:
    stand = Stand()
    stand.link.is_silent = True
    stand.link.inbox += [REFUSED, [b"1", b"1"], b""]

    with pytest.raises(NoConnection, match="refused"):
        stand.begun()


def test_the_end_of_a_subscription_ends_the_session() -> None:
    """The slot has left the node."""
    stand = Stand().begun()
    stand.link.inbox.append(Push([b"sunsubscribe", LAYOUT.channel(0), 0]))

    with pytest.raises(NoConnection, match="subscription"):
        stand.session.turn()


def test_what_is_heard_of_other_things_is_left_alone() -> None:
    stand = Stand().begun()
    stand.link.inbox.append(Push([b"invalidate", [b"key"]]))
    stand.session.turn()

    assert stand.has_lease
    assert stand.mirror.tally.messages == 0


@pytest.mark.parametrize("refused", ["SSUBSCRIBE", "SUBSCRIBE"])
def test_one_way_to_subscribe_is_enough(refused: str) -> None:
    stand = Stand()
    stand.link.refused = {refused}
    stand.opened()

    assert stand.session.hears


@pytest.mark.parametrize("refused", [{"HELLO"}, {"SSUBSCRIBE", "SUBSCRIBE"}], ids=["RESP3", "pub/sub"])
def test_without_messages_heartbeats_come_closer_and_keep_the_lease(refused: set[str]) -> None:
    stand = Stand()
    stand.link.refused = refused
    stand.begun()
    assert not stand.session.hears
    stand.link.sequence = 6
    stand.beats(2)

    assert stand.clock.now() == pytest.approx(100.45, abs=0.01)
    assert stand.has_lease
    assert stand.mirror.tally.resyncs == 2


def test_a_user_who_asks_for_resp2_gets_no_resp3() -> None:
    stand = Stand(may_subscribe=False).begun()

    assert "HELLO" not in {command[0] for command in stand.link.sent}
    assert stand.has_lease


def test_a_hundred_processes_send_three_hundred_heartbeats_a_second() -> None:
    """As many as the protocol says for a max staleness of a second; here it is nine tenths of one."""
    stands = [Stand().begun() for _ in range(100)]
    for stand in stands:
        while stand.clock.now() < 100.0 + 0.9 - 0.01:
            stand.session.turn()

    assert sum(stand.link.beats for stand in stands) == 300
