"""A cluster by its URL: the addresses of its nodes, and what talks with them in either colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from ...errors import ConfigurationError
from ..watch import Watch
from .address import Address, address_at, arguments_of, refuse_logins_of_sentinels
from .aio import AsyncLines, AsyncWire
from .chorus import TaskChorus, ThreadChorus
from .discovery import Discovery
from .layout import Layout
from .lines import Lines
from .met import Met
from .nodes import Nodes
from .seeds import seeds_of
from .sentinel import SILENCE
from .slots import Place
from .switchboard import Switchboard
from .threads import BlockingLines, BlockingWire

DEFAULT_BUCKETS = 16
#: Fewer would be no spreading, and more cost each load a question more.
BUCKETS = (16, 64)

# The part of a time-out that a node has to tell who serves what. Others are asked besides, and then
# the one that it is about.
SCOUTING = 0.25


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """Where a cluster is, as it may stand in a message, and how its nodes are connected to.

    ``scout`` is the address of a node for who asks it about others, with shorter limits.
    """

    name: str
    seeds: Sequence[Place]
    node: Callable[[Place], Address]
    scout: Callable[[Place], Address]


def cluster_address(url: str, options: Mapping[str, Any], timeout: float) -> ClusterAddress:
    """Return the address of a cluster.

    Raises:
        ConfigurationError: if the URL names no node, or an option is wrong.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.partition("+")[0]
    seeds = seeds_of(parts)
    if parts.path.strip("/") or str(options.get("db", 0)) != "0":
        raise ConfigurationError(
            f"{parts.scheme}:// has one database, and no name behind its nodes: leave "
            f"{parts.path or 'db='!r} out, and tell programs apart by namespace="
        )

    refuse_logins_of_sentinels(parts.scheme, options)
    if options.get("client") is not None:
        raise ConfigurationError(
            f"client= connects to one server, and {parts.scheme}:// to many: leave it out, and give "
            f"login and TLS as options"
        )

    def at(limit: float, place: Place) -> Address:
        return address_at(place, scheme, arguments_of(parts, options, limit), options)

    at(timeout, seeds[0])
    told = ",".join(f"{host}:{port}" for host, port in seeds)
    return ClusterAddress(
        f"{parts.scheme}://{told}", seeds, partial(at, timeout), partial(at, SCOUTING * timeout)
    )


def buckets_of(value: Any) -> int:
    """Return the number of buckets that the option ``buckets`` says."""
    least, most = BUCKETS
    if not str(value).isdecimal() or not least <= int(value) <= most:
        raise ConfigurationError(
            f"buckets={value!r}: in a cluster tags lie in {least} to {most} buckets, so that no node "
            f"has them all; all processes of a namespace need the same number"
        )
    return int(value)


def sides(
    address: ClusterAddress,
    layout: Layout,
    max_ttl: float,
    met: Met,
    watch_for: Callable[[str], Watch],
    *,
    size: int,
    timeout: float,
) -> tuple[Nodes, Switchboard, Switchboard]:
    """Return what is known of the nodes, and what talks with them: awaited, and stepped."""
    nodes = Nodes(
        address.name,
        address.seeds,
        lambda place: address.node(place).server,
        watch_for,
        longest_silence=SILENCE * timeout,
    )

    def awaited(place: Place) -> Lines:
        node = address.node(place)
        return AsyncLines(node.server, node.dial_awaited, size=size, timeout=timeout)

    def stepped(place: Place) -> Lines:
        node = address.node(place)
        return BlockingLines(node.server, node.dial, size=size, timeout=timeout, in_chorus=True)

    limit = SCOUTING * timeout

    def side(chorus: Any, scout: Any, lines_to: Callable[[Place], Lines]) -> Switchboard:
        discovery = Discovery(nodes, chorus, scout, limit)
        return Switchboard(layout, max_ttl, met, nodes, chorus, discovery, lines_to, timeout=timeout)

    return (
        nodes,
        side(TaskChorus(), lambda at: AsyncWire(address.scout(at).dial_awaited(), limit), awaited),
        side(
            ThreadChorus(), lambda at: BlockingWire(address.scout(at).dial(), in_chorus=True), stepped
        ),
    )
