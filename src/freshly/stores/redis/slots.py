"""Who serves which slot of a cluster, as its nodes tell. Pure: it gets replies and keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from redis.crc import key_slot

SLOTS = 16384

#: Host and port of a node.
Place: TypeAlias = tuple[str, int]


def slot_of(name: bytes) -> int:
    return int(key_slot(name))


class Claim(NamedTuple):
    """That one node has slots from ``first`` to ``last``. Of two claims the later ``epoch`` counts."""

    epoch: int
    first: int
    last: int
    place: Place


class Member(NamedTuple):
    """A node as another one tells of it; ``primary`` is the id of whom it follows, if anybody.

    ``is_gone`` says that most of the cluster has heard nothing of it for as long as it may be silent.
    """

    id: bytes
    place: Place
    primary: bytes
    has_slots: bool
    is_gone: bool


class View(NamedTuple):
    """What one node tells of the cluster: who has which slots, and the replicas of who has some.

    ``own`` is what it says that it serves itself, ``members`` are all nodes that it knows.
    """

    claims: Sequence[Claim]
    replicas: Mapping[Place, Sequence[Place]]
    members: Sequence[Member] = ()
    own: Sequence[Claim] = ()

    @classmethod
    def of(cls, slots: Iterable[Sequence[Any]], nodes: bytes, asked: Place) -> View:
        """Return the view by the replies of the node at ``asked`` to CLUSTER SLOTS and CLUSTER NODES.

        The first has the names by which nodes are reached, but not of those who serve nothing or are
        gone; the second how new each claim is, and who is who.
        """
        lines = [line.split() for line in nodes.splitlines() if line.strip()]
        epochs = {parts[0]: int(parts[6]) for parts in lines}
        myself = next((parts[0] for parts in lines if b"myself" in parts[2]), None)
        claims, own, replicas, names = [], [], {}, dict[bytes, Place]()
        for first, last, primary, *others in slots:
            place = _place(primary, asked)
            claim = Claim(epochs.get(primary[2], 0), int(first), int(last), place)
            claims.append(claim)
            if primary[2] == myself:
                own.append(claim)
            replicas[place] = [_place(one, asked) for one in others]
            names |= {one[2]: _place(one, asked) for one in (primary, *others)}
        members = [one for parts in lines if (one := _member(parts, names, asked)) is not None]
        return cls(claims, replicas, members, own)


def _member(parts: Sequence[bytes], names: Mapping[bytes, Place], asked: Place) -> Member | None:
    """Return who a line of CLUSTER NODES tells of; ``None`` if nobody knows where it is."""
    flags = parts[2].split(b",")
    host, _, port = parts[1].partition(b"@")[0].rpartition(b":")
    if b"noaddr" in flags:
        return None
    return Member(
        parts[0],
        names.get(parts[0]) or _place((host, port), asked),
        parts[3],
        any(not part.startswith(b"[") for part in parts[8:]),
        b"fail" in flags,
    )


def _place(told: Sequence[Any], asked: Place) -> Place:
    host, port = told[0], int(told[1])
    name = host.decode() if isinstance(host, bytes) else host
    # A node that does not know its own name means the one that it was asked by.
    return (name if name and name != "?" else asked[0]), port


class SlotMap:
    """The primary of each slot."""

    def __init__(self) -> None:
        self._owners: list[Place | None] = [None] * SLOTS
        self._places: list[Place] = []
        self._replicas: dict[Place, Sequence[Place]] = {}

    def owner(self, slot: int) -> Place | None:
        return self._owners[slot]

    def has_part_of(self, claim: Claim, place: Place) -> bool:
        """Return whether ``place`` has a slot that ``claim`` is about."""
        return place in self._owners[claim.first : claim.last + 1]

    def places(self) -> list[Place]:
        """Return the places of all primaries, in the order in which everybody asks them.

        In one order, so that two threads that need connections to the same two do not wait for each
        other.
        """
        return self._places

    def shard_of(self, place: Place) -> list[Place]:
        """Return the primary at ``place`` and its replicas."""
        return [place, *self._replicas.get(place, ())]

    def nodes(self) -> list[Place]:
        """Return the places of all nodes, primaries first."""
        places = self.places()
        return list(dict.fromkeys([*places, *(one for p in places for one in self.shard_of(p))]))

    def learn(self, views: Iterable[View]) -> None:
        """Take over what several nodes tell. One that has not heard of a failover has older claims."""
        views = list(views)
        owners: list[Place | None] = [None] * SLOTS
        for _, first, last, place in sorted(claim for view in views for claim in view.claims):
            owners[first : last + 1] = [place] * (last + 1 - first)
        replicas: dict[Place, Sequence[Place]] = {}
        for view in views:
            for place, others in view.replicas.items():
                replicas[place] = list(dict.fromkeys([*replicas.get(place, ()), *others]))
        self._owners, self._replicas = owners, replicas
        self._count()

    def move(self, slot: int, place: Place) -> None:
        """Note that ``place`` has one slot now, as a redirection said."""
        self._owners[slot] = place
        if place not in self._places:
            self._count()

    def _count(self) -> None:
        self._places = sorted({place for place in self._owners if place is not None})
