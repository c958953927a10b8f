from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from freshly import Cache

from ..adapter import Access, Adapter, Function


class Freshly(Adapter):
    name = "freshly"
    dist = "freshly"

    async def open(self) -> None:
        self.cache = Cache("mem://", max_entries=self.size)

    async def close(self) -> None:
        await self.cache.close()

    def decorate(
        self, function: Function, *, ttl: float = 3600, tags: Sequence[str] = (), key: str | None = None
    ) -> Function:
        return self.cache(ttl, tags=tags, key=key)(function)

    async def get(self, key: str) -> Any:
        return await self.cache.get(key)

    async def set(self, key: str, value: Any, ttl: float, tags: Sequence[str] = ()) -> None:
        await self.cache.set(key, value, ttl, tags=tags)

    async def delete_tags(self, *tags: str) -> None:
        await self.cache.delete_tags(*tags)

    def policy(self, size: int) -> Access:
        missed = False

        def load(key: Any) -> Any:
            nonlocal missed
            missed = True
            return key

        cached = Cache("mem://", max_entries=size)(3600)(load)

        def access(key: Any) -> bool:
            nonlocal missed
            missed = False
            cached(key)
            return not missed

        return access


class FreshlySync(Freshly):
    name = "freshly (sync)"
    sync = True
    skips = ("tags", "memory", "expiry", "hitratio", "stampede")


ADAPTERS = [Freshly, FreshlySync]
