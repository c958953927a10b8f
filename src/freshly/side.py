"""A store as one colour of caller sees it: reads, and what changes it."""

from __future__ import annotations

from .core.budget import Budget
from .core.events import Emit
from .core.flight import Flights
from .core.inside import TransactionalEngine
from .core.locking import Locking
from .core.pauses import Pauses
from .core.ports import Runtime, Store
from .core.turns import Turns
from .core.writes import Writes


class Side(Writes):
    """The awaited side of a cache, or the stepped one. The two share flights and pauses.

    ``origin`` is what stamps and tokens come from, for both sides; ``owner`` whose transactions are
    obeyed.
    """

    def __init__(
        self,
        store: Store,
        runtime: Runtime,
        flights: Flights,
        pauses: Pauses,
        budget: Budget,
        emit: Emit,
        origin: Store,
        owner: object,
        turns: Turns,
    ) -> None:
        super().__init__(store, runtime, flights, pauses, emit, origin, owner)
        self.emit = emit
        self.locking = Locking(store, runtime, turns, is_shared=store.is_shared)
        self.engine = TransactionalEngine(store, runtime, flights, pauses, budget, emit, owner, self)
