"""Ask nodes of a cluster who serves what.

Several are asked, and the newest claim to a slot counts: a node that was replaced, or has not heard of
it, names the former one. So does a map that was right a moment ago; each new connection is one more
reason to ask.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from time import monotonic

from redis.exceptions import AuthenticationError, ResponseError

from ...errors import StoreError
from .chorus import Chorus
from .failures import FAILURES, explained, no_answer
from .line import Wire
from .nodes import Nodes
from .slots import Place, View

# Nodes that are asked at most: in a large cluster those of the shard that it is about, and others by
# chance.
MOST = 9


class Discovery:
    """The discoveries of one colour. ``scout`` makes a connection with short limits."""

    def __init__(
        self, nodes: Nodes, chorus: Chorus, scout: Callable[[Place], Wire], limit: float
    ) -> None:
        self._nodes = nodes
        self._chorus = chorus
        self._scout = scout
        self._limit = limit

    async def begun_after(self, instant: float, about: Place | None = None) -> None:
        """Return when nodes have been asked after ``instant``, those of the shard ``about`` among them.

        Raises:
            StoreError: if none of them tells.
        """
        while not self._nodes.has_asked(instant, about):
            async with self._chorus.turn():
                if not self._nodes.has_asked(instant, about):
                    await self._discover(about)

    async def at_most_every(self, seconds: float) -> None:
        """Ask nodes if nobody has for so long, or is at it."""
        if self._chorus.turn().locked() or self._nodes.asked_at > monotonic() - seconds:
            return
        async with self._chorus.turn():
            if self._nodes.asked_at <= monotonic() - seconds:
                await self._discover(None)

    async def _discover(self, about: Place | None) -> None:
        began, places = monotonic(), self._chosen(about)
        told = await self._chorus.all([self._view_of(place) for place in places])
        views = [one for one in told if isinstance(one, View)]
        self._nodes.succession.note(began, dict(zip(places, told, strict=True)))
        if not views:
            raise self._nobody(places, told[0])
        # The other colour may have asked since, and been quicker.
        if began >= self._nodes.asked_at:
            self._nodes.map.learn(views)
            self._nodes.asked_at = began

    def _chosen(self, about: Place | None) -> list[Place]:
        nodes = self._nodes
        shard = [] if about is None else [*nodes.map.shard_of(about), *nodes.succession.formers(about)]
        known = list(dict.fromkeys([*shard, *nodes.map.nodes(), *nodes.seeds]))
        if len(known) <= MOST:
            return known
        rest = [place for place in known if place not in shard]
        chance = random.sample(rest, min(len(rest), max(1, MOST - len(set(shard)))))
        return list(dict.fromkeys([*shard, *chance]))

    async def _view_of(self, place: Place) -> View:
        wire = self._scout(place)
        try:
            replies = await self._chorus.within(
                self._limit, wire.exchange([("CLUSTER", "SLOTS"), ("CLUSTER", "NODES")])
            )
        finally:
            await wire.hang_up()
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        slots, nodes = replies
        return View.of(slots, nodes.encode() if isinstance(nodes, str) else nodes, place)

    def _nobody(self, places: list[Place], error: View | Exception) -> StoreError:
        assert isinstance(error, Exception)
        name = self._nodes.name
        if isinstance(error, ResponseError) and "cluster support disabled" in str(error):
            return StoreError(f"{name} is no cluster: write redis:// to name one server")
        if isinstance(error, ResponseError | AuthenticationError):
            return explained(name, error)
        if not isinstance(error, FAILURES):
            raise error
        return no_answer(name, f"none of {len(places)} nodes tells who serves what: {error}")
