"""The ways to cache: each face reads the version of a subject through the cache, in either colour.

A caller of either colour is written once, as ``async def``. For threads every awaitable here ends
without suspending, as in freshly itself.

What annotations say is worked out where it stands: texts would be read anew each time that a function
is decorated.
"""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from freshly import Cache, StoreError
from freshly.handles import Decorator

#: Loads a version; the plain one waits in its thread.
AsyncLoad = Callable[[int], Awaitable[int]]
PlainLoad = Callable[[int], int]
Read = Callable[[int], Awaitable[int]]
ReadMany = Callable[[Iterable[int]], Awaitable[dict[int, int]]]

#: How keys of faces begin.
PREFIXES = ("tag", "soft", "early", "result", "nested", "inner", "hurried", "hand", "given", "several")

#: The options of the plainest faces.
OPTIONS: dict[str, dict[str, Any]] = {
    "tag": {},
    "soft": {"soft_ttl": 0.1, "grace": 1},
    "early": {"early_ttl": 0.05},
    "hurried": {"soft_ttl": 0.05, "grace": 2, "soft_timeout": 0.005},
}


def tag_of(subject: int) -> str:
    return f"s:{subject}"


def keys_of(subject: int) -> list[str]:
    return [f"{prefix}:{subject}" for prefix in PREFIXES]


class Awaited:
    """The commands of the blocking face, to be awaited: they block the thread."""

    def __init__(self, commands: Any) -> None:
        self._commands = commands

    def __getattr__(self, name: str) -> Any:
        command = getattr(self._commands, name)

        async def call(*args: Any, **options: Any) -> Any:
            return command(*args, **options)

        return call


class Faces:
    """The faces of one cache. ``load`` is of the colour of ``is_async``."""

    def __init__(self, cache: Cache, load: Any, *, is_async: bool) -> None:
        self.cache = cache
        self.commands: Any = cache if is_async else Awaited(cache.blocking)
        self._is_async = is_async
        self._load = load
        # Decorated when they are first used: most histories use few of them.
        self._functions: dict[str, Any] = {}

    def read(self, face: str) -> Read:
        match face:
            case "hand":
                return self._by_hand
            case "given":
                return self._given
            case "several":
                return self._one_of_several
            case _:
                return self._awaited(self._function(face))

    def refresh(self, face: str) -> Read | None:
        if face in ("hand", "given", "several"):
            return None
        return self._awaited(self._function(face).refresh)

    async def several(self, subjects: Iterable[int]) -> dict[int, int]:
        """Read all of ``subjects`` in one call."""
        found: dict[int, int] = await self._function("several")(subjects)
        return found

    async def write(self, done: Callable[[], None], subject: int) -> None:
        """Call ``done`` in a function that invalidates ``subject`` after it."""
        await self._function("writer")(done, subject)

    def _function(self, name: str) -> Any:
        if name not in self._functions:
            self._functions[name] = self._making(name)
        return self._functions[name]

    def _making(self, name: str) -> Any:
        match name:
            case "result":
                return self._made_by_result()
            case "nested":
                return self._made_nested()
            case "several":
                return self._made_of_many()
            case "writer":
                return self._made_writer()
            case _:
                tags = ["s:{subject}"]
                return self._made(self.cache(0.6, key=name + ":{subject}", tags=tags, **OPTIONS[name]))

    def _awaited(self, function: Callable[[int], Any]) -> Read:
        async def read(subject: int) -> int:
            answer = await function(subject) if self._is_async else function(subject)
            version: int = answer["version"] if isinstance(answer, dict) else answer
            return version

        return read

    def _made(self, decorate: Decorator) -> Any:
        load = self._load
        if self._is_async:

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

    def _made_by_result(self) -> Any:
        """The tag is known when the value is, and not before."""
        load = self._load
        decorate = self.cache.soft(0.6, soft_ttl=0.1, key="result:{subject}", tags=["{result[tag]}"])
        if self._is_async:

            @decorate
            async def get(subject: int) -> dict[str, Any]:
                return {"tag": tag_of(subject), "version": await load(subject)}

            return get

        @decorate
        def get_plainly(subject: int) -> dict[str, Any]:
            return {"tag": tag_of(subject), "version": load(subject)}

        return get_plainly

    def _made_nested(self) -> Any:
        """The outer entry has its tag from the inner one, which has a cache of its own."""
        inner = self._made(self.cache(0.6, soft_ttl=0.1, key="inner:{subject}", tags=["s:{subject}"]))
        decorate = self.cache.early(0.6, early_ttl=0.05, key="nested:{subject}")
        if self._is_async:

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

    def _made_of_many(self) -> ReadMany:
        load = self._load
        decorate = self.cache.many(
            0.6,
            soft_ttl=0.1,
            of="subjects",
            each="subject",
            key="several:{subject}",
            tags=["s:{subject}"],
        )
        if self._is_async:

            @decorate
            async def get(subjects: list[int]) -> dict[int, int]:
                return {subject: await load(subject) for subject in subjects}

            async def read(subjects: Iterable[int]) -> dict[int, int]:
                return await get(list(subjects))

            return read

        @decorate
        def get_plainly(subjects: list[int]) -> dict[int, int]:
            return {subject: load(subject) for subject in subjects}

        async def read_plainly(subjects: Iterable[int]) -> dict[int, int]:
            return get_plainly(list(subjects))

        return read_plainly

    async def _one_of_several(self, subject: int) -> int:
        return (await self.several([subject]))[subject]

    async def _by_hand(self, subject: int) -> int:
        """Get; if there is nothing, take a stamp, load, and set with it."""
        key = f"hand:{subject}"
        found: int | None = await self.commands.get(key)
        if found is not None:
            return found
        try:
            stamp = await self.commands.stamp()
        except StoreError:
            return int(await self._loaded(subject))
        version: int = await self._loaded(subject)
        await self.commands.set(key, version, 0.6, tags=[tag_of(subject)], stamp=stamp)
        return version

    async def _given(self, subject: int) -> int:
        version: int = await self.commands.get_or_set(
            f"given:{subject}", partial(self._load, subject), 0.6, soft_ttl=0.1, tags=[tag_of(subject)]
        )
        return version

    async def _loaded(self, subject: int) -> Any:
        return await self._load(subject) if self._is_async else self._load(subject)

    def _made_writer(self) -> Callable[[Callable[[], None], int], Awaitable[None]]:
        invalidates = self.cache.invalidates("s:{subject}")
        if self._is_async:

            @invalidates
            async def write(done: Callable[[], None], subject: int) -> None:
                done()

            return write

        @invalidates
        def write_plainly(done: Callable[[], None], subject: int) -> None:
            done()

        async def write_awaited(done: Callable[[], None], subject: int) -> None:
            write_plainly(done, subject)

        return write_awaited
