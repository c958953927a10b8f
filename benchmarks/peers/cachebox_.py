from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cachebox

from ..adapter import Access, Adapter, Function, NotSupported


class CacheboxTtl(Adapter):
    name = "cachebox TTL"
    dist = "cachebox"
    note = "Rust; evicts first in, first out"

    def make(self, size: int, ttl: float = 3600) -> Any:
        return cachebox.TTLCache(size, ttl)

    async def open(self) -> None:
        self.cache = self.make(self.size)

    def decorate(
        self, function: Function, *, ttl: float = 3600, tags: Sequence[str] = (), key: str | None = None
    ) -> Function:
        if tags or key:
            raise NotSupported("tags, key")
        wrapped: Function = cachebox.cached(self.make(self.size, ttl))(function)
        return wrapped

    async def get(self, key: str) -> Any:
        return self.cache.get(key)

    async def set(self, key: str, value: Any, ttl: float, tags: Sequence[str] = ()) -> None:
        self.cache[key] = value

    def policy(self, size: int) -> Access:
        cache = self.make(size)

        def access(key: Any) -> bool:
            if cache.get(key) is not None:
                return True
            cache[key] = 1
            return False

        return access


class CacheboxLru(CacheboxTtl):
    name = "cachebox LRU"
    note = "Rust; no ttl"
    skips = ("expiry",)

    def make(self, size: int, ttl: float = 3600) -> Any:
        return cachebox.LRUCache(size)


class CacheboxLfu(CacheboxTtl):
    name = "cachebox LFU"
    note = "Rust; no ttl"
    skips = ("hit", "keys", "miss", "stampede", "memory", "expiry")

    def make(self, size: int, ttl: float = 3600) -> Any:
        return cachebox.LFUCache(size)


ADAPTERS = [CacheboxTtl, CacheboxLru, CacheboxLfu]
