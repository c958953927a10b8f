from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from freshly import Cache

from ..adapter import Access, Adapter, Function

_numbers = count()


class Freshly(Adapter):
    name = "freshly"
    dist = "freshly"
    backends: Sequence[str] = ("mem", "redis")

    async def open(self) -> None:
        if self.backend == "mem":
            self.cache = Cache("mem://", max_entries=self.size)
        else:
            # Two caches of one namespace share what functions of one name have stored.
            self.cache = Cache(self.url, namespace=f"bench-{next(_numbers)}")

    async def close(self) -> None:
        if self.backend == "redis":
            await self.cache.clear()
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
    backends = ("mem",)
    skips = ("tags", "memory", "expiry", "hitratio", "stampede")


ADAPTERS = [Freshly, FreshlySync]
