"""Reads inside of a transaction.

A load inside of a transaction may see what is not committed yet, or no longer sees what others have
committed since it began. Either way its value is this transaction's own: it is returned, and neither
stored nor shared. Nor does it wait for a load of somebody outside, who does not see what the
transaction has written.

    read ── look ─┬─ set inside of the transaction ─── that value
                  ├─ invalidated inside ── load, alone
                  ├─ served to a command ───────────── value
                  └─ anything else ─────── load, alone

Nothing is refreshed behind such a read either: the refresh would run in its context.
"""

# Plain functions that return a coroutine take the place of coroutine functions here, to spare every
# read outside a step. pyright tells the two apart, and callers cannot.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Coroutine, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from ..errors import DeadlockError, StoreError
from .batch import LACKING, Batch, Gathered, Rider, naming
from .budget import Budget
from .bulk import BulkEngine
from .engine import ALONE
from .entry import Entry
from .events import Emit, StoreFailed
from .flight import Flight, Flights
from .holds import NO_ONE
from .lifetime import Lifetime
from .load import current_load, note_hit, running_load
from .pauses import Pauses
from .ports import Look, Runtime, Store
from .recall import Known
from .recipe import Call, Recipe
from .rows import Rows
from .shape import ANY, Shape
from .token import Stamp
from .transaction import Invalidate, Put, Step, Transaction, running_transaction
from .verdict import is_served_to_a_command
from .writes import Writes


class TransactionalEngine(BulkEngine):
    """An engine that knows whether it is asked from inside of a transaction.

    Its methods are plain functions that choose a coroutine: outside they add no step to a read.
    """

    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        flights: Flights,
        pauses: Pauses,
        budget: Budget,
        emit: Emit,
        owner: object,
        writes: Writes,
    ) -> None:
        super().__init__(store, runtime, flights, pauses, budget, emit)
        self._owner = owner
        self._writes = writes

    def read(self, call: Call, *, leave_cold: bool = False) -> Coroutine[Any, Any, Any]:
        inside = running_transaction(self._owner)
        if inside is None:
            return super().read(call, leave_cold=leave_cold)
        return self._read_inside(inside, call, leave_cold=leave_cold)

    def known(self, rows: Rows, row: Hashable) -> Known | None:
        """Return what is known of a call that comes again; ``None`` if it has to be read like any."""
        if self._recall is None or running_transaction(self._owner) is not None:
            return None
        return self._recall.known(rows, row)

    def refresh(self, call: Call) -> Coroutine[Any, Any, Any]:
        inside = running_transaction(self._owner)
        return super().refresh(call) if inside is None else self._refresh_inside(inside, call)

    def find(self, key: str, tags: Iterable[str] = ()) -> Coroutine[Any, Any, Entry[Any] | None]:
        inside = running_transaction(self._owner)
        return super().find(key, tags) if inside is None else self._find_inside(inside, key, tags)

    def peek(
        self, key: str, tags: Iterable[str], shape: Shape = ANY
    ) -> Coroutine[Any, Any, Entry[Any] | None]:
        inside = running_transaction(self._owner)
        if inside is None:
            return super().peek(key, tags, shape)
        return self._peek_inside(inside, key, tags, shape)

    def get(self, key: str, recipe: Recipe, shape: Shape) -> Coroutine[Any, Any, Entry[Any] | None]:
        inside = running_transaction(self._owner)
        if inside is None:
            return super().get(key, recipe, shape)
        return self._get_inside(inside, key, recipe, shape)

    def put(
        self,
        key: str,
        value: Any,
        recipe: Recipe,
        lifetime: Lifetime,
        tags: tuple[str, ...],
        stamp: Stamp | None,
    ) -> Coroutine[Any, Any, bool]:
        inside = running_transaction(self._owner)
        if inside is None:
            return super().put(key, value, recipe, lifetime, tags, stamp)
        return self._put_one_inside(inside, _ByHand(key, value, recipe, lifetime, tags), stamp)

    def read_many(self, calls: Sequence[Call], batch: Batch) -> Coroutine[Any, Any, Gathered]:
        inside = running_transaction(self._owner)
        if inside is None:
            return super().read_many(calls, batch)
        return self._read_many_inside(inside, calls, batch)

    def refresh_many(self, calls: Sequence[Call], batch: Batch) -> Coroutine[Any, Any, Gathered]:
        inside = running_transaction(self._owner)
        if inside is None:
            return super().refresh_many(calls, batch)
        return self._refresh_many_inside(inside, calls, batch)

    def get_many(
        self, keys: Sequence[str], recipe: Recipe, shape: Shape
    ) -> Coroutine[Any, Any, dict[str, Entry[Any]]]:
        inside = running_transaction(self._owner)
        if inside is None:
            return super().get_many(keys, recipe, shape)
        return self._get_many_inside(inside, keys, recipe, shape)

    def put_many(
        self, calls: Sequence[Call], values: Sequence[Any], stamp: Stamp | None
    ) -> Coroutine[Any, Any, int]:
        inside = running_transaction(self._owner)
        if inside is None:
            return super().put_many(calls, values, stamp)
        return self._put_many_inside(inside, calls, values, stamp)

    # -- inside ------------------------------------------------------------------------------

    async def _read_inside(self, inside: Transaction, call: Call, *, leave_cold: bool = False) -> Any:
        look = await self._look(call.key, call.tags, call.recipe.shape)
        entry = self._visible(inside, call.key, call.tags, look)
        if entry is not None:
            return self._serve_inside(call, entry, look)
        if leave_cold:
            self._keep_from_outer_loads(call.tags)
            return ALONE
        return await self._load_alone(call, look)

    def _serve_inside(self, call: Call, entry: Entry[Any], look: Look) -> Any:
        if entry is look.entry:
            return self._serve(call, entry, look.now)
        self._keep_from_outer_loads()
        copy = call.recipe.copy
        return entry.value if copy is None else copy(entry.value)

    async def _refresh_inside(self, inside: Transaction, call: Call) -> Any:
        """Load, and have the next reader after the end load too."""
        await self._writes.collect(inside, Invalidate(keys={call.key: None}))
        return await self._load_alone(call, await self._look(call.key, call.tags, call.recipe.shape))

    async def _find_inside(
        self, inside: Transaction, key: str, tags: Iterable[str]
    ) -> Entry[Any] | None:
        return self._visible(inside, key, tags, await self._look(key, tags))

    async def _peek_inside(
        self, inside: Transaction, key: str, tags: Iterable[str], shape: Shape
    ) -> Entry[Any] | None:
        look = await self._look(key, tags, shape)
        entry = self._visible(inside, key, tags, look)
        if entry is not None:
            self._note_visible(entry, look)
        return entry

    async def _get_inside(
        self, inside: Transaction, key: str, recipe: Recipe, shape: Shape
    ) -> Entry[Any] | None:
        look = await self._look(key, shape=shape)
        entry = self._got(inside, key, recipe, look)
        if entry is not None and entry.raised is not None:
            raise entry.raised.anew()
        return entry

    def _got(
        self,
        inside: Transaction,
        key: str,
        recipe: Recipe,
        look: Look,
        *,
        values_only: bool = False,
    ) -> Entry[Any] | None:
        entry = self._visible(inside, key, (), look)
        if entry is not None and entry.raised is not None and values_only:
            entry = None
        if entry is None:
            recipe.counts.misses += 1
        elif entry is look.entry:
            self._note(recipe, entry, look.now)
        else:
            self._keep_from_outer_loads()
        return entry

    async def _put_inside(
        self, inside: Transaction, values: Sequence[_ByHand], stamp: Stamp | None
    ) -> None:
        """Leave ``values`` to the transaction. Those that may not be kept delete what is there."""
        gone = Invalidate(keys={value.key: None for value in values})
        await self._writes.prepare(inside, gone)
        now = (await self._look(values[0].key)).now
        try:
            stamp = stamp or await self._writes.stamp()
        except StoreError as error:
            # Nobody could tell what overtakes them; but what is there is to be replaced.
            self._emit(StoreFailed, "stamp", values[0].key, error)
            await self._leave_or_do(inside, gone)
            return
        for key, value, recipe, lifetime, tags in values:
            step: Step = Invalidate(keys={key: None})
            if lifetime is not None:
                entry = self._pilot.entry(key, value, recipe, lifetime, tags, stamp.reading, now, 0.0)
                step = Put(entry, stamp.held, recipe.shape)
            await self._leave_or_do(inside, step)

    async def _leave_or_do(self, inside: Transaction, step: Step) -> None:
        if not self._writes.add(inside, step):
            # Its end has begun meanwhile.
            await self._writes.do_alone(step)

    def _visible(
        self, inside: Transaction, key: str, tags: Iterable[str], look: Look
    ) -> Entry[Any] | None:
        """Return the entry that a read inside is served, if any: one set there, or one untouched."""
        found = look.entry
        view = inside.view(key, tags if found is None else found.tags)
        if isinstance(view, Entry):
            return view
        is_served = view is None and is_served_to_a_command(found, look.now)
        return found if is_served else None

    def _note_visible(self, entry: Entry[Any], look: Look) -> None:
        if entry is look.entry:
            note_hit(self._flights, entry, look.now)
        else:
            self._keep_from_outer_loads()

    def _keep_from_outer_loads(self, tags: tuple[str, ...] = ()) -> None:
        """Keep what is made of a value of this transaction out of the store, and from others."""
        outer = running_load(self._flights)
        if outer is not None:
            outer.collect(tags, None, held_until=NO_ONE)

    # -- loads -------------------------------------------------------------------------------

    async def _load_alone(self, call: Call, look: Look) -> Any:
        call.recipe.counts.misses += 1
        flight = self._alone(call.key)
        # Without older values: the transaction may have invalidated them.
        await self._pilot.fly(flight, call, look._replace(entry=None, former=None))
        flight.raise_error()
        self._keep_from_outer_loads(flight.tags)
        return flight.value

    def _alone(self, key: str) -> Flight:
        """Return a flight that nobody boards, and whose value, for want of a stamp, is not stored."""
        self._refuse_circles(key)
        flight = Flight(key, None, is_background=False)
        # Nor does it wait for another process, whose value is from before this transaction.
        flight.is_alone = True
        self._flights.take_off_alone(flight)
        return flight

    def _refuse_circles(self, key: str) -> None:
        """Raise ``DeadlockError`` if this runs inside of a load of ``key``: it would never end."""
        load = current_load.get()
        while load is not None:
            flights = (load.flight, *load.flight.members)
            if load.owner is self._flights and not load.is_over and any(f.key == key for f in flights):
                raise DeadlockError(
                    f"the load of {key!r} reads {key!r} again, directly or through another cached "
                    f"call, and would wait for itself: call .uncached there, or break the circle"
                )
            load = load.parent

    # -- many --------------------------------------------------------------------------------

    async def _read_many_inside(
        self, inside: Transaction, calls: Sequence[Call], batch: Batch
    ) -> Gathered:
        found = Gathered()
        wanted: list[tuple[Call, Look]] = []
        for call, look in zip(calls, await self._look_many(calls) if calls else (), strict=True):
            entry = self._visible(inside, call.key, call.tags, look)
            if entry is None:
                wanted.append((call, look))
            else:
                self._serve_one_inside(call, entry, look, found)
        await self._load_many_alone(wanted, batch, found)
        return found

    def _serve_one_inside(self, call: Call, entry: Entry[Any], look: Look, found: Gathered) -> None:
        if entry.raised is None:
            found.values[call.key] = self._serve_inside(call, entry, look)
        else:
            self._note(call.recipe, entry, look.now)
            found.errors[call.key] = entry.raised.anew()

    async def _refresh_many_inside(
        self, inside: Transaction, calls: Sequence[Call], batch: Batch
    ) -> Gathered:
        found = Gathered()
        if calls:
            await self._writes.collect(inside, Invalidate(keys={call.key: None for call in calls}))
            looks = await self._look_many(calls)
            await self._load_many_alone(list(zip(calls, looks, strict=True)), batch, found)
        return found

    async def _get_many_inside(
        self, inside: Transaction, keys: Sequence[str], recipe: Recipe, shape: Shape
    ) -> dict[str, Entry[Any]]:
        looks = await self._look_at([(key, ()) for key in keys], shape)
        got = {
            key: self._got(inside, key, recipe, look, values_only=True)
            for key, look in zip(keys, looks, strict=True)
        }
        return {key: entry for key, entry in got.items() if entry is not None}

    async def _put_one_inside(self, inside: Transaction, value: _ByHand, stamp: Stamp | None) -> bool:
        await self._put_inside(inside, [value], stamp)
        return False

    async def _put_many_inside(
        self, inside: Transaction, calls: Sequence[Call], values: Sequence[Any], stamp: Stamp | None
    ) -> int:
        made = [
            _ByHand(
                call.key,
                value,
                call.recipe,
                call.recipe.lifetime(call.arguments, value),
                call.tags,
            )
            for call, value in zip(calls, values, strict=True)
        ]
        await self._put_inside(inside, made, stamp)
        return 0

    async def _load_many_alone(
        self, wanted: Sequence[tuple[Call, Look]], batch: Batch, found: Gathered
    ) -> None:
        if not wanted:
            return
        riders = [self._rider(call, look) for call, look in wanted]
        carrier = Flight(naming([call.key for call, _ in wanted]), None, is_background=False)
        self._flights.charter(carrier, [rider.flight for rider in riders])
        await self._carrier_pilot.fly_many(carrier, riders, batch)
        for call, _, flight, *_ in riders:
            self._keep_from_outer_loads(flight.tags)
            if flight.error is not None and flight.error_was_returned:
                found.errors[call.key] = flight.error
                continue
            flight.raise_error()
            if flight.value is not LACKING:
                found.values[call.key] = flight.value

    def _rider(self, call: Call, look: Look) -> Rider:
        call.recipe.counts.misses += 1
        flight = self._alone(call.key)
        flight.passengers = 1
        # Without the entry: of what the source has no more, none is deleted before the commit.
        return Rider(call, look._replace(entry=None), flight, is_pilot=True)


class _ByHand(NamedTuple):
    """A value that was set. Without a ``lifetime`` it is not kept."""

    key: str
    value: Any
    recipe: Recipe
    lifetime: Lifetime | None
    tags: tuple[str, ...]
