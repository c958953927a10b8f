"""The checker: finds the reads of a history that broke the promise.

> A read that starts after an invalidation has returned never gets a value whose load started before
> it.

Each write raises the database's version, and an answer carries the versions of what is in it. So a
read is stale if it shows a subject at a version below that of a write whose invalidation had
returned before the read was sent: the answer was loaded before the write, so before its
invalidation. It says nothing of reads that overlap the invalidation: these may see either.

One process drives all traffic and notes what happens as it happens, so the order of the history is
the order in time and no clocks are compared. Judging it is one pass with one number kept per
subject.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

__all__ = ["History", "Invalidation", "Read", "StaleRead"]


@dataclass(slots=True)
class Read:
    """A read that was sent at this place of the history.

    ``versions`` is what its answer shows, by subject; ``None`` until there is one.
    """

    path: str
    at: float
    versions: Mapping[str, int] | None = None


@dataclass(slots=True)
class Invalidation:
    """An invalidation that returned at this place of the history, after the write ``version``."""

    subjects: tuple[str, ...]
    version: int
    at: float


@dataclass(frozen=True, slots=True)
class StaleRead:
    """A read that showed ``subject`` at ``version``, sent after ``invalidation`` had returned."""

    read: Read
    subject: str
    version: int
    invalidation: Invalidation

    @property
    def late(self) -> float:
        """Seconds from the return of the newest invalidation that the read missed to the read."""
        return self.read.at - self.invalidation.at


@dataclass(slots=True)
class History:
    """What happened, in order. A subject is what was changed: ``"city:5128581"``."""

    events: list[Read | Invalidation] = field(default_factory=list)

    def send(self, path: str, at: float = 0.0) -> Read:
        """Note that a read is sent now. Set its ``versions`` when it is answered."""
        read = Read(path, at)
        self.events.append(read)
        return read

    def invalidate(self, subjects: Iterable[str], version: int, at: float = 0.0) -> None:
        """Note that an invalidation has returned now."""
        self.events.append(Invalidation(tuple(subjects), version, at))

    @property
    def reads(self) -> int:
        """How many reads were answered."""
        return sum(isinstance(event, Read) and event.versions is not None for event in self.events)

    @property
    def invalidations(self) -> int:
        return sum(isinstance(event, Invalidation) for event in self.events)

    def stale_reads(self) -> Iterator[StaleRead]:
        """Yield the stale reads, each once, with the first subject that shows it."""
        newest: dict[str, Invalidation] = {}
        for event in self.events:
            match event:
                case Invalidation():
                    for subject in event.subjects:
                        # Two writes of a subject may return in another order than they were made.
                        if subject not in newest or newest[subject].version < event.version:
                            newest[subject] = event
                case Read(versions=versions):
                    stale = (
                        StaleRead(event, subject, version, newest[subject])
                        for subject, version in (versions or {}).items()
                        if subject in newest and version < newest[subject].version
                    )
                    yield from list(stale)[:1]
