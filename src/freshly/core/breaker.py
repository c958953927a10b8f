"""A circuit breaker: a store that is down is asked now and then, and not by every call.

    closed ──── a call failed, and none was answered since it began ────▶ open
    open ────── the pause is over: this one call may try ───────────────▶ open, for another pause
    open ────── any call was answered ──────────────────────────────────▶ closed

Nothing is counted up to a limit. A call that failed while others were answered had a bad
connection, and says nothing about the store; one that failed with no answer since it began says
all there is to know. So one dead connection of many leaves the breaker closed, a store that hangs
opens it after one time-out, and calls that hung with it and fail later, when the store answers
again, do not open it a second time.

The call that tries is not waited for: it takes the turn of one pause, and if it is cancelled the
next turn comes all the same.
"""

from __future__ import annotations

from threading import Lock

# Seconds between two tries. Readers that come meanwhile pay nothing, and one pays a time-out; when
# the store is back, this is how much longer it goes unused at most.
DEFAULT_PAUSE = 1.0


class Breaker:
    """Whether a store is asked at all. Safe for threads; ``now`` is seconds that only grow.

    ``pause`` is the time between two tries, in seconds. It has to be as long as a call can take,
    or a hanging store would be tried by several at a time.
    """

    __slots__ = ("_lock", "_next_try", "_opened_at", "answers", "pause")

    def __init__(self, pause: float = DEFAULT_PAUSE) -> None:
        self.pause = pause
        #: How many calls were answered so far.
        self.answers = 0
        self._opened_at: float | None = None
        self._next_try = 0.0
        self._lock = Lock()

    @property
    def is_open(self) -> bool:
        return self._opened_at is not None

    def admit(self, now: float) -> int | None:
        """Return what this call has to give to ``failed``, or ``None`` if it must not be made."""
        if self._opened_at is None:
            return self.answers
        with self._lock:
            if self._opened_at is not None:
                if now < self._next_try:
                    return None
                self._next_try = now + self.pause
            return self.answers

    def answered(self, now: float) -> float | None:
        """Note an answer, an error reply too; if it closes the breaker return how long it was open."""
        with self._lock:
            self.answers += 1
            opened_at, self._opened_at = self._opened_at, None
            return None if opened_at is None else now - opened_at

    def failed(self, admitted: int, now: float) -> bool:
        """Note a call that got no answer; return whether this opened the breaker."""
        with self._lock:
            if admitted != self.answers:
                return False
            self._next_try = now + self.pause
            if self._opened_at is not None:
                return False
            self._opened_at = now
            return True

    def seconds_to_try(self, now: float) -> float:
        """Return how long until a call is admitted, 0.0 if one is now."""
        return max(0.0, self._next_try - now) if self.is_open else 0.0
