"""The riders of one carrier on a store with leases: each loads, or takes what another process loads.

    due ─┬─ lease is ours ──────────── load them together, store, give the leases back ─┐
         ├─ its value is there ─────── take it                                          │
         └─ another's ──────────────── wait a little, after own loads, and ask again ◄──┘

Nobody waits with a lease in hand: what is ours is loaded and stored before anybody is waited for. So
two processes that want the same keys in another order do not wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import StoreError
from .batch import Rider, naming
from .claim import (
    FIRST_WAIT,
    GROWTH,
    LONGEST_WAIT,
    MOST_HOLDERS,
    Claims,
    is_made,
    longest_wait,
    never,
    won,
)
from .events import Emit, StoreFailed
from .flight import Flights
from .pilot import take_over
from .ports import Leases, Runtime, Store


class Claimants(Claims):
    """True while there are riders who neither load nor have a value. They are of one shape."""

    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        flights: Flights,
        emit: Emit,
        riders: Sequence[Rider],
    ) -> None:
        super().__init__(store, runtime, flights, emit)
        self._waiting = list(riders)
        self._holders: dict[str, set[object]] = {}
        self._end = runtime.now() + longest_wait(riders[0].flight)
        self._pause = FIRST_WAIT

    def __bool__(self) -> bool:
        return bool(self._waiting)

    async def due(self) -> list[Rider]:
        """Return those who are to load now, and end the flights of those whose values are there."""
        riders, self._waiting = self._waiting, []
        leases = self._store.leases
        if leases is None or riders[0].call.is_local:
            return riders
        if self._runtime.now() >= self._end:
            return riders
        free = [rider for rider in riders if _is_free(rider)]
        await self.give_back(*((rider.call, won(rider.look)) for rider in free))
        bound = [rider for rider in riders if not _is_free(rider)]
        try:
            asked = await self._asked(leases, bound)
        except StoreError as error:
            self._emit(StoreFailed, "claim", naming([rider.call.key for rider in riders]), error)
            return riders
        return free + await self._sorted(leases, asked)

    async def _asked(self, leases: Leases, riders: Sequence[Rider]) -> list[Rider]:
        """Return ``riders`` with a bid each: that of the look they came with, or else of a claim."""
        riders = [_with_given(rider) for rider in riders]
        unasked = [rider for rider in riders if rider.look.bid is None]
        if not unasked:
            return riders
        # Before the question: a reader that starts later has to be compared with its answer.
        ticket = self._flights.ticket()
        for rider in unasked:
            rider.flight.ticket = ticket
        looks = await leases.claim_many(
            [(rider.call.key, rider.call.tags) for rider in unasked], unasked[0].call.shape
        )
        found = [rider for rider in riders if rider.look.bid is not None]
        for rider, look in zip(unasked, looks, strict=True):
            rider.flight.stamp = look.stamp
            rider.flight.held_until = look.held.until(rider.call.tags, rider.call.key)
            found.append(rider._replace(look=look))
        return found

    async def _sorted(self, leases: Leases, riders: Sequence[Rider]) -> list[Rider]:
        due: list[Rider] = []
        done: list[Rider] = []
        for rider in riders:
            flight, look, bid = rider.flight, rider.look, rider.look.bid
            assert bid is not None, "a claim is a bid"
            if bid.is_ours:
                leases.keep(rider.call.key, bid)
            if is_made(flight, look) or (flight.is_background and not bid.is_ours):
                done.append(rider)
            elif bid.is_ours or self._has_waited(rider):
                due.append(rider)
            else:
                self._waiting.append(rider._replace(look=look._replace(bid=None)))
        await self.end(*(rider.call for rider in done))
        for rider in done:
            take_over(rider.flight, rider.look)
            self._flights.end(rider.flight)
        return due

    def _has_waited(self, rider: Rider) -> bool:
        holders = self._holders.setdefault(rider.call.key, set())
        assert rider.look.bid is not None
        holders.add(rider.look.bid.holder)
        return len(holders) > MOST_HOLDERS

    async def wait(self) -> None:
        """Let other processes load for a while."""
        until = self._runtime.now() + self._pause * (0.5 + self._runtime.dice() / 2)
        await self._runtime.wait(never, until)
        self._pause = min(self._pause * GROWTH, LONGEST_WAIT)
        wanted = [rider for rider in self._waiting if rider.is_wanted]
        for rider in self._waiting:
            if not rider.is_wanted:
                self._flights.abandon(rider.flight)
        self._waiting = wanted


def _with_given(rider: Rider) -> Rider:
    """Return ``rider`` with the lease that a passenger of its flight has given, if one has."""
    bid, rider.flight.bid = rider.flight.bid, None
    return rider if bid is None else rider._replace(look=rider.look._replace(bid=bid))


def _is_free(rider: Rider) -> bool:
    """Return whether ``rider`` loads whatever other processes do, as ``Claims.turn`` says."""
    look, call = rider.look, rider.call
    if look.stamp is None or rider.flight.is_alone:
        return True
    return look.held.until(call.tags, call.key) is not None
