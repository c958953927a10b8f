"""Judge a history of reads and invalidations against the promise.

The source of the data counts its versions, and each value says which version it was made from.
When an invalidation has returned, every version older than the one written before it is out of
date; a read that starts from then on may not get such a one. Each read notes when it starts what
is out of date by then, so the whole history is judged in one pass, one comparison a read.

If the loader reads the source after its load has started, as every loader does, a version from
before means a load from before: what is judged is the promise itself.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Read:
    """A read that has started: of what, and the oldest version it may get."""

    subject: Hashable
    at_least: int


@dataclass(frozen=True, slots=True)
class Violation:
    """A read that got a version which was out of date before the read had started.

    ``late`` is how many seconds after the return of that invalidation it started, where known.
    """

    subject: Hashable
    got: int
    at_least: int
    late: float | None = None


@dataclass
class History:
    """Call ``invalidated``, ``begins`` and ``ends`` where these things happen.

    Safe for tasks of one loop; threads have to hold a lock of their own around each call.
    ``reads`` counts those that ended, ``violations`` keeps those that broke the promise.
    """

    reads: int = 0
    invalidations: int = 0
    violations: list[Violation] = field(default_factory=list)
    _current: dict[Hashable, int] = field(default_factory=dict)

    def invalidated(self, subject: Hashable, version: int) -> None:
        """An invalidation has RETURNED that followed the writing of ``version``."""
        self.invalidations += 1
        self._current[subject] = max(version, self._current.get(subject, version))

    def begins(self, subject: Hashable) -> Read:
        """A read of ``subject`` starts now."""
        return Read(subject, self._current.get(subject, 0))

    def ends(self, read: Read, version: int) -> bool:
        """The read got a value made from ``version``; return whether that keeps the promise."""
        self.reads += 1
        if version >= read.at_least:
            return True
        self.violations.append(Violation(read.subject, version, read.at_least))
        return False
