"""What this process has heard of one bucket, and until when that is enough to serve hits by.

Pure: it is told what came and when it was asked for, and says what follows. Two numbers are never
mixed: ``_heard`` is the server's sequence, which only contiguous messages and a resync move; the
readings of the shelf are this process's own.

A lease counts from the instant at which the heartbeat was SENT. Everything that was invalidated before
then is on the shelf when the lease is given; what came later may be missing, for as long as it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import RLock
from typing import NamedTuple

from ...core.entry import NEVER
from ..redis.reading import Position
from .message import Message, Names
from .shelf import Shelf

# Readers trust a lease for this part of the max staleness; writers wait for all of it. Clocks of two
# processes may run apart by the rest.
MARGIN = 0.98

# Own invalidations whose messages are still to come. One that is forgotten is heard of twice.
MOST_OWN = 1_000


class Beat(NamedTuple):
    """A heartbeat under way: when it was sent, and which state of the mirror it asks about."""

    sent: float
    state: int


class Told(NamedTuple):
    """What a heartbeat's reply says of the bucket; ``None`` if it is absent, or another primary's."""

    position: Position | None
    server_now: float


@dataclass
class Tally:
    """What happened so far."""

    beats: int = 0
    renewals: int = 0
    resyncs: int = 0
    messages: int = 0
    gaps: int = 0
    losses: int = 0
    #: Seconds from the sending of the last heartbeat to the handling of its reply.
    lag: float = 0.0


class Mirror:
    """``until`` is when the lease ends, on this process's clock; ``ahead`` by how many seconds the far
    store's clock is ahead of it. Both are read without a lock.
    """

    def __init__(self, shelf: Shelf, max_staleness: float) -> None:
        self.until = NEVER
        self.ahead = 0.0
        self.tally = Tally()
        self._shelf = shelf
        self._lease = MARGIN * max_staleness
        self._lock = RLock()
        self._nonce: bytes | None = None
        self._heard = 0
        # Counts what makes the replies to earlier heartbeats worthless.
        self._state = 0
        self._own: dict[Position, None] = {}

    # -- heartbeats --------------------------------------------------------------------------

    def beat(self, now: float) -> Beat:
        """Note that a heartbeat is about to be sent. Call it before the first byte leaves."""
        with self._lock:
            return Beat(now, self._state)

    def is_current(self, beat: Beat) -> bool:
        """Return whether the reply to ``beat`` will count."""
        return beat.state == self._state

    def renew(self, beat: Beat, told: Told, now: float) -> None:
        """Take what the reply to ``beat`` says, and give or prolong the lease."""
        with self._lock:
            self.tally.lag = now - beat.sent
            if beat.state != self._state:
                # The bucket was given up after it was sent.
                return
            if told.position is None:
                self._give_up()
                return
            if not self._covers(told.position):
                self._resync(told.position)
            self.tally.renewals += 1
            # The server's clock was read after the sending: so this is never behind it.
            self.ahead = told.server_now - beat.sent
            self.until = max(self.until, beat.sent + self._lease)

    def _covers(self, position: Position) -> bool:
        return position.nonce == self._nonce and self._heard >= position.sequence

    def _resync(self, position: Position) -> None:
        """Begin anew at ``position``: whatever was seen valid before is asked about again."""
        self.tally.resyncs += 1
        self._shelf.doubt()
        self._nonce, self._heard = position

    # -- messages ----------------------------------------------------------------------------

    def hear(self, message: Message | None) -> bool:
        """Take a message; return False if one before it is missing. Then a heartbeat is due."""
        with self._lock:
            self.tally.messages += 1
            if message is None:
                return self._miss()
            position = Position(message.nonce, message.sequence)
            if self._covers(position):
                return True
            if message.names.everything and self._nonce is not None:
                # Nothing from before it is valid, so nothing that is missing matters.
                self._apply(position, message.names)
            elif position.nonce == self._nonce and position.sequence == self._heard + 1:
                self._apply(position, message.names)
            else:
                return self._miss()
            return True

    def _apply(self, position: Position, names: Names) -> None:
        # The marks first: whoever finds the position has them.
        if position not in self._own:
            self._shelf.mark(names)
        self._own.pop(position, None)
        self._nonce, self._heard = position

    def _miss(self) -> bool:
        if self._nonce is not None:
            # Before the first answer there is nothing that could be missing.
            self.tally.gaps += 1
            self._give_up()
        return False

    # -- own invalidations -------------------------------------------------------------------

    def invalidated(self, names: Names, position: Position | None = None) -> None:
        """Take an invalidation of this process, before it returns, or fails.

        ``position`` is what the server said of it, if that is known. A message about it changes
        nothing any more; where it came first, this does not.
        """
        with self._lock:
            if position is None:
                self._shelf.mark(names)
                return
            if self._covers(position):
                return
            self._shelf.mark(names)
            if position.nonce != self._nonce and not names.everything:
                # The bucket is another one than this process believed.
                self._give_up()
                return
            self._expect(position)

    def _expect(self, position: Position) -> None:
        self._own[position] = None
        if len(self._own) > MOST_OWN:
            self._own.pop(next(iter(self._own)))

    def announced(self, position: Position) -> None:
        """Take an announcement of this process, to which its message says nothing new."""
        with self._lock:
            if position.nonce == self._nonce and not self._covers(position):
                self._expect(position)

    # -- losing ------------------------------------------------------------------------------

    def lose(self) -> None:
        """Note that the stream has ended: what comes next may be far from what came last."""
        with self._lock:
            self._nonce, self._heard = None, 0
            self._state += 1
            self._own.clear()

    def forget_parent(self) -> None:
        """Begin anew in a forked child, which hears nothing."""
        self._lock = RLock()
        self._nonce, self._heard, self.until = None, 0, NEVER
        self._own = {}

    def close(self) -> None:
        """Serve nothing any more: nobody listens."""
        with self._lock:
            self._give_up()

    def _give_up(self) -> None:
        """Serve nothing unasked before the next heartbeat is answered."""
        was_over = self._nonce is None and self.until == NEVER
        self._nonce, self._heard = None, 0
        self._state += 1
        self.until = NEVER
        self._own.clear()
        if not was_over:
            # Once: a bucket that is away for long does not have the entries of others asked about.
            self._shelf.doubt()

    def reached(self, position: Position) -> bool:
        """Return whether everything up to ``position`` has been heard of."""
        with self._lock:
            return self._covers(position)
