"""What happened, in numbers: for one function, and for all of a cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .entry import Entry


class Counts:
    """The running counts of one function, or of the commands by hand.

    ``retired_hits`` are the hits of entries that have left the store; those of living entries
    stand in the entries themselves, so that a hit touches nothing that is shared.
    """

    __slots__ = (
        "load_errors",
        "loads",
        "misses",
        "name",
        "no_rows",
        "overtaken",
        "refreshes_dropped",
        "retired_hits",
        "stale_hits",
        "timeouts",
        "waits",
    )

    _COUNTED = tuple(sorted({*__slots__} - {"name", "no_rows"}))

    def __init__(self, name: str) -> None:
        self.name = name
        #: What the entries have that no table has.
        self.no_rows = NoRows(self)
        self.retired_hits = 0
        self.stale_hits = 0
        self.misses = 0
        self.loads = 0
        self.load_errors = 0
        self.waits = 0
        self.overtaken = 0
        self.timeouts = 0
        self.refreshes_dropped = 0

    def set_aside(self) -> tuple[int, ...]:
        """Begin anew at zero; return what ``put_back`` takes."""
        counts = tuple([getattr(self, name) for name in self._COUNTED])
        self.put_back((0,) * len(counts))
        return counts

    def put_back(self, counts: tuple[int, ...]) -> None:
        for name, count in zip(self._COUNTED, counts, strict=True):
            setattr(self, name, count)

    def tally(self, living_hits: int) -> FunctionStats:
        return FunctionStats(
            hits=self.retired_hits + living_hits,
            stale_hits=self.stale_hits,
            misses=self.misses,
            loads=self.loads,
            load_errors=self.load_errors,
            waits=self.waits,
            overtaken=self.overtaken,
            timeouts=self.timeouts,
            refreshes_dropped=self.refreshes_dropped,
        )


class NoRows:
    """The rows of an entry that no table has; ``counts`` is whose entry it is."""

    __slots__ = ("counts",)

    def __init__(self, counts: Counts) -> None:
        self.counts = counts

    def forget(self, entry: Entry[Any]) -> None:
        """There is nothing to take out."""


#: The counts of entries whose readers count for themselves.
NOBODYS = Counts("nobody's")


@dataclass(frozen=True, slots=True)
class FunctionStats:
    """Counts since the cache was made.

    ``hits`` are reads answered from the cache, ``stale_hits`` those of them that got a stale or
    expired value. ``misses`` are reads that had to wait for a load, ``waits`` those of them that
    waited for a load another read had begun. ``loads`` are runs of the loader, refreshes
    included; ``load_errors`` those that raised, unless that was an answer; ``overtaken`` those
    whose value was not stored because an invalidation came while they ran. ``timeouts`` are reads
    that did not wait for their load to end: they got an older value or a ``LoadTimeout``.
    ``refreshes_dropped`` are those for which neither a place nor one in the queue was free. Under
    threads a hit may go uncounted.
    """

    hits: int = 0
    stale_hits: int = 0
    misses: int = 0
    loads: int = 0
    load_errors: int = 0
    waits: int = 0
    overtaken: int = 0
    timeouts: int = 0
    refreshes_dropped: int = 0

    @property
    def hit_ratio(self) -> float:
        """Hits by reads, 0.0 when there were none."""
        reads = self.hits + self.misses
        return self.hits / reads if reads else 0.0


@dataclass(frozen=True, slots=True)
class NearStats:
    """What happened to a near tier since ``setup``.

    ``lease_seconds`` is for how long from now its entries may be served without asking the server,
    0.0 if they may not. ``lag`` is how long the last heartbeat took, from its sending to the handling
    of its reply. ``heartbeats`` were sent, and ``renewals`` of the lease came of them.
    ``revalidations`` are entries that the server was asked about without their value; ``resyncs`` are
    the times when that was due for all of them. ``messages`` came, before ``gaps`` of which one was
    missing. ``losses`` are connections that ended.
    """

    lease_seconds: float = 0.0
    lag: float = 0.0
    heartbeats: int = 0
    renewals: int = 0
    revalidations: int = 0
    resyncs: int = 0
    messages: int = 0
    gaps: int = 0
    losses: int = 0


@dataclass(frozen=True, slots=True)
class Stats(FunctionStats):
    """The sums over a cache, with its entries, evictions and invalidations, and by function.

    ``refused`` is how often bytes were found in a store outside of the process that this cache does not
    take: foreign, damaged, forged or unreadable ones. Each is a miss.
    ``near`` is there if ``setup`` was given a near tier.
    """

    entries: int = 0
    evictions: int = 0
    invalidations: int = 0
    refused: int = 0
    by_function: Mapping[str, FunctionStats] = field(default_factory=dict)
    near: NearStats | None = None


def summarise(
    counts: Iterable[Counts],
    entries: Iterable[Entry[object]],
    *,
    evictions: int,
    invalidations: int,
    refused: int = 0,
    near: NearStats | None = None,
) -> Stats:
    """Add up ``counts`` and the hits that stand in ``entries``."""
    living: dict[int, int] = {}
    size = 0
    for entry in entries:
        size += 1
        living[id(entry.counts)] = living.get(id(entry.counts), 0) + entry.uses
    tallies: dict[str, FunctionStats] = {}
    for count in counts:
        tally = count.tally(living.get(id(count), 0))
        tallies[count.name] = add(tallies.get(count.name, FunctionStats()), tally)
    total = FunctionStats()
    for tally in tallies.values():
        total = add(total, tally)
    return Stats(
        **{name: getattr(total, name) for name in _NAMES},
        entries=size,
        evictions=evictions,
        invalidations=invalidations,
        refused=refused,
        by_function=tallies,
        near=near,
    )


_NAMES = tuple(FunctionStats.__dataclass_fields__)


def add(one: FunctionStats, other: FunctionStats) -> FunctionStats:
    return FunctionStats(*(getattr(one, name) + getattr(other, name) for name in _NAMES))
