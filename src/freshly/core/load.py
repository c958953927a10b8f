"""A running load: what it collects, and which load it runs inside.

A cached call inside a loader hands its tags to the load around it, because that load's value is
made from its. A value made from a stale value is stale from its birth, and one made from a value
that a hold keeps from being stored is kept from it too.
"""

from __future__ import annotations

from collections.abc import Collection
from contextvars import ContextVar, Token
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

    # Of most loads nothing of this is ever told: it stands in the class, and they are soon made.
    # ``has_parts`` says that it has tags, of its own or handed on.
    has_parts = False
    _tags: dict[str, None] | None = None
    _handed_on: dict[tuple[tuple[str, ...], Any], None] | None = None
    made_from_stale = False
    held_until: float | None = None
    is_over = False
    # What was found before it began, and what the loader says of its entry: see cache.current.
    look: Look | None = None
    wishes: Wishes | None = None

    def __init__(self, owner: object, flight: Flight, parent: Load | None) -> None:
        self.owner = owner
        self.flight = flight
        self.parent = parent

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
        return tuple(self._tags) if self._tags is not None else ()

    @property
    def handed_on(self) -> Collection[tuple[tuple[str, ...], Any]]:
        """The tags of the values that this one is made from, with the reading of ``collect``."""
        return self._handed_on.keys() if self._handed_on is not None else ()

    def add(self, tags: tuple[str, ...]) -> None:
        """Give the value ``tags`` of its own."""
        self.has_parts = True
        if self._tags is None:
            self._tags = {}
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
        self.add(tags)
        if self._handed_on is None:
            self._handed_on = {}
        self._handed_on[tags, at] = None
        self.made_from_stale = self.made_from_stale or is_stale
        self.held_until = earliest(self.held_until, held_until)


# A task that a loader starts inherits it; other callers do not see it.
current_load: ContextVar[Load | None] = ContextVar("freshly_load", default=None)


def leave_load(token: Token[Load | None]) -> None:
    """Undo what gave ``token``."""
    try:
        current_load.reset(token)
    except ValueError:
        # In another context: the collector ends a task whose loop was closed under it.
        return


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
