"""Find callers who change what the cache holds.

A hit returns the stored object. Who appends to a list that a cached function returned has changed
what everyone is served. The guard stands around the store: it takes a snapshot of each value that
is stored, compares it whenever a read asks for it and when the block ends, and remembers who had it
in hands last.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any, NamedTuple

from .. import cache as default_cache
from ..caches import Cache
from ..core.entry import Entry
from .around import Args, Named, Operation, StoreAround
from .snapshot import difference, snapshot
from .subject import INDENT

# The code between a caller and the store, which nobody looks for, and the code that runs loops and
# threads: beyond it stands whoever started those.
OURS = ("freshly.", "contextlib")
LOOPS = ("asyncio.", "concurrent.", "threading", "uvloop")


@contextmanager
def assert_no_mutations(*caches: Cache) -> Iterator[None]:
    """Assert that nobody changes what ``caches`` hold; by default ``freshly.cache``.

    At the end of the ``with`` block the error names each function and key, what in the value has
    changed, and where in the code it was asked for last before that. Functions with ``copy=True``
    hand out copies and are safe. Inside the block each read asks the store, and costs the making of
    a snapshot. What was stored before the block is watched from its first read in it on.

    What has neither items nor attributes and cannot be pickled is taken for unchanged.
    """
    findings = [_Findings() for _ in caches or (default_cache,)]
    with ExitStack() as stack:
        for cache, found in zip(caches or (default_cache,), findings, strict=True):
            stack.enter_context(cache._home.surrounded(_guard_with(found)))
        yield
        lines = [line for found in findings for line in found.lines()]
    if lines:
        raise AssertionError(INDENT.join([HEAD.format(len(lines)), *lines, WAY_OUT]))


HEAD = "{} cached values were changed by somebody who had got them:"
WAY_OUT = (
    "a hit returns the stored object: change a copy, return what cannot be changed, or decorate "
    "with copy=True"
)


class _Watched(NamedTuple):
    """An entry, and what its value held when it was stored."""

    entry: Entry[Any]
    held: Any


class _Findings:
    """What the guards of one cache have seen, and what was wrong."""

    def __init__(self) -> None:
        self._watched: dict[str, _Watched] = {}
        self._asked_at: dict[str, str] = {}
        self._lines: dict[str, str] = {}
        self._stores: list[Any] = []

    def watches(self, store: Any) -> None:
        self._stores.append(store)

    def stored(self, entry: Entry[Any]) -> None:
        self._watched[entry.key] = _Watched(entry, snapshot(entry.value))

    def asked(self, key: str, entry: Entry[Any] | None) -> None:
        watched = self._watched.get(key)
        if watched is not None and watched.entry is entry:
            self._judge(watched)
        elif entry is not None:
            self._watched[key] = _Watched(entry, snapshot(entry.value))
        # Whoever finds nothing is handed what is loaded then.
        self._asked_at[key] = _caller() or self._asked_at.get(key, "")

    def _judge(self, watched: _Watched) -> None:
        entry = watched.entry
        if entry.key in self._lines:
            return
        change = difference(watched.held, snapshot(entry.value))
        if change is not None:
            asked_at = self._asked_at.get(entry.key)
            where = f"; last asked for at {asked_at}" if asked_at else ""
            self._lines[entry.key] = (
                f"{entry.counts.name}, key {entry.key!r}: {change.place} was {change.before} and is "
                f"{change.after}{where}"
            )

    def lines(self) -> list[str]:
        """Judge what could still be served, and return what was found."""
        living = {id(entry) for store in self._stores for entry in store.living()}
        for watched in self._watched.values():
            if id(watched.entry) in living:
                self._judge(watched)
        return list(self._lines.values())


def _guard_with(findings: _Findings) -> Callable[[Any], _Guard]:
    def guard(store: Any) -> _Guard:
        findings.watches(store)
        return _Guard(store, findings)

    return guard


class _Guard(StoreAround):
    """A store that is watched. What goes in and out by entries is all that matters."""

    def __init__(self, store: Any, findings: _Findings) -> None:
        super().__init__(store)
        self._findings = findings

    def around(self, store: Any) -> _Guard:
        return _Guard(store, self._findings)

    async def do(self, operation: str, call: Operation, args: Args, kwargs: Named) -> Any:
        answer = await call(*args, **kwargs)
        match operation:
            case "look":
                self._findings.asked(args[0], answer.entry)
            case "look_many":
                for (key, _), look in zip(args[0], answer, strict=True):
                    self._findings.asked(key, look.entry)
            case "land" | "put" if answer:
                self._findings.stored(args[0])
            case "land_many":
                self._stored_many([entry for entry, _ in args[0]], answer)
            case "put_many":
                self._stored_many(args[0], answer)
            case _:
                pass
        return answer

    def _stored_many(self, entries: Iterable[Entry[Any]], stored: Iterable[bool]) -> None:
        for entry, is_stored in zip(entries, stored, strict=True):
            if is_stored:
                self._findings.stored(entry)


def _caller() -> str:
    """Return where in the program a read was begun; nothing if an event loop began it."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(LOOPS):
            return ""
        file = frame.f_code.co_filename
        if not module.startswith(OURS) and not file.startswith("<freshly"):
            return f"{file}:{frame.f_lineno}, in {frame.f_code.co_qualname}"
        frame = frame.f_back
    return ""
