"""The thread that carries undelivered invalidations to the store, again and again.

It is a thread for both colours: an event loop may end before the store is back, and which of
several loops is still there nobody knows. It lives from the first failure until nothing waits, so
a process whose store answers has none.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Event as Flag
from threading import Lock, Thread

from ..core.events import Emit, InvalidationQueued, InvalidationsDelivered, InvalidationsLost
from ..core.undelivered import Parcel, Undelivered
from ..errors import StoreError

# Seconds between two attempts: the first comes soon, since a lost connection is the usual case;
# later ones are rare enough for a server that many processes wait for to get up again.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
GROWTH = 2.0


class Delivery:
    """Delivers what waits in ``undelivered``, one parcel at a time.

    ``deliver`` gives a parcel to the store, blocking for a time-out at most; it returns when the
    store has taken it and raises ``StoreError`` otherwise. ``now`` gives seconds that only grow,
    ``dice`` numbers from 0 up to 1. ``wait`` is there for tests: it waits for that many seconds,
    or until the flag is set.
    """

    def __init__(
        self,
        undelivered: Undelivered,
        deliver: Callable[[Parcel], None],
        emit: Emit,
        *,
        now: Callable[[], float],
        dice: Callable[[], float],
        wait: Callable[[Flag, float], object] = Flag.wait,
    ) -> None:
        self._undelivered = undelivered
        self._deliver = deliver
        self._emit = emit
        self._now = now
        self._dice = dice
        self._wait = wait
        self._lock = Lock()
        self._running: Future[None] | None = None
        self._stopped = Flag()

    def begin(self, error: BaseException) -> None:
        """Have what waits delivered; ``error`` is why it was not. Call it after ``add``."""
        self._emit(InvalidationQueued, len(self._undelivered), error)
        with self._lock:
            if self._running is not None:
                return
            self._stopped = Flag()
            running = self._running = Future()
            thread = Thread(
                target=self._run,
                args=(self._stopped, running),
                name="freshly delivers invalidations",
                daemon=True,
            )
            try:
                thread.start()
            except RuntimeError:
                # The interpreter is shutting down: no thread can be started any more.
                self._running = None

    def stop(self) -> Future[None] | None:
        """Have the thread try once more and end; return what is done when it has, or ``None``.

        What it cannot deliver stays in the list, and ``begin`` takes it up again.
        """
        with self._lock:
            self._stopped.set()
            return self._running

    def _run(self, stopped: Flag, running: Future[None]) -> None:
        is_over = False
        try:
            while not is_over:
                self._deliver_all(stopped)
                is_over = self._is_over(stopped)
        finally:
            if not is_over:
                self._running = None
            running.set_result(None)

    def _is_over(self, stopped: Flag) -> bool:
        # Under the lock: what is added from now on finds no thread, and begins one.
        with self._lock:
            if len(self._undelivered) and not stopped.is_set():
                return False
            self._running = None
            return True

    def _deliver_all(self, stopped: Flag) -> None:
        began, pause = self._now(), FIRST_PAUSE
        while (parcel := self._undelivered.parcel()) is not None:
            is_last = stopped.is_set()
            try:
                self._deliver(parcel)
            except StoreError as error:
                if is_last:
                    self._emit(InvalidationsLost, len(self._undelivered), error)
                    return
                # From half of the pause to all of it: processes that failed together spread.
                self._wait(stopped, pause * (1.0 + self._dice()) / 2)
                pause = min(pause * GROWTH, LONGEST_PAUSE)
            else:
                self._undelivered.delivered(parcel)
                pause = FIRST_PAUSE
        self._emit(InvalidationsDelivered, self._now() - began)
