from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncache
import cachetools

from ..adapter import Adapter, Function, NotSupported


class Asyncache(Adapter):
    name = "asyncache TTL"
    dist = "asyncache"
    note = "asks for cachetools before 6; runs on the one installed here"

    def decorate(
        self, function: Function, *, ttl: float = 3600, tags: Sequence[str] = (), key: str | None = None
    ) -> Function:
        if tags:
            raise NotSupported("tags")
        options: dict[str, Any] = {} if key is None else {"key": lambda a: key.format(a=a)}
        cache: Any = cachetools.TTLCache(self.size, ttl)
        wrapped: Function = asyncache.cached(cache, **options)(function)
        return wrapped


ADAPTERS = [Asyncache]
