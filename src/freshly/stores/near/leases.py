"""The leases of loads, where entries are kept near."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ...core.ports import Bid, Look
from ...core.shape import ANY, Shape
from ..redis.leases import RedisLeases

if TYPE_CHECKING:
    from .store import NearStore


class NearLeases:
    """The leases of the far store; what is found with one of them is kept near."""

    def __init__(self, store: NearStore) -> None:
        self._store = store

    @property
    def _far(self) -> RedisLeases:
        leases = self._store.far.leases
        assert leases is not None
        return leases

    async def look(self, key: str, tags: Iterable[str], shape: Shape) -> Look:
        return (await self.look_many([(key, tags)], shape))[0]

    async def look_many(
        self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape = ANY
    ) -> list[Look]:
        return await self._store.look_by(self._far.look_many, asked, shape, claims=True)

    async def claim_many(self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape) -> list[Look]:
        local = self._store.tier.shelf.logical.reading
        looks = await self._far.claim_many(asked, shape)
        return [self._store.kept(look, shape, local) for look in looks]

    def keep(self, key: str, bid: Bid) -> None:
        self._far.keep(key, bid)

    def has(self, key: str) -> bool:
        return self._far.has(key)

    async def release(self, keys: Iterable[str]) -> None:
        await self._far.release(keys)

    def drop(self, key: str) -> None:
        self._far.drop(key)
