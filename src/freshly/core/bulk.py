"""The path of a read of many: one look, one load of what is missing, one flight for each key.

    read ── look at all ── judge each ─┬─ served ──────────────────────────────┬── values
                                       ├─ served, and refreshed: one load behind
                                       └─ missing ── board each ─┬─ own: one load ── wait
                                                                 └─ joined ───────── wait

The flights are those of single reads too: whoever asks for one of the keys meanwhile waits for this
load, and this read waits for theirs. Each key is judged for itself, by the rules of ``engine.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..errors import DeadlockError, StoreError
from .batch import LACKING, Batch, Gathered, Rider, naming
from .carrier import CarrierPilot
from .engine import AGAIN, Engine, _always_overtakes
from .entry import Entry
from .events import Event, StoreFailed
from .flight import Flight, Flights
from .load import Load, running_load
from .pauses import Pauses
from .ports import Look, Runtime, Store
from .recipe import Call, Recipe
from .verdict import Verdict, is_served_to_a_command, judge


class Wanted(NamedTuple):
    """A call that has to be loaded. ``may_stand_in`` says that its expired value may."""

    call: Call
    look: Look
    may_stand_in: bool = False


class BulkEngine(Engine):
    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        flights: Flights,
        pauses: Pauses,
        emit: Callable[[Event], None],
    ) -> None:
        super().__init__(store, runtime, flights, pauses, emit)
        self._carrier_pilot = CarrierPilot(store, runtime, flights, pauses, emit)

    async def read_many(self, calls: Sequence[Call], batch: Batch) -> Gathered:
        """Return the values of ``calls``, whose keys differ: cached, or loaded together.

        A key that has no value is in neither part of what is returned. What a loader raises is
        raised; what it gives in place of a value is returned as that key's error.
        """
        ticket, found = self._flights.ticket(), Gathered()
        while calls:
            looks = await self._look_many(calls)
            wanted = self._serve_some(calls, looks, batch, ticket, found)
            calls = await self._ride_together(wanted, batch, ticket, found)
        return found

    async def refresh_many(self, calls: Sequence[Call], batch: Batch) -> Gathered:
        """Load the values of ``calls`` anew, whatever is stored. The loads begin after this call."""
        ticket, found = self._flights.ticket(), Gathered()
        while calls:
            looks = await self._look_many(calls)
            wanted = [Wanted(call, look) for call, look in zip(calls, looks, strict=True)]
            calls = await self._ride_together(wanted, batch, ticket, found, newer_only=True)
        return found

    async def get_many(self, keys: Sequence[str], recipe: Recipe) -> dict[str, Entry[Any]]:
        """Return the entries under ``keys`` that a command is served, and count the reads."""
        found: dict[str, Entry[Any]] = {}
        for key, look in zip(keys, await self._look_at([(key, ()) for key in keys]), strict=True):
            if look.entry is None or not is_served_to_a_command(look.entry, look.now):
                recipe.counts.misses += 1
            else:
                self._note(recipe, look.entry, look.now)
                found[key] = look.entry
        return found

    async def put_many(self, made: Sequence[Call], values: Sequence[Any], stamp: int | None) -> int:
        """Store ``values`` by hand; return how many were stored. See ``put``."""
        now = (await self._look(made[0].key)).now
        entries = [
            self._pilot.entry(
                call.key,
                value,
                call.recipe,
                call.recipe.lifetime(call.arguments, value),
                (*call.tags, *call.recipe.result_tags(call.arguments, value)),
                stamp or 0,
                now,
                0.0,
            )
            for call, value in zip(made, values, strict=True)
        ]
        try:
            stored = await self._store.put_many(entries, is_stamped=stamp is not None)
            await self._store.tidy(self._flights.oldest_stamp)
        except StoreError as error:
            self._emit(StoreFailed("put_many", naming(made), error))
            return 0
        for call, is_stored in zip(made, stored, strict=True):
            if is_stored:
                self._pauses.end(call.key)
        return sum(stored)

    # -- the steps of a read -----------------------------------------------------------------

    async def _look_many(self, calls: Sequence[Call]) -> list[Look]:
        return await self._look_at([(call.key, call.tags) for call in calls])

    async def _look_at(self, asked: Sequence[tuple[str, Iterable[str]]]) -> list[Look]:
        try:
            return await self._store.look_many(asked)
        except StoreError as error:
            key = f"{asked[0][0]} and {len(asked) - 1} more"
            self._emit(StoreFailed("look_many", key, error))
            nothing = Look(None, None, self._runtime.now(), _always_overtakes)
            return [nothing] * len(asked)

    def _serve_some(
        self,
        calls: Sequence[Call],
        looks: Sequence[Look],
        batch: Batch,
        ticket: int,
        found: Gathered,
    ) -> list[Wanted]:
        """Serve what may be served; return what has to be loaded first."""
        wanted: list[Wanted] = []
        behind: list[Wanted] = []
        for call, look in zip(calls, looks, strict=True):
            entry = look.entry
            match judge(entry, look.now, paused=self._pauses.is_on(call.key, look.now)):
                case Verdict.SERVE if entry is not None:
                    found.values[call.key] = self._serve(call, entry, look.now)
                case Verdict.SERVE_AND_REFRESH if entry is not None:
                    behind.append(Wanted(call, look))
                    found.values[call.key] = self._serve(call, entry, look.now)
                case Verdict.REFRESH_OR_SERVE:
                    wanted.append(Wanted(call, look, may_stand_in=True))
                case _:
                    wanted.append(Wanted(call, look))
        self._refresh_together(behind, batch, ticket)
        return wanted

    def _refresh_together(self, behind: Sequence[Wanted], batch: Batch, ticket: int) -> None:
        riders: list[Rider] = []
        for call, look, _ in behind:
            if look.stamp is not None:
                may_join = self._joiner(call, look, ticket)
                flight = self._flights.board_behind(call.key, look.stamp, may_join)
                if flight is not None:
                    riders.append(Rider(call, look, flight, is_pilot=True))
        if not riders:
            return
        carrier = self._charter(riders, is_background=True)
        job = partial(self._carrier_pilot.fly_many, carrier, riders, batch)
        if self._runtime.spawn(carrier, job):
            _tell_thread(carrier)
        else:
            self._flights.abandon(carrier)

    def _charter(self, riders: Sequence[Rider], *, is_background: bool) -> Flight:
        name = naming([rider.call for rider in riders])
        flights = [rider.flight for rider in riders]
        return self._flights.charter(name, flights, is_background=is_background)

    # -- riding ------------------------------------------------------------------------------

    async def _ride_together(
        self,
        wanted: Sequence[Wanted],
        batch: Batch,
        ticket: int,
        found: Gathered,
        *,
        newer_only: bool = False,
    ) -> list[Call]:
        """Load ``wanted`` or wait for who does; return the calls that go on without an answer."""
        riders = [self._boarded(one, ticket, newer_only=newer_only) for one in wanted]
        crew = [rider for rider in riders if rider.is_pilot]
        carrier = self._charter(crew, is_background=False) if crew else None
        try:
            await self._wait_together(riders, crew, carrier, batch)
        except BaseException:
            for rider in riders:
                self._flights.leave(rider.flight, is_pilot=rider.is_pilot)
            raise
        return await self._disembark_all(riders, batch, ticket, found, newer_only=newer_only)

    def _boarded(self, wanted: Wanted, ticket: int, *, newer_only: bool) -> Rider:
        call, look, may_stand_in = wanted
        may_join = self._joiner(call, look, ticket, newer_only=newer_only)
        flight, is_pilot = self._flights.board(call.key, look.stamp, may_join)
        call.recipe.counts.misses += not newer_only
        call.recipe.counts.waits += not is_pilot
        return Rider(call, look, flight, is_pilot, may_stand_in)

    async def _wait_together(
        self,
        riders: Sequence[Rider],
        crew: Sequence[Rider],
        carrier: Flight | None,
        batch: Batch,
    ) -> None:
        """Launch the own load first: those whom this read waits for may be waiting for it."""
        joined = [rider.flight for rider in riders if not rider.is_pilot]
        notes: list[tuple[Load | None, Flight]] = []
        try:
            try:
                for flight in joined if carrier is None else (carrier, *joined):
                    notes.append((self._flights.begin_waiting(flight), flight))
                    self._check_waiting(flight)
            except BaseException:
                if carrier is not None:
                    self._flights.abandon(carrier)
                raise
            if carrier is not None:
                await self._launch_all(carrier, crew, batch)
                await self._runtime.wait(partial(self._flights.call_at_end, carrier))
            for flight in joined:
                await self._runtime.wait(partial(self._flights.call_at_end, flight))
        finally:
            for load, flight in notes:
                self._flights.end_waiting(load, flight)

    def _check_waiting(self, flight: Flight) -> None:
        if not self._runtime.can_wait(flight):
            raise DeadlockError(
                f"a blocking call for {flight.key!r} on the thread of the event loop that is "
                f"loading it would stop that load: await it there, or call it in another thread"
            )

    async def _launch_all(self, carrier: Flight, crew: Sequence[Rider], batch: Batch) -> None:
        job = partial(self._carrier_pilot.fly_many, carrier, crew, batch)
        try:
            await self._runtime.launch(carrier, job)
        except BaseException:
            # It did not take off: a loop that is closing takes no tasks.
            self._flights.abandon(carrier)
            raise
        _tell_thread(carrier)

    async def _disembark_all(
        self,
        riders: Sequence[Rider],
        batch: Batch,
        ticket: int,
        found: Gathered,
        *,
        newer_only: bool,
    ) -> list[Call]:
        again: list[Call] = []
        alone: list[Call] = []
        failed: Flight | None = None
        for rider in riders:
            call, flight = rider.call, rider.flight
            if flight.ended_by_close:
                alone.append(call)
                continue
            if batch.may_lack and await self._lacks(rider, ticket):
                continue
            try:
                answer = await self._disembark(
                    flight,
                    call,
                    ticket,
                    is_pilot=rider.is_pilot,
                    newer_only=newer_only,
                    may_stand_in=rider.may_stand_in,
                )
            except Exception as error:
                if error is not flight.error:
                    raise
                if flight.error_was_returned:
                    found.errors[call.key] = error
                else:
                    failed = failed or flight
                continue
            if answer is AGAIN:
                again.append(call)
            else:
                found.values[call.key] = answer
        if failed is not None:
            failed.raise_error()
        if alone:
            # Those whose flight close() has ended.
            brought = await batch.load_beside(alone)
            found.values.update(brought.values)
            found.errors.update(brought.errors)
        return again

    async def _lacks(self, rider: Rider, ticket: int) -> bool:
        """Return whether it is the answer of this flight to this rider that there is no value."""
        flight = rider.flight
        if flight.value is not LACKING:
            return False
        is_older = not rider.is_pilot and flight.ticket < ticket
        if is_older and await self._was_overtaken(flight, rider.call):
            return False
        outer = running_load(self._store)
        if outer is not None:
            outer.collect(flight.tags, is_stale=flight.made_from_stale)
        return True


def _tell_thread(carrier: Flight) -> None:
    """Tell the members which thread must not be stopped while they fly."""
    for member in carrier.members:
        member.thread = carrier.thread
