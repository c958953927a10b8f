"""The network between processes and servers, and what can become of a connection.

reset      both ends learn that it is over, each in its time; replies under way are lost
half open  nothing arrives any more, and nobody is told
freeze     everything to and from a server stands still for a while, and arrives then
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import log
from random import Random
from typing import Any, Protocol

from .loop import SimulatedLoop
from .node import Node
from .pipe import Pipe
from .session import Session
from .world import World


class Owner(Protocol):
    """A process. ``superseded`` counts what was answered to it by a primary that is none any more,
    the last time at ``superseded_at``.
    """

    superseded: int
    superseded_at: float


class NoSocket:
    """Takes the options that a client sets."""

    def setsockopt(self, *options: Any) -> None:
        return


class Weather:
    """Delays: mostly short, at times as long as a load, and none ends before a freeze does."""

    def __init__(self, world: World, mean: float, tail: float) -> None:
        self._world = world
        self._mean, self._tail = mean, tail
        self.frozen_until = 0.0

    def delay(self, chance: Random) -> float:
        # ``chance.expovariate(1.0)``, to the bit.
        seconds = -log(1.0 - chance.random()) * self._mean
        if chance.random() < self._tail:
            seconds *= 10
        frozen = self.frozen_until - self._world.now
        return frozen + seconds if frozen > 0.0 else seconds


class Link:
    """One connection, from a process to a server."""

    def __init__(self, network: Network, node: Node, owner: Owner, chance: Random) -> None:
        self.node, self.owner = node, owner
        self.is_over = False
        world, weather = network.world, network.weather_of(node)
        self._network = network
        self._session = Session(node, self._reply)
        self._up = Pipe(world, weather, chance, self._session.receive)
        self._down = Pipe(world, weather, chance, self._answered)
        self.client: Client | None = None

    @property
    def hears(self) -> bool:
        """Whether it has subscribed to something."""
        return self._session.hears

    def send(self, data: bytes) -> None:
        self._up.send(data)

    def hang_up(self) -> None:
        """The client closes: the server learns of it after all that was sent."""
        self._down.cut()
        self._up.after_all(self._ended)

    def reset(self) -> None:
        """End it from the middle: what is under way down is lost, what is under way up may be."""
        self._up.cut()
        self._down.cut()
        self._ended()
        if self.client is not None:
            self.client.lose(ConnectionResetError("reset by peer"))

    def go_silent(self) -> None:
        self._up.cut()
        self._down.cut()

    def stall(self, seconds: float) -> None:
        """Bring nothing back for so long."""
        self._down.hold(seconds)

    def fall_silent(self) -> None:
        """Let nothing more come back than what is under way."""
        self._down.end()

    def lose_replies(self) -> None:
        """Let nothing come back any more, while the server still takes what is sent."""
        self._down.cut()

    def lose_requests(self) -> None:
        """Let nothing arrive at the server any more."""
        self._up.cut()

    def _reply(self, data: bytes) -> None:
        if self.node.is_superseded:
            self.owner.superseded += 1
            self.owner.superseded_at = self._network.world.now
        self._down.send(data)

    def _answered(self, data: bytes) -> None:
        if self.client is not None:
            self.client.hear(data)

    def _ended(self) -> None:
        self.is_over = True
        self._session.end()
        self._network.links.pop(self, None)


class Client(asyncio.Transport):
    """The end of a link that an event loop has."""

    def __init__(self, loop: SimulatedLoop, link: Link, protocol: Any) -> None:
        super().__init__({"socket": NoSocket(), "peername": (link.node.name, 6379)})
        self._loop, self._link, self._protocol = loop, link, protocol
        self._is_closing = False
        self._is_lost = False

    def hear(self, data: bytes) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon(self._tell, data)

    def _tell(self, data: bytes) -> None:
        if not self._is_closing:
            self._protocol.data_received(data)

    def lose(self, error: Exception | None) -> None:
        if self._is_lost or self._loop.is_closed():
            return
        self._is_lost = self._is_closing = True
        self._loop.call_soon(self._tell_lost, error)

    def _tell_lost(self, error: Exception | None) -> None:
        self._protocol.connection_lost(error)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._is_closing:
            self._link.send(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol

    def is_reading(self) -> bool:
        return not self._is_closing

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._link.hang_up()
            self.lose(None)

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._is_closing

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        return

    def pause_reading(self) -> None:
        return

    def resume_reading(self) -> None:
        return


class Network:
    """``find`` tells which server answers under a host's name now, if one does."""

    def __init__(
        self, world: World, find: Callable[[str], Node | None], mean: float, tail: float
    ) -> None:
        self.world = world
        self.links: dict[Link, None] = {}
        self.dialled = 0
        self._find = find
        self._mean, self._tail = mean, tail
        self._weathers: dict[Node, Weather] = {}

    def weather_of(self, node: Node) -> Weather:
        if node not in self._weathers:
            self._weathers[node] = Weather(self.world, self._mean, self._tail)
        return self._weathers[node]

    def freeze(self, node: Node, seconds: float) -> None:
        self.weather_of(node).frozen_until = self.world.now + seconds

    def links_to(self, node: Node) -> list[Link]:
        return [link for link in self.links if link.node is node]

    def links_of(self, owner: Owner) -> list[Link]:
        return [link for link in self.links if link.owner is owner]

    async def connect(
        self, loop: SimulatedLoop, owner: Owner, factory: Callable[[], Any], host: str
    ) -> tuple[Client, Any]:
        """Connect from a loop; what goes wrong is what an operating system says."""
        link, delay = self.dial(owner, host)
        await loop.rest(delay)
        if link is None or link.is_over:
            raise ConnectionRefusedError(111, f"{host} refuses connections")
        protocol = factory()
        client = link.client = Client(loop, link, protocol)
        protocol.connection_made(client)
        return client, protocol

    def dial(self, owner: Owner, host: str) -> tuple[Link | None, float]:
        """Return a link that is ready after so many seconds, ``None`` if nobody answers there."""
        self.dialled += 1
        node = self._find(host)
        chance = self.world.chance(f"link {self.dialled}")
        if node is None:
            return None, chance.random() * self._mean
        link = Link(self, node, owner, chance)
        self.links[link] = None
        return link, self.weather_of(node).delay(chance)
