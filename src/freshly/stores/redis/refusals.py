"""What lay under our names and was none of ours: a miss, a count, and an event."""

from __future__ import annotations

from ...core.events import Emit, StoreFailed
from ...errors import StoreError
from .layout import Layout

__all__ = ["Refusals"]


class Refusals:
    """Counts what was not taken, and tells of it. Under threads one may go uncounted."""

    def __init__(self, layout: Layout, emit: Emit) -> None:
        self._layout = layout
        self._emit = emit
        self.count = 0

    def note(self, reason: str, name: bytes, cause: BaseException | None = None) -> None:
        self.count += 1
        error = StoreError(f"what lies under it was not stored by this cache: {reason}")
        error.__cause__ = cause  # for observers; its words, which may hold a value, are in no log
        self._emit(StoreFailed, "unpack", self._layout.key_of(name), error)
