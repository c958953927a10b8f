"""The cache that many people write: a dict with a time to live, and deletes after each write.

Nothing is wrong with any of its lines. What breaks it is what happens between two of them:

1. a read misses and begins to load; the database answers with the old row;
2. a write commits the new row and deletes the key, which is not there yet;
3. the load of 1 ends and stores the old row, for the whole time to live.

It has the face of ``freshly.cache``, so the service does not know which one it uses. ``soft`` and
``early`` are its plain ``ttl``: a dict knows no more.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import wraps
from inspect import Signature, signature
from typing import Any, NamedTuple, ParamSpec, TypeVar

__all__ = ["NaiveCache"]

P = ParamSpec("P")
R = TypeVar("R")
Loader = Callable[P, Awaitable[R]]

SECONDS = {"s": 1, "m": 60, "h": 3600}


class Entry(NamedTuple):
    value: Any
    expires_at: float


class NaiveCache:
    """A dict with a time to live and an index from tags to keys.

    Args:
        now: The clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._entries: dict[str, Entry] = {}
        self._keys: defaultdict[str, set[str]] = defaultdict(set)

    def __call__(
        self, ttl: str, *, tags: Iterable[str] = (), **_: object
    ) -> Callable[[Loader[P, R]], Loader[P, R]]:
        def decorate(loader: Loader[P, R]) -> Loader[P, R]:
            shape = signature(loader)

            @wraps(loader)
            async def cached(*args: P.args, **kwargs: P.kwargs) -> R:
                arguments = bound(shape, *args, **kwargs)
                key = f"{loader.__name__}:{arguments}"
                entry = self._entries.get(key)
                if entry is not None and self._now() < entry.expires_at:
                    value: R = entry.value
                    return value
                value = await loader(*args, **kwargs)
                self._entries[key] = Entry(value, self._now() + seconds(ttl))
                for tag in rendered(tags, arguments, value):
                    self._keys[tag].add(key)
                return value

            return cached

        return decorate

    soft = __call__
    early = __call__

    def invalidates(self, *tags: str) -> Callable[[Loader[P, R]], Loader[P, R]]:
        def decorate(writer: Loader[P, R]) -> Loader[P, R]:
            shape = signature(writer)

            @wraps(writer)
            async def invalidating(*args: P.args, **kwargs: P.kwargs) -> R:
                result = await writer(*args, **kwargs)
                await self.delete_tags(*rendered(tags, bound(shape, *args, **kwargs), result))
                return result

            return invalidating

        return decorate

    async def delete_tags(self, *tags: str) -> None:
        for tag in tags:
            for key in self._keys.pop(tag, ()):
                self._entries.pop(key, None)

    async def close(self) -> None:
        self._entries.clear()
        self._keys.clear()


def bound(shape: Signature, *args: object, **kwargs: object) -> dict[str, Any]:
    """Return the arguments by name, with the defaults."""
    arguments = shape.bind(*args, **kwargs)
    arguments.apply_defaults()
    return arguments.arguments


def rendered(tags: Iterable[str], arguments: dict[str, Any], result: Any) -> Iterator[str]:
    """Yield the tags of a result. ``{result[].id}`` gives one per element."""
    for tag in tags:
        if "{result[]" in tag:
            each = tag.replace("{result[]", "{element")
            yield from (each.format(element=element) for element in result)
        else:
            yield tag.format(**arguments, result=result)


def seconds(ttl: str) -> float:
    return float(ttl[:-1]) * SECONDS[ttl[-1]]
