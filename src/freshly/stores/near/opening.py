"""Make a near store of a far one and options. Nothing is connected here."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from weakref import WeakSet, proxy, ref

from ...core.clocks import Clock
from ..redis.address import Address
from ..redis.slots import Place
from ..redis.store import RedisStore
from ..weight import Weigh, weight_of
from ..world import World
from .coherences import Keeper
from .keeping import keeper_of
from .mirrors import Mirrors
from .session import Pace
from .shelf import DEFAULT_MAX_NEAR, Shelf
from .store import NearStore
from .tier import Tier


class FarClock:
    """The clock of the far store, as far as the last heartbeat told."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ahead: Callable[[], float] = float

    def now(self) -> float:
        return self._clock.now() + self.ahead()


def open_near(
    far: RedisStore,
    address: Callable[[Place | None], Address],
    world: World,
    *,
    is_strict: bool,
    may_subscribe: bool,
    timeout: float,
    max_entries: int = DEFAULT_MAX_NEAR,
    max_bytes: int | None = None,
    weigh: Weigh = weight_of,
) -> NearStore:
    """Return the awaited side of the near store before ``far``; its twin is the other.

    ``address`` is that of a primary by its place, where there are several.
    """
    clock = FarClock(world.clock)
    shelf = Shelf(
        clock,
        max_entries=max_entries,
        max_bytes=max_bytes,
        weigh=weigh,
        are_alike=far.hub.codecs.are_alike,
    )
    # Weakly: the threads have the mirrors, entries lead to their functions, and these to the cache,
    # which the threads must not keep alive.
    mirrors = Mirrors(proxy(shelf), far.hub.layout, far.max_staleness)
    clock.ahead = lambda: mirrors.ahead
    keeper: Keeper | None = None
    if not is_strict:
        pace = Pace(far.max_staleness, timeout, world.clock.now, monotonic, _shift_of(far))
        keeper = keeper_of(far, address, world, mirrors, pace, may_subscribe=may_subscribe)
    tier = Tier(world.clock, shelf, mirrors, keeper)
    store, twin = NearStore(far, tier), NearStore(far.blocking, tier)
    store.twin = twin.twin = twin
    tier.origin = store
    if keeper is not None:
        keeper.belong_to(tier)
    _OURS.add(tier)
    return store


def _shift_of(far: RedisStore) -> Callable[[], float]:
    weak_hub = ref(far.hub)

    def shift() -> float:
        hub = weak_hub()
        return 0.0 if hub is None else hub.shift

    return shift


_OURS: WeakSet[Tier] = WeakSet()


def _forget_parent() -> None:
    for tier in list(_OURS):
        tier.forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
