"""The path of a read: look, judge, serve or load. All branching on freshness stands here.

    read ── look ── judge ─┬─ SERVE ──────────────────────────────── value
                           ├─ SERVE_AND_REFRESH ─ flight behind ──── value
                           ├─ REFRESH_OR_SERVE ── ride ─┬─────────── value
                           │                            ├ failed ─── expired value
                           │                            └ too long ─ expired value
                           └─ LOAD ────────────── ride ───────────── value

To *ride* is to board the flight of the key, or to pilot one, and to wait for its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from typing import Any, Final

from ..errors import DeadlockError, LoadTimeout, StoreError
from .budget import Budget, Turn
from .entry import Entry
from .events import Emit, ServedExpired, StoreFailed
from .flight import NOT_BEGUN, Flight, Flights
from .lifetime import Lifetime
from .load import hand_on, note_hit, running_load
from .patience import ENDLESS, Patience
from .pauses import Pauses
from .pilot import Pilot, bind
from .ports import Look, Reading, Runtime, Store
from .recipe import Call, Recipe
from .shape import ANY, UNREAD, Shape
from .solo import Solo
from .token import Stamp
from .verdict import Verdict, is_served_to_a_command, judge


class _Again(Enum):
    AGAIN = "the ride ended without an answer for this reader"


AGAIN: Final = _Again.AGAIN


class _Cold(Enum):
    COLD = "there is no value that may be served"
    ALONE = "nor may one be stored: this read is inside of a transaction"


COLD: Final = _Cold.COLD
ALONE: Final = _Cold.ALONE


class Engine:
    """One store, its flights, and one colour of caller.

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

    async def read(self, call: Call, *, leave_cold: bool = False) -> Any:
        """Return the value of ``call``: cached if it may be served, loaded otherwise.

        With ``leave_cold`` it is not loaded if nothing could stand in for it; then ``COLD`` is
        returned.
        """
        ticket, patience = self._flights.ticket(), self._patience(call)
        while True:
            look = await self._look(call.key, call.tags, call.shape)
            entry, paused = look.entry, self._pauses.is_on(call.key, look.now)
            match judge(entry, look.now, paused=paused, late=patience.is_late):
                case Verdict.SERVE if entry is not None:
                    return self._serve(call, entry, look.now)
                case Verdict.SERVE_AND_REFRESH if entry is not None:
                    call.recipe.counts.timeouts += patience.is_late
                    self._refresh_behind(call, look, ticket)
                    return self._serve(call, entry, look.now)
                case Verdict.REFRESH_OR_SERVE:
                    answer = await self._ride(call, look, ticket, patience, may_stand_in=True)
                case _ if leave_cold:
                    return COLD
                case _:
                    answer = await self._ride(call, look, ticket, patience)
            if answer is not AGAIN:
                return answer

    async def begin_alone(self, call: Call) -> Solo:
        """Begin a load that the caller runs step by step."""
        look = await self._look(call.key, call.tags, call.shape)
        return Solo(self._store, self._runtime, self._flights, self._pauses, self._emit, call, look)

    async def refresh(self, call: Call) -> Any:
        """Load the value of ``call`` anew and return it, whatever is stored.

        The load begins after this call did; of several such calls at once one loads.
        """
        ticket, patience = self._flights.ticket(), self._patience(call)
        while True:
            look = await self._look(call.key, call.tags, call.shape)
            answer = await self._ride(call, look, ticket, patience, newer_only=True)
            if answer is not AGAIN:
                return answer

    async def find(self, key: str, tags: Iterable[str] = ()) -> Entry[Any] | None:
        """Return the entry that a command would be served, without loading."""
        look = await self._look(key, tags, UNREAD)
        return look.entry if is_served_to_a_command(look.entry, look.now) else None

    async def peek(self, key: str, tags: Iterable[str], shape: Shape = ANY) -> Entry[Any] | None:
        """Return what ``find`` does, and hand its tags to the load that this code runs inside."""
        look = await self._look(key, tags, shape)
        if not is_served_to_a_command(look.entry, look.now) or look.entry is None:
            return None
        note_hit(self._flights, look.entry, look.now)
        return look.entry

    async def get(self, key: str, recipe: Recipe, shape: Shape | None = None) -> Entry[Any] | None:
        """Return the entry under ``key`` and count the read."""
        look = await self._look(key, shape=recipe.shape if shape is None else shape)
        entry = look.entry
        if entry is None or not is_served_to_a_command(entry, look.now):
            recipe.counts.misses += 1
            return None
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

    async def _look(self, key: str, tags: Iterable[str] = (), shape: Shape = ANY) -> Look:
        try:
            return await self._store.look(key, tags, shape)
        except StoreError as error:
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
        if not self._store.keeps_entries:
            recipe.counts.retired_hits += 1
        if now >= entry.stale_at:
            recipe.counts.stale_hits += 1
        if self._flights.loads:
            note_hit(self._flights, entry, now)

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

    # -- riding ------------------------------------------------------------------------------

    def _patience(self, call: Call) -> Patience:
        timeouts = call.recipe.timeouts
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
            if not flight.answers_at(look.now):
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
        flight, is_pilot = self._flights.board(call.key, look.stamp, may_join)
        flight.is_alone = flight.is_alone or (is_pilot and newer_only)
        call.recipe.counts.misses += not newer_only
        call.recipe.counts.waits += not is_pilot
        until = patience.until(may_stand_in=may_stand_in)
        try:
            has_ended = await self._wait(flight, call, look, until, is_pilot=is_pilot)
        except BaseException:
            self._flights.leave(flight, is_pilot=is_pilot)
            raise
        if not has_ended:
            patience.run_out(until)
            self._flights.leave(flight, is_pilot=is_pilot, goes_on=self._may_go_on)
            return self._again(call, is_pilot=is_pilot, newer_only=newer_only)
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
        counts, timeouts = call.recipe.counts, call.recipe.timeouts
        counts.misses += 1
        counts.timeouts += 1
        seconds = 0.0 if timeouts is None else timeouts.hard or 0.0
        return LoadTimeout(call.key, counts.name, seconds)

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
        """Take leave of a flight that has ended: with its value, its error, or ``AGAIN``."""
        if may_stand_in and flight.loader_failed and not self._goes_on(flight, is_pilot=is_pilot):
            return await self._stand_in(flight, call, is_pilot=is_pilot)
        answer = await self._answer(flight, call, look, ticket, is_pilot=is_pilot)
        if answer is AGAIN:
            return self._again(call, is_pilot=is_pilot, newer_only=newer_only)
        return answer

    async def _wait(
        self, flight: Flight, call: Call, look: Look, until: float | None, *, is_pilot: bool
    ) -> bool:
        """Wait for the end of ``flight``, or ``until``; return whether it has ended."""
        load = self._flights.begin_waiting(flight)
        try:
            if is_pilot:
                await self._launch(flight, call, look)
            elif not self._runtime.can_wait(flight):
                raise DeadlockError(
                    f"a blocking call for {call.key!r} on the thread of the event loop that is "
                    f"loading it would stop that load: await it there, or call it in another thread"
                )
            # On a thread the pilot's load has ended by now.
            return flight.has_ended or await self._runtime.wait(
                partial(self._flights.call_at_end, flight), until
            )
        finally:
            self._flights.end_waiting(load, flight)

    async def _launch(self, flight: Flight, call: Call, look: Look) -> None:
        try:
            await self._runtime.launch(
                flight,
                lambda: self._pilot.fly(flight, call, look),
                may_be_left=call.recipe.timeouts is not None,
            )
        except BaseException:
            # It did not take off: a loop that is closing takes no tasks.
            self._flights.abandon(flight)
            raise

    async def _answer(
        self, flight: Flight, call: Call, look: Look, ticket: int, *, is_pilot: bool
    ) -> Any:
        """Judge what the flight brought for this one passenger."""
        if flight.ended_by_close:
            return await call.loader()
        if flight.is_abandoned:
            if is_pilot and flight.interruption is not None:
                raise flight.interruption
            return AGAIN
        if flight.error is not None and self._goes_on(flight, is_pilot=is_pilot):
            return AGAIN
        if not is_pilot and await self._is_outdated(flight, call, look, ticket):
            return AGAIN
        hand_on(self._flights, flight)
        if flight.raised is not None and not is_pilot:
            raise flight.raised.anew()
        flight.raise_error()
        copy = call.recipe.copy
        return flight.value if copy is None else copy(flight.value)

    async def _is_outdated(self, flight: Flight, call: Call, look: Look, ticket: int) -> bool:
        """Judge at the end whether a passenger had joined too old a load."""
        if flight.ticket >= ticket:
            return False
        return not flight.answers_at(look.now) or await self._was_overtaken(flight, call)

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
        return (
            bool(later)
            and flight.stamp is not None
            and await self._store.overtaken(flight.stamp, later)
        )


def _always_overtakes(stamp: Reading, tags: Iterable[str], key: str | None) -> bool:
    return True
