from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from theine import Cache, Memoize

from ..adapter import Access, Adapter, Function, NotSupported


class Theine(Adapter):
    name = "theine"
    dist = "theine"
    note = "Rust; W-TinyLFU"

    async def open(self) -> None:
        self.cache: Any = Cache(self.size)

    async def close(self) -> None:
        self.cache.close()

    def decorate(
        self, function: Function, *, ttl: float = 3600, tags: Sequence[str] = (), key: str | None = None
    ) -> Function:
        if tags:
            raise NotSupported("tags")
        wrapped: Any = Memoize(self.size, timedelta(seconds=ttl))(function)
        if key is not None:
            wrapped.key(lambda a: key.format(a=a))
        return wrapped  # type: ignore[no-any-return]

    async def get(self, key: str) -> Any:
        return self.cache.get(key)[0]

    async def set(self, key: str, value: Any, ttl: float, tags: Sequence[str] = ()) -> None:
        self.cache.set(key, value, timedelta(seconds=ttl))

    def policy(self, size: int) -> Access:
        cache: Any = Cache(size, nolock=True)

        def access(key: Any) -> bool:
            if cache.get(key)[1]:
                return True
            cache.set(key, 1)
            return False

        return access


ADAPTERS = [Theine]
