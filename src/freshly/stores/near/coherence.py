"""The thread that keeps near entries coherent with one primary: one session after the other.

A thread, for both colours: an event loop may be blocked for longer than a lease, and a process without
a loop has near entries too. It begins with the first read and ends with the cache, also with one that
nobody closed: at its next turn it finds that its owner is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import TypeAlias
from weakref import ref

from ...core.events import Emit, NearLost, NearReady
from ...errors import StoreError
from ..redis.failures import FAILURES
from .session import Session

# Seconds between two attempts to connect: soon at first, since a cut connection is the usual case.
FIRST_PAUSE = 0.02
LONGEST_PAUSE = 1.0
GROWTH = 2.0


# Makes a session, what wakes it, and what closes its connection; ``None`` if there is nothing to do.
Make: TypeAlias = Callable[[], tuple[Session, Callable[[], None], Callable[[], None]] | None]


class Coherence:
    """``make`` makes a session on a connection of its own; ``close`` ends that connection."""

    def __init__(
        self,
        make: Make,
        emit: Emit,
        *,
        now: Callable[[], float],
        dice: Callable[[], float],
    ) -> None:
        self._make = make
        self._emit = emit
        self._now = now
        self._dice = dice
        self._owner: Callable[[], object] = _somebody
        self.begin_anew()

    def belong_to(self, owner: object) -> None:
        """Keep the entries of ``owner``, and end when nobody has it any more.

        That is asked and not told: what the garbage collector calls may take no lock.
        """
        self._owner = ref(owner)

    def begin_anew(self) -> None:
        """Forget the thread, as a forked child has to: it did not come along."""
        self._lock = Lock()
        self._thread: Thread | None = None
        self._stopped = Event()
        self._wake: Callable[[], None] = _nobody
        self.hears = False

    def begin(self) -> None:
        """Have the thread run. Quick, where it does."""
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            self._stopped = Event()
            thread = Thread(
                target=self._run,
                args=(self._stopped,),
                name="freshly keeps near entries coherent",
                daemon=True,
            )
            try:
                thread.start()
            except RuntimeError:
                # The interpreter is shutting down: each read asks from now on.
                return
            self._thread = thread

    def stop(self) -> None:
        with self._lock:
            self._stopped.set()
            self._thread = None
            self._wake()

    def _run(self, stopped: Event) -> None:
        try:
            self._attend(stopped)
        except ReferenceError:
            # The entries went while it was at work.
            return
        finally:
            with self._lock:
                if self._stopped is stopped:
                    # However it ended: the next look begins another.
                    self._thread = None

    def _attend(self, stopped: Event) -> None:
        pause, lost_at = FIRST_PAUSE, self._now()
        while self._goes_on(stopped):
            made = self._make()
            if made is None:
                # There is nothing to be told of any more.
                return
            session, wake, close = made
            was_ready = False
            try:
                session.open()
                self._begun(stopped, wake, session)
                while self._goes_on(stopped):
                    session.turn()
                    if not was_ready and session.is_ready:
                        was_ready, pause = self._tell_ready(lost_at), FIRST_PAUSE
            except (*FAILURES, StoreError) as error:
                session.lose()
                self._lost(stopped, error, was_ready=was_ready)
                lost_at = self._now() if was_ready else lost_at
            finally:
                close()
            # From half of the pause to all of it: processes that were cut together spread.
            stopped.wait(pause * (1.0 + self._dice()) / 2)
            pause = min(pause * GROWTH, LONGEST_PAUSE)

    def _goes_on(self, stopped: Event) -> bool:
        return not stopped.is_set() and self._owner() is not None

    def _begun(self, stopped: Event, wake: Callable[[], None], session: Session) -> None:
        with self._lock:
            if not stopped.is_set():
                self._wake, self.hears = wake, session.hears

    def _tell_ready(self, lost_at: float) -> bool:
        self._emit(NearReady, self._now() - lost_at)
        return True

    def _lost(self, stopped: Event, error: Exception, *, was_ready: bool) -> None:
        if was_ready and self._goes_on(stopped):
            self._emit(NearLost, error)


def _nobody() -> None: ...


def _somebody() -> object:
    return True
