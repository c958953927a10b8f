"""The near tier: a store in the process before one on a server, and what each is asked.

    glance ── lease runs? ── near entry, fresh, nothing heard of ────────────── served, asking nobody
    look ──── near entry? ─┬ no ───────────────────────── far store ─────────── what it has, kept
                           └ yes ── its tags and key asked about ─┬ valid ───── served
                                                                  └ invalid ─── far store

Every other operation is the far store's. What this process invalidates is marked near before the call
returns, whether or not it succeeded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any

from ...core.counts import NOBODYS, Counts, NearStats
from ...core.entry import Entry
from ...core.holds import FREE, Held, Hold
from ...core.ports import Glance, Look, Reading
from ...core.rows import Rows
from ...core.shape import ANY, UNREAD, Shape
from ..redis.reading import Moment, Position, positions_of
from ..redis.reading import Reading as FarReading
from ..redis.store import RedisStore
from .entry import NearEntry
from .leases import NearLeases
from .message import Names
from .stamp import NearMoment, local_of
from .tier import Tier

LookMany = Callable[[Sequence[tuple[str, Iterable[str]]], Shape], Awaitable[list[Look]]]


class NearStore:
    """Entries of ``far``, kept in the process as well. One object for each colour of caller."""

    keeps_entries = True
    is_shared = True
    # What is here need not be asked for, and what is not is asked by the far store's look.
    recall = None

    def __init__(self, far: RedisStore, tier: Tier) -> None:
        self._far = far
        self._tier = tier
        self._shelf = tier.shelf
        self._mirrors = tier.mirrors
        self._leases = NearLeases(self)
        self.max_ttl = far.max_ttl
        self.max_hold = far.max_hold
        self.max_staleness = far.max_staleness
        self.gate = tier.gate
        self.twin: NearStore = self

    @property
    def blocking(self) -> NearStore:
        return self.twin

    @property
    def far(self) -> RedisStore:
        return self._far

    @property
    def tier(self) -> Tier:
        return self._tier

    @property
    def leases(self) -> NearLeases | None:
        return None if self._far.leases is None else self._leases

    @property
    def evictions(self) -> int:
        return self._shelf.evictions

    @property
    def invalidations(self) -> int:
        return self._far.invalidations

    @property
    def refused(self) -> int:
        return self._far.refused

    @property
    def reading(self) -> Moment | None:
        return self._far.reading

    @property
    def near_stats(self) -> NearStats:
        return self._mirrors.stats(self._tier.clock.now(), self._tier.revalidations)

    def refuses(self, shape: Shape) -> str | None:
        return self._far.refuses(shape)

    def living(self) -> list[Entry[Any]]:
        return self._shelf.living()

    # -- served without asking ---------------------------------------------------------------

    @property
    def glance(self) -> Glance | None:
        return None if self._tier.coherence is None else self._glance

    def _glance(self, key: str, tags: Iterable[str], shape: Shape) -> Look | None:
        # The leases first, by the clock as it is now that the read has begun: all that was invalidated
        # before a lease's heartbeat left is marked by then, and the entry and the marks are looked for
        # after it.
        now, leases, ahead = self._tier.clock.now(), self._mirrors.leases(), self._mirrors.ahead
        entry = self._shelf.find(key, tags, shape)
        if entry is None or now >= (until := entry.until(leases)):
            return None
        if not self._shelf.logical.settle(entry):
            return None
        far_now = now + ahead
        if far_now >= entry.early_at:
            return None
        self._shelf.arm(entry, until, ahead)
        return Look(entry, None, far_now, _always_overtakes, FREE)

    def bind(self, entry: Entry[Any], rows: Rows, row: object) -> None:
        if self._tier.coherence is not None and rows.owner is self._tier.origin:
            self._shelf.tie(entry, rows, row, self._mirrors.leases(), self._mirrors.ahead)

    # -- looking -----------------------------------------------------------------------------

    async def look(self, key: str, tags: Iterable[str] = (), shape: Shape = ANY) -> Look:
        return (await self.look_many([(key, tags)], shape))[0]

    async def look_many(
        self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape = ANY
    ) -> list[Look]:
        return await self.look_by(self._far.look_many, asked, shape)

    async def look_by(
        self,
        far: LookMany,
        asked: Sequence[tuple[str, Iterable[str]]],
        shape: Shape,
        *,
        claims: bool = False,
    ) -> list[Look]:
        """Look near, and by ``far`` for what is not to be found there.

        Whoever ``claims`` before a load has all buckets asked then, and need not here.
        """
        found: dict[int, Look] = {}
        known: dict[int, Position] = {}
        cases = [(key, tuple(tags)) for key, tags in asked]
        near = self._worth_asking(cases, shape)
        if near:
            found = await self._confirmed(near, known, is_whole=not claims)
        rest = [place for place in range(len(cases)) if place not in found]
        if rest:
            local = self._shelf.logical.reading
            looks = await far([cases[place] for place in rest], shape)
            for place, look in zip(rest, looks, strict=True):
                found[place] = self.kept(look, shape, local, known.get(place))
        self._tier.begin()
        return [found[place] for place in range(len(cases))]

    def _worth_asking(
        self, cases: Sequence[tuple[str, tuple[str, ...]]], shape: Shape
    ) -> dict[int, NearEntry[Any]]:
        """Return near entries that are probably valid and fresh: only their tags are asked about."""
        now = self._shelf.clock.now()
        found: dict[int, NearEntry[Any]] = {}
        for place, (key, tags) in enumerate(cases):
            entry = self._shelf.find(key, tags, shape)
            if entry is not None and now < entry.early_at and self._shelf.is_doubted(entry):
                found[place] = entry
        return found

    async def _confirmed(
        self, near: dict[int, NearEntry[Any]], known: dict[int, Position], *, is_whole: bool
    ) -> dict[int, Look]:
        """Ask about the tags and keys of ``near``; return looks at those that are valid and fresh.

        Of the others ``known`` gets what was announced.
        """
        self._tier.revalidations += len(near)
        local, since = self._shelf.logical.reading, self._far.again.delivered
        entries = list(near.values())
        reading = await self._far.again.names(
            [entry.key for entry in entries],
            [tag for entry in entries for tag in entry.tags],
            is_whole=is_whole,
        )
        found: dict[int, Look] = {}
        for place, entry in near.items():
            if self._is_confirmed(entry, reading, local, since):
                found[place] = self._look_at(entry, reading, local, since)
            else:
                known[place] = reading.replaced(entry.key)
        return found

    def _is_confirmed(self, entry: NearEntry[Any], reading: FarReading, local: int, since: int) -> bool:
        if self._far.again.overtakes(reading, entry.valid_at, entry.tags, entry.key, since):
            self._shelf.drop(entry)
            return False
        if self._far.again.makes_stale(reading, entry.valid_at, entry.tags):
            # It may have been refreshed by now.
            return False
        if entry.is_replaced(reading.replaced(entry.key)):
            self._shelf.drop(entry)
            return False
        entry.confirm(reading.moment, local)
        return reading.now < entry.early_at

    def _look_at(self, entry: NearEntry[Any], reading: FarReading, local: int, since: int) -> Look:
        def overtakes(stamp: Reading, some: Iterable[str], name: str | None) -> bool:
            return self._far.again.overtakes(reading, stamp, some, name, since)

        held = self._far.again.held(reading)
        stamp = NearMoment.of(reading.moment, local)
        return Look(entry, stamp, reading.now, overtakes, held)

    def kept(self, look: Look, shape: Shape, local: int, known: Position | None = None) -> Look:
        """Return what the far store found, with its entry kept near if it is fresh.

        ``known`` is what was known before of announcements of its key.
        """
        entry = look.entry
        stamp = None if look.stamp is None else NearMoment.of(look.stamp, local)
        if entry is not None and shape is not UNREAD and look.now < entry.early_at:
            near = self._keep(entry, shape, entry.seen, local, NOBODYS, look.now, known)
            # Whoever serves the far one has it renewed.
            entry = near if near is not None and not entry.slides else entry
        return look._replace(entry=entry, stamp=stamp)

    def _keep(
        self,
        entry: Entry[Any],
        shape: Shape,
        valid_at: Moment,
        local: int,
        counts: Counts,
        now: float,
        known: Position | None = None,
    ) -> NearEntry[Any] | None:
        buckets = self._mirrors.buckets_of(entry.key, entry.tags)
        near = NearEntry.of(
            entry,
            shape,
            counts,
            valid_at=valid_at,
            seen=local,
            now=now,
            buckets=buckets,
            known=known,
        )
        return near if self._shelf.keep(near) else None

    # -- stamps ------------------------------------------------------------------------------

    async def stamp(self) -> NearMoment:
        local = self._shelf.logical.reading
        return NearMoment.of(await self._far.stamp(), local)

    def inherit(
        self, stamp: Moment, handed_on: Iterable[tuple[tuple[str, ...], Moment | None]]
    ) -> Moment:
        inherited = self._far.inherit(stamp, handed_on)
        local = local_of(stamp)
        return inherited if local is None else NearMoment.of(inherited, local)

    def follows(self, earlier: Moment, later: Moment, advances: int) -> bool:
        return self._far.follows(earlier, later, advances)

    async def overtaken(self, stamp: Moment, tags: Iterable[str]) -> bool:
        return await self._far.overtaken(stamp, tags)

    def reach(self, moment: str) -> None:
        """Have near entries asked about again, unless all up to ``moment`` was heard of."""
        positions = positions_of(moment)
        if self._tier.coherence is not None and not self._mirrors.reached(positions):
            self._shelf.doubt()

    # -- writing -----------------------------------------------------------------------------

    async def land(self, entry: Entry[Any], unless: Callable[[], bool], shape: Shape = ANY) -> bool:
        return (await self.land_many([(entry, unless)], shape))[0]

    async def land_many(
        self, landings: Sequence[tuple[Entry[Any], Callable[[], bool]]], shape: Shape = ANY
    ) -> list[bool]:
        stored = await self._far.land_many(landings, shape)
        for (entry, _), is_stored in zip(landings, stored, strict=True):
            local = local_of(entry.seen)
            if is_stored and local is not None:
                now = entry.born + entry.load_seconds
                self._keep(entry, shape, entry.seen, local, entry.counts, now)
        return stored

    async def put(self, entry: Entry[Any], *, is_stamped: bool, shape: Shape = ANY) -> bool:
        return (await self.put_many([entry], is_stamped=is_stamped, shape=shape))[0]

    async def put_many(
        self, entries: Sequence[Entry[Any]], *, is_stamped: bool, shape: Shape = ANY
    ) -> list[bool]:
        try:
            return await self._far.put_many(entries, is_stamped=is_stamped, shape=shape)
        finally:
            # The next read fetches what lies there now, with what the server says of it.
            self._mirrors.invalidated(Names(keys=[entry.key for entry in entries]))

    async def renew(self, entries: Sequence[Entry[Any]], now: float) -> None:
        await self._far.renew(entries, now)

    async def announce(self, keys: Iterable[str]) -> Moment:
        moment = await self._far.announce(keys)
        self._mirrors.announced(moment.positions)
        return moment

    # -- invalidating ------------------------------------------------------------------------

    async def invalidate(self, tags: Iterable[str], hold: Hold | None = None) -> Moment:
        tags = tuple(tags)
        return await self._marking(Names(tags=tags), self._far.invalidate(tags, hold))

    async def mark_stale(self, tags: Iterable[str]) -> Moment:
        tags = tuple(tags)
        return await self._marking(Names(stale=tags), self._far.mark_stale(tags))

    async def clear(self) -> Moment:
        return await self._marking(Names(everything=True), self._far.clear())

    async def _marking(self, names: Names, invalidation: Awaitable[Moment]) -> Moment:
        """Carry ``invalidation`` out, and mark ``names`` before it returns or fails."""
        try:
            moment: Moment = await invalidation
        except BaseException:
            # Whether it arrived nobody knows.
            self._mirrors.invalidated(names)
            raise
        self._mirrors.invalidated(names, moment.positions)
        return moment

    async def delete(self, keys: Iterable[str], hold: Hold | None = None) -> int:
        keys = tuple(keys)
        try:
            return await self._far.delete(keys, hold)
        finally:
            self._mirrors.invalidated(Names(keys=keys))

    async def delete_match(self, pattern: str) -> int:
        try:
            return await self._far.delete_match(pattern)
        finally:
            self._mirrors.invalidated(Names(patterns=(pattern,)))

    # -- the far store's own -----------------------------------------------------------------

    async def release(self, token: str, tags: Iterable[str], keys: Iterable[str]) -> None:
        await self._far.release(token, tags, keys)

    async def held(self, besides: Collection[str] = ()) -> Held:
        return await self._far.held(besides)

    async def take_lease(self, name: str, token: str, seconds: float) -> float | None:
        return await self._far.take_lease(name, token, seconds)

    async def renew_lease(self, name: str, token: str, seconds: float) -> bool:
        return await self._far.renew_lease(name, token, seconds)

    async def release_lease(self, name: str, token: str) -> bool:
        return await self._far.release_lease(name, token)

    async def tidy(self, oldest: Callable[[], Moment | None]) -> None:
        await self._far.tidy(oldest)

    async def ping(self) -> None:
        await self._far.ping()

    async def close(self) -> None:
        if self._tier.coherence is not None:
            self._tier.coherence.stop()
        self._mirrors.close()
        await self._far.close()


def _always_overtakes(stamp: Reading, tags: Iterable[str], key: str | None) -> bool:
    return True
