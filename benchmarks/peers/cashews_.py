from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cashews import Cache
from cashews.backends.memory import Memory

from ..adapter import Access, Adapter, Function

REPEATS = ("memory", "expiry", "tags", "hitratio")


class Cashews(Adapter):
    name = "cashews"
    dist = "cashews"
    backends: Sequence[str] = ("mem", "redis")
    setup: dict[str, Any] = {}
    options: dict[str, Any] = {}

    async def open(self) -> None:
        self.cache = Cache()
        if self.backend == "mem":
            self.cache.setup("mem://", size=self.size, check_interval=self.sweep or 0)
        else:
            self.cache.setup(self.url, **self.setup)
        await self.cache.init()

    async def close(self) -> None:
        if self.backend == "redis":
            await self.cache.clear()
        await self.cache.close()

    def decorate(
        self, function: Function, *, ttl: float = 3600, tags: Sequence[str] = (), key: str | None = None
    ) -> Function:
        options = self.options if key is None else {**self.options, "key": key}
        wrapped: Function = self.cache(ttl=ttl, tags=tags, **options)(function)
        return wrapped

    async def get(self, key: str) -> Any:
        return await self.cache.get(key)

    async def set(self, key: str, value: Any, ttl: float, tags: Sequence[str] = ()) -> None:
        await self.cache.set(key, value, expire=ttl, tags=tags)

    async def delete_tags(self, *tags: str) -> None:
        await self.cache.delete_tags(*tags)

    def policy(self, size: int) -> Access:
        memory = Memory(size=size, check_interval=0)

        # Its get() and set() are coroutines around these very steps.
        def access(key: Any) -> bool:
            if key in memory.store:
                memory.store.move_to_end(key)
                return True
            memory._set(key, 1, 3600)
            return False

        return access


class CashewsUnprotected(Cashews):
    name = "cashews protected=False"
    options = {"protected": False}
    skips = REPEATS


class CashewsLock(Cashews):
    name = "cashews lock=True"
    options = {"lock": True}
    skips = REPEATS


class CashewsClientSide(Cashews):
    name = "cashews client_side"
    backends: Sequence[str] = ("redis",)
    setup = {"client_side": True}
    skips = REPEATS


ADAPTERS = [Cashews, CashewsUnprotected, CashewsLock, CashewsClientSide]
