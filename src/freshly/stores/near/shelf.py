"""The near tier's entries, bounded, with the marks of what this process has heard of.

A memory store whose loads are looks into the far store. Its rule is the memory store's own: a reading
of the logical clock is taken before the far store is asked, and what is heard of after that reading
makes the answer invalid. Nothing of the server's numbers is compared here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate
from operator import is_
from re import compile as compile_pattern
from typing import Any

from ...core.clocks import Clock
from ...core.counts import NoRows
from ...core.entry import Entry
from ...core.rows import Rows
from ...core.shape import Shape
from ..memory import MemoryStore
from ..weight import Weigh, weight_of
from .entry import NearEntry
from .message import Names

DEFAULT_MAX_NEAR = 10_000

# Past so many marks none is looked for any more: all entries are asked about again, once.
MOST_MARKS = 20_000


class Shelf(MemoryStore):
    """``clock`` is that of the far store, as far as this process knows it: entries die by it.

    ``are_alike`` tells whether functions of two shapes may share values.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        max_entries: int = DEFAULT_MAX_NEAR,
        max_bytes: int | None = None,
        weigh: Weigh = weight_of,
        are_alike: Callable[[Shape, Shape], bool] = is_,
    ) -> None:
        self._are_alike = are_alike
        super().__init__(clock, max_entries=max_entries, max_bytes=max_bytes, weigh=weigh)

    def find(self, key: str, tags: Iterable[str], shape: Shape) -> NearEntry[Any] | None:
        """Return the entry under ``key`` if its value is as of ``shape`` and it carries ``tags``.

        Whether it is valid is not asked here.
        """
        entry = self._entries.get(key)
        if not isinstance(entry, NearEntry):
            return None
        if entry.shape is not shape and not self._are_alike(entry.shape, shape):
            return None
        if tags != entry.tags and not set(tags).issubset(entry.tags):
            return None
        return entry

    def keep(self, entry: NearEntry[Any]) -> bool:
        """Keep ``entry`` unless something was heard of since it was seen valid; say if it is kept."""
        weight = 0 if self._weights is None else self._weights.of(entry)
        with self._lock:
            if self.logical.overtaken(entry.seen, entry.tags, entry.key):
                # What is there is older than this, and may be as valid.
                self._drop(self._entries.get(entry.key))
                return False
            self._add(entry, weight)
            return self._is_living(entry)

    def tie(
        self, entry: Entry[Any], rows: Rows, row: object, leases: Sequence[float], ahead: float
    ) -> None:
        """Let the hit path find what is kept of ``entry`` under ``row``, while its ``leases`` run."""
        with self._lock:
            mine = self._entries.get(entry.key)
            if not isinstance(mine, NearEntry) or (mine is not entry and mine.stamp is not entry.seen):
                return
            rows.bind(row, mine)
            if not rows.is_known:
                self._rows.add(rows)
                rows.is_known = True
            self._arm(mine, mine.until(leases), ahead)

    def arm(self, entry: NearEntry[Any], until: float, ahead: float) -> None:
        if not isinstance(entry.rows, NoRows):
            with self._lock:
                self._arm(entry, until, ahead)

    def _arm(self, entry: NearEntry[Any], until: float, ahead: float) -> None:
        entry.arm(until, ahead)
        self.logical.divert(entry)

    def mark(self, names: Names) -> None:
        """Make invalid, or stale, what ``names`` says. It was invalidated, wherever that was."""
        with self._lock:
            if names.everything:
                self.empty()
                return
            # To who has it near, an entry that was replaced is as one that was deleted.
            keys = (*names.keys, *names.replaced)
            added = len(keys) + sum(map(len, (names.tags, names.stale, names.patterns)))
            if self.logical.marks + added > MOST_MARKS:
                self.doubt()
            self.logical.advance(tags=names.tags, stale=names.stale, keys=keys)
            self._drop_all(self._entries.get(key) for key in keys)
            for pattern in names.patterns:
                self._mark_pattern(pattern)

    def _mark_pattern(self, pattern: str) -> None:
        matches = compile_pattern(translate(pattern)).match
        self.logical.advance(pattern=pattern)
        self._drop_all([entry for key, entry in self._entries.items() if matches(key)])

    def _drop_all(self, entries: Iterable[Entry[Any] | None]) -> None:
        for entry in entries:
            self._drop(entry)

    def drop(self, entry: NearEntry[Any]) -> None:
        self._drop(entry)

    def doubt(self) -> None:
        """Have every entry asked about again before it is served: something may have been missed."""
        self.logical.advance(everything=True)

    def is_doubted(self, entry: NearEntry[Any]) -> bool:
        """Return whether ``entry`` is worth asking about: nothing that was heard of concerns it."""
        return not self.logical.overtaken(max(entry.seen, self.logical.floor), entry.tags, entry.key)
