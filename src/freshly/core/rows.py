"""The table of one decorated function: raw arguments to entry.

It is an index and nothing else. An entry is in it only after the slow path has served it to
this very function for these very arguments, so a hit may take it without asking again.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .entry import Entry


class Rows(dict[Hashable, "Entry[Any]"]):
    """``owner`` is the store whose entries may be in it: ``setup`` gives a function new rows while
    calls of the former store are still under way."""

    __slots__ = ("__weakref__", "is_known", "owner")
    # A table is itself and no other, whatever is in it: stores keep a weak set of them.
    __eq__ = object.__eq__
    __hash__ = object.__hash__  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def __init__(self, owner: object) -> None:
        super().__init__()
        self.owner = owner
        #: Whether ``owner`` has these rows on its list.
        self.is_known = False

    def bind(self, row: Hashable, entry: Entry[Any]) -> None:
        """Let ``row`` find ``entry``; an entry has one row, the one that asked last."""
        if entry.rows is self and entry.row == row:
            return
        if entry.rows is not None:
            entry.rows.forget(entry)
        self[row] = entry
        entry.rows, entry.row = self, row

    def forget(self, entry: Entry[Any]) -> None:
        if self.get(entry.row) is entry:
            del self[entry.row]
        entry.rows = entry.row = None
