"""The data of one server: keys, values of two types, and when they expire.

Time is told from outside, in milliseconds. Every change is noted in ``changes``, so that a replica, or
a server that lost the tail of its file, can have the data as they were.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

Hash = dict[bytes, bytes]
Value = bytes | Hash


class Change(NamedTuple):
    """What lay under a key since ``at``; ``None`` for nothing."""

    at: float
    key: bytes
    value: Value | None
    expires: int | None


class Database:
    """Keys and values. ``now`` is the server's time in ms, moved by whoever executes commands."""

    def __init__(self) -> None:
        self.now = 0
        #: The world's time, in seconds, for ``changes``.
        self.at = 0.0
        self.values: dict[bytes, Value] = {}
        self.expires: dict[bytes, int] = {}
        self.changes: list[Change] = []
        self._touched: dict[bytes, None] = {}

    def find(self, key: bytes) -> Value | None:
        """Return the value under ``key`` unless it has expired."""
        ends = self.expires.get(key)
        if ends is not None and ends <= self.now:
            self.drop(key)
        return self.values.get(key)

    def put(self, key: bytes, value: Value, expires: int | None = None) -> None:
        self.values[key] = value
        if expires is None:
            self.expires.pop(key, None)
        else:
            self.expires[key] = expires
        self._touched[key] = None

    def drop(self, key: bytes) -> bool:
        self.expires.pop(key, None)
        if self.values.pop(key, None) is None:
            return False
        self._touched[key] = None
        return True

    def touch(self, key: bytes) -> None:
        """Say that the value under ``key``, or its end, was changed in place."""
        self._touched[key] = None

    def clear(self) -> None:
        for key in list(self.values):
            self.drop(key)

    def names(self) -> list[bytes]:
        return [key for key in list(self.values) if self.find(key) is not None]

    def commit(self) -> None:
        """Note what changed since the last call: one command, or one script, is one step."""
        if not self._touched:
            return
        for key in self._touched:
            value = self.values.get(key)
            kept = dict(value) if isinstance(value, dict) else value
            self.changes.append(Change(self.at, key, kept, self.expires.get(key)))
        self._touched.clear()

    def as_of(self, at: float) -> Database:
        """Return a copy as it was at ``at``, which knows its past."""
        other = Database()
        other.changes = [change for change in self.changes if change.at <= at]
        other.now, other.at = self.now, self.at
        other._replay(other.changes)
        return other

    def _replay(self, changes: Iterable[Change]) -> None:
        for _, key, value, expires in changes:
            if value is None:
                self.values.pop(key, None)
                self.expires.pop(key, None)
                continue
            self.values[key] = dict(value) if isinstance(value, dict) else value
            if expires is None:
                self.expires.pop(key, None)
            else:
                self.expires[key] = expires
