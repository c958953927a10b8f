"""The leases of this process, and the thread that keeps them while a load goes on.

A thread, for both colours: a loader may keep its event loop busy for longer than a lease lasts. It is
there while there is a lease to keep, and a load that is over soon never sees it at work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from secrets import token_hex
from threading import Event, Lock, Thread

from ...errors import FreshlyError

Leases = Mapping[str, str]


class Keeper:
    """The leases that this process has: their tokens by key. ``prolong`` tells which were lost.

    Each claim has a token of its own, so that others see when a lease has changed hands, also when
    it stays in one process.
    """

    def __init__(self, seconds: float, prolong: Callable[[Leases], Sequence[str]]) -> None:
        self.seconds = seconds
        self._prolong = prolong
        self.begin()

    def begin(self) -> None:
        """Begin anew, with no leases: also in a forked child, whose parent keeps its own."""
        self._lock = Lock()
        self._process = token_hex(8)
        self._numbers = count()
        self._tokens: dict[str, str] = {}
        self._thread: Thread | None = None
        self._stopped = Event()

    @property
    def ms(self) -> int:
        """How long a lease lasts, in milliseconds."""
        return round(self.seconds * 1000)

    def new_token(self) -> str:
        return f"{self._process}.{next(self._numbers)}"

    def token(self, key: str) -> str | None:
        """Return the token of the lease of ``key``, if this process has it."""
        return self._tokens.get(key)

    def add(self, key: str, token: str) -> None:
        with self._lock:
            self._tokens[key] = token
            if self._thread is None:
                self._stopped = Event()
                thread = Thread(
                    target=self._run, args=(self._stopped,), name="freshly keeps leases", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:
                    # The interpreter is shutting down. Leases run out.
                    return
                self._thread = thread

    def drop(self, key: str) -> None:
        with self._lock:
            self._tokens.pop(key, None)

    def stop(self) -> None:
        """Keep nothing any longer."""
        with self._lock:
            self._tokens.clear()
            self._stopped.set()
            self._thread = None

    def _run(self, stopped: Event) -> None:
        known: Leases = {}
        while not stopped.wait(self.seconds / 3):
            with self._lock:
                leases = dict(self._tokens)
                if not leases:
                    if self._stopped is stopped:
                        self._thread = None
                    return
            # One that came since the last turn has most of its time before it.
            old = {key: token for key, token in leases.items() if known.get(key) == token}
            known = leases
            if not old:
                continue
            try:
                lost = self._prolong(old)
            except FreshlyError:
                # Not reached in time: it may run out, which costs a load.
                continue
            for key in lost:
                self.drop(key)
