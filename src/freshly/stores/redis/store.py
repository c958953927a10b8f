"""The store: what the port promises, each part of it in a file of its own.

Two objects of this class make one store, one for each colour of caller. What both know is ``Hub``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

from ...core.entry import Entry
from ...core.holds import Held, Hold
from ...core.ports import Look
from ...core.rows import Rows
from ...core.shape import ANY, Shape
from ...core.undelivered import Parcel
from .again import Again
from .announcements import Announcements
from .asking import Asking
from .gate import ShutGate
from .hub import Hub
from .invalidations import Invalidations
from .landings import Landings
from .layout import FENCE
from .leases import RedisLeases
from .lines import Ends
from .looks import Looks
from .moments import follows, inherited
from .prune import Pruner
from .reading import Moment, positions_of
from .recall import RedisRecall
from .renewals import Renewals
from .rights import Rights
from .stamps import Stamps
from .talk import Talk
from .values import Values


class RedisStore:
    """Entries on one server, strict: each read asks it, in one round trip."""

    keeps_entries = False
    is_shared = True
    # Each read asks.
    glance = None
    near_stats = None
    # The server evicts, and tells nobody.
    evictions = 0

    def __init__(
        self, hub: Hub, lines: Ends, talk: Talk, asking: Asking, recall: RedisRecall | None = None
    ) -> None:
        self._hub = hub
        self.recall = recall
        self._lines = lines
        self._talk = talk
        self._asking = asking
        self.max_ttl = hub.max_ttl
        self.max_hold = hub.layout.max_hold / 1000
        # Of processes with a near tier: this one trails nobody.
        self.max_staleness = hub.layout.max_staleness / 1000
        self.gate = ShutGate()
        self.twin: RedisStore = self
        looks, stamps = Looks(hub, asking), Stamps(hub, talk)
        values = Values(hub, talk, looks)
        self._looks = looks
        self._again = Again(hub, asking)
        self._landings = Landings(hub, talk, looks, stamps, values)
        self._invalidations = Invalidations(hub, talk, stamps, values)
        self._renewals = Renewals(hub, talk)
        self._announcements = Announcements(hub, talk)
        self._rights = Rights(hub, talk, looks)
        self._leases = RedisLeases(hub, talk, looks)
        self._pruner = Pruner(hub, talk)

    @property
    def invalidations(self) -> int:
        return self._hub.invalidations

    @property
    def refused(self) -> int:
        return self._hub.codecs.refusals.count

    @property
    def leases(self) -> RedisLeases | None:
        return self._leases if self._hub.keeper.seconds else None

    @property
    def blocking(self) -> RedisStore:
        return self.twin

    @property
    def reading(self) -> Moment | None:
        return self._hub.moment

    def refuses(self, shape: Shape) -> str | None:
        return self._hub.codecs.refuses(shape)

    def living(self) -> list[Entry[Any]]:
        return []

    def bind(self, entry: Entry[Any], rows: Rows, row: Hashable) -> None:
        if self.recall is not None and not entry.slides and entry.raised is None:
            self._hub.known.note(entry, rows, row)

    # -- reading -----------------------------------------------------------------------------

    async def look(self, key: str, tags: Iterable[str] = (), shape: Shape = ANY) -> Look:
        return await self._looks.look(key, tags, shape)

    async def look_many(
        self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape = ANY
    ) -> list[Look]:
        return (await self._looks.look_many(asked, shape))[1]

    def follows(self, earlier: Moment, later: Moment, advances: int) -> bool:
        return follows(earlier, later, advances)

    async def overtaken(self, stamp: Moment, tags: Iterable[str]) -> bool:
        return await self._looks.overtaken(stamp, tags)

    async def stamp(self) -> Moment:
        return (await self._looks.names((), ())).moment

    def reach(self, moment: str) -> None:
        positions_of(moment)

    # -- for the near tier ---------------------------------------------------------------------

    @property
    def hub(self) -> Hub:
        return self._hub

    @property
    def again(self) -> Again:
        return self._again

    @property
    def talk(self) -> Talk:
        return self._talk

    async def meet(self, buckets: Iterable[int]) -> None:
        """Have this process meet the primaries of ``buckets``, so that they know what they may lack."""
        layout = self._hub.layout
        await self._talk.read([("HMGET", layout.bucket(number), FENCE) for number in buckets])

    def inherit(
        self, stamp: Moment, handed_on: Iterable[tuple[tuple[str, ...], Moment | None]]
    ) -> Moment:
        return inherited(self._hub.layout, stamp, handed_on)

    # -- writing -----------------------------------------------------------------------------

    async def land(self, entry: Entry[Any], unless: Callable[[], bool], shape: Shape = ANY) -> bool:
        return (await self.land_many([(entry, unless)], shape))[0]

    async def land_many(
        self, landings: Sequence[tuple[Entry[Any], Callable[[], bool]]], shape: Shape = ANY
    ) -> list[bool]:
        return await self._landings.land_many(landings, shape)

    async def put(self, entry: Entry[Any], *, is_stamped: bool, shape: Shape = ANY) -> bool:
        return (await self.put_many([entry], is_stamped=is_stamped, shape=shape))[0]

    async def put_many(
        self, entries: Sequence[Entry[Any]], *, is_stamped: bool, shape: Shape = ANY
    ) -> list[bool]:
        return await self._landings.put_many(entries, is_stamped=is_stamped, shape=shape)

    async def renew(self, entries: Sequence[Entry[Any]], now: float) -> None:
        await self._renewals.renew(entries, now)

    async def announce(self, keys: Iterable[str]) -> Moment:
        return await self._announcements.announce(keys)

    # -- invalidating ------------------------------------------------------------------------

    async def invalidate(self, tags: Iterable[str], hold: Hold | None = None) -> Moment:
        return await self._invalidations.invalidate(tags, hold)

    async def mark_stale(self, tags: Iterable[str]) -> Moment:
        return await self._invalidations.mark_stale(tags)

    async def delete(self, keys: Iterable[str], hold: Hold | None = None) -> int:
        return await self._invalidations.delete(keys, hold)

    async def delete_match(self, pattern: str) -> int:
        return await self._invalidations.delete_match(pattern)

    async def clear(self) -> Moment:
        return await self._invalidations.clear()

    async def deliver(self, parcel: Parcel) -> None:
        """Do what a parcel of undelivered invalidations says, whether or not the store seems down."""
        await self._invalidations.deliver(parcel)

    # -- holds and leases --------------------------------------------------------------------

    async def release(self, token: str, tags: Iterable[str], keys: Iterable[str]) -> None:
        await self._rights.end_holds(token, tags, keys)

    async def held(self, besides: Collection[str] = ()) -> Held:
        return await self._rights.held(besides)

    async def take_lease(self, name: str, token: str, seconds: float) -> float | None:
        return await self._rights.take(name, token, seconds)

    async def renew_lease(self, name: str, token: str, seconds: float) -> bool:
        return await self._rights.renew(name, token, seconds)

    async def release_lease(self, name: str, token: str) -> bool:
        return await self._rights.release(name, token)

    async def prolong(self, leases: Mapping[str, str]) -> list[str]:
        """Prolong leases of this process; return the keys of those that it has no longer."""
        return await self._leases.prolong(leases)

    # -- keeping house -----------------------------------------------------------------------

    async def tidy(self, oldest: Callable[[], Moment | None]) -> None:
        # A load that runs for longer than max_ttl is not stored then. That is all that can happen, so
        # nobody is asked for the oldest one.
        await self._pruner.tidy()

    async def ping(self) -> None:
        await self._talk.ping()

    async def close(self) -> None:
        last_try = self._hub.close()
        if last_try is not None:
            await self._lines.wait(last_try)
        await self._asking.close()
        if self.recall is not None:
            await self.recall.close()
        await self._lines.close()
        # It is the other one that delivers and keeps leases, for both.
        await self.twin._lines.close()
