"""Detours: entries that every read has to take the long way to, because a transaction touched them.

The hit path does not ask whether it runs inside of a transaction: that would cost every hit. So a
transaction names what it has invalidated, and entries that have one of these names leave the hit
path while it is open. All readers of them take the long way, and only there those inside are told
apart from the others.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .entry import Entry


class Detours:
    """How many open transactions have touched a tag, a key, or everything."""

    def __init__(self) -> None:
        self._tags: Counter[str] = Counter()
        self._keys: Counter[str] = Counter()
        self._everything = 0

    def __bool__(self) -> bool:
        return bool(self._tags or self._keys or self._everything)

    def cover(self, entry: Entry[Any]) -> bool:
        return (
            self._everything > 0
            or entry.key in self._keys
            or any(tag in self._tags for tag in entry.tags)
        )

    def begin(self, tags: Iterable[str], keys: Iterable[str], *, everything: bool) -> None:
        self._tags.update(tags)
        self._keys.update(keys)
        self._everything += everything

    def end(self, tags: Iterable[str], keys: Iterable[str], *, everything: bool) -> None:
        _take(self._tags, tags)
        _take(self._keys, keys)
        self._everything -= everything


def _take(counter: Counter[str], names: Iterable[str]) -> None:
    for name in names:
        counter[name] -= 1
        if counter[name] <= 0:
            del counter[name]
