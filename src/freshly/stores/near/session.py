"""The time of one coherence connection: it subscribes, beats, and hands on what comes, in order.

It leads to one primary, and is about the buckets that are looked for there. Nothing here waits but for
the connection. A turn is short, and tests take them one by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from secrets import token_hex
from typing import Any, NamedTuple, Protocol

from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import ResponseError

from ..redis.layout import FENCE, FLOOR, HEAD, LAYOUT, NONCE, SEQUENCE, Layout
from ..redis.line import WHO_ANSWERS
from ..redis.reading import Position
from ..redis.replies import Push
from ..redis.scripts import OPEN, Call, Command
from .message import message_of
from .mirror import Beat, Mirror, Told
from .post import Post

# What a heartbeat asks of each bucket.
ASKED = (NONCE, FENCE, SEQUENCE, FLOOR, LAYOUT)


# How a node of a cluster begins to say that it cannot answer, and another one may.
_ELSEWHERE = ("ASK ", "CLUSTERDOWN ", "MOVED ", "TRYAGAIN ")


class Connection(Protocol):
    """See ``Link``."""

    def open(self) -> None: ...
    def send(self, commands: Sequence[Command]) -> None: ...
    def receive(self, seconds: float) -> list[Any]: ...
    def ask(self, command: Command) -> Any: ...
    def reply(self) -> Any: ...
    def call(self, call: Call) -> Any: ...


class Pace(NamedTuple):
    """How often, in seconds, and by which clock.

    ``now`` is the clock that leases are on, ``pace`` the one that waits are measured by: they are two
    where a test moves the first. ``shift`` is by how many seconds the far store's time is ahead of the
    server's. A heartbeat may go unanswered for ``timeout``.
    """

    max_staleness: float
    timeout: float
    now: Callable[[], float]
    pace: Callable[[], float]
    shift: Callable[[], float] = float

    def period(self, *, hears: bool, longest_silence: float | None) -> float:
        # Without messages each change is found by a heartbeat, and all entries are asked about again.
        period = self.max_staleness / (3 if hears else 2)
        # An answer that comes in time to be believed, although the one before it took long.
        return period if longest_silence is None else min(period, longest_silence / 2)


class Pulse(NamedTuple):
    """A heartbeat under way: by which clock it was sent when, and what it asks about."""

    at: float
    beats: Mapping[int, Beat]


class Session:
    """``mirrors`` are those of the buckets that it is about, and ``post`` is the primary that has them.

    ``may_subscribe`` says that the user did not ask for RESP2, in which a connection that hears
    messages can ask nothing.
    """

    def __init__(
        self,
        link: Connection,
        layout: Layout,
        mirrors: Mapping[int, Mirror],
        pace: Pace,
        post: Post,
        *,
        may_subscribe: bool,
    ) -> None:
        self._link = link
        self._layout = layout
        self._mirrors = mirrors
        self._pace = pace
        self._post = post
        self._may_subscribe = may_subscribe
        self._buckets = sorted(mirrors)
        self._by_channel = {layout.channel(number): number for number in self._buckets}
        # Where it is counted what concerns the connection, and not one of its buckets.
        self._tally = mirrors[self._buckets[0]].tally
        self._opened: list[int] = []
        self.hears = False
        #: Whether a lease was given.
        self.is_ready = False
        self._fence = b""
        self._waiting: deque[Pulse] = deque()
        self._replies: list[Any] = []
        self._due = 0.0
        self._answered_at = 0.0

    # -- the beginning, and the end -----------------------------------------------------------

    def open(self) -> None:
        """Connect, learn who answers, and subscribe. Raises one of ``FAILURES``, or ``StoreError``."""
        self._link.open()
        opened = self._opened = [number for number in self._buckets if self._opens(number)]
        if not opened:
            raise NoConnection("the buckets of the coherence connection are elsewhere")
        self._post.greet(self._fence, self._link.ask)
        if any(self._post.believed(number) != self._fence for number in opened):
            # Nobody has read yet, or the primary has changed: what this process invalidated lately is
            # told to a new one before a lease of it counts.
            self._post.meet(opened)
        self._check_primary()
        self.hears = self._may_subscribe and self._subscribes(opened)
        self._due = self._answered_at = self._pace.pace()

    def _opens(self, number: int) -> bool:
        """Make sure that there is a bucket, and note whose it is; return False if it is elsewhere."""
        opening = OPEN.command([self._layout.bucket(number)], [token_hex(9), self._layout.text, *HEAD])
        reply = self._link.call(opening)
        if _is_elsewhere(reply):
            return False
        if isinstance(reply, Exception):
            raise NoConnection(f"the coherence connection was refused: {reply}")
        if self._fence not in (b"", reply[0]):
            raise NoConnection("the server is not the primary that it was")
        self._fence = reply[0]
        return True

    def _subscribes(self, buckets: Sequence[int]) -> bool:
        """Subscribe by RESP3; return whether what happens in ``buckets`` will be heard."""
        if isinstance(self._link.ask(("HELLO", 3)), Exception):
            return False
        # A script publishes to shards where it may, and plainly where it may not.
        verbs = ("SSUBSCRIBE", "SUBSCRIBE")
        channels = [self._layout.channel(number) for number in buckets]
        done = [[self._subscribed(verb, channel) for verb in verbs] for channel in channels]
        return all(map(any, done))

    def _subscribed(self, verb: str, channel: bytes) -> bool:
        # The confirmation is a push and no reply, so one is asked for behind it.
        self._link.send([(verb, channel)])
        if not isinstance(self._link.ask(("PING",)), Exception):
            return True
        self._link.reply()
        return False

    def lose(self) -> None:
        """Note that the stream has ended: what comes next may be far from what came last."""
        self._tally.losses += 1
        for mirror in self._mirrors.values():
            mirror.lose()

    # -- heartbeats --------------------------------------------------------------------------

    def turn(self) -> None:
        """Send a heartbeat if one is due, wait for what comes until the next one is, and take it."""
        if not self._post.still_has(self._buckets):
            raise NoConnection("buckets have come to another primary")
        at = self._pace.pace()
        if at >= self._due:
            self._beat(at)
        for item in self._link.receive(self._due - at):
            self._take(item)
        if self._waiting and self._pace.pace() - self._waiting[0].at > self._pace.timeout:
            raise NoConnection(f"no heartbeat was answered within {self._pace.timeout:g} s")

    def _beat(self, at: float) -> None:
        longest = self._post.longest_silence
        if longest is not None and at - self._answered_at > longest:
            # It may have been replaced meanwhile, and not know.
            raise NoConnection(f"the primary was silent for more than {longest:g} s")
        self._due = at + self._pace.period(hears=self.hears, longest_silence=longest)
        self._tally.beats += 1
        # The clock before the sending: a lease counts from no later instant than that.
        now = self._pace.now()
        beats = {number: mirror.beat(now) for number, mirror in self._mirrors.items()}
        self._waiting.append(Pulse(at, beats))
        asked: list[Command] = [
            ("HMGET", self._layout.bucket(number), *ASKED) for number in self._buckets
        ]
        self._link.send([*asked, ("TIME",), WHO_ANSWERS])

    # -- what comes --------------------------------------------------------------------------

    def _take(self, item: Any) -> None:
        try:
            if isinstance(item, Push):
                self._take_push(item)
            else:
                self._take_reply(item)
        except (TypeError, ValueError, LookupError) as error:
            # Of another shape, or though nobody asked. What comes after it may be anything.
            raise NoConnection(f"what came is no answer: {error!r}") from None

    def _take_push(self, push: Push) -> None:
        verb = push[0] if push else b""
        if verb in (b"sunsubscribe", b"unsubscribe"):
            raise NoConnection("the server has ended the subscription")
        if verb not in (b"message", b"smessage"):
            return
        number = self._by_channel.get(push[1])
        if number is None or self._mirrors[number].hear(message_of(push[2])):
            return
        if not any(self._mirrors[number].is_current(pulse.beats[number]) for pulse in self._waiting):
            self._due = self._pace.pace()

    def _take_reply(self, reply: Any) -> None:
        self._replies.append(reply)
        if len(self._replies) < len(self._buckets) + 2:
            return
        (*told, time, info), self._replies = self._replies, []
        pulse = self._waiting.popleft()
        for one in (*told, time, info):
            if isinstance(one, Exception) and not _is_elsewhere(one):
                raise NoConnection(f"a heartbeat was refused: {one}")
        self._check_answer(info)
        self._check_primary()
        # It answered at some time after the sending; a bound on its silence counts from there.
        self._answered_at = pulse.at
        seconds = int(time[0]) + int(time[1]) / 1_000_000 + self._pace.shift()
        for number, fields in zip(self._buckets, told, strict=True):
            position = self._position(number, fields)
            self._mirrors[number].renew(pulse.beats[number], Told(position, seconds), self._pace.now())
            self.is_ready = self.is_ready or position is not None

    def _position(self, number: int, fields: Any) -> Position | None:
        """Return what a heartbeat says of a bucket; ``None`` if it is not this primary's to say."""
        if _is_elsewhere(fields) or self._post.believed(number) != self._fence:
            return None
        nonce, fence, sequence, _, layout = fields
        if nonce is None or fence != self._fence or layout != self._layout.text:
            return None
        if number not in self._opened:
            raise NoConnection("a bucket has come that nobody listens to")
        return Position(nonce, int(sequence or 0))

    def _check_answer(self, info: bytes) -> None:
        """Raise unless it was the same primary as in the beginning that answered."""
        replid = self._fence.rpartition(b".")[2]
        if b"role:master\r" not in info or b"master_replid:" + replid not in info:
            raise NoConnection("the server is not the primary that it was")
        if not self._post.is_proven_by(info):
            raise NoConnection("a replica has left the primary, perhaps to take its place")

    def _check_primary(self) -> None:
        if all(self._post.believed(number) != self._fence for number in self._buckets):
            raise NoConnection("the readers of this process ask another primary")


def _is_elsewhere(reply: Any) -> bool:
    return isinstance(reply, ResponseError) and str(reply).startswith(_ELSEWHERE)
