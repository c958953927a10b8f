"""The threads that keep near entries coherent with a cluster: one for each primary that has buckets.

Each primary has a thread of its own, so that one that hangs delays no heartbeat of another. Who has
what the readers find out, as they ask: a bucket that has left has no lease, so what depends on it is
asked for, and the next look begins the thread of its new primary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Protocol
from weakref import ref

from ..redis.slots import Place
from .coherence import Coherence

Homes = Sequence[Place | None]


class Keeper(Protocol):
    """What keeps near entries coherent: see ``Coherence``."""

    def begin(self) -> None: ...

    def stop(self) -> None: ...

    def begin_anew(self) -> None: ...

    def belong_to(self, owner: object) -> None: ...


class Coherences:
    """``homes`` tells the place of each bucket's primary, ``None`` where nobody knows it;
    ``make`` makes what keeps entries coherent with the primary at a place.
    """

    def __init__(self, homes: Callable[[], Homes], make: Callable[[Place], Coherence]) -> None:
        self._homes = homes
        self._make = make
        self._owner: Callable[[], object] = _nobody
        self.begin_anew()

    def belong_to(self, owner: object) -> None:
        self._owner = ref(owner)

    def begin_anew(self) -> None:
        """Forget the threads, as a forked child has to: they did not come along."""
        self._lock = Lock()
        self._at: dict[Place, Coherence] = {}
        self._known: Homes = ()

    def begin(self) -> None:
        """Have a thread run for each primary. Quick, where they do."""
        homes = self._homes()
        if homes != self._known:
            self._follow(homes)
        for one in list(self._at.values()):
            one.begin()

    def _follow(self, homes: Homes) -> None:
        """Keep one for each of ``homes``, and end the others."""
        with self._lock:
            there = {place for place in homes if place is not None}
            for place in self._at.keys() - there:
                self._at.pop(place).stop()
            for place in there - self._at.keys():
                self._at[place] = self._make(place)
                self._at[place].belong_to(self._owner())
            self._known = homes

    def stop(self) -> None:
        with self._lock:
            for one in self._at.values():
                one.stop()
            self._at, self._known = {}, ()


def _nobody() -> None: ...
