"""A transaction: what is invalidated and set inside of a block waits for the block's end.

It is a list of steps, in their order. Those that invalidate are merged with the one before, since
among themselves their order is nothing; a value that is set stands where it was set.

A transaction inside of another joins it when it ends well: its steps become steps of the outer one.
When it fails, its own are dropped, and no others, as a savepoint does it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import translate
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from .holds import Held, Hold, earliest
from .shape import Shape

if TYPE_CHECKING:
    from .entry import Entry
    from .token import Token

# What is to be invalidated, as a set in the order of its naming.
Names = dict[str, None]


@dataclass(slots=True)
class Invalidate:
    """Tags and keys; ``hold`` is one that begins at the end of the transaction."""

    tags: Names = field(default_factory=dict)
    keys: Names = field(default_factory=dict)
    hold: Hold | None = None

    def touches(self, key: str, tags: Iterable[str]) -> bool:
        return key in self.keys or any(tag in self.tags for tag in tags)

    def take_in(self, step: Step) -> bool:
        """Do what ``step`` does as well, if that can be said in one step."""
        if not isinstance(step, Invalidate) or step.hold != self.hold:
            return False
        self.tags.update(step.tags)
        self.keys.update(step.keys)
        return True

    def __str__(self) -> str:
        return _said("delete_tags", self.tags) + _said("delete", self.keys)


@dataclass(slots=True)
class MarkStale:
    """Tags whose entries are served on, so nothing is hidden from who reads inside."""

    tags: Names

    def touches(self, key: str, tags: Iterable[str]) -> bool:
        return False

    def take_in(self, step: Step) -> bool:
        if not isinstance(step, MarkStale):
            return False
        self.tags.update(step.tags)
        return True

    def __str__(self) -> str:
        return _said("mark_stale", self.tags)


@dataclass(slots=True)
class DeleteMatch:
    """Keys that match a glob."""

    pattern: str
    _matches: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        self._matches = re.compile(translate(self.pattern))

    def touches(self, key: str, tags: Iterable[str]) -> bool:
        return self._matches.match(key) is not None

    def take_in(self, step: Step) -> bool:
        return False

    def __str__(self) -> str:
        return _said("delete_match", [self.pattern])


@dataclass(slots=True)
class Clear:
    """Everything."""

    def touches(self, key: str, tags: Iterable[str]) -> bool:
        return True

    def take_in(self, step: Step) -> bool:
        return isinstance(step, Clear)

    def __str__(self) -> str:
        return "clear()"


@dataclass(slots=True)
class Put:
    """A value by hand, as an entry that carries the stamp of the moment it was set.

    ``held`` is what others held at that moment.
    """

    entry: Entry[Any]
    held: Held
    shape: Shape

    def touches(self, key: str, tags: Iterable[str]) -> bool:
        return key == self.entry.key

    def take_in(self, step: Step) -> bool:
        return False

    def __str__(self) -> str:
        return _said("set", [self.entry.key])


Step = Invalidate | MarkStale | DeleteMatch | Clear | Put


def _said(verb: str, names: Iterable[str]) -> str:
    words = ", ".join(map(repr, names))
    return f"{verb}({words})" if words else ""


class _Touched(Enum):
    TOUCHED = "the transaction has invalidated it"


TOUCHED: Final = _Touched.TOUCHED


class Transaction:
    """What ``async with cache.transaction() as t:`` gives. Safe for the tasks and threads inside.

    ``is_open`` is ``True`` until its end has begun. ``token`` is what the last invalidation would
    have returned: ``None`` before the end, and if nothing was to be done, or an outer transaction
    has taken it over.
    """

    def __init__(self, owner: object, token: str, hold: float | None) -> None:
        self._owner = owner
        self._token = token
        self._seconds = hold
        self._parent: Transaction | None = None
        self._lock = Lock()
        self._steps: list[Step] = []
        # The holds that are to be ended with it, its own and those of inner ones that have joined
        # it: by token the names that were held.
        self._holding: dict[str, Invalidate] = {}
        self._held_until: float | None = None
        self._detours: list[Callable[[], None]] = []
        self.is_open = False
        self.token: Token | None = None

    def drop(self) -> None:
        """Forget what was collected so far, as after a rollback. The transaction stays open."""
        with self._lock:
            self._steps = []

    # -- for the cache -----------------------------------------------------------------------

    @property
    def hold(self) -> Hold | None:
        """The hold that each invalidation inside begins with: as long as it or an outer one says."""
        seconds = self.seconds
        return None if seconds is None else Hold(self._token, seconds)

    @property
    def seconds(self) -> float | None:
        outer = self.outer()
        return outer.seconds if self._seconds is None and outer is not None else self._seconds

    def enter(self) -> None:
        """Begin, inside of the transaction that runs here."""
        self.is_open = True
        self._parent = current_transaction.get()

    def outer(self) -> Transaction | None:
        """Return the open transaction of the same cache around this one."""
        return _open_from(self._parent, self._owner)

    def add(self, step: Step, end_detour: Callable[[], None]) -> bool:
        """Collect ``step``; return False if the end has begun: then it is to be done now."""
        with self._lock:
            if not self.is_open:
                return False
            self._append(step)
            self._detours.append(end_detour)
            return True

    def note_hold(self, hold: Hold, now: float, tags: Iterable[str], keys: Iterable[str]) -> None:
        """Note that names are held, from ``now`` on the clock of the process, or later."""
        with self._lock:
            held = self._holding.setdefault(hold.token, Invalidate())
            held.tags.update(dict.fromkeys(tags))
            held.keys.update(dict.fromkeys(keys))
            self._held_until = earliest(self._held_until, now + hold.seconds)

    @property
    def tokens(self) -> set[str]:
        """The tokens of all holds of this transaction and those around it."""
        outer = self.outer()
        return {*self._holding, *(outer.tokens if outer is not None else ())}

    def view(self, key: str, tags: Iterable[str]) -> Entry[Any] | _Touched | None:
        """Return what was set under ``key``, or whether it, or one of ``tags``, was invalidated."""
        newer: list[Step] = []
        for step in self._newest_first():
            if isinstance(step, Put) and step.entry.key == key:
                tags = step.entry.tags
                return TOUCHED if any(s.touches(key, tags) for s in newer) else step.entry
            newer.append(step)
        return TOUCHED if any(step.touches(key, tags) for step in newer) else None

    def _newest_first(self) -> Iterator[Step]:
        with self._lock:
            steps = list(self._steps)
        yield from reversed(steps)
        outer = self.outer()
        if outer is not None:
            yield from outer._newest_first()

    def close(self) -> Closed:
        """Begin the end: whatever comes from now on is done at once."""
        with self._lock:
            self.is_open = False
            return Closed(self._steps, self._holding, self._held_until, self._detours)

    def take_over(self, inner: Closed) -> bool:
        """Do what an inner transaction would have done; return False if the end has begun."""
        with self._lock:
            if not self.is_open:
                return False
            for step in inner.steps:
                self._append(step)
            self._holding.update(inner.holding)
            self._held_until = earliest(self._held_until, inner.held_until)
            self._detours += inner.detours
            return True

    def _append(self, step: Step) -> None:
        if not (self._steps and self._steps[-1].take_in(step)):
            self._steps.append(step)


@dataclass(frozen=True, slots=True)
class Closed:
    """What a transaction leaves to be done."""

    steps: list[Step]
    holding: dict[str, Invalidate]
    held_until: float | None
    detours: list[Callable[[], None]]

    def end_detours(self) -> None:
        for end in self.detours:
            end()

    def seconds_over(self, now: float) -> float | None:
        """Return how long before ``now`` the first hold ran out, if it did."""
        return now - self.held_until if self.held_until is not None and now >= self.held_until else None


# Tasks and threads that are started inside inherit it, if they inherit the context.
current_transaction: ContextVar[Transaction | None] = ContextVar("freshly_transaction", default=None)


def running_transaction(owner: object) -> Transaction | None:
    """Return the innermost open transaction of ``owner`` that this code runs inside, if any."""
    transaction = current_transaction.get()
    return None if transaction is None else _open_from(transaction, owner)


def _open_from(transaction: Transaction | None, owner: object) -> Transaction | None:
    while transaction is not None and (transaction._owner is not owner or not transaction.is_open):
        transaction = transaction._parent
    return transaction
