"""The servers behind one name: a primary, and others that may take its place."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from .database import Database
from .network import Network
from .node import Node
from .world import World

NAME = "primary"


class Site:
    """Two servers, ``here`` being the one that the name leads to; ``None`` while it leads nowhere."""

    def __init__(self, world: World, chance: Random, *, mean: float, tail: float, version: str) -> None:
        self._world, self._chance = world, chance
        self.network = Network(world, self.find, mean, tail)
        began, rate = 1.7e9 + chance.random() * 1e6, 1 + chance.uniform(-0.001, 0.001)
        self.nodes = [
            Node(name, chance, lambda: began + world.now * rate, lambda: world.now, version=version)
            for name in ("a", "b")
        ]
        self.here: Node | None = self.nodes[0]
        self.primary = self.nodes[0]
        self.other.follow(self.primary)

    @property
    def other(self) -> Node:
        return self.nodes[1] if self.primary is self.nodes[0] else self.nodes[0]

    def find(self, host: str) -> Node | None:
        return self.here if host == NAME else None

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self._world.after(seconds, act)

    # -- what can happen to them -------------------------------------------------------------

    def evict(self, key: bytes) -> None:
        """Drop what lies under ``key``, for room."""
        data = self.primary.data
        data.at = self._world.now
        data.drop(key)
        data.commit()

    def refuse_writes(self, seconds: float) -> None:
        """Have the primary answer reads only, for a while."""
        self._for_a_while("refusals", seconds)

    def mute(self, seconds: float) -> None:
        """Have nobody hear what scripts publish at the primary, for a while."""
        self._for_a_while("silences", seconds)

    def _for_a_while(self, count: str, seconds: float) -> None:
        node = self.primary

        def add(number: int) -> None:
            setattr(node, count, getattr(node, count) + number)

        add(1)
        self._world.after(seconds, lambda: add(-1))

    def restart(
        self, lost: float | None, down: float, loading: float, *, keeps_replid: bool = False
    ) -> None:
        """Restart the primary with the data as they were ``lost`` seconds ago; ``None``: with none."""
        node = self.primary
        self.here = None
        for link in self.network.links_to(node):
            link.reset()
        data = Database() if lost is None else node.data.as_of(self._world.now - lost)

        def begin() -> None:
            if node is self.primary:
                node.restart(data, self._chance, keeps_replid=keeps_replid)
                node.is_loading = True
                self.here = node
                self._world.after(loading, lambda: setattr(node, "is_loading", False))

        self._world.after(down, begin)

    def fail_over(self, lag: float, *, keeps_links: bool) -> None:
        """Promote the other server, which has the data as they were ``lag`` seconds ago.

        The old primary is its replica from this moment on, and its clients stay connected, or not.
        """
        old, new = self.primary, self.other
        new.promote(old.data.as_of(self._world.now - lag), self._chance)
        new.is_loading = False
        self.primary = self.here = new
        old.follow(new)
        if not keeps_links:
            for link in self.network.links_to(old):
                link.reset()

    def split(self, lag: float, seconds: float, stays: object, *, keeps_links: bool) -> None:
        """Promote the other server while the old one goes on as a primary for ``seconds``.

        ``stays`` is the process that the old one goes on serving.
        """
        old, new = self.primary, self.other
        new.promote(old.data.as_of(self._world.now - lag), self._chance)
        new.is_loading = False
        self.primary = self.here = new
        old.is_superseded = True
        for link in self.network.links_to(old):
            if link.owner is not stays:
                link.reset()

        def heal() -> None:
            # It may have become the primary, or a replica, in another way meanwhile.
            if not old.is_superseded:
                return
            old.follow(self.primary)
            if not keeps_links:
                for link in self.network.links_to(old):
                    link.reset()

        self._world.after(seconds, heal)
