"""The right to load a key among processes, as a value that runs out beside that of the key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...core.ports import Bid, Look
from ...core.shape import ANY, Shape
from .hub import Hub
from .line import Question
from .looks import Looks
from .talk import Talk


class RedisLeases:
    """Leases of one colour; the process has them for both."""

    def __init__(self, hub: Hub, talk: Talk, looks: Looks) -> None:
        self._hub = hub
        self._talk = talk
        self._looks = looks

    async def look(self, key: str, tags: Iterable[str], shape: Shape) -> Look:
        return await self._looks.look(key, tags, shape, bids=True)

    async def look_many(
        self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape = ANY
    ) -> list[Look]:
        return (await self._looks.look_many(asked, shape, bids=True))[1]

    async def claim_many(self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape) -> list[Look]:
        keeper = self._hub.keeper
        kept = {key: token for key, _ in asked if (token := keeper.token(key)) is not None}
        tokens = {key: keeper.new_token() for key, _ in asked if key not in kept}
        first: list[Question] = []
        for key, token in tokens.items():
            name = self._hub.layout.lease(key)
            # SET and then GET: when the batch is sent a second time, the first one may have taken it.
            first += [("SET", name, token, "NX", "PX", keeper.ms), ("GET", name)]
        replies, looks = await self._looks.look_many(asked, shape, first)
        bids = {key: Bid(True, token.encode()) for key, token in kept.items()}
        for (key, token), holder in zip(tokens.items(), replies[1::2], strict=True):
            bids[key] = Bid(bool(holder == token.encode()), holder)
        return [look._replace(bid=bids[key]) for (key, _), look in zip(asked, looks, strict=True)]

    def keep(self, key: str, bid: Bid) -> None:
        assert isinstance(bid.holder, bytes)
        self._hub.keeper.add(key, bid.holder.decode())

    def has(self, key: str) -> bool:
        return self._hub.keeper.token(key) is not None

    async def release(self, keys: Iterable[str]) -> None:
        keeper, calls = self._hub.keeper, []
        for key in keys:
            if (token := keeper.token(key)) is not None:
                keeper.drop(key)
                calls.append(self._talk.leasing(key, token, 0))
        if calls:
            await self._talk.write(calls)

    def drop(self, key: str) -> None:
        self._hub.keeper.drop(key)

    async def prolong(self, leases: Mapping[str, str]) -> list[str]:
        """Prolong ``leases``, tokens by key; return the keys of those that were lost."""
        ms = self._hub.keeper.ms
        calls = [self._talk.leasing(key, token, ms) for key, token in leases.items()]
        answer = await self._talk.write(calls)
        return [key for key, reply in zip(leases, answer.replies, strict=True) if reply == 0]
