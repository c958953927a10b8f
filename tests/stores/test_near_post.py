"""A session with a primary that may be replaced, and with several buckets, on a scripted connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import ResponseError

from freshly.core.breaker import Breaker
from freshly.stores.near.mirror import Mirror
from freshly.stores.near.post import ReadersPost
from freshly.stores.near.session import Pace, Session
from freshly.stores.near.shelf import Shelf
from freshly.stores.redis.journal import Journal
from freshly.stores.redis.layout import Layout
from freshly.stores.redis.met import Met
from freshly.stores.redis.primary import Primary
from freshly.stores.redis.replies import Push
from freshly.stores.redis.scripts import Call, Command
from freshly.stores.watch import Watch
from freshly.testing import ManualClock
from tests.stores.test_near_session import FENCE, Script

LAYOUT = Layout("ns", buckets=16)
SILENCE = 1.0
AWAY = ResponseError("MOVED 5 127.0.0.1:7001")


class Node(Script):
    """A node with replicas; ``away`` are buckets that it says are elsewhere."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.replicas = 2
        self.away: set[int] = set()

    def send(self, commands: Sequence[Command]) -> None:
        self.sent += commands
        if commands[0][0] == "HMGET" and not self.is_silent:
            for command in commands[:-2]:
                self.inbox.append(self._fields(command[1]))
            now = self.clock.now()
            self.inbox += [[b"%d" % int(now), b"%d" % round(now % 1 * 1e6)], self.info]

    def _fields(self, bucket: Any) -> Any:
        if self._is_away(bucket):
            return AWAY
        return [self.nonce, self.fence, b"%d" % self.sequence, b"0", LAYOUT.text]

    def _is_away(self, bucket: Any) -> bool:
        return any(LAYOUT.bucket(number) == bucket for number in self.away)

    @property
    def info(self) -> bytes:
        return b"role:%s\r\nconnected_slaves:%d\r\nmaster_replid:%s\r\n" % (
            self.role,
            self.replicas,
            self.replid,
        )

    def ask(self, command: Command) -> Any:
        if command[0] == "INFO":
            return self.info
        return super().ask(command)

    def call(self, call: Call) -> Any:
        return AWAY if self._is_away(call.keys[0]) else super().call(call)

    def tells(self, number: int, sequence: int) -> None:
        """Say of another invalidation in a bucket, in a message that says nothing known."""
        self.inbox.append(Push([b"message", LAYOUT.channel(number), b"%d" % sequence]))


class Stand:
    """A session about some buckets, with what the readers of a process know."""

    def __init__(self, *buckets: int, max_staleness: float = 0.9) -> None:
        self.clock = ManualClock(100.0)
        self.link = Node(self.clock)
        self.shelf = Shelf(self.clock)
        self.mirrors = {number: Mirror(self.shelf, max_staleness) for number in buckets or (3,)}
        watch = Watch("server", Breaker(1.0), self.clock.now, lambda *_: None)  # type: ignore[arg-type]
        self.primary = Primary("server", watch, longest_silence=SILENCE)
        self.met = Met(Journal(self.clock.now))
        self.is_vouched_for = True
        self.homes: Sequence[int] = sorted(self.mirrors)
        post = ReadersPost(
            self.primary,
            self.met,
            vouches=lambda fence: self.is_vouched_for,
            meet=lambda buckets: self.met.note(FENCE, buckets),
            homes=lambda: self.homes,
        )
        pace = Pace(max_staleness, 0.5, self.clock.now, self.clock.now)
        self.session = Session(self.link, LAYOUT, self.mirrors, pace, post, may_subscribe=True)

    def begun(self) -> Stand:
        self.session.open()
        self.session.turn()
        return self

    def beats(self, number: int) -> Stand:
        while self.link.beats < number * len(self.mirrors):
            self.session.turn()
        return self

    def has_lease(self, number: int = 3) -> bool:
        return self.clock.now() < self.mirrors[number].until


# -- a primary that may be replaced -------------------------------------------------------------------


def a_primary_that_a_replica_has_left_gives_no_lease() -> None:
    """It is promoted first, and only then told of: the former one still says that it is a primary."""
    stand = Stand().begun()
    assert stand.has_lease()
    until = stand.mirrors[3].until
    stand.link.replicas = 1
    with pytest.raises(NoConnection, match="a replica has left"):
        stand.beats(3)

    assert stand.mirrors[3].until == until


def one_that_the_readers_have_seen_lose_it_gives_none_either() -> None:
    """It has another replica by the time of the heartbeat."""
    stand = Stand().begun()
    stand.primary.seen_with(1)
    with pytest.raises(NoConnection, match="a replica has left"):
        stand.beats(3)


def one_that_was_silent_for_long_gives_none() -> None:
    """The process was stopped, or it: in that time another may have taken its place."""
    stand = Stand().begun()
    stand.clock.advance(SILENCE + 0.01)
    with pytest.raises(NoConnection, match="silent for more than"):
        stand.session.turn()
    assert stand.link.beats == 1


def silence_counts_from_the_sending_of_what_was_answered() -> None:
    """The answer lay there for long before it was taken."""
    stand = Stand()
    stand.session.open()
    stand.session._beat(stand.clock.now())
    stand.link.is_silent = True
    stand.clock.advance(0.45)
    stand.session.turn()
    assert stand.has_lease()
    stand.clock.advance(0.6)
    with pytest.raises(NoConnection, match="silent for more than"):
        stand.session._beat(stand.clock.now())


def heartbeats_come_before_the_silence_is_too_long() -> None:
    stand = Stand(max_staleness=60.0).begun()
    stand.beats(5)

    assert stand.clock.now() == pytest.approx(100 + 4 * SILENCE / 2, abs=0.05)


def a_new_connection_is_not_believed(change: Callable[[Stand], object]) -> None:
    stand = Stand()
    stand.primary.greeted(FENCE, 2)
    change(stand)
    with pytest.raises(NoConnection):
        stand.session.open()


CHANGES: dict[str, Callable[[Stand], object]] = {
    "others know no primary there": lambda stand: setattr(stand, "is_vouched_for", False),
    "a replica has left since the last answer": lambda stand: setattr(stand.link, "replicas", 1),
    "it is a replica by now": lambda stand: setattr(stand.link, "role", b"slave"),
    "it has become another": lambda stand: setattr(stand.link, "replid", b"c" * 40),
}
STORIES: dict[str, Callable[[], None]] = {
    story.__name__: story
    for story in (
        a_primary_that_a_replica_has_left_gives_no_lease,
        one_that_the_readers_have_seen_lose_it_gives_none_either,
        one_that_was_silent_for_long_gives_none,
        silence_counts_from_the_sending_of_what_was_answered,
        heartbeats_come_before_the_silence_is_too_long,
    )
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_of_a_primary_that_may_be_replaced(story: Callable[[], None]) -> None:
    story()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_new_connection_is_not_believed_if(change: Callable[[Stand], object]) -> None:
    Stand().session.open()

    a_new_connection_is_not_believed(change)


def test_the_first_to_meet_a_primary_tells_the_readers_who_it_is() -> None:
    stand = Stand().begun()

    assert stand.primary.fence == FENCE
    assert stand.met.of(3) == FENCE


# -- several buckets ----------------------------------------------------------------------------------


def a_bucket_that_is_elsewhere_gives_no_lease_and_the_others_do() -> None:
    stand = Stand(3, 7).begun()
    assert stand.has_lease(3)
    stand.link.away = {3}
    stand.beats(2)
    stand.session.turn()

    assert not stand.has_lease(3)
    assert stand.has_lease(7)


def nor_does_one_that_the_readers_ask_another_primary_for() -> None:
    stand = Stand(3, 7).begun()
    stand.met.note(b"another", [3])
    until = stand.mirrors[3].until
    stand.beats(2)
    stand.session.turn()

    assert stand.mirrors[3].until < until
    assert stand.has_lease(7)


def test_a_bucket_that_is_elsewhere_gives_no_lease() -> None:
    a_bucket_that_is_elsewhere_gives_no_lease_and_the_others_do()


def test_nor_does_one_of_another_primary() -> None:
    nor_does_one_that_the_readers_ask_another_primary_for()


def test_while_a_bucket_is_away_the_entries_of_others_stay_near() -> None:
    stand = Stand(3, 7).begun()
    stand.link.away = {3}
    stand.beats(2)
    stand.session.turn()
    reading = stand.shelf.logical.reading
    stand.beats(6)

    assert stand.shelf.logical.reading == reading


def test_a_bucket_that_comes_back_is_subscribed_to_on_a_new_connection() -> None:
    stand = Stand(3, 7)
    stand.link.away = {3}
    stand.begun()
    assert stand.has_lease(7)
    stand.link.away = set()
    stand.met.note(FENCE, [3])

    with pytest.raises(NoConnection, match="nobody listens to"):
        stand.beats(3)
    assert not stand.has_lease(3)


def test_a_session_without_any_of_its_buckets_ends() -> None:
    stand = Stand(3, 7)
    stand.link.away = {3, 7}

    with pytest.raises(NoConnection, match="are elsewhere"):
        stand.session.open()


def test_buckets_that_come_or_go_have_the_session_begin_anew() -> None:
    stand = Stand(3, 7).begun()
    stand.homes = [3]

    with pytest.raises(NoConnection, match="come to another primary"):
        stand.session.turn()


def test_a_message_is_about_the_bucket_of_its_channel() -> None:
    stand = Stand(3, 7).begun()
    stand.link.tells(7, 6)
    stand.session.turn()

    assert stand.has_lease(3)
    assert not stand.has_lease(7)
    assert stand.mirrors[3].tally.messages == 0


def test_all_buckets_travel_in_one_heartbeat() -> None:
    stand = Stand(3, 7, 11).begun()

    assert [command[0] for command in stand.link.sent[-5:]] == ["HMGET"] * 3 + ["TIME", "INFO"]
    assert sum(mirror.tally.beats for mirror in stand.mirrors.values()) == 1


def test_a_lost_stream_is_one_loss_and_concerns_all_its_buckets() -> None:
    stand = Stand(3, 7).begun()
    stand.session.lose()
    stand.clock.advance(0.3)
    stand.session.turn()

    assert sum(mirror.tally.losses for mirror in stand.mirrors.values()) == 1
    assert [mirror.tally.resyncs for mirror in stand.mirrors.values()] == [2, 2]


# -- each guard taken out -----------------------------------------------------------------------------


def always(self: Any, *rest: Any) -> bool:
    return True


def replicas_do_not_count(self: ReadersPost, info: bytes) -> bool:
    return True


def only_what_it_sees_itself(self: ReadersPost, info: bytes) -> bool:
    before = self._primary.losses
    self._primary.seen_with(info.count(b"connected_slaves:2") * 2)
    return before == self._primary.losses


def from_receipt(take: Any) -> Any:
    def mutant(self: Session, reply: Any) -> None:
        take(self, reply)
        self._answered_at = self._pace.pace()

    return mutant


def as_if_it_was_met(position: Any) -> Any:
    def mutant(self: Session, number: int, fields: Any) -> Any:
        self._post.believed = lambda bucket: self._fence  # type: ignore[method-assign]
        return position(self, number, fields)

    return mutant


MUTANTS: list[tuple[str, type, str, Any, Callable[[], None]]] = [
    ("replicas are counted", ReadersPost, "is_proven_by", replicas_do_not_count,
     a_primary_that_a_replica_has_left_gives_no_lease),
    ("by all who ask it", ReadersPost, "is_proven_by", only_what_it_sees_itself,
     one_that_the_readers_have_seen_lose_it_gives_none_either),
    ("silence ends it", ReadersPost, "longest_silence", None,
     one_that_was_silent_for_long_gives_none),
    ("silence counts from the sending", Session, "_take_reply", from_receipt(Session._take_reply),
     silence_counts_from_the_sending_of_what_was_answered),
    ("heartbeats are often enough", Pace, "period", lambda self, *, hears, longest_silence: 20.0,
     heartbeats_come_before_the_silence_is_too_long),
    ("lease_of_each_bucket", Session, "_position", as_if_it_was_met(Session._position),
     nor_does_one_that_the_readers_ask_another_primary_for),
]  # fmt: skip


@pytest.mark.parametrize(
    ("owner", "name", "mutant", "story"), [m[1:] for m in MUTANTS], ids=[m[0] for m in MUTANTS]
)
def test_without_its_guard_a_story_fails(
    owner: type,
    name: str,
    mutant: Any,
    story: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story()
    monkeypatch.setattr(owner, name, mutant)

    with pytest.raises((AssertionError, NoConnection, pytest.fail.Exception)):
        story()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_without_asking_who_it_is_each_is_believed(
    change: Callable[[Stand], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReadersPost, "greet", lambda self, fence, ask: None)

    with pytest.raises(pytest.fail.Exception):
        a_new_connection_is_not_believed(change)
