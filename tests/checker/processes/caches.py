"""What is judged: freshly, a cache as most programs write it, and no cache at all."""

from __future__ import annotations

import inspect
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import redis
import redis.asyncio

from freshly import Cache

AsyncRead = Callable[[int], Awaitable[int]]
Read = Callable[[int], int]


class Judged(Protocol):
    """A cache for one process, of one colour: functions of the plain colour return what they say."""

    def reader(self, face: str, load: Callable[[int], Any]) -> Callable[[int], Any]: ...

    def invalidate(self, subject: int, version: int, chance: random.Random) -> Any: ...

    def nudge(self, subject: int) -> Any:
        """Do something that invalidates nothing, as ``mark_stale``."""

    def close(self) -> Any: ...

    def facts(self) -> dict[str, float]: ...


# -- freshly ---------------------------------------------------------------------------------------


def decorated(**options: Any) -> Callable[[Cache, str, Callable[[int], Any]], Callable[[int], Any]]:
    def face(cache: Cache, name: str, load: Callable[[int], Any]) -> Callable[[int], Any]:
        decorate = cache("10s", key=f"s:{{subject}}:{name}", tags=["s:{subject}"], **options)
        if inspect.iscoroutinefunction(load):

            @decorate
            async def read(subject: int) -> int:
                version: int = await load(subject)
                return version

            return read

        @decorate
        def read_plainly(subject: int) -> int:
            version: int = load(subject)
            return version

        return read_plainly

    return face


def tagged_by_result(cache: Cache, name: str, load: Callable[[int], Any]) -> Callable[[int], Any]:
    """The tag is known when the value is, and not before."""
    decorate = cache.soft("10s", soft_ttl="300ms", key=f"s:{{subject}}:{name}", tags=["{result[tag]}"])
    if inspect.iscoroutinefunction(load):

        @decorate
        async def get(subject: int) -> dict[str, Any]:
            return {"tag": f"s:{subject}", "version": await load(subject)}

        async def read(subject: int) -> int:
            version: int = (await get(subject))["version"]
            return version

        return read

    @decorate
    def get_plainly(subject: int) -> dict[str, Any]:
        return {"tag": f"s:{subject}", "version": load(subject)}

    def read_plainly(subject: int) -> int:
        version: int = get_plainly(subject)["version"]
        return version

    return read_plainly


def nested(cache: Cache, name: str, load: Callable[[int], Any]) -> Callable[[int], Any]:
    """The outer entry has its tag from the inner one, which has a cache of its own."""
    inner = decorated(soft_ttl="300ms")(cache, f"{name}:inner", load)
    decorate = cache.early("10s", early_ttl="300ms", key=f"s:{{subject}}:{name}")
    if inspect.iscoroutinefunction(load):

        @decorate
        async def outer(subject: int) -> int:
            version: int = await inner(subject)
            return version

        return outer

    @decorate
    def outer_plainly(subject: int) -> int:
        version: int = inner(subject)
        return version

    return outer_plainly


FACES: dict[str, Callable[[Cache, str, Callable[[int], Any]], Callable[[int], Any]]] = {
    "cache": decorated(),
    "soft": decorated(soft_ttl="300ms"),
    "early": decorated(early_ttl="300ms"),
    "result": tagged_by_result,
    "nested": nested,
}


class Freshly:
    """freshly on the server of the run. ``faces`` are those that the run reads through."""

    def __init__(self, url: str, faces: tuple[str, ...], *, is_async: bool, **options: Any) -> None:
        self.cache = Cache(url, **options)
        self._commands: Any = self.cache if is_async else self.cache.blocking
        self._names = [*faces, *(f"{face}:inner" for face in faces if face == "nested")]

    def reader(self, face: str, load: Callable[[int], Any]) -> Callable[[int], Any]:
        return FACES[face](self.cache, face, load)

    def invalidate(self, subject: int, version: int, chance: random.Random) -> Any:
        """Invalidate in one of the ways there are; by tag most often, everything hardly ever."""
        (way,) = chance.choices(("tag", "keys", "pattern", "all"), (80, 12, 6, 2))
        match way:
            case "keys":
                return self._commands.delete(*(f"s:{subject}:{name}" for name in self._names))
            case "pattern":
                return self._commands.delete_match(f"s:{subject}:*")
            case "all":
                return self._commands.clear()
            case _:
                return self._commands.delete_tags(f"s:{subject}")

    def nudge(self, subject: int) -> Any:
        return self._commands.mark_stale(f"s:{subject}")

    def close(self) -> Any:
        return self._commands.close()

    def facts(self) -> dict[str, float]:
        stats = self.cache.stats()
        found: dict[str, float] = {"hits": stats.hits, "misses": stats.misses}
        if stats.near is not None:
            for name in ("heartbeats", "revalidations", "resyncs", "gaps", "losses"):
                found[name] = getattr(stats.near, name)
        return found


# -- caches that show what the judge is worth ------------------------------------------------------


class Naive:
    """A TTL and a DEL after each write, as in most programs: an overtaken load is stored."""

    def __init__(self, url: str, faces: tuple[str, ...], *, is_async: bool, **options: Any) -> None:
        self._faces = faces
        self._is_async = is_async
        self._client: Any = (redis.asyncio.Redis if is_async else redis.Redis).from_url(url)

    def reader(self, face: str, load: Callable[[int], Any]) -> Callable[[int], Any]:
        client = self._client

        async def read(subject: int) -> int:
            key = f"naive:{subject}:{face}"
            kept = await client.get(key)
            if kept is not None:
                return int(kept)
            version: int = await load(subject)
            await client.set(key, json.dumps(version), ex=10)
            return version

        def read_plainly(subject: int) -> int:
            key = f"naive:{subject}:{face}"
            kept = client.get(key)
            if kept is not None:
                return int(kept)
            version: int = load(subject)
            client.set(key, json.dumps(version), ex=10)
            return version

        return read if self._is_async else read_plainly

    def invalidate(self, subject: int, version: int, chance: random.Random) -> Any:
        return self._client.delete(*(f"naive:{subject}:{face}" for face in self._faces))

    def nudge(self, subject: int) -> Any:
        return self._client.ping()

    def close(self) -> Any:
        return self._client.aclose() if self._is_async else self._client.close()

    def facts(self) -> dict[str, float]:
        return {}


class Uncached:
    """Every read loads: what the judge has to find nothing wrong with."""

    def __init__(self, url: str, faces: tuple[str, ...], *, is_async: bool, **options: Any) -> None:
        self._is_async = is_async

    def reader(self, face: str, load: Callable[[int], Any]) -> Callable[[int], Any]:
        return load

    def invalidate(self, subject: int, version: int, chance: random.Random) -> Any:
        return self._nothing()

    def nudge(self, subject: int) -> Any:
        return self._nothing()

    def close(self) -> Any:
        return self._nothing()

    def _nothing(self) -> Any:
        async def nothing() -> None:
            pass

        return nothing() if self._is_async else None

    def facts(self) -> dict[str, float]:
        return {}


CACHES: dict[str, Callable[..., Judged]] = {
    "freshly": Freshly,
    "naive": Naive,
    "uncached": Uncached,
}
