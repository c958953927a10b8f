from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi_cache import FastAPICache
from fastapi_cache.backends.inmemory import InMemoryBackend
from fastapi_cache.backends.redis import RedisBackend
from fastapi_cache.decorator import cache
from redis.asyncio import from_url

from ..adapter import Adapter, Function, NotSupported


class FastApiCache(Adapter):
    name = "fastapi-cache2"
    dist = "fastapi-cache2"
    backends = ("mem", "redis")
    note = "as JSON; no bound"

    async def open(self) -> None:
        FastAPICache.reset()
        self._client = None if self.backend == "mem" else from_url(self.url)
        self._backend: Any = InMemoryBackend() if self._client is None else RedisBackend(self._client)
        FastAPICache.init(self._backend, prefix="fc")

    async def close(self) -> None:
        if self._client is None:
            InMemoryBackend._store.clear()
        else:
            await self._client.flushdb()
            await self._client.aclose()
        FastAPICache.reset()

    def decorate(
        self, function: Function, *, ttl: float = 3600, tags: Sequence[str] = (), key: str | None = None
    ) -> Function:
        if tags or key:
            raise NotSupported("tags, key")
        wrapped: Function = cache(expire=int(ttl))(function)
        return wrapped

    async def get(self, key: str) -> Any:
        return await self._backend.get(key)

    async def set(self, key: str, value: Any, ttl: float, tags: Sequence[str] = ()) -> None:
        await self._backend.set(key, str(value).encode(), int(ttl))


ADAPTERS = [FastApiCache]
