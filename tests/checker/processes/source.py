"""Versions in a file that all processes map: the slow thing behind the cache."""

from __future__ import annotations

import fcntl
import mmap
from pathlib import Path
from types import TracebackType

WIDTH = 8


class Source:
    """A version for each subject. A read sees what was last written, in whatever process."""

    def __init__(self, path: Path, subjects: int) -> None:
        self.subjects = subjects
        size = subjects * WIDTH
        # Not truncated: other processes have it mapped.
        self._file = path.open("a+b")
        if path.stat().st_size < size:
            self._file.truncate(size)
        self._memory = mmap.mmap(self._file.fileno(), size)
        self._versions = memoryview(self._memory).cast("Q")

    def read(self, subject: int) -> int:
        return self._versions[subject]

    def write(self, subject: int) -> int:
        """Write the next version of ``subject`` and return it; no two processes get the same."""
        # The lock is the open file's: it excludes other processes, and no thread of this one.
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            self._versions[subject] += 1
            return self._versions[subject]
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._versions.release()
        self._memory.close()
        self._file.close()
