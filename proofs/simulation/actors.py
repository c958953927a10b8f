"""The threads of simulated processes: each has a stack of its own, and exactly one runs at a time.

Where a thread would wait (for an event, for bytes, for time to pass), it gives the turn back to the
world, and the world gives it the turn again when it has waited enough. So threads run in an order that
the seed decides, and each keeps its own identity and context, as the code under test expects.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import count
from typing import Any, Protocol

from .fibres import Carrier, Fibre
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

    def heard_of(self, error: Exception) -> None:
        """Note what ended a thread."""
        ...


class Death(BaseException):
    """The process of this thread is no more."""


class Turn:
    """Whose turn it is: a process's, and in it a thread's or the loop's."""

    home: Home | None = None
    actor: Actor | None = None
    #: What threads that begin now run on.
    carrier: type[Carrier] = Fibre


#: Not a context variable: contexts are copied from thread to thread by the code under test.
turn = Turn()


#: No thread of the operating system is called so.
_idents = count(start=-1, step=-1)


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
        self.ident = next(_idents)
        self._call = partial(target or _nothing, *args, **(kwargs or {}))
        self._carrier = turn.carrier(self._run, self.name)
        self.is_over = False
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
        try:
            if not self.home.is_dead:
                self._call()
        except Death:
            pass
        except Exception as error:
            self.home.heard_of(error)
        finally:
            self.is_over = True
            self.home.actors.pop(self, None)

    def wait(self, timeout: float | None, enlist: Callable[[Callable[[], None]], None]) -> None:
        """Give the turn away until ``timeout`` is over, or what ``enlist`` got is called."""
        self._waits += 1
        number, world = self._waits, self.home.world
        enlist(lambda: self._wake_at(world.now, number))
        if timeout is not None:
            self._wake_at(world.now + self.home.seconds(timeout), number)
        self._carrier.give_back()
        if self.home.is_dead:
            raise Death

    def rest(self, seconds: float) -> None:
        self.wait(seconds, _forget)

    # -- on the world's thread ---------------------------------------------------------------

    def _wake_at(self, instant: float, number: int) -> None:
        self.home.world.at(instant, partial(self._step, number))

    def _step(self, number: int) -> None:
        if number != self._waits or self.is_over:
            return
        if self.home.is_paused:
            self.home.when_it_goes_on(partial(self._step, number))
            return
        self.run_on()

    def run_on(self) -> None:
        """Give it the turn, and wait until it gives that back."""
        self._waits += 1
        before = turn.home, turn.actor
        turn.home, turn.actor = self.home, self
        try:
            self._carrier.go_on()
        finally:
            turn.home, turn.actor = before


def _nothing() -> None:
    return


def _forget(wake: Callable[[], None]) -> None:
    return


def here() -> Actor:
    """Return the thread of the simulation that this code runs on."""
    assert turn.actor is not None, "this would wait on the thread of the world"
    return turn.actor


def ident() -> int:
    """Take the place of ``threading.get_ident``."""
    return threading.get_ident() if turn.actor is None else turn.actor.ident


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
