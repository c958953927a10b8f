from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlparse

from aiocache import Cache, cached
from aiocache.decorators import cached_stampede
from aiocache.serializers import PickleSerializer

from ..adapter import Adapter, Function, NotSupported


class AioCache(Adapter):
    name = "aiocache"
    dist = "aiocache"
    backends = ("mem", "redis")
    decorator = staticmethod(cached)
    options: dict[str, Any] = {}

    def _where(self) -> dict[str, Any]:
        if self.backend == "mem":
            return {"cache": Cache.MEMORY}
        url = urlparse(self.url)
        return {
            "cache": Cache.REDIS,
            "endpoint": url.hostname,
            "port": url.port,
            "serializer": PickleSerializer(),
        }

    async def open(self) -> None:
        where = self._where()
        self.cache = Cache(where.pop("cache"), **where)
        self._all = [self.cache]

    async def close(self) -> None:
        for cache in self._all:
            await cache.clear()
            await cache.close()

    def decorate(
        self, function: Function, *, ttl: float = 3600, tags: Sequence[str] = (), key: str | None = None
    ) -> Function:
        if tags:
            raise NotSupported("tags")
        options = self.options | self._where()
        if key is not None:
            options["key_builder"] = lambda function, a: key.format(a=a)
        wrapped: Any = self.decorator(ttl=ttl, **options)(function)
        self._all.append(wrapped.cache)
        return wrapped  # type: ignore[no-any-return]

    async def get(self, key: str) -> Any:
        return await self.cache.get(key)

    async def set(self, key: str, value: Any, ttl: float, tags: Sequence[str] = ()) -> None:
        await self.cache.set(key, value, ttl=ttl)


class AioCacheStampede(AioCache):
    name = "aiocache cached_stampede"
    decorator = staticmethod(cached_stampede)
    options = {"lease": 2}
    skips = ("memory", "expiry")


ADAPTERS = [AioCache, AioCacheStampede]
