"""A pass over all entries that makes the marks of invalidations superfluous, in slices.

An entry that was found valid at a reading needs no mark from before it. When every entry has been
looked at, the marks up to the reading at which the pass began can go. Entries that come while it
runs are looked at when they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..core.entry import Entry
from ..core.stamp import LogicalClock


class Settling:
    """One pass. ``until`` is the earliest stamp that a running load has, or the reading now."""

    def __init__(self, keys: Iterable[str], until: int) -> None:
        self._keys = list(keys)
        self.until = until

    def step(
        self,
        count: int,
        find: Callable[[str], Entry[Any] | None],
        logical: LogicalClock,
        remove: Callable[[Entry[Any]], None],
    ) -> bool:
        """Go by ``count`` entries and remove the invalid ones; return whether all have been seen."""
        for key in self._keys[-count:]:
            entry = find(key)
            if entry is not None and not logical.settle(entry):
                remove(entry)
        del self._keys[-count:]
        return not self._keys
