from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from typing import Any

import diskcache

from ..adapter import Adapter, Function, NotSupported


class DiskCache(Adapter):
    name = "diskcache (sync)"
    dist = "diskcache"
    sync = True
    note = "on disk"
    skips = ("memory", "expiry")

    async def open(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="freshly-bench-")
        self.cache = diskcache.Cache(self._folder, size_limit=1 << 34, cull_limit=0)

    async def close(self) -> None:
        self.cache.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def decorate(
        self, function: Function, *, ttl: float = 3600, tags: Sequence[str] = (), key: str | None = None
    ) -> Function:
        if tags or key:
            raise NotSupported("tags, key")
        wrapped: Function = self.cache.memoize(expire=ttl)(function)
        return wrapped

    async def get(self, key: str) -> Any:
        return self.cache.get(key)

    async def set(self, key: str, value: Any, ttl: float, tags: Sequence[str] = ()) -> None:
        if len(tags) > 1:
            raise NotSupported("more than one tag")
        self.cache.set(key, value, expire=ttl, tag=tags[0] if tags else None)

    async def delete_tags(self, *tags: str) -> None:
        for tag in tags:
            self.cache.evict(tag)


ADAPTERS = [DiskCache]
