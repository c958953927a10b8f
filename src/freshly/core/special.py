"""Entries with something that few have. The others do not pay for it: see entry.py."""

from __future__ import annotations

from typing import Any, TypeVar

from .entry import Entry
from .raised import Raised

T = TypeVar("T")


class SpecialEntry(Entry[T]):
    """An entry with what its base has no place for; the names are those of its base."""

    __slots__ = ("raised",)

    def __init__(self, key: str, value: T, *, raised: Raised | None = None, **common: Any) -> None:
        super().__init__(key, value, **common)
        self.raised = raised
        if raised is not None:
            # The hit path returns values and nothing else.
            self.divert()

    def rejoin(self) -> None:
        if self.raised is None:
            super().rejoin()
