"""Who is next, by key, in this process: first come, first served.

Only the first of a queue asks the store for the lease; the others wait for their turn. Who has the
lease stands in no queue, so the first goes on asking though the holder is still at work: its lease
may run out. When a holder of this process is done, the first is woken and need not wait for that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock

from ..errors import DeadlockError
from .ports import Subscribe, Waker


class Turn:
    """A caller in a queue, or one that has the lease.

    ``owner`` is the task or the thread that asks, ``thread`` the thread that it runs on.
    """

    __slots__ = ("calls", "is_task", "key", "owner", "thread", "waker")

    def __init__(self, key: str, owner: object, thread: int, *, is_task: bool) -> None:
        self.key = key
        self.owner = owner
        self.thread = thread
        self.is_task = is_task
        # How often it was called to look again.
        self.calls = 0
        self.waker: Waker | None = None


class Turns:
    """The queues and holders of one store. Safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._queues: dict[str, deque[Turn]] = {}
        self._holders: dict[str, Turn] = {}

    def join(self, turn: Turn) -> None:
        """Stand at the end of the queue.

        Raises ``DeadlockError`` if the caller would wait for itself: it has the lock already, or a
        task has it, or waits for it, that cannot go on while this thread stands here.
        """
        with self._lock:
            queue = self._queues.setdefault(turn.key, deque())
            holder = self._holders.get(turn.key)
            for other in (*queue, *([] if holder is None else [holder])):
                _refuse_circle(turn, other)
            queue.append(turn)

    def is_first(self, turn: Turn) -> bool:
        with self._lock:
            return self._queues[turn.key][0] is turn

    def hold(self, turn: Turn) -> None:
        """Leave the queue with the lease."""
        with self._lock:
            self._holders[turn.key] = turn
        self.leave(turn)

    def leave(self, turn: Turn) -> None:
        """Leave the queue; the next one has its turn."""
        with self._lock:
            queue = self._queues[turn.key]
            was_first = queue[0] is turn
            queue.remove(turn)
            if not queue:
                del self._queues[turn.key]
        if was_first:
            self._call_first(turn.key)

    def done(self, turn: Turn) -> None:
        """Give the lease back: the first in the queue may try at once."""
        with self._lock:
            if self._holders.get(turn.key) is turn:
                del self._holders[turn.key]
        self._call_first(turn.key)

    def call(self, turn: Turn, seen: int) -> Subscribe:
        """Return what has a waker called when ``turn`` was called more often than ``seen``."""

        def subscribe(wake: Waker) -> Callable[[], None] | None:
            with self._lock:
                if turn.calls != seen:
                    return None
                turn.waker = wake
            return lambda: setattr(turn, "waker", None)

        return subscribe

    def _call_first(self, key: str) -> None:
        with self._lock:
            queue = self._queues.get(key)
            first = queue[0] if queue else None
        if first is not None:
            self.wake(first)

    def wake(self, turn: Turn) -> None:
        with self._lock:
            turn.calls += 1
            waker = turn.waker
        if waker is not None:
            waker()


def _refuse_circle(turn: Turn, other: Turn) -> None:
    if other.owner is turn.owner:
        raise DeadlockError(
            f"cache.lock({turn.key!r}) was asked for by the task or thread that has it, or waits for "
            f"it: it is not reentrant; take it once, outside"
        )
    if not turn.is_task and other.is_task and other.thread == turn.thread:
        raise DeadlockError(
            f"a blocking cache.lock({turn.key!r}) on the thread of the event loop whose task has it, "
            f"or is before it, would stop that task: use 'async with cache.lock(...)' there"
        )
