"""One load of a key at a time in this process, whoever asks, from threads and event loops.

A flight is one load and those who wait for it. The flight belongs to the cache, not to the
caller who began it: a caller that is cancelled leaves, and only when the last one has left is
the load cancelled. A join is provisional; whether the value answers a waiter is judged at the end.

Tickets order reads and loads of this process: a flight whose ticket is later than a read's began
its load after that read had started, so its value answers the read whatever happened. A flight gets
its ticket when its loader begins; until then it counts as later than every read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from threading import Lock
from types import TracebackType
from typing import Any

from ..errors import DeadlockError
from .load import Load, current_load
from .raised import Raised

NOT_BEGUN = float("inf")


def _always() -> bool:
    return True


class Flight:
    """One load: its stamp, its ticket, its passengers and, at last, its outcome.

    A flight is made for each miss, and of most of its marks none is ever set: those stand in the
    class, and what a flight has of its own is soon written.
    """

    passengers = 0
    ticket: float = NOT_BEGUN
    is_superseded = False
    # Loads whatever other processes do: who asked for it wants a value that begins now.
    is_alone = False
    has_ended = False
    is_abandoned = False
    ended_by_close = False
    # The loader itself raised, and not a user's function that was asked about its result.
    loader_failed = False
    # A loader of many values gave this error in place of one of them, and did not raise it.
    error_was_returned = False
    interruption: BaseException | None = None
    value: Any = None
    tags: tuple[str, ...] = ()
    made_from_stale = False
    # The end of the first hold that it ran under: it is not stored, and who begins to read after
    # that end does not get its value.
    held_until: float | None = None
    # A lease that a passenger's look took. Of the threads that look at one time, it may be another
    # than the one with the lease that begins the load.
    bid: Any = None
    error: Exception | None = None
    # The error is an answer of the source, as good as a value.
    raised: Raised | None = None
    _traceback: TracebackType | None = None
    # The runtime that flies it says how to end it, whether it can still end by itself, and
    # which thread must not be stopped while it flies.
    cancel: Callable[[], object] | None = None
    is_alive: Callable[[], bool] = staticmethod(_always)
    thread: int | None = None
    # Set while it has a place among the loads behind: see budget.py.
    free_place: Callable[[Flight], None] | None = None
    # Called when somebody boards it, on any thread: a load may go slowly while one waits.
    boarded: Callable[[], None] | None = None
    # Of a load of many keys: the flight that runs the loader, and those that it carries.
    carrier: Flight | None = None
    members: tuple[Flight, ...] = ()
    # The flights that the loader of this one waits for: see Flights.begin_waiting.
    waits_for: tuple[Flight, ...] = ()
    # Who waits on which loop: see the runtime of those.
    parties: dict[Any, Any] | None = None
    # In the order of their coming. A dict, since who waits no longer takes its own out.
    _wakers: dict[Callable[[], None], None] | None = None

    def __init__(self, key: str, stamp: Any, *, is_background: bool) -> None:
        self.key = key
        self.stamp = stamp
        self.is_background = is_background
        # Whoever had a refresh begun did not wait for it, and may be gone when it fails.
        self.starter_left = is_background

    def answers_at(self, now: float) -> bool:
        """Return whether a read that began at ``now`` may have the value, for all that holds say."""
        return self.held_until is None or now < self.held_until

    def fail(self, error: Exception) -> None:
        self.error, self._traceback = error, error.__traceback__

    def raise_error(self) -> None:
        """Raise the loader's error, with the traceback it came with.

        Many waiters raise one error object; without this each would add its frames to it.
        """
        if self.error is not None:
            raise self.error.with_traceback(self._traceback)

    def may_end(self) -> bool:
        """Return whether this flight, a carrier, can still end by itself."""
        return self.is_alive()

    def reaches(self, goals: set[Flight]) -> bool:
        """Return whether this flight waits, directly or not, for one of ``goals``."""
        seen: set[Flight] = set()
        ahead: list[Flight] = [self]
        while ahead:
            flight = ahead.pop()
            if flight in goals:
                return True
            if flight not in seen:
                seen.add(flight)
                ahead.extend(flight.waits_for)
        return False


def _count(flight: Flight, passengers: int) -> None:
    flight.passengers += passengers
    if flight.carrier is not None:
        flight.carrier.passengers += passengers


class Flights:
    """The flights of one cache by key."""

    def __init__(self) -> None:
        # Held for a dict operation and never across an await.
        self._lock = Lock()
        self._by_key: dict[str, Flight] = {}
        self._flying: set[Flight] = set()
        #: Returns the next ticket.
        self.ticket: Callable[[], int] = count(1).__next__
        #: How many loads run now. The hit path asks only whether there is any.
        self.loads = 0

    def board(
        self, key: str, stamp: Any, may_join: Callable[[Flight], bool], bid: Any = None
    ) -> tuple[Flight, bool]:
        """Return a flight of ``key`` to wait for, and whether the caller is its pilot.

        ``bid`` is a lease that the caller has taken, if any: a passenger gives it to the flight.

        A flight that ``may_join`` refuses goes on for its own passengers, but its value will not
        be stored: the new one supersedes it.
        """
        with self._lock:
            former = self._by_key.get(key)
            if former is None or not former.is_alive() or not may_join(former):
                flight = Flight(key, stamp, is_background=False)
                flight.passengers = 1
                self._take_off(flight, former)
                return flight, True
            former.passengers += 1
            if former.carrier is not None:
                former.carrier.passengers += 1
            former.bid = former.bid if bid is None else bid
        if former.boarded is not None:
            former.boarded()
        return former, False

    def has(self, key: str, may_join: Callable[[Flight], bool]) -> bool:
        """Return whether a flight of ``key`` that ``may_join`` accepts is in the air."""
        flight = self._by_key.get(key)
        return flight is not None and flight.is_alive() and may_join(flight)

    def are_of(self, key: str) -> bool:
        """Return whether a flight of ``key`` is in the air."""
        return key in self._by_key

    def take_off_behind(self, flight: Flight, stamp: Any, may_join: Callable[[Flight], bool]) -> bool:
        """Let ``flight`` take off without passengers, unless one like it is in the air."""
        with self._lock:
            if self.has(flight.key, may_join):
                return False
            flight.stamp = stamp
            self._take_off(flight, self._by_key.get(flight.key))
            return True

    def _take_off(self, flight: Flight, former: Flight | None) -> None:
        if former is not None:
            former.is_superseded = True
        self._by_key[flight.key] = flight
        self._flying.add(flight)
        self.loads += 1

    def take_off_alone(self, flight: Flight) -> None:
        """Begin a flight that nobody can board and that replaces none."""
        with self._lock:
            self._flying.add(flight)
            self.loads += 1

    def charter(self, carrier: Flight, members: Sequence[Flight]) -> None:
        """Let ``carrier`` stand for ``members``, which one run of a loader loads together.

        It is what a runtime runs and cancels, and stands in no table. Each member is boarded, left
        and ended for itself; nobody waits any more when that is so for all of them.
        """
        carrier.members = tuple(members)
        with self._lock:
            for member in members:
                member.carrier = carrier
                member.is_alive = carrier.may_end
                # So that a loader which reads one of its own keys is found out.
                member.waits_for = (*member.waits_for, carrier)
                carrier.passengers += member.passengers
            self._flying.add(carrier)
            self.loads += 1

    def leave(
        self, flight: Flight, *, is_pilot: bool, goes_on: Callable[[Flight], bool] | None = None
    ) -> None:
        """Let a passenger go; the last one out cancels the load.

        ``goes_on`` is asked of a load that would be cancelled whether it goes on behind instead:
        its passenger was not cancelled, it had no more time.
        """
        flown = flight.carrier or flight
        with self._lock:
            if not flight.has_ended:
                _count(flight, -1)
            flight.starter_left = flight.starter_left or is_pilot
            is_last = flown.passengers <= 0 and not flown.is_background and not flown.has_ended
            if is_last and goes_on is not None and goes_on(flown):
                for one in (flown, *flown.members):
                    one.is_background = one.starter_left = True
                is_last = False
            if is_last:
                # At once, so that nobody boards a flight that is about to be cancelled.
                for one in (flown, *flown.members):
                    self._remove(one)
        # Read once: another thread may take it back, since from its start on a thread cannot be ended.
        cancel = flown.cancel
        if is_last and cancel is not None:
            cancel()

    def end(self, flight: Flight) -> None:
        """Take ``flight`` from the table and wake those who wait. Its outcome stands in it.

        With a carrier those of its members end that have not: as it was interrupted, so are they.
        """
        for member in flight.members:
            if not member.has_ended:
                member.ended_by_close = flight.ended_by_close
                member.interruption = flight.interruption
                self.abandon(member)
        with self._lock:
            if flight.has_ended:
                return
            flight.has_ended = True
            if self._by_key.get(flight.key) is flight:
                del self._by_key[flight.key]
            # One that waited for its turn may end on the ground.
            if flight in self._flying:
                self._flying.discard(flight)
                self.loads -= 1
            if flight.carrier is not None:
                flight.carrier.passengers -= flight.passengers
            wakers, flight._wakers = flight._wakers, None
        if wakers is not None:
            for wake in wakers:
                wake()
        if flight.free_place is not None:
            flight.free_place(flight)

    def abandon(self, flight: Flight) -> None:
        """End a flight that was cancelled or interrupted: it says nothing about the value."""
        if not flight.has_ended:
            flight.is_abandoned = True
            self.end(flight)

    def _remove(self, flight: Flight) -> None:
        if self._by_key.get(flight.key) is flight:
            del self._by_key[flight.key]

    def call_at_end(self, flight: Flight, wake: Callable[[], None]) -> Callable[[], None] | None:
        """Have ``wake`` called once when ``flight`` ends; return what takes that back.

        Return ``None`` if it has ended.
        """
        with self._lock:
            if flight.has_ended:
                return None
            if flight._wakers is None:
                flight._wakers = {}
            flight._wakers[wake] = None

        def take_back() -> None:
            if flight.has_ended:
                return
            with self._lock:
                if flight._wakers is not None:
                    flight._wakers.pop(wake, None)

        return take_back

    def oldest_stamp(self) -> Any:
        """Return the earliest stamp of a load that runs, or ``None``; for stamps that have an order."""
        with self._lock:
            return min((f.stamp for f in self._flying if f.stamp is not None), default=None)

    def in_the_air(self) -> list[Flight]:
        with self._lock:
            return list(self._flying)

    def begin_waiting(self, flight: Flight) -> Load | None:
        """Note that the load this code runs inside waits for ``flight``; return that load.

        Raises ``DeadlockError`` if ``flight`` already waits for that load: neither would end.
        Check and note are one step, so of two loads that meet the later one is refused.
        """
        inner = current_load.get()
        if inner is None:
            return None
        around: set[Flight] = set()
        load: Load | None = inner
        while load is not None:
            if not load.is_over:
                around.add(load.flight)
            load = load.parent
        with self._lock:
            if not flight.has_ended and flight.reaches(around):
                raise DeadlockError(
                    f"the load of {flight.key!r} reads {flight.key!r} again, directly or through "
                    f"another cached call, and would wait for itself: call .uncached there, or "
                    f"break the circle"
                )
            inner.flight.waits_for = (*inner.flight.waits_for, flight)
        return inner

    def end_waiting(self, load: Load | None, flight: Flight) -> None:
        if load is not None:
            with self._lock:
                waits_for = list(load.flight.waits_for)
                waits_for.remove(flight)
                load.flight.waits_for = tuple(waits_for)
