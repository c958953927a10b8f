"""Whether a server that says that it is a primary is known as such elsewhere, too.

Where another one may take its place it may be the only one that has not heard of it.
"""

from __future__ import annotations

from collections.abc import Collection
from time import monotonic
from typing import Protocol

from .chorus import Chorus
from .discovery import Discovery
from .layout import Layout
from .line import Line
from .nodes import Nodes
from .slots import Place, slot_of
from .succession import PAUSE


class Vetting(Protocol):
    """Of the server at one place, for one colour of caller."""

    async def knows(self, line: Line, fence: bytes | None) -> bool:
        """Return whether who was greeted on ``line`` and has ``fence`` is to be asked.

        Also asked of one that is no primary and so has none, so that the next line leads to one.
        """
        ...

    async def has(self, fence: bytes, buckets: Collection[int]) -> bool:
        """Return whether it is to be asked of ``buckets``, which it has answered for the first time."""
        ...


class NodeVetting:
    """Asks nodes of the cluster, and waits until nobody else serves what the one at ``place`` does."""

    def __init__(
        self,
        place: Place,
        nodes: Nodes,
        chorus: Chorus,
        discovery: Discovery,
        layout: Layout,
        *,
        timeout: float,
    ) -> None:
        self._place = place
        self._nodes = nodes
        self._chorus = chorus
        self._discovery = discovery
        self._timeout = timeout
        self._slots = [slot_of(layout.bucket(number)) for number in range(layout.buckets)]

    async def knows(self, line: Line, fence: bytes | None) -> bool:
        instant = monotonic()
        # Connections that are opened together are vetted together.
        await self._chorus.let_others()
        await self._discovery.begun_after(instant, self._place)
        if fence is None or not self._nodes.may_serve(self._place):
            return False
        return await self._succeeds(fence, self._owned(), instant)

    async def has(self, fence: bytes, buckets: Collection[int]) -> bool:
        if self._nodes.succession.is_settled(fence, buckets):
            return True
        instant = monotonic()
        await self._discovery.begun_after(instant, self._place)
        return await self._succeeds(fence, buckets, instant)

    def _owned(self) -> list[int]:
        slots = self._nodes.map
        return [one for one, slot in enumerate(self._slots) if slots.owner(slot) == self._place]

    async def _succeeds(self, fence: bytes, buckets: Collection[int], instant: float) -> bool:
        """Return when nobody else serves what this one does, and whether it still does.

        ``instant`` was after it had said that it does: whoever has let go later will not serve again.

        Raises:
            TimeoutError: if somebody is silent, or goes on.
        """
        succession, until = self._nodes.succession, monotonic() + self._timeout
        while not (succession.is_old(fence, buckets) or succession.lets_go(self._place, instant)):
            if monotonic() > until:
                raise TimeoutError("whom it succeeds has not let go of its slots")
            await self._chorus.pause(PAUSE)
            await self._discovery.begun_after(monotonic(), self._place)
        succession.settle(fence, buckets)
        return self._nodes.may_serve(self._place)
