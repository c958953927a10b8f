"""Many calls that ride together: the flights of a read of many, before it and behind it.

Each call has the flight of its key. Those that nobody flew yet are flown by one carrier, the others
are waited for. The rules are those of one call, in ``engine.py``, asked for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from ..errors import DeadlockError
from .batch import LACKING, Batch, Gathered, Rider, naming
from .budget import Budget, Turn
from .carrier import CarrierPilot
from .claim import won
from .engine import Engine
from .events import Emit
from .flight import Flight, Flights
from .load import Load, hand_on
from .patience import Patience
from .pauses import Pauses
from .ports import Look, Runtime, Store
from .recipe import Call
from .riding import AGAIN
from .verdict import Verdict, judge


class Wanted(NamedTuple):
    """A call that has to be loaded. ``may_stand_in`` says that its expired value may."""

    call: Call
    look: Look
    may_stand_in: bool = False


@dataclass(slots=True)
class Trip:
    """One read of many: how it loads, since when and how long it waits, what it has found so far.

    ``newer_only`` is for a refresh: only loads that began after it answer it.
    """

    batch: Batch
    ticket: int
    patience: Patience
    newer_only: bool = False
    found: Gathered = field(default_factory=Gathered)


class Convoy(Engine):
    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        flights: Flights,
        pauses: Pauses,
        budget: Budget,
        emit: Emit,
    ) -> None:
        super().__init__(store, runtime, flights, pauses, budget, emit)
        self._carrier_pilot = CarrierPilot(store, runtime, flights, pauses, emit)

    async def _look_many(self, calls: Sequence[Call]) -> list[Look]:
        raise NotImplementedError

    # -- before the reader -------------------------------------------------------------------

    async def _ride_together(self, wanted: Sequence[Wanted], trip: Trip) -> list[Call]:
        """Load ``wanted`` or wait for who does; return the calls that go on without an answer."""
        if not wanted:
            return []
        if trip.patience.is_over:
            first, *_ = [self._timeout(one.call, one.look) for one in wanted]
            raise first
        riders = [self._boarded(one, trip) for one in wanted]
        crew = [rider for rider in riders if rider.is_pilot]
        try:
            await self._launch_all(riders, crew, trip)
        except BaseException:
            for rider in riders:
                self._flights.leave(rider.flight, is_pilot=rider.is_pilot)
            raise
        return await self._disembark_all(riders, trip)

    def _boarded(self, wanted: Wanted, trip: Trip) -> Rider:
        call, look, may_stand_in = wanted
        may_join = self._joiner(call, look, trip.ticket, newer_only=trip.newer_only)
        flight, is_pilot = self._flights.board(call.key, look.stamp, may_join, won(look))
        flight.is_alone = flight.is_alone or (is_pilot and trip.newer_only)
        call.recipe.counts.misses += not trip.newer_only
        call.recipe.counts.waits += not is_pilot
        return Rider(call, look, flight, is_pilot, may_stand_in)

    async def _launch_all(self, riders: Sequence[Rider], crew: Sequence[Rider], trip: Trip) -> None:
        """Launch the flights of ``crew``, and wait for those of all.

        The own load comes first: those whom this read waits for may be waiting for it.
        """
        carrier = Flight(naming([one.call.key for one in crew or riders]), None, is_background=False)
        joined = [rider.flight for rider in riders if not rider.is_pilot]
        if crew:
            self._flights.charter(carrier, [rider.flight for rider in crew])
            joined.append(carrier)
        notes: list[tuple[Load | None, Flight]] = []
        try:
            for flight in joined:
                notes.append((self._flights.begin_waiting(flight), flight))
                self._check_waiting(flight)
            if crew:
                job = partial(self._carrier_pilot.fly_many, carrier, crew, trip.batch)
                may_be_left = crew[0].call.recipe.timeouts is not None
                await self._runtime.launch(carrier, job, may_be_left=may_be_left)
        except BaseException:
            # It did not take off: a loop that is closing takes no tasks.
            self._flights.abandon(carrier)
            self._stop_waiting(notes)
            raise
        try:
            await self._wait_for_all(riders, trip)
        finally:
            self._stop_waiting(notes)

    def _check_waiting(self, flight: Flight) -> None:
        if not self._runtime.can_wait(flight):
            raise DeadlockError(
                f"a blocking call for {flight.key!r} on the thread of the event loop that is "
                f"loading it would stop that load: await it there, or call it in another thread"
            )

    def _stop_waiting(self, notes: Sequence[tuple[Load | None, Flight]]) -> None:
        for load, flight in notes:
            self._flights.end_waiting(load, flight)

    async def _wait_for_all(self, riders: Sequence[Rider], trip: Trip) -> None:
        """Wait for each until it has ended, or as long as this reader waits for it.

        Those that nothing can stand in for come first: they decide how long the whole takes.
        """
        in_order = sorted(riders, key=lambda rider: rider.may_stand_in)
        # Before the first of them runs out.
        instants = [trip.patience.until(may_stand_in=rider.may_stand_in) for rider in in_order]
        for rider, until in zip(in_order, instants, strict=True):
            if not await self._runtime.wait_for(rider.flight, until):
                trip.patience.run_out(until)

    async def _disembark_all(self, riders: Sequence[Rider], trip: Trip) -> list[Call]:
        again: list[Call] = []
        alone: list[Call] = []
        failed: list[Flight] = []
        for rider in riders:
            if not rider.flight.has_ended:
                self._leave_late(rider, trip)
                again.append(rider.call)
            elif rider.flight.ended_by_close:
                alone.append(rider.call)
            elif await self._lacks(rider, trip):
                pass
            else:
                await self._disembark_one(rider, trip, again, failed)
        for flight in failed:
            flight.raise_error()
        if alone:
            brought = await trip.batch.load_beside(alone)
            trip.found.values.update(brought.values)
            trip.found.errors.update(brought.errors)
        return again

    async def _disembark_one(
        self, rider: Rider, trip: Trip, again: list[Call], failed: list[Flight]
    ) -> None:
        call, flight = rider.call, rider.flight
        try:
            answer = await self._disembark(
                flight,
                call,
                rider.look,
                trip.ticket,
                is_pilot=rider.is_pilot,
                newer_only=trip.newer_only,
                may_stand_in=rider.may_stand_in,
            )
        except Exception as error:
            if error is not flight.error and flight.raised is None:
                raise
            if flight.error_was_returned or flight.raised is not None:
                trip.found.errors[call.key] = error
            else:
                failed.append(flight)
        else:
            if answer is AGAIN:
                again.append(call)
            else:
                trip.found.values[call.key] = answer

    def _leave_late(self, rider: Rider, trip: Trip) -> None:
        self._flights.leave(rider.flight, is_pilot=rider.is_pilot, goes_on=self._may_go_on)
        self._again(rider.call, is_pilot=rider.is_pilot, newer_only=trip.newer_only)

    async def _lacks(self, rider: Rider, trip: Trip) -> bool:
        """Return whether it is the answer of this flight to this rider that there is no value."""
        flight = rider.flight
        if flight.value is not LACKING or not trip.batch.may_lack:
            return False
        call, look = rider.call, rider.look
        if not rider.is_pilot and await self._is_outdated(flight, call, look, trip.ticket):
            return False
        hand_on(self._flights, flight)
        return True

    # -- behind the reader -------------------------------------------------------------------

    def _refresh_together(self, behind: Sequence[Wanted], batch: Batch, ticket: int) -> None:
        """Have one load refresh ``behind``, or let it wait for its turn."""
        due = [one for one in behind if self._is_due(one, ticket)]
        if not due:
            return
        carrier = Flight(naming([one.call.key for one in due]), None, is_background=True)
        if not self._budget.admit(carrier):
            self._wait_for_a_turn_together(carrier.key, due, batch)
            return
        riders = self._taken_off(due, ticket)
        if not riders:
            # Another thread was quicker.
            self._flights.abandon(carrier)
            return
        self._flights.charter(carrier, [rider.flight for rider in riders])
        job = partial(self._carrier_pilot.fly_many, carrier, riders, batch)
        if not self._runtime.spawner()(carrier, job):
            self._flights.abandon(carrier)

    def _is_due(self, wanted: Wanted, ticket: int) -> bool:
        call, look, _ = wanted
        return look.stamp is not None and not self._flights.has(
            call.key, self._joiner(call, look, ticket)
        )

    def _taken_off(self, due: Sequence[Wanted], ticket: int) -> list[Rider]:
        riders: list[Rider] = []
        for call, look, _ in due:
            flight = Flight(call.key, look.stamp, is_background=True)
            if look.stamp is not None and self._flights.take_off_behind(
                flight, look.stamp, self._joiner(call, look, ticket)
            ):
                riders.append(Rider(call, look, flight, is_pilot=True))
        return riders

    def _wait_for_a_turn_together(self, name: str, due: Sequence[Wanted], batch: Batch) -> None:
        spawn, calls = self._runtime.spawner(), [one.call for one in due]

        def begin(carrier: Flight) -> bool:
            return spawn(carrier, partial(self._take_turn_together, carrier, calls, batch))

        turns = [
            Turn(entry, look.now < entry.stale_at, call.recipe.counts, begin)
            for call, look, _ in due
            if (entry := look.entry) is not None
        ]
        # The load is worth what the most urgent of its values is.
        self._budget.queue(name, min(turns, key=Turn.rank))

    async def _take_turn_together(self, carrier: Flight, calls: Sequence[Call], batch: Batch) -> None:
        """Refresh those of ``calls`` for which that is still to be done: time has passed."""
        ticket, due = self._flights.ticket(), []
        for call, look in zip(calls, await self._look_many(calls), strict=True):
            paused = self._pauses.is_on(call.key, look.now)
            if judge(look.entry, look.now, paused=paused) is Verdict.SERVE_AND_REFRESH:
                due.append(Wanted(call, look))
        riders = self._taken_off(due, ticket)
        if riders:
            self._flights.charter(carrier, [rider.flight for rider in riders])
            await self._carrier_pilot.fly_many(carrier, riders, batch)
        else:
            self._flights.abandon(carrier)
