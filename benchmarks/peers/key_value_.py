from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import Any

from key_value.aio.stores.memory import MemoryStore
from key_value.aio.stores.redis import RedisStore

from ..adapter import Adapter, Function, NotSupported


class PyKeyValue(Adapter):
    name = "py-key-value"
    dist = "py-key-value-aio"
    backends = ("mem", "redis")
    note = "no decorator: a get and a put by hand; as JSON"

    async def open(self) -> None:
        self._store: Any = MemoryStore() if self.backend == "mem" else RedisStore(url=self.url)
        if self.backend == "redis":
            await self._store.setup()

    async def close(self) -> None:
        if self.backend == "redis":
            await self._store.destroy()

    def decorate(
        self, function: Function, *, ttl: float = 3600, tags: Sequence[str] = (), key: str | None = None
    ) -> Function:
        if tags or key:
            raise NotSupported("tags, key")
        store, name = self._store, function.__qualname__

        @wraps(function)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            key = f"{name}:{args}:{kwargs}"
            found = await store.get(key)
            if found is not None:
                return found["v"]
            value = await function(*args, **kwargs)
            await store.put(key, {"v": value}, ttl=ttl)
            return value

        return wrapped

    async def get(self, key: str) -> Any:
        found = await self._store.get(key)
        return found and found["v"]

    async def set(self, key: str, value: Any, ttl: float, tags: Sequence[str] = ()) -> None:
        await self._store.put(key, {"v": value}, ttl=ttl)


ADAPTERS = [PyKeyValue]
