"""The path of a read: look, judge, serve or load. All branching on freshness stands here.

    read ── look ── judge ─┬─ SERVE ──────────────────────────────── value
                           ├─ SERVE_AND_REFRESH ─ flight behind ──── value
                           ├─ REFRESH_OR_SERVE ── ride ─┬─────────── value
                           │                            ├ failed ─── expired value
                           │                            └ too long ─ expired value
                           └─ LOAD ────────────── ride ───────────── value

To *ride* is to board the flight of the key, or to pilot one, and to wait for its end: riding.py.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from enum import Enum
from typing import Any, Final, TypeVar

from ..errors import StoreError
from .budget import Turn
from .counts import NOBODYS
from .entry import Entry
from .events import ServedExpired, StoreFailed
from .flight import Flight
from .lifetime import Lifetime
from .load import note_hit, note_recalled
from .patience import ENDLESS, Patience
from .pilot import bind
from .ports import Leases, Look, Reading
from .recall import Known, Recalled
from .recipe import Call, Recipe
from .riding import AGAIN, Riding
from .shape import ANY, UNREAD, Shape
from .solo import Solo
from .token import Stamp
from .verdict import Verdict, is_served_to_a_command, judge

T = TypeVar("T")


class _Cold(Enum):
    COLD = "there is no value that may be served"
    ALONE = "nor may one be stored: this read is inside of a transaction"


COLD: Final = _Cold.COLD
ALONE: Final = _Cold.ALONE


class Engine(Riding):
    """One store, its flights, and one colour of caller."""

    def read(self, call: Call, *, leave_cold: bool = False) -> Coroutine[Any, Any, Any]:
        """Return the value of ``call``: cached if it may be served, loaded otherwise.

        With ``leave_cold`` it is not loaded if nothing could stand in for it; then ``COLD`` is
        returned.
        """
        ticket = self._flights.ticket()
        patience = ENDLESS if call.recipe.timeouts is None else self._patience(call.recipe)
        return self._read(call, ticket, patience, None, leave_cold=leave_cold)

    async def _read(
        self,
        call: Call,
        ticket: int,
        patience: Patience,
        look: Look | None,
        *,
        leave_cold: bool = False,
    ) -> Any:
        """Go on with a read that began with ``ticket``, from ``look`` if it has looked already."""
        while True:
            if look is None and self._glance is not None:
                look = self._glance(call.key, call.tags, call.shape)
            if look is None:
                bidder = self._bidder(call.key) if self._store.is_shared and not leave_cold else None
                look = await self._look(call.key, call.tags, call.shape, bidder)
            entry = look.entry
            paused = entry is not None and self._pauses.is_on(call.key, look.now)
            match judge(entry, look.now, paused=paused, late=patience.is_late):
                case Verdict.SERVE if entry is not None:
                    await self._renew((entry,), look.now)
                    return self._serve(call, entry, look.now)
                case Verdict.SERVE_AND_REFRESH if entry is not None:
                    if patience.is_late:
                        self._tell_late(call, is_over=patience.is_over)
                    self._refresh_behind(call, look, ticket)
                    await self._renew((entry,), look.now)
                    return self._serve(call, entry, look.now)
                case Verdict.REFRESH_OR_SERVE:
                    answer = await self._ride(call, look, ticket, patience, may_stand_in=True)
                case _ if leave_cold:
                    return COLD
                case _:
                    answer = await self._ride(call, look, ticket, patience)
            if answer is not AGAIN:
                return answer
            look = None

    async def read_again(
        self, known: Known, recipe: Recipe, call: Callable[[T], Call], values: T
    ) -> Any:
        """Return what ``read`` does of the ``call`` of ``values``, which is made if it is needed."""
        recall = self._recall
        assert recall is not None
        ticket, patience = self._flights.ticket(), self._patience(recipe)
        look: Look | None
        try:
            answer = await recall.ask(known)
        except StoreError as error:
            look = self._failed_look(known.key, error)
        else:
            found = recall.found(known, recipe.shape, answer)
            if isinstance(found, Recalled):
                value, seen = found
                recipe.counts.retired_hits += 1
                if self._flights.loads:
                    note_recalled(self._flights, known.tags, seen)
                return value if recipe.copy is None else recipe.copy(value)
            look = found
        return await self._read(call(values), ticket, patience, look)

    async def begin_alone(self, call: Call) -> Solo:
        """Begin a load that the caller runs step by step."""
        look = await self._look(call.key, call.tags, call.shape)
        return Solo(self._store, self._runtime, self._flights, self._pauses, self._emit, call, look)

    async def refresh(self, call: Call) -> Any:
        """Load the value of ``call`` anew and return it, whatever is stored.

        The load begins after this call did; of several such calls at once one loads.
        """
        ticket, patience = self._flights.ticket(), self._patience(call.recipe)
        while True:
            look = await self._look(call.key, call.tags, call.shape)
            answer = await self._ride(call, look, ticket, patience, newer_only=True)
            if answer is not AGAIN:
                await self._announce((call.key,))
                return answer

    async def find(self, key: str, tags: Iterable[str] = ()) -> Entry[Any] | None:
        """Return the entry that a command would be served, without loading."""
        look = await self._look(key, tags, UNREAD)
        return look.entry if is_served_to_a_command(look.entry, look.now) else None

    async def peek(self, key: str, tags: Iterable[str], shape: Shape = ANY) -> Entry[Any] | None:
        """Return what ``find`` does, and hand its tags to the load that this code runs inside."""
        look = self._seen(key, tags, shape) or await self._look(key, tags, shape)
        if not is_served_to_a_command(look.entry, look.now) or look.entry is None:
            return None
        note_hit(self._flights, look.entry, look.now)
        return look.entry

    async def get(self, key: str, recipe: Recipe, shape: Shape) -> Entry[Any] | None:
        """Return the entry under ``key`` and count the read."""
        look = self._seen(key, (), shape) or await self._look(key, shape=shape)
        entry = look.entry
        if entry is None or not is_served_to_a_command(entry, look.now):
            recipe.counts.misses += 1
            return None
        await self._renew((entry,), look.now)
        self._note(recipe, entry, look.now)
        if entry.raised is not None:
            raise entry.raised.anew()
        return entry

    async def put(
        self,
        key: str,
        value: Any,
        recipe: Recipe,
        lifetime: Lifetime,
        tags: tuple[str, ...],
        stamp: Stamp | None,
    ) -> bool:
        """Store ``value`` by hand; return whether it was stored.

        With a ``stamp`` it is stored unless it was overtaken since. While a hold is on, or if one
        was when the stamp was taken, it is not stored, and what was there is deleted.
        """
        look = await self._look(key, tags, UNREAD)
        if look.stamp is None:
            return False
        taken = look.stamp if stamp is None else stamp.reading
        entry = self._pilot.entry(key, value, recipe, lifetime, tags, taken, look.now, 0.0)
        held = look.held if stamp is None else stamp.held
        try:
            if held.until(tags, key) is not None:
                await self._store.delete((key,))
                return False
            stored = await self._store.put(entry, is_stamped=stamp is not None, shape=recipe.shape)
            await self._store.tidy(self._flights.oldest_stamp)
        except StoreError as error:
            self._emit(StoreFailed, "put", key, error)
            return False
        if stored:
            self._pauses.end(key)
        return stored

    # -- the steps of a read -----------------------------------------------------------------

    def _seen(self, key: str, tags: Iterable[str], shape: Shape) -> Look | None:
        """Return a look at a fresh entry that costs nothing, if there is one."""
        return None if self._glance is None else self._glance(key, tags, shape)

    def _bidder(self, key: str) -> Leases | None:
        """Return what takes the lease of ``key`` with a look at it, unless a load is under way here."""
        leases = self._store.leases
        return None if leases is None or self._flights.are_of(key) else leases

    async def _look(
        self, key: str, tags: Iterable[str] = (), shape: Shape = ANY, by: Leases | None = None
    ) -> Look:
        try:
            return await (self._store if by is None else by).look(key, tags, shape)
        except StoreError as error:
            return self._failed_look(key, error)

    def _failed_look(self, key: str, error: StoreError) -> Look:
        self._emit(StoreFailed, "look", key, error)
        return Look(None, None, self._runtime.now(), _always_overtakes)

    def _serve(self, call: Call, entry: Entry[Any], now: float) -> Any:
        self._note(call.recipe, entry, now)
        if entry.raised is not None:
            raise entry.raised.anew()
        if now < entry.early_at:
            bind(self._store, call, entry)
        copy = call.recipe.copy
        return entry.value if copy is None else copy(entry.value)

    def _note(self, recipe: Recipe, entry: Entry[Any], now: float) -> None:
        entry.uses += 1
        entry.renew(now)
        if entry.counts is NOBODYS or not self._store.keeps_entries:
            recipe.counts.retired_hits += 1
        if now >= entry.stale_at:
            recipe.counts.stale_hits += 1
        if self._flights.loads:
            note_hit(self._flights, entry, now)

    async def _renew(self, entries: Iterable[Entry[Any]], now: float) -> None:
        """Have a store that others read too know that ``entries`` are read, where that matters."""
        sliding = [entry for entry in entries if entry.slides] if self._store.is_shared else ()
        if not sliding:
            return
        try:
            await self._store.renew(sliding, now)
        except StoreError as error:
            self._emit(StoreFailed, "renew", sliding[0].key, error)

    async def _announce(self, keys: Sequence[str]) -> None:
        """Have whoever keeps older values near look for those that were just stored."""
        try:
            await self._store.announce(keys)
        except StoreError as error:
            # They are seen when the older ones end.
            self._emit(StoreFailed, "announce", keys[0], error)

    async def _stand_in(self, flight: Flight, call: Call, *, is_pilot: bool) -> Any:
        """Answer a failed load with the expired value, unless it was invalidated meanwhile."""
        look = await self._look(call.key, call.tags, call.shape)
        if look.entry is None or judge(look.entry, look.now) is Verdict.LOAD:
            flight.raise_error()
        assert look.entry is not None
        call.recipe.counts.misses -= 1
        call.recipe.counts.waits -= not is_pilot
        if is_pilot and flight.error is not None:
            self._emit(ServedExpired, call.key, call.recipe.counts.name, flight.error)
        return self._serve(call, look.entry, look.now)

    # -- behind the reader -------------------------------------------------------------------

    def _refresh_behind(self, call: Call, look: Look, ticket: int) -> None:
        may_join = self._joiner(call, look, ticket)
        if look.stamp is None or self._flights.has(call.key, may_join):
            return
        flight = Flight(call.key, look.stamp, is_background=True)
        if not self._budget.admit(flight):
            self._wait_for_a_turn(call, look)
        elif not self._flights.take_off_behind(flight, look.stamp, may_join):
            # Another thread was quicker.
            self._flights.abandon(flight)
        elif not self._runtime.spawner()(flight, lambda: self._pilot.fly(flight, call, look)):
            self._flights.abandon(flight)

    def _wait_for_a_turn(self, call: Call, look: Look) -> None:
        if look.entry is None:
            return
        spawn = self._runtime.spawner()
        turn = Turn(
            look.entry,
            look.now < look.entry.stale_at,
            call.recipe.counts,
            lambda flight: spawn(flight, lambda: self._take_turn(flight, call)),
        )
        self._budget.queue(call.key, turn)

    async def _take_turn(self, flight: Flight, call: Call) -> None:
        """Refresh the value of ``call`` if that is still to be done: time has passed."""
        look = await self._look(call.key, call.tags, call.shape)
        verdict = judge(look.entry, look.now, paused=self._pauses.is_on(call.key, look.now))
        may_join = self._joiner(call, look, self._flights.ticket())
        if (
            verdict is Verdict.SERVE_AND_REFRESH
            and look.stamp is not None
            and self._flights.take_off_behind(flight, look.stamp, may_join)
        ):
            await self._pilot.fly(flight, call, look)
        else:
            self._flights.abandon(flight)


def _always_overtakes(stamp: Reading, tags: Iterable[str], key: str | None) -> bool:
    return True
