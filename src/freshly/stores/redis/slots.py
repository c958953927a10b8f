"""Who serves which slot of a cluster, as its nodes tell. Pure: it gets replies and keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from redis.crc import key_slot

SLOTS = 16384

#: Host and port of a node.
Place: TypeAlias = tuple[str, int]


def slot_of(name: bytes) -> int:
    return int(key_slot(name))


class SlotMap:
    """The primary of each slot. ``version`` grows with each change."""

    def __init__(self) -> None:
        self.version = 0
        self._owners: list[Place | None] = [None] * SLOTS

    def owner(self, slot: int) -> Place | None:
        return self._owners[slot]

    def places(self) -> list[Place]:
        """Return the places of all primaries, in the order in which everybody asks them.

        In one order, so that two threads that need connections to the same two do not wait for each
        other.
        """
        return sorted({place for place in self._owners if place is not None})

    def learn(self, told: Iterable[Sequence[Any]], asked: Place) -> None:
        """Take over the reply to CLUSTER SLOTS of the node at ``asked``."""
        owners: list[Place | None] = [None] * SLOTS
        for first, last, (host, port, *_), *_ in told:
            name = host.decode() if isinstance(host, bytes) else host
            # A node that does not know its own name means the one that it was asked by.
            place = (name if name and name != "?" else asked[0], int(port))
            owners[first : last + 1] = [place] * (last + 1 - first)
        if owners != self._owners:
            self._owners = owners
            self.version += 1

    def move(self, slot: int, place: Place) -> None:
        """Note that ``place`` has one slot now, as a redirection said."""
        if self._owners[slot] != place:
            self._owners[slot] = place
            self.version += 1
