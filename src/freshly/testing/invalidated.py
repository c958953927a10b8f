"""What a block of code invalidates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from fnmatch import fnmatchcase

from .. import cache as default_cache
from ..caches import Cache
from ..core.events import Invalidated, MarkedStale
from ..core.tags import check_named
from ..errors import ConfigurationError
from .subject import INDENT, listed


class Seen:
    """What was invalidated while a block ran, in the order in which it was said."""

    def __init__(self) -> None:
        self.tags: list[str] = []
        self.keys: list[str] = []
        self.patterns: list[str] = []
        self.marked_stale: list[str] = []
        self.everything = False

    def note(self, event: Invalidated | MarkedStale) -> None:
        if isinstance(event, MarkedStale):
            self.marked_stale.extend(event.tags)
            return
        self.tags.extend(event.tags)
        self.keys.extend(event.keys)
        self.patterns.extend([] if event.pattern is None else [event.pattern])
        self.everything = self.everything or event.everything

    def lacks(self, tags: Iterable[str], keys: Iterable[str]) -> list[str]:
        """Return a line for each of ``tags`` and ``keys`` that was not invalidated."""
        if self.everything:
            return []
        lines = [self._line("tag", tag, self.tags) for tag in tags if tag not in self.tags]
        return lines + [self._line("key", key, self.keys) for key in keys if not self._covers(key)]

    def _covers(self, key: str) -> bool:
        return key in self.keys or any(fnmatchcase(key, pattern) for pattern in self.patterns)

    def _line(self, what: str, name: str, said: list[str]) -> str:
        if what == "tag" and name in self.marked_stale:
            return f"{what} {name!r} was not invalidated: it was only marked stale"
        near = get_close_matches(name, said, n=1, cutoff=0.6)
        return f"{what} {name!r} was not invalidated" + (f"; {near[0]!r} was" if near else "")

    def __repr__(self) -> str:
        return f"<Seen {self.text()}>"

    def text(self) -> str:
        parts = [f"tag {tag!r}" for tag in dict.fromkeys(self.tags)]
        parts += [f"key {key!r}" for key in dict.fromkeys(self.keys)]
        parts += [f"keys like {pattern!r}" for pattern in dict.fromkeys(self.patterns)]
        parts += [f"{tag!r} marked stale" for tag in dict.fromkeys(self.marked_stale)]
        return listed([*parts, *(["everything"] if self.everything else [])], most=20)


@contextmanager
def assert_invalidates(
    *tags: str, keys: Iterable[str] = (), cache: Cache = default_cache
) -> Iterator[Seen]:
    """Assert that the ``with`` block invalidates at least ``tags`` and ``keys`` of ``cache``.

    A plain ``with``, in async code too. What is invalidated meanwhile by other tasks and threads
    counts, and so does ``clear``, which invalidates everything; a tag that was marked stale does not
    count. If the block raises, its error is what one sees.

    Yields what was seen, for a closer look: ``seen.tags``, ``seen.keys``, ``seen.patterns``,
    ``seen.marked_stale``, ``seen.everything``.
    """
    named = check_named(tags, "assert_invalidates")
    if isinstance(keys, str):
        raise ConfigurationError(f"keys={keys!r} is one text: write keys=[{keys!r}]")
    keys = list(keys)
    seen = Seen()
    stop = cache.observe(seen.note, Invalidated, MarkedStale)
    try:
        yield seen
    finally:
        stop()
    if lines := seen.lacks(named, keys):
        raise AssertionError(f"{INDENT.join(lines)}{INDENT}invalidated: {seen.text()}")
