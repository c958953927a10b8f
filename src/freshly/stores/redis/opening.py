"""Make a store of a URL and options. Nothing is connected here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from weakref import WeakSet

from ...core.breaker import DEFAULT_PAUSE, Breaker
from ...core.clocks import Clock, ShiftedClock
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
from .cluster import DEFAULT_BUCKETS, buckets_of, cluster_address, sides
from .codecs import Codecs
from .conversation import Conversation
from .copies import Copies
from .hub import Hub
from .keeper import Keeper
from .layout import Layout
from .lines import Ends, Lines
from .primary import Primary
from .recall import RedisRecall
from .refusals import Refusals
from .sentinel import sentinel_address
from .slots import Place
from .store import RedisStore
from .talk import Talk
from .threads import BlockingLines
from .vetting import Vetting

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


def address_at_place(
    url: str, options: Mapping[str, Any], timeout: float
) -> Callable[[Place | None], Address]:
    """Return what tells the address of a primary by its place, where there are several."""
    if is_cluster(url):
        node = cluster_address(url, options, timeout).node

        def at(place: Place | None) -> Address:
            assert place is not None
            return node(place)

        return at
    address = far_address(url, options, timeout)
    return lambda place: address


def far_address(url: str, options: Mapping[str, Any], timeout: float) -> Address:
    """Return where the server is, by the URL or by a client of the user's."""
    client = options.get("client")
    if client is not None:
        return address_of_client(client, timeout)
    if "+sentinel://" in url:
        return sentinel_address(url, options, timeout)
    return address_of(url, options, timeout)


def is_cluster(url: str) -> bool:
    return "+cluster" in url.partition("://")[0]


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
    copies: tuple[int, float] | None,
    world: World,
) -> RedisStore:
    """Return the awaited side of the store; its twin is the other."""
    layout = Layout(
        namespace,
        buckets=_buckets(url, options),
        max_staleness=round(max_staleness * 1000),
        max_hold=round(max_hold * 1000),
    )

    refusals = Refusals(layout, world.emit)
    asked = {name: options[name] for name in WIRE_OPTIONS if name in options}
    wire = Wire(**asked, on_refused=refusals.note)
    raises, codec = _raises(options.get("on_encode_error", "log")), given_codec(options.get("codec"))
    codecs = Codecs(layout, wire, refusals, raises=raises, codec=codec)
    now = world.clock.now

    def watch_for(server: str) -> Watch:
        return Watch(server, Breaker(max(DEFAULT_PAUSE, timeout)), now, world.emit)

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
        copies=None if copies is None else Copies(copies[0], round(copies[1] * 1000)),
    )
    if is_cluster(url):
        found = cluster_address(url, options, timeout)
        nodes, *talks = sides(
            found, layout, max_ttl, hub.met, watch_for, size=pool_size, timeout=timeout
        )
        _OURS.update((hub, nodes, *talks))
        store = _both(hub, *((talk, talk) for talk in talks), recalls=False)
    else:
        address = far_address(url, options, timeout)
        store = _on_one(hub, address, watch_for(address.server), pool_size, timeout)
    return store


def _on_one(hub: Hub, address: Address, watch: Watch, size: int, timeout: float) -> RedisStore:
    primary = Primary(address.server, watch, longest_silence=address.longest_silence)
    awaited = AsyncLines(address.server, address.dial_awaited, size=size, timeout=timeout)
    blocking = BlockingLines(address.server, address.dial, size=size, timeout=timeout)
    _OURS.update((hub, primary, awaited, blocking))

    def talk(lines: Lines, vetting: Vetting | None) -> tuple[Lines, Talk]:
        return lines, Conversation(primary, lines, hub.layout, hub.met, hub.max_ttl, vetting)

    of_awaited, of_blocking = address.vetting
    return _both(hub, talk(awaited, of_awaited), talk(blocking, of_blocking), recalls=True)


def _both(
    hub: Hub, awaited: tuple[Ends, Talk], stepped: tuple[Ends, Talk], *, recalls: bool
) -> RedisStore:
    recall = RedisRecall(hub, awaited[1]) if recalls else None
    store = RedisStore(hub, *awaited, AskingTogether(hub, awaited[1]), recall)
    twin = RedisStore(hub, *stepped, Asking(hub, stepped[1]))
    store.twin = twin.twin = twin
    return store


def _buckets(url: str, options: Mapping[str, Any]) -> int:
    if is_cluster(url):
        return buckets_of(options.get("buckets", DEFAULT_BUCKETS))
    if "buckets" in options:
        raise ConfigurationError(
            f"buckets={options['buckets']!r}: one server has all in one; leave it out, or name the "
            f"nodes of a cluster by redis+cluster://"
        )
    return 1


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
