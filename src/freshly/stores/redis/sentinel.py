"""Ask Sentinels where the primary is, each time that a connection is opened.

A connection that ends, is refused a write, or meets a server that is no primary is dropped, and the
next one is opened where the primary is by then. redis-py asks the Sentinels; what it adds beyond that,
its own pool and retries, would ask on a connection that we know nothing of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

import redis.connection
import redis.sentinel
from redis.asyncio import connection as awaited_connection
from redis.asyncio import sentinel as awaited_sentinel
from redis.asyncio.retry import Retry as AwaitedRetry
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError

from ...errors import ConfigurationError
from .address import Address, arguments_of, kind_of, without_limits
from .failures import FAILURES
from .handover import Handover, Handovers
from .line import Line
from .seeds import seeds_of
from .slots import Place

# Time-outs of silence after which a connection may lead to a primary that was replaced meanwhile. Who
# has asked later than that would have seen its end, since Sentinels take longer to promote another one.
SILENCE = 2

# By name, since the methods of redis-py 6 add an argument that its own plain client does not take.
STATE = "SENTINEL MASTER"
PLACE = "SENTINEL GET-MASTER-ADDR-BY-NAME"

_blocking: Any = redis.connection
_awaited: Any = awaited_connection
_sentinel: Any = redis.sentinel
_awaited_sentinel: Any = awaited_sentinel


def sentinel_address(url: str, options: Mapping[str, Any], timeout: float) -> Address:
    """Return the address of the primary that Sentinels watch.

    Raises:
        ConfigurationError: if the URL names no Sentinel or no service, or an option is wrong.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.partition("+")[0]
    places = seeds_of(parts)
    service, database = _service_and_database(parts)
    arguments = arguments_of(parts, options, timeout, database=database)
    kind, arguments = kind_of(scheme, arguments, options)
    sentinels = Sentinels(places, service, _of_sentinels(arguments, options, len(places)))
    handovers = Handovers(SILENCE * timeout)
    blocking = _finding(getattr(_blocking, kind), sentinels, handovers, arguments)
    awaited = _finding_awaited(getattr(_awaited, kind), sentinels, handovers, arguments)
    told = ",".join(f"{host}:{port}" for host, port in places)
    return Address(
        f"{parts.scheme}://{told}/{service}",
        lambda: blocking(**arguments),
        lambda: awaited(**without_limits(arguments)),
        longest_silence=SILENCE * timeout,
        vetting=(SentinelVetting(sentinels.find_awaited), SentinelVetting(sentinels.find_stepped)),
    )


def _service_and_database(parts: SplitResult) -> tuple[str, str]:
    names = [unquote(name) for name in parts.path.strip("/").split("/")]
    if not names[0] or len(names) > 2:
        raise ConfigurationError(
            f"{parts.scheme}:// needs the name of the service that the Sentinels watch, and may have a "
            f"database behind it: write {parts.scheme}://host:26379/mymaster/0, not {parts.path!r}"
        )
    return names[0], names[1] if len(names) == 2 else ""


def _of_sentinels(
    arguments: Mapping[str, Any], options: Mapping[str, Any], count: int
) -> dict[str, Any]:
    """Return what connections to Sentinels are told: TLS as for the servers, a login of their own."""
    told = {name: value for name, value in arguments.items() if name.startswith("ssl_")}
    # One that is silent must leave time for the others, and for the primary.
    limit = arguments["socket_timeout"] / (count + 1)
    return {
        **told,
        "ssl": bool(told),
        "username": options.get("sentinel_username"),
        "password": options.get("sentinel_password"),
        "socket_timeout": limit,
        "socket_connect_timeout": limit,
    }


class Sentinels:
    """Sentinels, and the service whose primary they know.

    All of them are asked, and the newest configuration counts: after a failover the others hear of it
    from the one that led it, and until then they name a server that may be up again. While that one
    is at it, only what it says of the server that it promotes is of use.
    """

    def __init__(self, places: Sequence[Place], service: str, arguments: Mapping[str, Any]) -> None:
        self._places = places
        self._service = service
        self._arguments = arguments

    def find(self) -> View:
        """Return where the primary is, by the newest view of it: it has a place."""
        asked = _sentinel.Sentinel(self._places, sentinel_kwargs=self._told(Retry))
        return self._newest([self._told_by(client) for client in asked.sentinels])

    async def find_stepped(self) -> View:
        return self.find()

    async def find_awaited(self) -> View:
        """Do the same in an event loop. No connection outlives it."""
        asked = _awaited_sentinel.Sentinel(self._places, sentinel_kwargs=self._told(AwaitedRetry))
        return self._newest(await asyncio.gather(*map(self._told_awaited_by, asked.sentinels)))

    def _told(self, retry: Any) -> dict[str, Any]:
        return {**self._arguments, "retry": retry(NoBackoff(), 0)}

    def _told_by(self, client: Any) -> View | Exception:
        try:
            state = client.execute_command(STATE, self._service)
            place = client.execute_command(PLACE, self._service)
        except FAILURES as error:
            return error
        finally:
            client.close()
        return View.of(state, place)

    async def _told_awaited_by(self, client: Any) -> View | Exception:
        try:
            state = await client.execute_command(STATE, self._service)
            place = await client.execute_command(PLACE, self._service)
        except FAILURES as error:
            return error
        finally:
            await client.aclose()
        return View.of(state, place)

    def _newest(self, told: Sequence[View | Exception]) -> View:
        views = [one for one in told if isinstance(one, View)]
        if not views:
            raise MasterNotFoundError(f"no Sentinel tells of {self._service!r}: {told[0]}")
        newest = max(views, key=lambda view: (view.is_promoting, view.epoch))
        if newest.place is None:
            raise MasterNotFoundError(f"the primary of {self._service!r} is down or being replaced")
        return newest


class View(NamedTuple):
    """What one Sentinel tells: how new it is, and where the primary is, if there is one.

    ``former`` is the one that it replaces just now.
    """

    is_promoting: bool
    epoch: int
    place: Place | None
    former: Place | None = None

    @property
    def handover(self) -> Handover | None:
        if self.former is None or self.place is None:
            return None
        return Handover(self.former, self.place, self.epoch)

    @classmethod
    def of(cls, state: Mapping[str, Any], place: Place) -> View:
        flags = state["flags"].split(",")
        is_promoting = "failover_in_progress" in flags
        former = state["ip"], int(state["port"])
        named = place[0], int(place[1])
        # It names the one that it promotes as soon as that is a primary.
        is_down = named == former if is_promoting else "s_down" in flags or "o_down" in flags
        epoch = int(state["config-epoch"])
        return cls(is_promoting, epoch, None if is_down else named, former if is_promoting else None)


class SentinelVetting:
    """Asks the Sentinels once more, when the primary that they named has been greeted.

    They may have promoted another one meanwhile, and that one may have left the one greeted before it
    told of its replicas. Who meets it now for the first time knows of none that is missing.
    """

    def __init__(self, find: Callable[[], Awaitable[View]]) -> None:
        self._find = find

    async def knows(self, line: Line, fence: bytes | None) -> bool:
        return fence is not None and (await self._find()).place == line.wire.place

    async def has(self, fence: bytes, buckets: Collection[int]) -> bool:
        # It has all that there are.
        return True


def _finding(
    kind: Any, sentinels: Sentinels, handovers: Handovers, arguments: Mapping[str, Any]
) -> Any:
    """Return a class of connections that ask where the primary is, and connect there."""

    def connect(self: Any) -> None:
        if not self.is_found:
            view = sentinels.find()
            if view.handover is not None:
                handovers.see_through(view.handover, kind(**_at(view.former, arguments)))
            assert view.place is not None
            self.host, self.port = view.place
            self.is_found = True
        kind.connect(self)

    return type(kind.__name__, (kind,), {"is_found": False, "connect": connect})


def _finding_awaited(
    kind: Any, sentinels: Sentinels, handovers: Handovers, arguments: Mapping[str, Any]
) -> Any:
    async def connect(self: Any) -> None:
        if not self.is_found:
            view = await sentinels.find_awaited()
            if view.handover is not None:
                await handovers.see_through_awaited(view.handover, kind(**_at(view.former, arguments)))
            assert view.place is not None
            self.host, self.port = view.place
            self.is_found = True
        await kind.connect(self)

    return type(kind.__name__, (kind,), {"is_found": False, "connect": connect})


def _at(place: Place | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
    assert place is not None
    return {**arguments, "host": place[0], "port": place[1]}
