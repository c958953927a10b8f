"""What the engine needs from the world. Adapters implement these; the core imports none of them.

The engine is written once, as ``async def``. On asyncio its awaits wait; on threads every
awaitable of a runtime or a store ends without suspending, and the call is stepped to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from .announcing import Announcing
from .counts import NearStats
from .entry import Entry
from .flight import Flight
from .holds import FREE, Held, Hold
from .lease import NamedLeases
from .recall import Recalling
from .rows import Rows
from .shape import ANY, Shape

# A reading of a store's logical clock. Only the store that gave it can tell what it says: in memory
# it is one integer, where several processes share a store it is more.
Reading: TypeAlias = Any


class Bid(NamedTuple):
    """What came of asking for the lease of a key: whether it is the asker's now, and who has it."""

    is_ours: bool
    holder: object


class Look(NamedTuple):
    """What one look into a store found.

    ``entry`` is valid as of ``stamp``, or ``None``; ``stamp`` was read before any load that this
    look leads to, and is ``None`` if the store did not answer. ``now`` is the time on the clock
    that the entry's instants are on. ``overtakes`` tells from what this look saw whether one of
    the tags it asked for, or its key, was invalidated after a stamp. ``held`` tells what was held
    when ``stamp`` was read, or later: a load that this look leads to obeys it. ``former`` is an entry
    that is not valid any more and has an etag: its value is nobody's, unless the source confirms it.
    ``bid`` is set if the look asked for the lease of its key as well. ``stamp`` was read after that.
    """

    entry: Entry[Any] | None
    stamp: Reading | None
    now: float
    overtakes: Callable[[Reading, Iterable[str], str | None], bool]
    held: Held = FREE
    former: Entry[Any] | None = None
    bid: Bid | None = None


Glance: TypeAlias = Callable[[str, Iterable[str], Shape], Look | None]


class Gate(Protocol):
    """What the hit path asks before it serves an entry that it found without a look."""

    @property
    def gate(self) -> int | None:
        """What an entry must have ``seen`` to be served; ``None`` while every read has to look.

        While it is a reading, this is a logical clock: the hit path asks it for marks and floor.
        """
        ...

    def holds(self, entry: Entry[Any], now: float) -> bool:
        """Return whether ``entry``, which has seen another reading, may be served all the same."""
        ...

    def detour(
        self, tags: Iterable[str], keys: Iterable[str], *, everything: bool = False
    ) -> Callable[[], None]:
        """Have every read of what has one of these names look; return what ends that."""
        ...

    def close_gate(self) -> None: ...

    def open_gate(self) -> None: ...


class Leases(Protocol):
    """The right to load a key, among the processes that share a store.

    A lease that was taken runs out, unless the process says ``keep``: then the store keeps it until
    ``land``, ``release`` or ``drop``.
    """

    async def look(self, key: str, tags: Iterable[str], shape: Shape) -> Look:
        """Look as the store does, and take the lease if nothing lies under the key and nobody has it.

        Both are one step, so of a key whose lease was taken there is nothing to be found. The look has
        no bid if something lies there, or seemed to.
        """
        ...

    async def look_many(self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape) -> list[Look]:
        """Do ``look`` for each key with its tags, in their order."""
        ...

    async def claim_many(self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape) -> list[Look]:
        """Take the lease of each key if nobody has it, whatever lies there, and then look at all.

        One that the process keeps already is granted again: one load at a time in a process is the
        business of flights.
        """
        ...

    def keep(self, key: str, bid: Bid) -> None:
        """Keep the lease that ``bid`` has brought."""
        ...

    def has(self, key: str) -> bool:
        """Return whether this process has the lease. ``land`` gives it back with what it stores."""
        ...

    async def release(self, keys: Iterable[str]) -> None: ...

    def drop(self, key: str) -> None:
        """Let the lease run out."""
        ...


class Store(NamedLeases, Recalling, Announcing, Protocol):
    """A place where entries live, with the logical clock of their tags.

    ``blocking`` is the same store for callers that are stepped and not awaited: none of its
    awaitables suspends. ``keeps_entries`` says that the entries it hands out stay in this process,
    so that hits are counted in them; ``is_shared`` that other processes read what is stored.
    ``shape`` tells a store outside of the process what kind of value it is. ``max_ttl``,
    ``max_hold`` and ``max_staleness`` are in seconds; a store that allows no holds has 0 there, and
    one of which every read in every process sees every invalidation has a ``max_staleness`` of 0.
    """

    max_ttl: float
    max_hold: float
    max_staleness: float
    keeps_entries: bool
    is_shared: bool

    @property
    def leases(self) -> Leases | None: ...

    @property
    def evictions(self) -> int: ...

    @property
    def invalidations(self) -> int: ...

    @property
    def refused(self) -> int:
        """How often something was read that this cache had not written, or that was damaged."""
        ...

    @property
    def near_stats(self) -> NearStats | None:
        """What happened to the entries that are kept in front of this store, if any are."""
        ...

    @property
    def blocking(self) -> Store: ...

    @property
    def gate(self) -> Gate: ...

    @property
    def reading(self) -> Reading | None:
        """The newest reading that is known without asking anybody."""
        ...

    def refuses(self, shape: Shape) -> str | None:
        """Return why no value of ``shape`` can be stored and what to do, ``None`` if some can.

        Raises ``ConfigurationError`` for a codec that the options of the store do not allow.
        """
        ...

    def living(self) -> list[Entry[Any]]:
        """Return the entries that are kept in this process."""
        ...

    async def look(self, key: str, tags: Iterable[str] = (), shape: Shape = ANY) -> Look:
        """Return the valid entry under ``key``, unless it lacks one of ``tags``.

        The entry has ``seen`` the reading at which it is known valid.
        """
        ...

    @property
    def glance(self) -> Glance | None:
        """Look without asking anybody: for a read that wants to be served, and does not load.

        It takes what ``look`` does. It returns an entry that is fresh and was valid no longer than
        ``max_staleness`` ago, or ``None`` where nothing of this kind is known; its look has no stamp.
        What this process has invalidated it never returns. ``None`` in its place: each read looks.
        """
        ...

    def reach(self, moment: str) -> None:
        """Have every read that starts from now on be no older than ``moment``, of a token's text.

        Raises ``ConfigurationError`` if it is none of this kind of store.
        """
        ...

    def inherit(
        self, stamp: Reading, handed_on: Iterable[tuple[tuple[str, ...], Reading | None]]
    ) -> Reading:
        """Return the stamp of a value whose load began at ``stamp``, and that is made from others.

        ``handed_on`` are their tags, with the reading at which they were known valid; ``None``
        where the store had given none.
        """
        ...

    def follows(self, earlier: Reading, later: Reading, advances: int) -> bool:
        """Return whether the clock moved ``advances`` times between two readings, and no more.

        A store that cannot tell says False.
        """
        ...

    async def overtaken(self, stamp: Reading, tags: Iterable[str]) -> bool:
        """Return whether one of ``tags`` was invalidated after ``stamp``."""
        ...

    async def land(self, entry: Entry[Any], unless: Callable[[], bool], shape: Shape = ANY) -> bool:
        """Store what a load made, unless it was overtaken or ``unless`` says so; say if it was stored.

        Nothing that comes between the questions and the storing makes the entry valid: it carries
        its stamp.
        """
        ...

    async def put(self, entry: Entry[Any], *, is_stamped: bool, shape: Shape = ANY) -> bool:
        """Store ``entry`` over whatever is there; loads of its key that are running do not land.

        An entry that brings its own stamp is stored unless it was overtaken. Of any other the stamp
        is a reading from the beginning of the call: its value is as of now. It is stored unless one
        of its tags, or its key, is held now; then what was there is deleted. Say if it was stored.
        """
        ...

    # Many at once. A store that has to ask somebody does each of these in one round trip, or in
    # few. Each key is a case of its own, as if it had been asked for alone: nothing is promised of
    # the moments between two of them.

    async def look_many(
        self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape = ANY
    ) -> list[Look]:
        """Do ``look`` for each key with its tags, in their order.

        The stamp of a look was read before its entry, and before this call returned; the looks may
        share one.
        """
        ...

    async def land_many(
        self, landings: Sequence[tuple[Entry[Any], Callable[[], bool]]], shape: Shape = ANY
    ) -> list[bool]:
        """Do ``land`` for each entry and its ``unless``; return for each whether it was stored.

        Each entry is a landing of its own, with what ``land`` says of it.
        """
        ...

    async def put_many(
        self, entries: Sequence[Entry[Any]], *, is_stamped: bool, shape: Shape = ANY
    ) -> list[bool]:
        """Do ``put`` for each entry; return for each whether it was stored.

        Raises ``StoreError`` if that is not known of every one; some may have been stored then.
        """
        ...

    async def renew(self, entries: Sequence[Entry[Any]], now: float) -> None:
        """Have ``entries``, which slide and were found by a look, be as of a read at ``now``.

        A store that hands out copies writes it down for the next look, exactly or to a tenth of the
        idle time: earlier, then, and never later. What is gone, or is past its end, stays so.
        """
        ...

    async def invalidate(self, tags: Iterable[str], hold: Hold | None = None) -> Reading:
        """Make entries with one of ``tags`` invalid, loads that are running included.

        With a ``hold``, loads of them that start before its end are not stored. Hold and stamps are
        one step, or the hold comes first.
        """
        ...

    async def mark_stale(self, tags: Iterable[str]) -> Reading:
        """Make entries with one of ``tags`` stale, those of running loads included."""
        ...

    async def delete(self, keys: Iterable[str], hold: Hold | None = None) -> int:
        """Delete entries by key, with the promise of ``invalidate``; return how many there were."""
        ...

    async def release(self, token: str, tags: Iterable[str], keys: Iterable[str]) -> None:
        """End the holds of ``token``, which are on ``tags`` and ``keys``, and nobody else's."""
        ...

    async def held(self, besides: Collection[str] = ()) -> Held:
        """Return what is held now by other tokens than those in ``besides``."""
        ...

    async def delete_match(self, pattern: str) -> int:
        """Delete entries whose key matches a glob, with the promise of ``invalidate``."""
        ...

    async def clear(self) -> Reading:
        """Delete all entries of this cache and nothing else, with the promise of ``invalidate``.

        Holds stay.
        """
        ...

    async def stamp(self) -> Reading:
        """Return the reading of the logical clock."""
        ...

    async def tidy(self, oldest: Callable[[], Reading | None]) -> None:
        """Forget metadata that no entry and no running load can need, if there is much of it.

        ``oldest`` tells the earliest stamp of a load that runs.
        """
        ...

    async def ping(self) -> None:
        """Return if the store answers; raise ``StoreError`` if not."""
        ...

    async def close(self) -> None: ...

    def bind(self, entry: Entry[Any], rows: Rows, row: object) -> None:
        """Let the hit path find ``entry`` under ``row``, or ``recall`` know what to ask for it."""
        ...


Waker = Callable[[], None]
Job = Callable[[], Coroutine[Any, Any, None]]

# Have a waker called once, when the thing that is waited for has happened, on any thread; return
# what takes that back. Return None if it has happened already: then the waker is not called.
Subscribe = Callable[[Waker], Callable[[], None] | None]

# Run a job, the load of a flight. Return False if that is not possible: then it was not begun.
Spawn = Callable[[Flight, Job], bool]


class Runtime(Protocol):
    """Who runs a load, and who waits for it."""

    def now(self) -> float:
        """Return seconds, to measure how long a load takes."""
        ...

    def wall(self) -> float:
        """Return seconds since the epoch; raise ``ConfigurationError`` if the user's clock has none."""
        ...

    def dice(self) -> float:
        """Return a number from 0 up to 1, by chance."""
        ...

    async def launch(
        self, flight: Flight, job: Job, *, may_be_left: bool, at_once: bool = False
    ) -> None:
        """Run ``job``, the load of ``flight``; return when it has ended or runs on its own.

        ``may_be_left`` asks for the second: this caller may stop waiting before it has ended. With
        ``at_once`` it may run up to its first wait inside of this call.
        """
        ...

    def spawner(self) -> Spawn:
        """Return what runs a job behind this caller's back, now or later.

        The job gets a copy of the context that this caller has now, without a running load.
        """
        ...

    def can_wait(self, flight: Flight) -> bool:
        """Return whether this caller may wait for ``flight`` without stopping it."""
        ...

    async def wait_for(self, flight: Flight, until: float | None = None) -> bool:
        """Do ``wait`` for the end of ``flight``."""
        ...

    async def wait(self, subscribe: Subscribe, until: float | None = None) -> bool:
        """Wait until what ``subscribe`` tells of has happened, or ``until``; return whether it has.

        ``until`` is an instant on the clock of ``now``, ``None`` waits as long as it takes.
        However the wait ends, nothing of it stays behind: no waker, no alarm.
        """
        ...
