"""The time of one coherence connection: it subscribes, beats, and hands on what comes, in order.

Nothing here waits but for the connection. A turn is short, and tests take them one by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from secrets import token_hex
from typing import Any, NamedTuple, Protocol

from redis.exceptions import ConnectionError as NoConnection

from ..redis.layout import FENCE, FLOOR, HEAD, LAYOUT, NONCE, SEQUENCE, Layout
from ..redis.line import WHO_ANSWERS
from ..redis.reading import Position
from ..redis.replies import Push
from ..redis.scripts import OPEN, Call, Command
from .message import message_of
from .mirror import Beat, Mirror, Told

BUCKET = 0
# What a heartbeat asks of the bucket.
ASKED = (NONCE, FENCE, SEQUENCE, FLOOR, LAYOUT)


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

    def period(self, *, hears: bool) -> float:
        # Without messages each change is found by a heartbeat, and all entries are asked about again.
        return self.max_staleness / (3 if hears else 2)


class Session:
    """``believed`` tells the primary that the readers of this process have met; ``meet`` has
    them meet one.

    ``may_subscribe`` says that the user did not ask for RESP2, in which a connection that hears
    messages can ask nothing.
    """

    def __init__(
        self,
        link: Connection,
        layout: Layout,
        mirror: Mirror,
        pace: Pace,
        *,
        believed: Callable[[], bytes | None],
        meet: Callable[[], None],
        may_subscribe: bool,
    ) -> None:
        self._link = link
        self._layout = layout
        self._mirror = mirror
        self._pace = pace
        self._believed = believed
        self._meet = meet
        self._may_subscribe = may_subscribe
        self.hears = False
        self._fence = b""
        self._waiting: deque[tuple[Beat, float]] = deque()
        self._replies: list[Any] = []
        self._due = 0.0

    def open(self) -> None:
        """Connect, learn who answers, and subscribe. Raises one of ``FAILURES``, or ``StoreError``."""
        self._link.open()
        opening = OPEN.command([self._layout.bucket(BUCKET)], [token_hex(9), self._layout.text, *HEAD])
        reply = self._link.call(opening)
        if isinstance(reply, Exception):
            raise NoConnection(f"the coherence connection was refused: {reply}")
        self._fence = reply[0]
        if self._believed() != self._fence:
            # Nobody has read yet, or the primary has changed: what this process invalidated lately is
            # told to a new one before a lease of it counts.
            self._meet()
        self._check_primary()
        self.hears = self._may_subscribe and self._subscribes()
        self._due = self._pace.pace()

    def _subscribes(self) -> bool:
        """Subscribe by RESP3; return whether anything will be heard."""
        if isinstance(self._link.ask(("HELLO", 3)), Exception):
            return False
        channel = self._layout.channel(BUCKET)
        # A script publishes to shards where it may, and plainly where it may not.
        done = [self._subscribed(verb, channel) for verb in ("SSUBSCRIBE", "SUBSCRIBE")]
        return any(done)

    def _subscribed(self, verb: str, channel: bytes) -> bool:
        # The confirmation is a push and no reply, so one is asked for behind it.
        self._link.send([(verb, channel)])
        if not isinstance(self._link.ask(("PING",)), Exception):
            return True
        self._link.reply()
        return False

    def turn(self) -> None:
        """Send a heartbeat if one is due, wait for what comes until the next one is, and take it."""
        at = self._pace.pace()
        if at >= self._due:
            self._beat(at)
        for item in self._link.receive(self._due - at):
            self._take(item)
        if self._waiting and self._pace.pace() - self._waiting[0][1] > self._pace.timeout:
            raise NoConnection(f"no heartbeat was answered within {self._pace.timeout:g} s")

    def _beat(self, at: float) -> None:
        self._due = at + self._pace.period(hears=self.hears)
        # The clock before the sending: a lease counts from no later instant than that.
        beat = self._mirror.beat(self._pace.now())
        self._waiting.append((beat, at))
        self._link.send([("HMGET", self._layout.bucket(BUCKET), *ASKED), ("TIME",), WHO_ANSWERS])

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
        if verb not in (b"message", b"smessage") or self._mirror.hear(message_of(push[2])):
            return
        if not any(self._mirror.is_current(beat) for beat, _ in self._waiting):
            self._due = self._pace.pace()

    def _take_reply(self, reply: Any) -> None:
        self._replies.append(reply)
        if len(self._replies) < 3:
            return
        (fields, time, info), self._replies = self._replies, []
        beat, _ = self._waiting.popleft()
        for one in (fields, time, info):
            if isinstance(one, Exception):
                raise NoConnection(f"a heartbeat was refused: {one}")
        self._check_answer(info)
        self._check_primary()
        seconds = int(time[0]) + int(time[1]) / 1_000_000 + self._pace.shift()
        self._mirror.renew(beat, Told(self._position(fields), seconds), self._pace.now())

    def _position(self, fields: Sequence[bytes | None]) -> Position | None:
        nonce, fence, sequence, _, layout = fields
        if nonce is None or fence != self._fence or layout != self._layout.text:
            return None
        return Position(nonce, int(sequence or 0))

    def _check_answer(self, info: bytes) -> None:
        """Raise unless it was the same primary as in the beginning that answered."""
        replid = self._fence.rpartition(b".")[2]
        if b"role:master\r" not in info or b"master_replid:" + replid not in info:
            raise NoConnection("the server is not the primary that it was")

    def _check_primary(self) -> None:
        if self._believed() != self._fence:
            raise NoConnection("the readers of this process ask another primary")
