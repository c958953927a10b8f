"""The threads of simulated processes: real ones, of which exactly one runs at a time.

Where a thread would wait (for an event, for bytes, for time to pass), it gives the turn back to the
world, and the world gives it the turn again when it has waited enough. So threads run in an order that
the seed decides, and each keeps its own identity and context, as the code under test expects.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from .world import World


class Home(Protocol):
    """The process that threads belong to."""

    world: World
    is_dead: bool
    is_paused: bool
    actors: dict[Actor, None]

    def now(self) -> float:
        """Return the time on the process's clock."""
        ...

    def seconds(self, seconds: float) -> float:
        """Return how long ``seconds`` of the process's clock are for the world."""
        ...

    def when_it_goes_on(self, act: Callable[[], None]) -> None: ...


class Death(BaseException):
    """The process of this thread is no more."""


class Turn:
    """Whose turn it is: a process's, and in it a thread's or the loop's."""

    home: Home | None = None
    actor: Actor | None = None


#: Not a context variable: contexts are copied from thread to thread by the code under test.
turn = Turn()


class Actor:
    """One thread, begun by ``start``. It takes the place of ``threading.Thread``."""

    def __init__(
        self,
        group: None = None,
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        daemon: bool | None = None,
    ) -> None:
        assert turn.home is not None, "a thread outside of the simulation"
        self.home = turn.home
        self.name = name or "thread"
        self._call = partial(target or _nothing, *args, **(kwargs or {}))
        self._mine, self._worlds = threading.Lock(), threading.Lock()
        self._mine.acquire()
        self._worlds.acquire()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._has_begun = self.is_over = False
        self._waits = 0

    def start(self) -> None:
        self.home.actors[self] = None
        self._wake_at(self.home.world.now, self._waits)

    def is_alive(self) -> bool:
        return not self.is_over

    def join(self, timeout: float | None = None) -> None:
        raise NotImplementedError("nobody waits for a thread here")

    # -- on the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        self._mine.acquire()
        try:
            if not self.home.is_dead:
                self._call()
        except Death:
            pass
        finally:
            self.is_over = True
            self.home.actors.pop(self, None)
            self._worlds.release()

    def wait(self, timeout: float | None, enlist: Callable[[Callable[[], None]], None]) -> None:
        """Give the turn away until ``timeout`` is over, or what ``enlist`` got is called."""
        self._waits += 1
        number, world = self._waits, self.home.world
        enlist(lambda: self._wake_at(world.now, number))
        if timeout is not None:
            self._wake_at(world.now + self.home.seconds(timeout), number)
        self._worlds.release()
        self._mine.acquire()
        if self.home.is_dead:
            raise Death

    def rest(self, seconds: float) -> None:
        self.wait(seconds, lambda wake: None)

    # -- on the world's thread ---------------------------------------------------------------

    def _wake_at(self, instant: float, number: int) -> None:
        self.home.world.at(instant, lambda: self._step(number))

    def _step(self, number: int) -> None:
        if number != self._waits or self.is_over:
            return
        if self.home.is_paused:
            self.home.when_it_goes_on(lambda: self._step(number))
            return
        self.run_on()

    def run_on(self) -> None:
        """Give it the turn, and wait until it gives that back."""
        self._waits += 1
        if not self._has_begun:
            self._has_begun = True
            self._thread.start()
        before = turn.home, turn.actor
        turn.home, turn.actor = self.home, self
        self._mine.release()
        self._worlds.acquire()
        turn.home, turn.actor = before
        if self.is_over:
            self._thread.join()


def _nothing() -> None:
    return


def here() -> Actor:
    """Return the thread of the simulation that this code runs on."""
    assert turn.actor is not None, "this would wait on the thread of the world"
    return turn.actor


class _Condition:
    """What ``threading.Event`` waits on."""

    def __init__(self) -> None:
        self._wakers: list[Callable[[], None]] = []
        self._notified = 0

    def __enter__(self) -> _Condition:
        return self

    def __exit__(self, *what: object) -> None:
        return

    def wait(self, timeout: float | None = None) -> bool:
        before = self._notified
        here().wait(timeout, self._wakers.append)
        return self._notified != before

    def notify_all(self) -> None:
        self._notified += 1
        wakers, self._wakers = self._wakers, []
        for wake in wakers:
            wake()


class ActorEvent(threading.Event):
    """An event that threads of the simulation wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._cond: Any = _Condition()
