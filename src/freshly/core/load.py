"""A running load: what it collects, and which load it runs inside.

A cached call inside a loader hands its tags to the load around it, because that load's value is
made from its. A value made from a stale value is stale from its birth, and one made from a value
that a hold keeps from being stored is kept from it too.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from .holds import earliest

if TYPE_CHECKING:
    from .entry import Entry
    from .flight import Flight
    from .ports import Look
    from .wishes import Wishes


class Load:
    """One run of a loader.

    ``owner`` are the flights of one store: the tags of another cache mean nothing to it. Tags that
    come after the loader has returned are dropped, since its entry is made.
    """

    __slots__ = (
        "_handed_on",
        "_tags",
        "flight",
        "held_until",
        "is_over",
        "look",
        "made_from_stale",
        "owner",
        "parent",
        "wishes",
    )

    def __init__(self, owner: object, flight: Flight, parent: Load | None) -> None:
        self.owner = owner
        self.flight = flight
        self.parent = parent
        self._tags: dict[str, None] = {}
        self._handed_on: dict[tuple[tuple[str, ...], Any], None] = {}
        self.made_from_stale = False
        self.held_until: float | None = None
        self.is_over = False
        # What was found before it began, and what the loader says of its entry: see cache.current.
        self.look: Look | None = None
        self.wishes: Wishes | None = None

    @property
    def confirmable(self) -> Entry[Any] | None:
        """Return the older entry whose value its source may confirm; an invalidated one among them."""
        look = self.look
        if look is None:
            return None
        older = look.former if look.entry is None else look.entry
        return None if older is None or older.raised is not None else older

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self._tags)

    @property
    def handed_on(self) -> Iterable[tuple[tuple[str, ...], Any]]:
        """The tags of the values that this one is made from, with the reading of ``collect``."""
        return self._handed_on.keys()

    def add(self, tags: tuple[str, ...]) -> None:
        """Give the value ``tags`` of its own."""
        self._tags.update(dict.fromkeys(tags))

    def collect(
        self,
        tags: tuple[str, ...],
        at: Any,
        *,
        is_stale: bool = False,
        held_until: float | None = None,
    ) -> None:
        """Take the ``tags`` of a value that was known valid at a reading of the store's clock.

        ``at`` is ``None`` if the store had given none.
        """
        self._tags.update(dict.fromkeys(tags))
        self._handed_on[tags, at] = None
        self.made_from_stale = self.made_from_stale or is_stale
        self.held_until = earliest(self.held_until, held_until)


# A task that a loader starts inherits it; other callers do not see it.
current_load: ContextVar[Load | None] = ContextVar("freshly_load", default=None)


def running_load(owner: object) -> Load | None:
    """Return the innermost load of ``owner`` that this code runs inside, if any."""
    load = current_load.get()
    while load is not None and (load.owner is not owner or load.is_over):
        load = load.parent
    return load


def note_hit(owner: object, entry: Entry[Any], now: float) -> None:
    """Hand the tags of ``entry`` to the load that this code runs inside, if any."""
    load = running_load(owner)
    if load is not None:
        load.collect(entry.tags, entry.valid_at, is_stale=now >= entry.stale_at)


def note_recalled(owner: object, tags: tuple[str, ...], seen: Any) -> None:
    """Do ``note_hit`` for a fresh entry, of which no more is known."""
    load = running_load(owner)
    if load is not None:
        load.collect(tags, seen)


def hand_on(owner: object, flight: Flight) -> None:
    """Hand the tags of what ``flight`` brought to the load that this code runs inside, if any."""
    load = running_load(owner)
    if load is not None:
        load.collect(
            flight.tags,
            flight.stamp,
            is_stale=flight.made_from_stale,
            held_until=flight.held_until,
        )
