"""The nodes of a cluster, as far as this process knows them; both colours know the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from time import monotonic

from ..watch import Watch
from .primary import Primary
from .slots import Place, SlotMap
from .succession import Succession

# Seconds for which a node counts as the heir of a slot. Whoever is told of one goes there at once.
MOMENT = 1.0


class Nodes:
    """``name`` is that of the cluster in messages, ``watch_for`` makes what watches one node."""

    def __init__(
        self,
        name: str,
        seeds: Sequence[Place],
        server: Callable[[Place], str],
        watch_for: Callable[[str], Watch],
        *,
        longest_silence: float,
    ) -> None:
        self.name = name
        self.seeds = seeds
        self._server = server
        self._watch_for = watch_for
        self._longest_silence = longest_silence
        self.forget_parent()

    def forget_parent(self) -> None:
        """Begin anew, also in a forked child."""
        self._lock = Lock()
        self._primaries: dict[Place, Primary] = {}
        self.map = SlotMap()
        self.succession = Succession(self.map, self._longest_silence)
        #: When nodes were asked last, on the clock of ``monotonic``: the beginning, not the end.
        self.asked_at = float("-inf")
        # When the owner of a slot said last that it hands it over to the node there.
        self._named_at: dict[Place, float] = {}

    def primary(self, place: Place) -> Primary:
        """Return what is known of the node at ``place``."""
        with self._lock:
            known = self._primaries.get(place)
            if known is None:
                server = self._server(place)
                silence = self._longest_silence
                known = Primary(server, self._watch_for(server), longest_silence=silence)
                self._primaries[place] = known
            return known

    def has_asked(self, instant: float, about: Place | None) -> bool:
        """Return whether nodes were asked after ``instant``, with those who may precede ``about``."""
        return self.asked_at >= instant and (about is None or self.succession.has_asked(about, instant))

    def name_heir(self, place: Place) -> None:
        """Note that the node at ``place`` takes over a slot just now, as its owner has told."""
        self._named_at[place] = monotonic()

    def may_serve(self, place: Place) -> bool:
        """Return whether a server at ``place`` that says it is a primary is known as one.

        One that takes over its first slot is known to nobody but who hands it over. That counts for a
        moment only: later it may have been replaced like any other.
        """
        named_at = self._named_at.get(place, float("-inf"))
        return place in self.map.places() or monotonic() - named_at < MOMENT
