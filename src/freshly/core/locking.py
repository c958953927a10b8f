"""A lock: a lease, a queue in this process, and the wait for both.

In this process waiters are called in their order, and at once when a holder is done. Of other
processes nothing is heard: where a store is shared, the first of each process asks again and again,
at growing intervals with some chance in them, so that who of them is first is chance too.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import LockTimeout, StoreError
from .lease import NamedLeases
from .ports import Runtime
from .turns import Turn, Turns

# Seconds between two questions to a store that other processes share. The first is about what a
# short critical section takes, the last what a person waits without a thought.
FIRST_POLL = 0.02
LAST_POLL = 0.5

# A holder that lives renews its lease so often within it that two attempts may fail.
RENEWALS_A_LEASE = 3


def _name(turn: Turn) -> str:
    return f"lock {turn.key}"


class Locking:
    """Takes and gives back leases for one colour of caller."""

    def __init__(self, leases: NamedLeases, runtime: Runtime, turns: Turns, *, is_shared: bool) -> None:
        self._leases = leases
        self._runtime = runtime
        self._turns = turns
        self._is_shared = is_shared

    def now(self) -> float:
        return self._runtime.now()

    async def acquire(self, turn: Turn, token: str, ttl: float, timeout: float | None) -> float:
        """Wait for the lease; return until when it lasts. Raises ``LockTimeout``."""
        began = self._runtime.now()
        deadline = None if timeout is None else began + timeout
        self._turns.join(turn)
        try:
            until = await self._wait(turn, token, ttl, deadline)
        except BaseException:
            self._turns.leave(turn)
            raise
        if until is None:
            self._turns.leave(turn)
            raise LockTimeout(turn.key, self._runtime.now() - began)
        self._turns.hold(turn)
        return until

    async def _wait(self, turn: Turn, token: str, ttl: float, deadline: float | None) -> float | None:
        poll = FIRST_POLL
        while True:
            seen, now = turn.calls, self._runtime.now()
            wake_at: float | None = None
            if self._turns.is_first(turn):
                left = await self._take(turn, token, ttl)
                if left is None:
                    # From before the question: the store may have begun to count then.
                    return now + ttl
                if self._is_shared:
                    left = min(left, poll * (0.5 + self._runtime.dice()))
                    poll = min(2 * poll, LAST_POLL)
                wake_at = now + left
            if deadline is not None and self._runtime.now() >= deadline:
                return None
            ends = [end for end in (wake_at, deadline) if end is not None]
            await self._runtime.wait(self._turns.call(turn, seen), min(ends, default=None))

    async def _take(self, turn: Turn, token: str, ttl: float) -> float | None:
        try:
            return await self._leases.take_lease(_name(turn), token, ttl)
        except BaseException:
            # It may have been given though no answer came; if so it would be in others' way.
            await self._give_back(_name(turn), token)
            raise

    async def _give_back(self, name: str, token: str) -> bool:
        try:
            return await self._leases.release_lease(name, token)
        except StoreError:
            # Nobody knows. It runs out by itself.
            return True

    async def release(self, turn: Turn, token: str) -> bool:
        """Give the lease back; return False if it is known that it was lost before."""
        try:
            return await self._give_back(_name(turn), token)
        finally:
            self._turns.done(turn)

    async def keep(
        self, turn: Turn, seen: int, token: str, ttl: float, renewed: Callable[[float], None]
    ) -> None:
        """Renew the lease until it is lost, or the turn is called: that is its end.

        ``seen`` is how often it had been called when the lock was taken: this may begin after its end.
        """
        while True:
            pause = self._runtime.now() + ttl / RENEWALS_A_LEASE
            if await self._runtime.wait(self._turns.call(turn, seen), pause):
                return
            before = self._runtime.now()
            try:
                is_there = await self._leases.renew_lease(_name(turn), token, ttl)
            except StoreError:
                continue
            if not is_there:
                return
            renewed(before + ttl)

    def end_keeping(self, turn: Turn) -> None:
        self._turns.wake(turn)

    # -- once --------------------------------------------------------------------------------

    async def take_once(self, key: str, token: str, ttl: float) -> bool:
        return await self._leases.take_lease(f"once {key}", token, ttl) is None

    async def undo_once(self, key: str, token: str) -> None:
        await self._give_back(f"once {key}", token)
