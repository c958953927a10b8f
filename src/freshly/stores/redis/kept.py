"""Entries whose keys mean something in this process only, and so never leave it.

They are judged like all others: the buckets are asked before one is served, so an invalidation in any
process reaches them. Only their values do not travel.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

from ...wire.frame import Frame

# Objects come and go, and entries of those that are gone are found by nobody; the oldest leave first.
MOST = 10_000


class Kept:
    """Frames without a payload, and the values that belong to them. Safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_key: OrderedDict[str, tuple[Frame, Any]] = OrderedDict()

    def get(self, key: str) -> tuple[Frame, Any] | None:
        return self._by_key.get(key)

    def put(self, key: str, frame: Frame, value: Any) -> None:
        with self._lock:
            self._by_key.pop(key, None)
            self._by_key[key] = frame, value
            if len(self._by_key) > MOST:
                self._by_key.popitem(last=False)

    def drop(self, key: str) -> None:
        with self._lock:
            self._by_key.pop(key, None)

    def names(self) -> list[str]:
        with self._lock:
            return list(self._by_key)

    def clear(self) -> None:
        with self._lock:
            self._by_key.clear()
