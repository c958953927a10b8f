"""Judge the promise over several processes: each keeps a journal, and the journals are judged together.

``History`` judges as things happen, in one process. Here each process notes when a read began and
when an invalidation had returned, on ``CLOCK_MONOTONIC``, which is one clock for all processes of a
machine. A read that began later than an invalidation had returned, anywhere, may not get a version
from before it.

The noted instants err on the safe side. A read begins after its note, and an invalidation has
returned before its note: what is judged late was late.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import NamedTuple, Protocol

from .history import History, Violation


class BegunRead(NamedTuple):
    subject: str
    began_at: float


class NotedRead(NamedTuple):
    """A read that began at ``began_at`` and got a value made from ``version``."""

    subject: str
    began_at: float
    version: int


class NotedInvalidation(NamedTuple):
    """An invalidation that followed the writing of ``version`` and had ended by ``ended_at``.

    ``returned`` is False if it raised. Then other processes were promised nothing, and its own
    serves nothing from before it.
    """

    subject: str
    ended_at: float
    version: int
    returned: bool


class _Now(Protocol):
    def __call__(self) -> float: ...


@dataclass
class Journal:
    """What one process saw. Safe for the threads and tasks of a process.

    ``facts`` are numbers that the process wants to hand over: loads, errors.
    """

    reads: list[NotedRead] = field(default_factory=list)
    invalidations: list[NotedInvalidation] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)
    now: _Now = monotonic

    def begins(self, subject: str) -> BegunRead:
        """A read of ``subject`` begins; call it before."""
        return BegunRead(subject, self.now())

    def ends(self, read: BegunRead, version: int) -> None:
        """The read got a value made from ``version``."""
        self.reads.append(NotedRead(*read, version))

    def invalidated(self, subject: str, version: int) -> None:
        """An invalidation has returned that followed the writing of ``version``; call it after."""
        self.invalidations.append(NotedInvalidation(subject, self.now(), version, True))

    def failed(self, subject: str, version: int) -> None:
        """An invalidation has raised ``StoreError`` that followed the writing of ``version``."""
        self.invalidations.append(NotedInvalidation(subject, self.now(), version, False))

    def write(self, path: Path) -> None:
        """Write the journal down for ``read_journal``."""
        path.write_text(json.dumps([self.reads, self.invalidations, self.facts]))


def read_journal(path: Path) -> Journal:
    """Return the journal that a process wrote down."""
    reads, invalidations, facts = json.loads(path.read_text())
    return Journal(
        [NotedRead(*one) for one in reads],
        [NotedInvalidation(*one) for one in invalidations],
        facts,
    )


def judge(journals: Iterable[Journal], *, bound: float = 0.0) -> History:
    """Judge all journals together and return what happened as one history, with its violations.

    ``bound`` is the max staleness, in seconds, of a cache that may trail: other processes' reads
    count only if they began later than that after the return. A process never trails itself.
    """
    journals = list(journals)
    everyone = _Dates.of(one for journal in journals for one in journal.invalidations if one.returned)
    history = History(
        reads=sum(len(journal.reads) for journal in journals),
        invalidations=sum(one.returned for journal in journals for one in journal.invalidations),
    )
    for journal in journals:
        own = _Dates.of(journal.invalidations)
        for read in journal.reads:
            late = max(
                everyone.newest(read.subject, read.began_at - bound),
                own.newest(read.subject, read.began_at),
            )
            if read.version < late.version:
                lateness = read.began_at - late.ended_at
                history.violations.append(Violation(read.subject, read.version, late.version, lateness))
    return history


class _Date(NamedTuple):
    version: int
    ended_at: float


_NEVER = _Date(0, 0.0)


class _Dates:
    """Of each subject, the newest version that was invalidated by an instant."""

    def __init__(self, instants: Mapping[str, tuple[list[float], list[_Date]]]) -> None:
        self._instants = instants

    @classmethod
    def of(cls, invalidations: Iterable[NotedInvalidation]) -> _Dates:
        instants: dict[str, tuple[list[float], list[_Date]]] = {}
        for one in sorted(invalidations, key=lambda one: one.ended_at):
            ends, dates = instants.setdefault(one.subject, ([], []))
            # Two writers of one subject may end in another order than they wrote.
            newest = max(dates[-1] if dates else _NEVER, _Date(one.version, one.ended_at))
            ends.append(one.ended_at)
            dates.append(newest)
        return cls(instants)

    def newest(self, subject: str, before: float) -> _Date:
        ends, dates = self._instants.get(subject, ([], []))
        earlier = bisect_left(ends, before)
        return dates[earlier - 1] if earlier else _NEVER
