"""Make a store of a URL and options. Nothing is connected here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from weakref import WeakSet

from ...core.breaker import DEFAULT_PAUSE, Breaker
from ...core.ports import Clock, ShiftedClock
from ...core.undelivered import Parcel, Undelivered
from ...errors import ConfigurationError
from ...wire.envelope import Wire
from ...wire.port import given_codec
from ..delivery import Delivery
from ..watch import Watch
from ..world import World
from .address import Address, address_of, address_of_client
from .aio import AsyncLines
from .asking import Asking, AskingTogether
from .codecs import Codecs
from .conversation import Conversation
from .hub import Hub
from .keeper import Keeper
from .layout import Layout
from .primary import Primary
from .refusals import Refusals
from .sentinel import sentinel_address
from .store import RedisStore
from .threads import BlockingLines

WIRE_OPTIONS = (
    "compress_above",
    "compression",
    "encryption_keys",
    "max_value_bytes",
    "signature",
    "signing_keys",
)
#: Those of them that are numbers of bytes.
SIZES = ("compress_above", "max_value_bytes")
DEFAULT_TIMEOUT = 0.5
DEFAULT_POOL_SIZE = 10


def far_address(url: str, options: Mapping[str, Any], timeout: float) -> Address:
    """Return where the server is, by the URL or by a client of the user's."""
    client = options.get("client")
    if client is not None:
        return address_of_client(client, timeout)
    if "+sentinel://" in url:
        return sentinel_address(url, options, timeout)
    return address_of(url, options, timeout)


def open_redis(
    url: str,
    options: Mapping[str, Any],
    *,
    namespace: str,
    max_hold: float,
    max_staleness: float,
    lease: float,
    max_ttl: float,
    timeout: float,
    pool_size: int,
    world: World,
) -> RedisStore:
    """Return the awaited side of the store; its twin is the other."""
    address = far_address(url, options, timeout)
    layout = Layout(
        namespace, max_staleness=round(max_staleness * 1000), max_hold=round(max_hold * 1000)
    )

    refusals = Refusals(layout, world.emit)
    asked = {name: options[name] for name in WIRE_OPTIONS if name in options}
    wire = Wire(**asked, on_refused=refusals.note)
    raises, codec = _raises(options.get("on_encode_error", "log")), given_codec(options.get("codec"))
    codecs = Codecs(layout, wire, refusals, raises=raises, codec=codec)
    now, breaker = world.clock.now, Breaker(max(DEFAULT_PAUSE, timeout))
    watch = Watch(address.server, breaker, now, world.emit)

    def deliver(parcel: Parcel) -> None:
        world.step(store.blocking.deliver(parcel))

    def delivery(undelivered: Undelivered) -> Delivery:
        return Delivery(undelivered, deliver, world.emit, now=now, dice=world.dice)

    def prolong(leases: Mapping[str, str]) -> Sequence[str]:
        lost: Sequence[str] = world.step(store.blocking.prolong(leases))
        return lost

    hub = Hub(
        layout,
        codecs,
        max_ttl=max_ttl,
        now=now,
        shift=_shift_of(world.clock),
        delivery=delivery,
        keeper=Keeper(lease, prolong),
    )
    store = _both(hub, address, watch, pool_size, timeout)
    return store


def _both(hub: Hub, address: Address, watch: Watch, size: int, timeout: float) -> RedisStore:
    awaited = AsyncLines(address.server, address.dial_awaited, size=size, timeout=timeout)
    blocking = BlockingLines(address.server, address.dial, size=size, timeout=timeout)

    primary = Primary(address.server, watch, longest_silence=address.longest_silence)

    def side(lines: Any, asking: type[Asking]) -> RedisStore:
        talk = Conversation(primary, lines, hub.layout, hub.met, hub.max_ttl)
        return RedisStore(hub, lines, talk, asking(hub, talk))

    store, twin = side(awaited, AskingTogether), side(blocking, Asking)
    store.twin = twin.twin = twin
    _OURS.update((hub, primary, awaited, blocking))
    return store


class _Heir(Protocol):
    def forget_parent(self) -> None: ...


_OURS: WeakSet[_Heir] = WeakSet()


def _forget_parent() -> None:
    for one in list(_OURS):
        one.forget_parent()


# Of what a fork copies, a child may use nothing: a reply that it read from its parent's connection
# could belong to a read that started earlier.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)


def _shift_of(clock: Clock) -> Callable[[], float]:
    return (lambda: clock.shift) if isinstance(clock, ShiftedClock) else float


def _raises(said: Any) -> bool:
    if said not in ("log", "raise"):
        raise ConfigurationError(
            f"on_encode_error={said!r}: there is 'log' (the caller gets the value, and it is logged "
            f"once for each function) and 'raise'"
        )
    return bool(said == "raise")
