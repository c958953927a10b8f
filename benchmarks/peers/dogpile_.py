from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dogpile.cache import make_region

from ..adapter import Adapter, Function, NotSupported


class Dogpile(Adapter):
    name = "dogpile memory (sync)"
    dist = "dogpile.cache"
    sync = True
    note = "its memory has no bound"
    skips = ("expiry",)

    async def open(self) -> None:
        self.region = make_region().configure("dogpile.cache.memory", expiration_time=3600)

    def decorate(
        self, function: Function, *, ttl: float = 3600, tags: Sequence[str] = (), key: str | None = None
    ) -> Function:
        if tags or key:
            raise NotSupported("tags, key")
        wrapped: Function = self.region.cache_on_arguments(expiration_time=ttl)(function)
        return wrapped

    async def get(self, key: str) -> Any:
        return self.region.get(key)

    async def set(self, key: str, value: Any, ttl: float, tags: Sequence[str] = ()) -> None:
        self.region.set(key, value)


ADAPTERS = [Dogpile]
