"""The pilot of many flights at once: one run of a loader, an entry for each key.

What happens to one of them is no matter of the others: an invalidation of one key or tag during the
load, an error given in place of one value, a caller who leaves. Each flight has the stamp that was
taken before the loader began, and is landed, failed or abandoned for itself. Only what the loader
raises is everyone's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import DeadlockError, StoreError
from .batch import LACKING, Batch, Brought, Rider, naming
from .claimants import Claimants
from .entry import Entry
from .events import StoreFailed
from .flight import Flight
from .load import Load, current_load, leave_load
from .pilot import Pilot


class CarrierPilot(Pilot):
    async def fly_many(self, carrier: Flight, riders: Sequence[Rider], batch: Batch) -> None:
        """Load and store the values of ``riders``. Ends their flights, whatever happens."""
        began = self._runtime.now()
        claimants = Claimants(self._store, self._runtime, self._flights, self._emit, riders)
        for rider in riders:
            # By the tags known so far, for who would join now.
            rider.flight.held_until = rider.look.held.until(rider.call.tags, rider.call.key)
        try:
            while claimants:
                due = await claimants.due()
                for share in batch.shares(due):
                    await self._fly_share(carrier, self._still_wanted(share), batch)
                if claimants:
                    await claimants.wait()
        except Exception as error:
            await claimants.end(*(rider.call for rider in riders))
            self._fail_rest(riders, self._runtime.now() - began, error)
        except BaseException as error:
            claimants.drop(*(rider.call for rider in riders))
            carrier.interruption = error
            carrier.is_abandoned = True
            raise
        finally:
            self._flights.end(carrier)
        await self.claims.give_back(*((rider.call, rider.flight.bid) for rider in riders))

    def _still_wanted(self, share: Sequence[Rider]) -> list[Rider]:
        """Leave out whom nobody waits for: their callers were cancelled before their turn came."""
        wanted = []
        for rider in share:
            if rider.is_wanted:
                wanted.append(rider)
            else:
                self._flights.abandon(rider.flight)
        return wanted

    async def _fly_share(self, carrier: Flight, share: Sequence[Rider], batch: Batch) -> None:
        if not share:
            return
        load = Load(self._flights, carrier, None if carrier.is_background else current_load.get())
        token = current_load.set(load)
        began, ticket = self._runtime.now(), self._flights.ticket()
        share[0].call.recipe.counts.loads += 1
        try:
            carrier.ticket = min(carrier.ticket, ticket)
            for rider in share:
                rider.flight.ticket = ticket
                rider.flight.held_until = rider.look.held.until(rider.call.tags, rider.call.key)
            brought = await batch.load([rider.call for rider in share])
            seconds = self._runtime.now() - began
            stored = await self._land_share(carrier, share, brought, load, seconds)
            await self.claims.end(*(rider.call for rider in share))
        finally:
            load.is_over = True
            leave_load(token)
        for rider in share:
            self._flights.end(rider.flight)
        # After the end: who hears of it finds the flights over.
        for rider in share:
            self._tell(rider.flight, rider.call, seconds, stored=rider.call.key in stored)

    def _fail_rest(self, riders: Sequence[Rider], seconds: float, error: Exception) -> None:
        """Fail the flights that have not ended: a run of the loader is one, in how many parts ever."""
        rest = [rider for rider in riders if not rider.flight.has_ended]
        riders[0].call.recipe.counts.load_errors += 1
        for rider in rest:
            rider.flight.fail(error)
            # A deadlock is a mistake in the code, which an older value must not hide.
            rider.flight.loader_failed = not isinstance(error, DeadlockError)
            self._pause(rider.call, rider.look, seconds)
            self._flights.end(rider.flight)
        for rider in rest:
            self._tell(rider.flight, rider.call, seconds, stored=False)

    # -- landing -----------------------------------------------------------------------------

    async def _land_share(
        self,
        carrier: Flight,
        share: Sequence[Rider],
        brought: Brought,
        load: Load,
        seconds: float,
    ) -> frozenset[str]:
        """Give each flight its outcome; return the keys of those whose value was stored."""
        made: list[tuple[Rider, Entry[Any]]] = []
        for rider in share:
            error = brought.errors.get(rider.call.key)
            if error is not None and self._is_answer(rider.flight, rider.call, error):
                entry = self._made(rider.flight, rider.call, rider.look, load, seconds)
                rider.flight.error_was_returned, error = True, None
                if entry is not None:
                    made.append((rider, entry))
            elif error is None:
                try:
                    entry = self._entry_of(rider, brought, load, seconds)
                except Exception as own:  # of a user's function that was asked about the value
                    error = own
                else:
                    if entry is not None:
                        made.append((rider, entry))
            else:
                rider.flight.error_was_returned = rider.flight.loader_failed = True
            if error is None:
                self._pauses.end(rider.call.key)
            else:
                self._fail_one(rider, seconds, error)
        await self._delete_what_is_gone([r for r in share if r.flight.value is LACKING])
        return await self._store_all(carrier, made)

    def _entry_of(
        self, rider: Rider, brought: Brought, load: Load, seconds: float
    ) -> Entry[Any] | None:
        """Give the flight what the loader gave; return the entry to store, if any."""
        call, flight = rider.call, rider.flight
        if call.key in brought.values:
            flight.value = brought.values[call.key]
            return self._made(flight, call, rider.look, load, seconds)
        # For a caller of this one key alone this is no answer; for one of many it is.
        flight.value, flight.is_abandoned = LACKING, True
        self._tag(flight, call, rider.look, load)
        return None

    def _fail_one(self, rider: Rider, seconds: float, error: Exception) -> None:
        rider.flight.fail(error)
        rider.call.recipe.counts.load_errors += 1
        self._pause(rider.call, rider.look, seconds)

    async def _store_all(
        self, carrier: Flight, made: Sequence[tuple[Rider, Entry[Any]]]
    ) -> frozenset[str]:
        """Store ``made``; return the keys of those that were stored."""
        if not made:
            return frozenset()
        landings = [(entry, _superseded(rider.flight, carrier)) for rider, entry in made]
        try:
            answers = await self._store.land_many(landings, made[0][0].call.shape)
        except StoreError as error:
            keys = naming([rider.call.key for rider, _ in made])
            self._emit(StoreFailed, "land_many", keys, error)
            return frozenset()
        for (rider, entry), stored in zip(made, answers, strict=True):
            self._landed(rider.call, entry, stored=stored)
        return frozenset(entry.key for (_, entry), stored in zip(made, answers, strict=True) if stored)

    async def _delete_what_is_gone(self, riders: Sequence[Rider]) -> None:
        """Delete older values of what the source has no more, so that nobody is served them."""
        older = [rider.call.key for rider in riders if rider.look.entry is not None]
        if not older:
            return
        try:
            await self._store.delete(older)
        except StoreError as error:
            self._emit(StoreFailed, "delete", naming(older), error)


def _superseded(flight: Flight, carrier: Flight) -> Callable[[], bool]:
    return lambda: flight.is_superseded or carrier.is_superseded
