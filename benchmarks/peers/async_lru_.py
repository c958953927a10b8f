from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from async_lru import alru_cache

from ..adapter import Adapter, Function, NotSupported


class AsyncLru(Adapter):
    name = "async-lru"
    dist = "async-lru"
    note = "a timer for each entry"

    async def open(self) -> None:
        self._functions: list[Any] = []

    async def close(self) -> None:
        for function in self._functions:
            function.cache_clear()

    def decorate(
        self, function: Function, *, ttl: float = 3600, tags: Sequence[str] = (), key: str | None = None
    ) -> Function:
        if tags or key:
            raise NotSupported("tags, key")
        wrapped: Any = alru_cache(maxsize=self.size, ttl=ttl)(function)
        self._functions.append(wrapped)
        return wrapped  # type: ignore[no-any-return]


ADAPTERS = [AsyncLru]
