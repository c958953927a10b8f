"""Make a near store of a far one and options. Nothing is connected here."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from types import MethodType
from typing import Any, ParamSpec
from weakref import WeakMethod, WeakSet, proxy, ref

from ...core.clocks import Clock
from ...core.events import Emit, Event
from ...errors import ConfigurationError
from ..redis.address import Address
from ..redis.store import RedisStore
from ..weight import Weigh, weight_of
from ..world import World
from .coherence import Coherence
from .link import Link
from .mirror import Mirror
from .session import Pace, Session
from .shelf import DEFAULT_MAX_NEAR, Shelf
from .store import NearStore, Tier

P = ParamSpec("P")


class FarClock:
    """The clock of the far store, as far as the last heartbeat told."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.ahead: Callable[[], float] = float

    def now(self) -> float:
        return self._clock.now() + self.ahead()


def open_near(
    far: RedisStore,
    address: Address,
    world: World,
    *,
    is_strict: bool,
    may_subscribe: bool,
    timeout: float,
    max_entries: int = DEFAULT_MAX_NEAR,
    max_bytes: int | None = None,
    weigh: Weigh = weight_of,
) -> NearStore:
    """Return the awaited side of the near store before ``far``; its twin is the other."""
    if far.hub.layout.buckets != 1:
        raise ConfigurationError(
            "near= stands before one server: leave it out before a cluster, where each read asks"
        )
    if address.longest_silence is not None:
        # A superseded primary renews leases until it notices. Nobody has shown yet by how much
        # its readers trail.
        raise ConfigurationError(
            f"near= stands before one server, and {address.server} may replace it: leave near= out, so "
            f"that each read asks, or name the server itself"
        )
    clock = FarClock(world.clock)
    shelf = Shelf(clock, max_entries=max_entries, max_bytes=max_bytes, weigh=weigh)
    # Weakly: the thread has the mirror, entries lead to their functions, and these to the cache,
    # which the thread must not keep alive.
    mirror = Mirror(proxy(shelf), far.max_staleness)
    clock.ahead = lambda: mirror.ahead
    coherence = None if is_strict else _coherence(far, address, world, mirror, may_subscribe, timeout)
    tier = Tier(world.clock, shelf, mirror, coherence)
    store, twin = NearStore(far, tier), NearStore(far.blocking, tier)
    store.twin = twin.twin = twin
    tier.origin = store
    if coherence is not None:
        coherence.belong_to(tier)
    _OURS.add(tier)
    return store


def _coherence(
    far: RedisStore,
    address: Address,
    world: World,
    mirror: Mirror,
    may_subscribe: bool,
    timeout: float,
) -> Coherence:
    """Return what keeps ``mirror`` up to date. It must not keep ``far`` alive, nor who is told."""
    layout, met, now, step = far.hub.layout, far.hub.met, world.clock.now, world.step
    weak_hub, weak_far = ref(far.hub), ref(far.blocking)

    def shift() -> float:
        hub = weak_hub()
        return 0.0 if hub is None else hub.shift

    pace = Pace(far.max_staleness, timeout, now, monotonic, shift)

    def meet() -> None:
        there = weak_far()
        if there is not None:
            step(there.ping())

    def make() -> tuple[Session, Callable[[], None], Callable[[], None]]:
        link: Any = Link(address.dial, timeout)
        session = Session(
            link,
            layout,
            mirror,
            pace,
            believed=lambda: met.of(0),
            meet=meet,
            may_subscribe=may_subscribe,
        )
        return session, link.wake, link.close

    return Coherence(make, mirror, _weakly(world.emit), now=now, dice=world.dice)


def _weakly(emit: Emit) -> Emit:
    """Return what tells the same, as long as who tells it is there."""
    if not isinstance(emit, MethodType):
        return emit
    method = WeakMethod(emit)

    def tell(kind: Callable[P, Event], /, *args: P.args, **kwargs: P.kwargs) -> None:
        there = method()
        if there is not None:
            there(kind, *args, **kwargs)

    return tell


_OURS: WeakSet[Tier] = WeakSet()


def _forget_parent() -> None:
    for tier in list(_OURS):
        tier.forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
