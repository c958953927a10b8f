"""The ride of a read that has to load: it boards the flight of its key, or pilots one, and waits.

A join is provisional, and judged at the end. A reader whose flight brought it no answer asks again
from the beginning: it gets ``AGAIN``. What may be served in place of a load is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from ..errors import DeadlockError, LoadTimeout, StoreError
from .budget import Budget
from .claim import won
from .events import Emit, LoadTimedOut, StoreFailed
from .flight import NOT_BEGUN, Flight, Flights
from .load import current_load, hand_on, running_load
from .patience import ENDLESS, Patience
from .pauses import Pauses
from .pilot import Pilot
from .ports import Look, Runtime, Store
from .recipe import Call, Recipe


class _Again(Enum):
    AGAIN = "the ride ended without an answer for this reader"


AGAIN: Final = _Again.AGAIN


class Riding:
    """Rides of one colour of caller, over one store and its flights.

    ``pauses`` holds, by key, until when a failed load is not tried again while an older value
    can be served; the engines of both colours share it, as they share the flights. ``budget``
    says how many loads may run behind their readers.
    """

    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        flights: Flights,
        pauses: Pauses,
        budget: Budget,
        emit: Emit,
    ) -> None:
        self._store = store
        self._runtime = runtime
        self._flights = flights
        self._pauses = pauses
        self._budget = budget
        self._emit = emit
        self._pilot = Pilot(store, runtime, flights, pauses, emit)
        self._glance = store.glance
        self._recall = store.recall

    async def _stand_in(self, flight: Flight, call: Call, *, is_pilot: bool) -> Any:
        """Answer a failed load with the expired value, or raise its error."""
        raise NotImplementedError

    def _patience(self, recipe: Recipe) -> Patience:
        timeouts = recipe.timeouts
        return ENDLESS if timeouts is None else timeouts.begin(self._runtime.now())

    def _joiner(
        self, call: Call, look: Look, ticket: int, *, newer_only: bool = False
    ) -> Callable[[Flight], bool]:
        """Return the rule by which this reader may wait for a flight.

        A flight that took off after the read started answers it. An older one may, if neither
        the key nor a tag known by now was invalidated after its stamp, and the read did not
        begin after a hold under which the flight runs.
        """

        def may_join(flight: Flight) -> bool:
            if flight.ticket > ticket:
                return True
            if newer_only or flight.stamp is None or look.stamp is None:
                return False
            if flight.held_until is not None and not flight.answers_at(look.now):
                return False
            return not look.overtakes(flight.stamp, call.tags, call.key)

        return may_join

    async def _ride(
        self,
        call: Call,
        look: Look,
        ticket: int,
        patience: Patience,
        *,
        newer_only: bool = False,
        may_stand_in: bool = False,
    ) -> Any:
        if patience.is_over:
            raise self._timeout(call, look)
        may_join = self._joiner(call, look, ticket, newer_only=newer_only)
        bid = None if look.bid is None else won(look)
        flight, is_pilot = self._flights.board(call.key, look.stamp, may_join, bid)
        flight.is_alone = flight.is_alone or (is_pilot and newer_only)
        call.recipe.counts.misses += not newer_only
        call.recipe.counts.waits += not is_pilot
        until = None if patience is ENDLESS else patience.until(may_stand_in=may_stand_in)
        try:
            has_ended = await self._wait(flight, call, look, until, is_pilot=is_pilot)
        except BaseException:
            self._flights.leave(flight, is_pilot=is_pilot)
            raise
        if not has_ended:
            patience.run_out(until)
            self._flights.leave(flight, is_pilot=is_pilot, goes_on=self._may_go_on)
            return self._again(call, is_pilot=is_pilot, newer_only=newer_only)
        if is_pilot and flight.error is None and not (flight.is_abandoned or flight.ended_by_close):
            return self._arrive(flight, call)
        return await self._disembark(
            flight,
            call,
            look,
            ticket,
            is_pilot=is_pilot,
            newer_only=newer_only,
            may_stand_in=may_stand_in,
        )

    def _may_go_on(self, flight: Flight) -> bool:
        """Return whether a load that nobody waits for any more, since it took too long, goes on.

        It may while there is a place for it among the refreshes. A thread cannot be ended, whether
        there is a place or not; a load that has not begun is not begun any more.
        """
        if flight.ticket == NOT_BEGUN:
            return False
        return flight.cancel is None or self._budget.admit(flight)

    def _timeout(self, call: Call, look: Look) -> LoadTimeout:
        outer = running_load(self._flights)
        if outer is not None:
            # What the load around this read makes of it depends on this value all the same.
            outer.collect(call.tags, look.stamp)
        call.recipe.counts.misses += 1
        error = LoadTimeout(call.key, call.recipe.counts.name, _waited(call, is_over=True))
        self._tell_late(call, is_over=True, error=error)
        return error

    def _tell_late(self, call: Call, *, is_over: bool, error: LoadTimeout | None = None) -> None:
        counts = call.recipe.counts
        counts.timeouts += 1
        self._emit(LoadTimedOut, call.key, counts.name, _waited(call, is_over=is_over), error)

    def _again(self, call: Call, *, is_pilot: bool, newer_only: bool) -> _Again:
        # This read goes on, and is counted where it ends.
        call.recipe.counts.misses -= not newer_only
        call.recipe.counts.waits -= not is_pilot
        return AGAIN

    async def _disembark(
        self,
        flight: Flight,
        call: Call,
        look: Look,
        ticket: int,
        *,
        is_pilot: bool,
        newer_only: bool,
        may_stand_in: bool,
    ) -> Any:
        """Take leave of a flight that has ended: with its value, its error, or ``AGAIN``.

        A pilot who has brought a value is not asked all this.
        """
        if may_stand_in and flight.loader_failed and not self._goes_on(flight, is_pilot=is_pilot):
            return await self._stand_in(flight, call, is_pilot=is_pilot)
        if flight.ended_by_close:
            return await call.loader()
        if flight.is_abandoned and is_pilot and flight.interruption is not None:
            raise flight.interruption
        if flight.is_abandoned or (
            not is_pilot
            and (
                (flight.error is not None and self._goes_on(flight, is_pilot=is_pilot))
                or await self._is_outdated(flight, call, look, ticket)
            )
        ):
            return self._again(call, is_pilot=is_pilot, newer_only=newer_only)
        if flight.raised is not None and not is_pilot:
            if current_load.get() is not None:
                hand_on(self._flights, flight)
            raise flight.raised.anew()
        return self._arrive(flight, call)

    def _arrive(self, flight: Flight, call: Call) -> Any:
        """Return the value of ``flight``, or raise its error, and hand its tags to the load around."""
        if current_load.get() is not None:
            hand_on(self._flights, flight)
        if flight.error is not None:
            flight.raise_error()
        copy = call.recipe.copy
        return flight.value if copy is None else copy(flight.value)

    async def _wait(
        self, flight: Flight, call: Call, look: Look, until: float | None, *, is_pilot: bool
    ) -> bool:
        """Wait for the end of ``flight``, or ``until``; return whether it has ended."""
        load = None if current_load.get() is None else self._flights.begin_waiting(flight)
        try:
            if is_pilot:
                try:
                    await self._runtime.launch(
                        flight,
                        lambda: self._pilot.fly(flight, call, look),
                        may_be_left=call.recipe.timeouts is not None,
                        # A refresh waits a turn, for those of the same turn that it may stand for,
                        # and so does a load without a stamp, which only they may join.
                        # Loads inside of loads get a stack each, or Python's would soon be full.
                        at_once=load is None and not flight.is_alone and flight.stamp is not None,
                    )
                except BaseException:
                    # It did not take off: a loop that is closing takes no tasks.
                    self._flights.abandon(flight)
                    raise
            elif not self._runtime.can_wait(flight):
                raise DeadlockError(
                    f"a blocking call for {call.key!r} on the thread of the event loop that is "
                    f"loading it would stop that load: await it there, or call it in another thread"
                )
            # On a thread the pilot's load has ended by now.
            return flight.has_ended or await self._runtime.wait_for(flight, until)
        finally:
            if load is not None:
                self._flights.end_waiting(load, flight)

    async def _is_outdated(self, flight: Flight, call: Call, look: Look, ticket: int) -> bool:
        """Judge at the end whether a passenger had joined too old a load."""
        if flight.ticket >= ticket:
            return False
        if flight.held_until is not None and not flight.answers_at(look.now):
            return True
        return flight.tags != call.tags and await self._was_overtaken(flight, call)

    def _goes_on(self, flight: Flight, *, is_pilot: bool) -> bool:
        """Return whether a passenger of a failed flight starts anew.

        What failed may have been the starter's: its session was closed when it left. What is an
        answer is everyone's.
        """
        return flight.starter_left and not is_pilot and flight.raised is None

    async def _was_overtaken(self, flight: Flight, call: Call) -> bool:
        """Judge a join at its end, by the tags that were not known when it began.

        For the tags known then, an invalidation before the read began was seen at boarding; one
        that came later need not be. For the others the two cannot be told apart: load again.
        """
        later = [tag for tag in flight.tags if tag not in call.tags]
        if not later or flight.stamp is None:
            return False
        try:
            return await self._store.overtaken(flight.stamp, later)
        except StoreError as error:
            # Nobody can say, so the reader loads for itself.
            self._emit(StoreFailed, "judge", flight.key, error)
            return True


def _waited(call: Call, *, is_over: bool) -> float:
    """Return how long a read of ``call`` has waited, in seconds, when it waits no longer."""
    timeouts = call.recipe.timeouts
    assert timeouts is not None
    seconds = timeouts.hard if is_over else timeouts.soft
    assert seconds is not None
    return seconds
