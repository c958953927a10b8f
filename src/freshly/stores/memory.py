"""Entries in a dict of this process, with the logical clock beside them.

The store keeps, finds and drops. Whether a value is fresh is not its business; whether it is
valid is, because only here can "was it overtaken?" and "store it" be one step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from fnmatch import translate
from re import compile as compile_pattern
from threading import RLock
from typing import Any
from weakref import WeakSet

from ..core.clocks import Clock
from ..core.entry import NEVER, Entry
from ..core.holds import Held, Hold, Holds
from ..core.lease import LeaseTable
from ..core.ports import Look
from ..core.rows import Rows
from ..core.shape import ANY, Shape
from ..core.stamp import LogicalClock
from ..errors import ConfigurationError
from .eviction import Eviction
from .expiry import SWEPT_A_WRITE, Expiry
from .onebyone import OneByOne
from .settling import Settling
from .sharing import SharedTags
from .weight import Weigh, Weights, weight_of

DEFAULT_MAX_ENTRIES = 100_000
DEFAULT_MAX_TTL = 30 * 86_400.0
# A hold outlasts the transaction it stands for, and a web server rarely gives one more time than
# this. Under a hold nothing is cached, so a forgotten one should not last.
DEFAULT_MAX_HOLD = 60.0

# How many dead entries one write may clear away: a slice of some microseconds. Each write adds
# one entry at most, so the dead are always cleared faster than they can come.
DEAD_A_WRITE = 16
# Marks of invalidations may be one to 24 entries, and this many more, before a pass over the
# entries makes them superfluous. The pass goes by some entries with each invalidation: so each costs
# the same, and the pass is over before there are half as many marks again.
SPARE_MARKS = 10_000
ENTRIES_A_MARK = 24
SETTLED_A_CALL = 2 * ENTRIES_A_MARK


class MemoryStore(OneByOne):
    """Entries of one process, at most ``max_entries``; safe for threads and event loops.

    With ``max_bytes`` their weights are added up too, see weight.py; ``weigh`` weighs a value.
    A hit takes no lock. Every write holds one for a few dict operations and never waits.

    Dead entries are cleared away by writes, some with each, and by whoever calls ``sweep``: ``wake``
    is called after each write, so that somebody may see when the next one is due.
    """

    keeps_entries = True
    is_shared = False
    # A look costs what a glance would.
    glance = None
    recall = None
    max_staleness = 0.0
    near_stats = None
    # Nobody else loads for these entries.
    leases = None

    def __init__(
        self,
        clock: Clock,
        *,
        max_entries: int = DEFAULT_MAX_ENTRIES,
        max_ttl: float = DEFAULT_MAX_TTL,
        max_hold: float = DEFAULT_MAX_HOLD,
        max_bytes: int | None = None,
        weigh: Weigh = weight_of,
    ) -> None:
        self.clock = clock
        self.max_ttl = max_ttl
        self.max_hold = max_hold
        self.max_entries = max_entries
        self.logical = LogicalClock()
        self.evictions = 0
        self.invalidations = 0
        self.refused = 0
        self.wake: Callable[[], None] = _nobody
        # Reentrant: the garbage collector may run a caller's __del__ in here, which may write.
        self._lock = RLock()
        self._holds = Holds()
        self._leases = LeaseTable()
        self._weigh = weigh
        self.max_bytes = max_bytes
        self._rows: WeakSet[Rows] = WeakSet()
        self._start()

    def _start(self) -> None:
        """Have no entries."""
        self._entries: dict[str, Entry[Any]] = {}
        self._eviction = Eviction(self._entries.get, self.max_entries)
        self._expiry = Expiry(self._entries.get)
        self._tags = SharedTags()
        self._weights = None if self.max_bytes is None else Weights(self.max_bytes, self._weigh)
        self._marks_allowed = SPARE_MARKS
        self._settling: Settling | None = None

    # -- reading -----------------------------------------------------------------------------

    @property
    def blocking(self) -> MemoryStore:
        # Nothing here waits: awaited or stepped, it is one.
        return self

    @property
    def gate(self) -> LogicalClock:
        return self.logical

    @property
    def reading(self) -> int:
        return self.logical.reading

    def reach(self, moment: str) -> None:
        # There is nobody who knows more than this process.
        if not moment.isdecimal():
            raise ConfigurationError(
                f"token={moment!r} is no moment of a cache in memory: its tokens mean something in "
                f"this process only"
            )

    def inherit(self, stamp: int, handed_on: object) -> int:
        # What was valid at some reading of the load is valid at its first: marks only come.
        return stamp

    async def look(self, key: str, tags: Iterable[str] = (), shape: Shape = ANY) -> Look:
        logical = self.logical
        # The stamp before the entry and the holds: what is invalidated between makes a load invalid.
        stamp = logical.reading
        entry = self._entries.get(key)
        former: Entry[Any] | None = None
        now = self.clock.now()
        if entry is not None:
            if not logical.settle(entry) or now >= entry.dead_at:
                self._drop(entry)
                former = None if entry.etag is None else entry
                entry = None
            elif tags != entry.tags and not set(tags).issubset(entry.tags):
                entry = None
        return Look(entry, stamp, now, logical.overtaken, self._holds.at(now), former)

    def follows(self, earlier: int, later: int, advances: int) -> bool:
        return later - earlier == advances

    async def overtaken(self, stamp: int, tags: Iterable[str]) -> bool:
        return self.logical.overtaken(stamp, tags)

    async def stamp(self) -> int:
        return self.logical.reading

    def refuses(self, shape: Shape) -> None:
        return None

    def living(self) -> list[Entry[Any]]:
        with self._lock:
            return list(self._entries.values())

    # -- writing -----------------------------------------------------------------------------

    async def land(self, entry: Entry[Any], unless: Callable[[], bool], shape: Shape = ANY) -> bool:
        weight = 0 if self._weights is None else self._weights.of(entry)
        with self._lock:
            if unless() or self.logical.overtaken(entry.seen, entry.tags, entry.key):
                return False
            self._add(entry, weight)
        self.wake()
        return True

    async def put(self, entry: Entry[Any], *, is_stamped: bool, shape: Shape = ANY) -> bool:
        weight = 0 if self._weights is None else self._weights.of(entry)
        with self._lock:
            if is_stamped and self.logical.overtaken(entry.seen, entry.tags, entry.key):
                return False
            # The key's mark, so that a load which is running does not write over this value.
            reading = self.logical.advance(keys=(entry.key,))
            if not is_stamped:
                if self._is_held(entry):
                    self._drop(self._entries.get(entry.key))
                    return False
                entry.seen = reading
            self._add(entry, weight)
        self.wake()
        return True

    async def renew(self, entries: Sequence[Entry[Any]], now: float) -> None:
        for entry in entries:
            entry.renew(now)

    def bind(self, entry: Entry[Any], rows: Rows, row: Any) -> None:
        if rows.entries.get(row) is entry and entry.next_at != NEVER:
            return
        with self._lock:
            if self._entries.get(entry.key) is entry and rows.owner is self:
                rows.bind(row, entry)
                if not rows.is_known:
                    self._rows.add(rows)
                    rows.is_known = True
                if entry.next_at == NEVER:
                    entry.rejoin()
                    self.logical.divert(entry)

    def _add(self, entry: Entry[Any], weight: int = 0) -> None:
        if self._expiry.is_due(self.clock.now()):
            self._bury(DEAD_A_WRITE)
        weights, entries, logical = self._weights, self._entries, self.logical
        if weights is not None and weight > weights.limit:
            # It alone is more than all may weigh together: it is in and out again.
            self._drop(self._entries.get(entry.key))
            self.evictions += 1
            return
        if weights is not None or len(entries) >= self.max_entries:
            while not self._has_room(entry.key, weight) and self._evict():
                pass
        # A pass over the entries that is under way does not come by this one.
        if entry.seen != logical.reading:
            logical.settle(entry)
        entry.tags = self._tags.one_for(entry.tags)
        former = entries.get(entry.key)
        entries[entry.key] = entry
        if logical.has_detours:
            logical.divert(entry)
        if weights is not None:
            weights.put(entry.key, weight)
        self._expiry.add(entry)
        if former is None:
            self._eviction.add(entry)
        else:
            self._eviction.replace(former, entry)
            _retire(former)
        if self._expiry.is_crowded(len(entries)):
            self._expiry.forget_the_gone(SWEPT_A_WRITE)

    def _has_room(self, key: str, weight: int) -> bool:
        weights, count = self._weights, len(self._entries)
        has_place = count < self.max_entries or (count == self.max_entries and key in self._entries)
        return has_place and (weights is None or weights.have_room(key, weight))

    # -- expiring ----------------------------------------------------------------------------

    def sweep(self, limit: int) -> bool:
        """Clear up to ``limit`` dead entries away; return whether there may be more."""
        with self._lock:
            return self._bury(limit) == limit

    @property
    def next_due(self) -> float | None:
        """The instant from which ``sweep`` will find dead entries, or ``None`` if none will die."""
        return self._expiry.next_due

    def _bury(self, limit: int) -> int:
        taken, dead = self._expiry.due(self.clock.now(), limit)
        for entry in dead:
            self._remove(entry)
        return taken

    # -- invalidating ------------------------------------------------------------------------

    async def invalidate(self, tags: Iterable[str], hold: Hold | None = None) -> int:
        tags = list(tags)
        with self._lock:
            self.invalidations += 1
            self._hold(hold, tags=tags)
            return self.logical.advance(tags=tags)

    async def mark_stale(self, tags: Iterable[str]) -> int:
        return self.logical.advance(stale=tags)

    async def delete(self, keys: Iterable[str], hold: Hold | None = None) -> int:
        keys = list(keys)
        with self._lock:
            self.invalidations += 1
            self._hold(hold, keys=keys)
            self.logical.advance(keys=keys)
            return sum(self._drop(self._entries.get(key)) for key in keys)

    async def delete_match(self, pattern: str) -> int:
        matches = compile_pattern(translate(pattern)).match
        with self._lock:
            self.invalidations += 1
            self.logical.advance(pattern=pattern)
            found = [entry for key, entry in self._entries.items() if matches(key)]
            return sum(map(self._drop, found))

    async def clear(self) -> int:
        return self.empty()

    def empty(self) -> int:
        """Drop all entries, those of running loads included; return the reading."""
        with self._lock:
            self.invalidations += 1
            reading = self.logical.advance(everything=True)
            for entry in self._entries.values():
                entry.counts.retired_hits += entry.uses
            self._start()
            for rows in list(self._rows):
                rows.entries.clear()
            return reading

    # -- holding -----------------------------------------------------------------------------

    async def release(self, token: str, tags: Iterable[str], keys: Iterable[str]) -> None:
        with self._lock:
            self._holds.release(token)

    async def held(self, besides: Collection[str] = ()) -> Held:
        return self._holds.at(self.clock.now(), besides)

    def _hold(self, hold: Hold | None, *, tags: Iterable[str] = (), keys: Iterable[str] = ()) -> None:
        if hold is not None:
            self._holds.add(hold, self.clock.now(), tags, keys)

    def _is_held(self, entry: Entry[Any]) -> bool:
        return self._holds.at(self.clock.now()).until(entry.tags, entry.key) is not None

    # -- leases ------------------------------------------------------------------------------

    async def take_lease(self, name: str, token: str, seconds: float) -> float | None:
        with self._lock:
            return self._leases.take(name, token, seconds, self.clock.now())

    async def renew_lease(self, name: str, token: str, seconds: float) -> bool:
        with self._lock:
            return self._leases.renew(name, token, seconds, self.clock.now())

    async def release_lease(self, name: str, token: str) -> bool:
        with self._lock:
            return self._leases.release(name, token, self.clock.now())

    # -- keeping house -----------------------------------------------------------------------

    async def tidy(self, oldest: Callable[[], int | None]) -> None:
        if self.logical.marks <= self._marks_allowed:
            return
        with self._lock:
            if self._settling is None:
                stamp = oldest()
                until = self.logical.reading if stamp is None else stamp
                self._settling = Settling(self._entries, until)
            if self._settling.step(SETTLED_A_CALL, self._entries.get, self.logical, self._remove):
                self.logical.prune(self._settling.until)
                self._settling = None
                # A load that does not end keeps every mark since it began: the next pass comes
                # when there are twice as many as this one had to leave.
                spare = max(len(self._entries) // ENTRIES_A_MARK, 2 * self.logical.marks)
                self._marks_allowed = spare + SPARE_MARKS

    async def ping(self) -> None:
        return

    async def close(self) -> None:
        await self.clear()

    # -- leaving -----------------------------------------------------------------------------

    def _is_living(self, entry: Entry[Any]) -> bool:
        return self._entries.get(entry.key) is entry

    def _drop(self, entry: Entry[Any] | None) -> bool:
        """Take ``entry`` out if it is still in; return whether it could have been served."""
        with self._lock:
            if entry is None or not self._is_living(entry):
                return False
            was_valid = self.logical.settle(entry) and self.clock.now() < entry.expires_at
            self._remove(entry)
            return was_valid

    def _remove(self, entry: Entry[Any]) -> None:
        del self._entries[entry.key]
        self._eviction.remove(entry)
        if self._weights is not None:
            self._weights.remove(entry.key)
        _retire(entry)

    def _evict(self) -> bool:
        victim = self._eviction.victim()
        if victim is None:
            return False
        self._remove(victim)
        self.evictions += 1
        return True


def _nobody() -> None:
    """Whoever would be woken is not there: writes clear the dead away."""


def _retire(entry: Entry[Any]) -> None:
    entry.retire()
    entry.counts.retired_hits += entry.uses
