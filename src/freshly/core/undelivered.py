"""Invalidations that the store has not taken: kept until it does, and obeyed here meanwhile.

The caller of each was told that it failed. But the data has changed, so nothing that it names is
served by this process until the store has taken it, whatever the store still holds.

What an invalidation does, it does to everything stored before it arrives, however often it
arrives. So the same name twice is one invalidation; ``clear`` swallows all others; and when there
are too many to remember they become one ``clear``.

A read that finds nothing here may have come too late to see it:

    1. the read asks the store, which answers with an old entry
    2. the invalidation is delivered, and leaves this list
    3. the read looks into the list, finds nothing, and would serve the old entry

So a read notes ``deliveries`` before it asks, and what was delivered since counts as still here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fnmatch import translate
from itertools import islice
from threading import Lock

# Names kept at most: some 10 MB of them. A process that cannot deliver so many has a store that is
# down for long, where little is lost by starting anew.
DEFAULT_LIMIT = 100_000
# Names in one parcel: a script on the server stops everyone else while it runs.
PARCEL = 1_000


class Kind(Enum):
    """What a name is a name of."""

    TAG = "tag"
    STALE = "stale tag"
    KEY = "key"
    PATTERN = "pattern"


@dataclass(frozen=True, slots=True)
class Parcel:
    """Undelivered invalidations that travel together, those that have waited longest.

    ``number`` is that of the latest invalidation known when the parcel was made.
    """

    number: int
    tags: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    everything: bool = False


class Undelivered:
    """Invalidations that wait for the store, at most ``limit`` names. Safe for threads.

    A forked child makes a new one: what its parent owes, its parent delivers.
    """

    __slots__ = ("_clear", "_compiled", "_limit", "_lock", "_names", "_number", "deliveries")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        #: How many parcels have arrived. Note it before a question to the store is sent.
        self.deliveries = 0
        self._limit = limit
        self._number = 0
        self._lock = Lock()
        # Whether ``clear`` waits: the number of the last invalidation that it stands for.
        self._clear: int | None = None
        # The number of the last invalidation of each name. Those that have waited longest come first.
        self._names: dict[tuple[Kind, str], int] = {}
        self._compiled: dict[str, re.Pattern[str]] = {}

    def __len__(self) -> int:
        """Return how many names wait; ``clear`` counts as one."""
        return len(self._names) + (self._clear is not None)

    def add(
        self,
        *,
        tags: Iterable[str] = (),
        stale: Iterable[str] = (),
        keys: Iterable[str] = (),
        pattern: str | None = None,
        everything: bool = False,
    ) -> None:
        """Keep an invalidation that failed, or of which nobody knows whether it did."""
        with self._lock:
            self._number += 1
            if everything or self._clear is not None:
                self._swallow()
                return
            if pattern is not None:
                self._compiled[pattern] = re.compile(translate(pattern))
                self._names[Kind.PATTERN, pattern] = self._number
            for kind, names in ((Kind.TAG, tags), (Kind.STALE, stale), (Kind.KEY, keys)):
                self._names.update(dict.fromkeys(((kind, name) for name in names), self._number))
            if len(self._names) > self._limit:
                self._swallow()

    def covers(self, key: str, tags: Iterable[str], since: int) -> bool:
        """Return whether an entry with ``key`` and ``tags`` must not be served.

        ``since`` is what ``deliveries`` was before the store was asked for the entry.
        """
        # The names before the count: ``delivered`` counts before it drops names.
        return self._has(key, tags) or self.deliveries != since

    def is_empty(self, since: int) -> bool:
        """Return whether nothing is covered, or made stale; ``since`` as ``covers`` has it."""
        waits = self._names or self._compiled or self._clear is not None
        return not waits and self.deliveries == since

    def makes_stale(self, tags: Iterable[str]) -> bool:
        """Return whether an entry with ``tags`` has to count as stale."""
        names = self._names
        return bool(names) and any((Kind.STALE, tag) in names for tag in tags)

    def parcel(self) -> Parcel | None:
        """Return what to deliver next, or ``None``. It stays here until ``delivered``."""
        with self._lock:
            if self._clear is not None:
                return Parcel(self._clear, everything=True)
            if not self._names:
                return None
            chosen: dict[Kind, list[str]] = {kind: [] for kind in Kind}
            for kind, name in islice(self._names, PARCEL):
                chosen[kind].append(name)
            tags, stale, keys, patterns = (tuple(chosen[kind]) for kind in Kind)
            return Parcel(self._number, tags, stale, keys, patterns)

    def delivered(self, parcel: Parcel) -> None:
        """Forget what ``parcel`` carried, but not what was invalidated again since it was made."""
        with self._lock:
            self.deliveries += 1
            if parcel.everything and self._clear is not None and self._clear <= parcel.number:
                self._clear = None
            for place in _places(parcel):
                if self._names.get(place, parcel.number + 1) <= parcel.number:
                    del self._names[place]
                    if place[0] is Kind.PATTERN:
                        del self._compiled[place[1]]

    def _has(self, key: str, tags: Iterable[str]) -> bool:
        # The names before ``_clear``: ``_swallow`` sets that before it drops them.
        names, compiled = self._names, self._compiled
        if names and ((Kind.KEY, key) in names or any((Kind.TAG, tag) in names for tag in tags)):
            return True
        if any(pattern.match(key) for pattern in list(compiled.values())):
            return True
        return self._clear is not None

    def _swallow(self) -> None:
        self._clear = self._number
        self._names = {}
        self._compiled = {}


def _places(parcel: Parcel) -> Iterable[tuple[Kind, str]]:
    groups = (parcel.tags, parcel.stale, parcel.keys, parcel.patterns)
    for kind, names in zip(Kind, groups, strict=True):
        for name in names:
            yield kind, name
