"""The right to load a key among processes, as a value that runs out beside that of the key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...core.ports import Claim
from ...core.shape import Shape
from .conversation import Conversation
from .hub import Hub
from .line import Question
from .looks import Looks
from .scripts import LEASE


class RedisLeases:
    """Leases of one colour; the process has them for both."""

    def __init__(self, hub: Hub, talk: Conversation, looks: Looks) -> None:
        self._hub = hub
        self._talk = talk
        self._looks = looks

    async def claim(self, key: str, tags: Iterable[str], shape: Shape) -> Claim:
        keeper = self._hub.keeper
        if (token := keeper.token(key)) is not None:
            return Claim(True, token, (await self._looks.look(key, tags, shape))[1])
        name, token = self._hub.layout.lease(key), keeper.new_token()
        ms = round(keeper.seconds * 1000)
        # SET and then GET: when the batch is sent a second time, the first one may have taken it.
        first: list[Question] = [("SET", name, token, "NX", "PX", ms), ("GET", name)]
        replies, look = await self._looks.look(key, tags, shape, first)
        is_ours = bool(replies[1] == token.encode())
        if is_ours:
            keeper.add(key, token)
        return Claim(is_ours, replies[1], look)

    def has(self, key: str) -> bool:
        return self._hub.keeper.token(key) is not None

    async def release(self, key: str) -> None:
        token = self._hub.keeper.token(key)
        self._hub.keeper.drop(key)
        if token is not None:
            await self._talk.write([self._call(key, token, 0)])

    def drop(self, key: str) -> None:
        self._hub.keeper.drop(key)

    async def prolong(self, leases: Mapping[str, str]) -> list[str]:
        """Prolong ``leases``, tokens by key; return the keys of those that were lost."""
        ms = round(self._hub.keeper.seconds * 1000)
        answer = await self._talk.write([self._call(key, token, ms) for key, token in leases.items()])
        return [key for key, reply in zip(leases, answer.replies, strict=True) if reply == 0]

    def _call(self, key: str, token: str, ms: int) -> Question:
        return LEASE.command([self._hub.layout.lease(key)], [token, ms])
