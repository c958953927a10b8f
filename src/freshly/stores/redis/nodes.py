"""The nodes of a cluster, as far as this process knows them; both colours know the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from ..watch import Watch
from .primary import Primary
from .slots import Place, SlotMap


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
        #: When nodes were asked last, on the clock of ``monotonic``: the beginning, not the end.
        self.asked_at = float("-inf")
        #: Nodes that take over slots just now, as others have told.
        self.heirs: set[Place] = set()

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

    def may_serve(self, place: Place) -> bool:
        """Return whether a server at ``place`` that says it is a primary is known as one."""
        return place in self.heirs or place in self.map.places()
