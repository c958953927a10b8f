"""What lies under keys is counted and dropped, where it was deleted."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.shape import LOCAL, UNREAD
from ...errors import StoreError
from .hub import Hub
from .looks import Looks
from .talk import Talk


class Values:
    """Values and leases by key, for one colour of caller."""

    def __init__(self, hub: Hub, talk: Talk, looks: Looks) -> None:
        self._hub = hub
        self._talk = talk
        self._looks = looks
        self._layout = hub.layout

    async def count(self, keys: Sequence[str]) -> int:
        """Return how many of ``keys`` could be served; none if nobody can say."""
        kept = [key for key in keys if self._hub.kept.get(key)]
        try:
            _, looks = await self._looks.look_many([(key, ()) for key in keys], UNREAD)
            _, local = await self._looks.look_many([(key, ()) for key in kept], LOCAL)
        except StoreError:
            return 0
        return sum(
            look.entry is not None and look.now < look.entry.expires_at for look in [*looks, *local]
        )

    async def drop(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._hub.kept.drop(key)
            self._hub.presence.drop(key)
        names = [name for key in keys for name in (self._layout.value(key), self._layout.lease(key))]
        if names:
            await self._talk.write([("DEL", name) for name in names])
