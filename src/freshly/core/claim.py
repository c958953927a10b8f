"""One load of a key among processes: the right to load is a lease, and who has none waits.

    look, and bid ─┬─ ours ──────────────────────────── load, store, give it back
                   └─ another's ─ wait a little ─ claim … ─┬─ its value is there: take it
                                                           ├─ its lease has run out: it is ours
                                                           └─ too long: load without

The first look bids in its own round trip, if nothing lies under the key. Where an invalid or an older
value does, it is a claim that begins. A claim looks again in the same round trip, after it: so a value
that was stored between the first look and the claim is found. In either way what is loaded under the
lease carries a stamp from when it was ours.

The lease saves loads and promises nothing. A holder that was frozen past its end loads beside the
next one, and stamps decide whose value is valid.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import StoreError
from .batch import naming
from .events import Emit, StoreFailed
from .flight import Flight, Flights
from .load import current_load
from .ports import Bid, Leases, Look, Runtime, Store
from .recipe import Call

# Seconds. The first question comes after what a quick load takes; each wait is a fifth longer than the
# last, so that a value lies there for a fifth of the time that its load took at most, and a load of a
# second costs each waiting process two dozen questions. Up to half of each wait is left out by chance.
FIRST_WAIT = 0.002
LONGEST_WAIT = 0.2
GROWTH = 1.2

# Seconds after which a waiter loads for itself, though somebody keeps the lease. Who waits for longer
# has lost more than a second load costs.
LONGEST_IN_ALL = 30.0

# The same for a load that another load waits for: this process has a lease then, and who has the one
# that is waited for may be waiting for that. No process sees such a circle whole, so it ends by itself.
LONGEST_INSIDE = 3.0

# Holders that a waiter waits for. If the first one has stored nothing, its value was overtaken or
# cannot be stored, and to wait for each of the others in turn would make one queue of all processes.
# If it died, each process loads once.
MOST_HOLDERS = 1


class Claims:
    """Leases of the loads of one colour, on a store that gives them."""

    def __init__(self, store: Store, runtime: Runtime, flights: Flights, emit: Emit) -> None:
        self._store = store
        self._runtime = runtime
        self._flights = flights
        self._emit = emit

    async def turn(self, flight: Flight, call: Call, look: Look) -> tuple[Look, bool]:
        """Return the look that the load has to begin with, and whether there is to be a load at all.

        If not, the look has the entry that another process stored meanwhile, or, for a refresh behind
        the reader, another process is at it.
        """
        if self._store.leases is None or call.is_local or look.stamp is None or flight.is_alone:
            return look, True
        if look.held.until(call.tags, call.key) is not None:
            # Nobody stores what is loaded now, so there is nothing to wait for.
            await self.give_back((call, won(look)))
            return look, True
        try:
            return await self._turn(self._store.leases, flight, call, look)
        except StoreError as error:
            self._emit(StoreFailed, "claim", call.key, error)
            return look, True

    async def _turn(self, leases: Leases, flight: Flight, call: Call, look: Look) -> tuple[Look, bool]:
        end, pause = self._runtime.now() + longest_wait(flight), FIRST_WAIT
        holders: set[object] = set()
        bid = look.bid
        while self._runtime.now() < end:
            if flight.bid is not None:
                bid, flight.bid = flight.bid, None
            if bid is None:
                # Before the question: a reader that starts later has to be compared with its answer.
                flight.ticket = self._flights.ticket()
                (look,) = await leases.claim_many([(call.key, call.tags)], call.shape)
                flight.stamp, bid = look.stamp, look.bid
                assert bid is not None, "a claim is a bid"
            if bid.is_ours:
                leases.keep(call.key, bid)
            if is_made(flight, look):
                return look, False
            if bid.is_ours or flight.is_background:
                return look, bid.is_ours
            holders.add(bid.holder)
            if len(holders) > MOST_HOLDERS:
                break
            until, bid = self._runtime.now() + pause * (0.5 + self._runtime.dice() / 2), None
            await self._runtime.wait(never, until)
            pause = min(pause * GROWTH, LONGEST_WAIT)
        return look, True

    async def give_back(self, *bids: tuple[Call, Bid | None]) -> None:
        """Give back the leases that these bids brought: nothing is loaded under them."""
        leases = self._store.leases
        if leases is None:
            return
        taken = []
        for call, bid in bids:
            if bid is not None:
                leases.keep(call.key, bid)
                taken.append(call)
        await self.end(*taken)

    async def end(self, *calls: Call) -> None:
        """Give back what was taken for ``calls``, as far as the landing has not done so."""
        leases = self._store.leases
        if leases is None:
            return
        kept = [call.key for call in calls if not call.is_local and leases.has(call.key)]
        if not kept:
            return
        try:
            await leases.release(kept)
        except StoreError as error:
            # They run out by themselves.
            self._emit(StoreFailed, "release", naming(kept), error)

    def drop(self, *calls: Call) -> None:
        """Keep their leases no longer, so that they run out: for a load that was cancelled."""
        if self._store.leases is not None:
            for call in calls:
                self._store.leases.drop(call.key)


def won(look: Look) -> Bid | None:
    """Return the bid of ``look`` if it has brought the lease."""
    return look.bid if look.bid is not None and look.bid.is_ours else None


def longest_wait(flight: Flight) -> float:
    """Return for how many seconds ``flight``, which this code flies, waits for other processes."""
    around = current_load.get()
    while around is not None and (around.flight is flight or around.is_over):
        around = around.parent
    return LONGEST_IN_ALL if around is None or flight.is_background else LONGEST_INSIDE


def is_made(flight: Flight, look: Look) -> bool:
    """Return whether another process has stored what this flight would load."""
    if look.entry is None:
        return False
    limit = look.entry.early_at if flight.is_background else look.entry.stale_at
    return look.now < limit


def never(waker: Callable[[], None]) -> Callable[[], None]:
    return lambda: None
