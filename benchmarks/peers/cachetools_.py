from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cachetools
import cachetools_async

from ..adapter import Access, Adapter, Function, NotSupported


class CachetoolsTtl(Adapter):
    name = "cachetools TTL (sync)"
    dist = "cachetools"
    sync = True
    skips = ("hitratio",)

    def make(self, size: int, ttl: float = 3600) -> Any:
        return cachetools.TTLCache(size, ttl)

    async def open(self) -> None:
        self.cache = self.make(self.size)

    def decorate(
        self, function: Function, *, ttl: float = 3600, tags: Sequence[str] = (), key: str | None = None
    ) -> Function:
        if tags:
            raise NotSupported("tags")
        options: dict[str, Any] = {} if key is None else {"key": lambda a: key.format(a=a)}
        wrapped: Function = cachetools.cached(self.make(self.size, ttl), **options)(function)
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


class CachetoolsLru(CachetoolsTtl):
    name = "cachetools LRU (sync)"
    note = "no ttl"
    skips = ("expiry",)

    def make(self, size: int, ttl: float = 3600) -> Any:
        return cachetools.LRUCache(size)


class CachetoolsAsync(Adapter):
    name = "cachetools-async TTL"
    dist = "cachetools-async"

    def decorate(
        self, function: Function, *, ttl: float = 3600, tags: Sequence[str] = (), key: str | None = None
    ) -> Function:
        if tags:
            raise NotSupported("tags")
        options: dict[str, Any] = {} if key is None else {"key": lambda a: key.format(a=a)}
        cache: Any = cachetools.TTLCache(self.size, ttl)
        wrapped: Function = cachetools_async.cached(cache, **options)(function)
        return wrapped


ADAPTERS = [CachetoolsTtl, CachetoolsLru, CachetoolsAsync]
