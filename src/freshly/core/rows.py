"""The table of one decorated function: raw arguments to entry.

It is an index and nothing else. An entry is in it only after the slow path has served it to
this very function for these very arguments, so a hit may take it without asking again.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from .counts import NOBODYS

if TYPE_CHECKING:
    from .counts import Counts
    from .entry import Entry


# So many functions find an entry of a key that they share at once. More are hardly meant: a function
# that is decorated anew for each request, say, whose tables an entry would keep alive.
MOST_SHARED = 4


class Rows:
    """The rows of one function, or of one object of a method, and ``counts`` is that of the function.

    ``owner`` is the store whose entries may be in it: ``setup`` gives a function new rows while
    calls of the former store are still under way.

    ``entries`` is the table itself, which the hit path looks into, and always the same one. It is a
    plain dict: Python finds a key in one of those half as quickly again as in a kind of its own.
    """

    # A slot for weak references is Python's to fill.
    __slots__ = (
        "__weakref__",  # pyright: ignore[reportUninitializedInstanceVariable]
        "counts",
        "entries",
        "is_known",
        "owner",
    )

    def __init__(self, owner: object, counts: Counts) -> None:
        self.entries: dict[Hashable, Entry[Any]] = {}
        self.owner = owner
        self.counts = counts
        #: Whether ``owner`` has these rows on its list.
        self.is_known = False

    def bind(self, row: Hashable, entry: Entry[Any]) -> None:
        """Let ``row`` find ``entry``. In one table an entry has one row, the one that asked last."""
        former = entry.rows
        if former is self.counts.no_rows:
            entry.rows, entry.row = self, row
        elif former is NOBODYS.no_rows:
            # Its hits so far were counted where they were; the quick ones are counted in it.
            entry.rows, entry.row, entry.uses = self, row, 0
        elif isinstance(former, SharedRows):
            former.add(self, row, entry)
        elif former is self:
            self.drop(entry.row, entry)
            entry.row = row
        else:
            shared = SharedRows(former.counts)
            if isinstance(former, Rows):
                shared.add(former, entry.row, entry)
            shared.add(self, row, entry)
            entry.rows, entry.row = shared, None
        self.entries[row] = entry

    def forget(self, entry: Entry[Any]) -> None:
        """Take the row of ``entry``, which is in no other table, out of this one."""
        self.drop(entry.row, entry)
        entry.rows, entry.row = self.counts.no_rows, None

    def drop(self, row: Hashable, entry: Entry[Any]) -> None:
        if self.entries.get(row) is entry:
            del self.entries[row]


class SharedRows:
    """The rows of an entry whose key several functions share: each finds it in its own table.

    Or that one finds and another made. ``counts`` is whose entry it is.
    """

    __slots__ = ("_places", "counts")

    def __init__(self, counts: Counts) -> None:
        self._places: dict[Rows, Hashable] = {}
        self.counts = counts

    def add(self, rows: Rows, row: Hashable, entry: Entry[Any]) -> None:
        if rows in self._places:
            rows.drop(self._places.pop(rows), entry)
        elif len(self._places) == MOST_SHARED:
            oldest = next(iter(self._places))
            oldest.drop(self._places.pop(oldest), entry)
        self._places[rows] = row

    def forget(self, entry: Entry[Any]) -> None:
        for rows, row in self._places.items():
            rows.drop(row, entry)
        entry.rows = self.counts.no_rows
