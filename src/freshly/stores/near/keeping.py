"""Make what keeps near entries coherent: a thread for each primary, with a connection of its own.

It must not keep the store alive, nor who is told of events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, ParamSpec
from weakref import WeakMethod, proxy

from ...core.events import Emit, Event
from ..redis.address import Address
from ..redis.line import Line
from ..redis.slots import Place
from ..redis.store import RedisStore
from ..world import World
from .coherence import Coherence
from .coherences import Coherences, Keeper
from .link import Link
from .mirrors import Mirrors
from .post import ReadersPost
from .session import Pace, Session

P = ParamSpec("P")


def keeper_of(
    far: RedisStore,
    address: Callable[[Place | None], Address],
    world: World,
    mirrors: Mirrors,
    pace: Pace,
    *,
    may_subscribe: bool,
) -> Keeper:
    """Return what keeps ``mirrors`` up to date with ``far``."""
    layout, met, step = far.hub.layout, far.hub.met, world.step
    # Who asks one that is gone hears of it as the thread does whose entries went.
    emit, there = _weakly(world.emit), proxy(far.blocking)

    def keeper(place: Place | None) -> Coherence:
        def mine() -> Sequence[int]:
            return [number for number, home in enumerate(there.talk.homes()) if home == place]

        def make() -> tuple[Session, Callable[[], None], Callable[[], None]] | None:
            buckets = mine()
            if not buckets:
                return None
            link: Any = Link(address(place).dial, pace.timeout)
            primary: Any = proxy(there.talk.primary_at(place))
            post = ReadersPost(
                primary,
                met,
                vouches=lambda fence: bool(step(there.talk.vouches(place, Line(link, 0), fence))),
                meet=lambda buckets: step(there.meet(buckets)),
                homes=mine,
            )
            session = Session(
                link, layout, mirrors.of(buckets), pace, post, may_subscribe=may_subscribe
            )
            return session, link.wake, link.close

        return Coherence(make, emit, now=world.clock.now, dice=world.dice)

    # One bucket stands for one server.
    return keeper(None) if layout.buckets == 1 else Coherences(lambda: there.talk.homes(), keeper)


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
