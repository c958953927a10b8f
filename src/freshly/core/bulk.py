"""The path of a read of many: one look, one load of what is missing, one flight for each key.

    read ── look at all ── judge each ─┬─ served ──────────────────────────────┬── values
                                       ├─ served, and refreshed: one load behind
                                       └─ missing ── board each ─┬─ own: one load ── wait
                                                                 └─ joined ───────── wait

The flights are those of single reads too: whoever asks for one of the keys meanwhile waits for this
load, and this read waits for theirs. Each key is judged for itself, by the rules of ``engine.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import StoreError
from .batch import Batch, Gathered, naming
from .convoy import Convoy, Trip, Wanted
from .engine import _always_overtakes
from .entry import Entry
from .events import StoreFailed
from .ports import Leases, Look
from .recipe import Call, Recipe
from .shape import UNREAD, Shape
from .token import Stamp
from .verdict import Verdict, is_served_to_a_command, judge


class BulkEngine(Convoy):
    """The engine of one call, and of many at once."""

    async def read_many(self, calls: Sequence[Call], batch: Batch) -> Gathered:
        """Return the values of ``calls``, whose keys differ: cached, or loaded together.

        A key that has no value is in neither part of what is returned. What a loader raises is
        raised; what it gives in place of a value is returned as that key's error.
        """
        if not calls:
            return Gathered()
        trip = Trip(batch, self._flights.ticket(), self._patience(calls[0].recipe))
        while calls:
            asked = [(call.key, call.tags) for call in calls]
            looks = await self._see_many(asked, calls[0].shape, self._store.leases)
            calls = await self._ride_together(self._serve_some(calls, looks, trip), trip)
            # After that: what a look bid for is in nobody's hand until then.
            await self._renew_all(looks)
        return trip.found

    async def refresh_many(self, calls: Sequence[Call], batch: Batch) -> Gathered:
        """Load the values of ``calls`` anew, whatever is stored. The loads begin after this call."""
        if not calls:
            return Gathered()
        trip = Trip(batch, self._flights.ticket(), self._patience(calls[0].recipe), newer_only=True)
        while calls:
            looks = await self._look_many(calls)
            wanted = [Wanted(call, look) for call, look in zip(calls, looks, strict=True)]
            calls = await self._ride_together(wanted, trip)
        if trip.found.values:
            await self._announce(list(trip.found.values))
        return trip.found

    def _serve_some(self, calls: Sequence[Call], looks: Sequence[Look], trip: Trip) -> list[Wanted]:
        """Serve what may be served; return what has to be loaded first."""
        wanted: list[Wanted] = []
        behind: list[Wanted] = []
        late = trip.patience.is_late
        for call, look in zip(calls, looks, strict=True):
            entry, paused = look.entry, self._pauses.is_on(call.key, look.now)
            match judge(entry, look.now, paused=paused, late=late):
                case Verdict.SERVE if entry is not None:
                    self._serve_one(call, entry, look, trip)
                case Verdict.SERVE_AND_REFRESH if entry is not None:
                    if late:
                        self._tell_late(call, is_over=trip.patience.is_over)
                    behind.append(Wanted(call, look))
                    self._serve_one(call, entry, look, trip)
                case Verdict.REFRESH_OR_SERVE:
                    wanted.append(Wanted(call, look, may_stand_in=True))
                case _:
                    wanted.append(Wanted(call, look))
        self._refresh_together(behind, trip.batch, trip.ticket)
        return wanted

    def _serve_one(self, call: Call, entry: Entry[Any], look: Look, trip: Trip) -> None:
        if entry.raised is None:
            trip.found.values[call.key] = self._serve(call, entry, look.now)
        else:
            self._note(call.recipe, entry, look.now)
            trip.found.errors[call.key] = entry.raised.anew()

    async def _renew_all(self, looks: Sequence[Look]) -> None:
        """Renew what was found and is in service: it is served, or was a moment ago."""
        if looks:
            now = max(look.now for look in looks)
            await self._renew([look.entry for look in looks if look.entry is not None], now)

    async def _look_many(self, calls: Sequence[Call]) -> list[Look]:
        return await self._look_at([(c.key, c.tags) for c in calls], calls[0].shape)

    async def _see_many(
        self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape, by: Leases | None = None
    ) -> list[Look]:
        """Look at each, where that costs nothing; at the others together."""
        if self._glance is None:
            return await self._look_at(asked, shape, by)
        seen = [self._seen(key, tags, shape) for key, tags in asked]
        unseen = [one for one, look in zip(asked, seen, strict=True) if look is None]
        looks = iter(await self._look_at(unseen, shape, by) if unseen else ())
        return [next(looks) if look is None else look for look in seen]

    async def _look_at(
        self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape, by: Leases | None = None
    ) -> list[Look]:
        try:
            return await (self._store if by is None else by).look_many(asked, shape)
        except StoreError as error:
            self._emit(StoreFailed, "look_many", naming([key for key, _ in asked]), error)
            nothing = Look(None, None, self._runtime.now(), _always_overtakes)
            return [nothing] * len(asked)

    # -- values by hand ----------------------------------------------------------------------

    async def get_many(
        self, keys: Sequence[str], recipe: Recipe, shape: Shape
    ) -> dict[str, Entry[Any]]:
        """Return the entries under ``keys`` that a command is served, and count the reads.

        A key whose answer is an exception has no value.
        """
        found: dict[str, Entry[Any]] = {}
        asked = [(key, ()) for key in keys]
        looks = await self._see_many(asked, shape)
        await self._renew_all(looks)
        for key, look in zip(keys, looks, strict=True):
            entry = look.entry
            if entry is None or entry.raised or not is_served_to_a_command(entry, look.now):
                recipe.counts.misses += 1
            else:
                self._note(recipe, entry, look.now)
                found[key] = entry
        return found

    async def put_many(self, calls: Sequence[Call], values: Sequence[Any], stamp: Stamp | None) -> int:
        """Store ``values`` by hand, with the tags of ``calls``; return how many were stored.

        Each is stored, or deleted, as ``put`` would.
        """
        shape, unkept, entries = calls[0].shape, [], []
        looks = await self._look_at([(call.key, call.tags) for call in calls], UNREAD)
        for call, value, look in zip(calls, values, looks, strict=True):
            if look.stamp is None:
                continue
            lifetime = call.recipe.lifetime(call.arguments, value)
            if lifetime is None or _is_held(call, look, stamp):
                unkept.append(call.key)
                continue
            taken = look.stamp if stamp is None else stamp.reading
            entries.append(
                self._pilot.entry(
                    call.key, value, call.recipe, lifetime, call.tags, taken, look.now, 0.0
                )
            )
        try:
            if unkept:
                await self._store.delete(unkept)
            return await self._put_all(entries, shape, is_stamped=stamp is not None)
        except StoreError as error:
            self._emit(StoreFailed, "put_many", naming([call.key for call in calls]), error)
            return 0

    async def _put_all(self, entries: Sequence[Entry[Any]], shape: Shape, *, is_stamped: bool) -> int:
        if not entries:
            return 0
        stored = await self._store.put_many(entries, is_stamped=is_stamped, shape=shape)
        await self._store.tidy(self._flights.oldest_stamp)
        for entry, is_stored in zip(entries, stored, strict=True):
            if is_stored:
                self._pauses.end(entry.key)
        return sum(stored)


def _is_held(call: Call, look: Look, stamp: Stamp | None) -> bool:
    held = look.held if stamp is None else stamp.held
    return held.until(call.tags, call.key) is not None
