"""What is found by going through a server, some at a time: keys that match, fields of a bucket."""

from __future__ import annotations

from collections.abc import Callable

from .layout import Layout
from .slots import Place
from .talk import Talk

# Keys of one SCAN, names of one HSCAN: some milliseconds of the server's time at most.
SCANNED = 1000


class Matching:
    """The keys of a namespace that match a glob, some at a time, of one server after another."""

    def __init__(self, talk: Talk, layout: Layout, matches: Callable[[str], object]) -> None:
        self._talk = talk
        self._layout = layout
        self._matches = matches
        self._cursor = b"0"
        self._places: list[Place | None] | None = None
        self._seen: set[str] = set()

    def __aiter__(self) -> Matching:
        return self

    async def __anext__(self) -> list[str]:
        if self._places is None:
            self._places = list(await self._talk.primaries())
        if not self._places:
            raise StopAsyncIteration
        mine = self._layout.value("*").replace(b"\\", b"\\\\")
        question = ("SCAN", self._cursor, "MATCH", mine, "COUNT", SCANNED)
        self._cursor, names = await self._talk.tell(self._places[0], question)
        if self._cursor == b"0":
            self._places.pop(0)
        keys = [key for key in map(self._layout.key_of, names) if self._matches(key)]
        # A scan may tell a name twice.
        fresh = [key for key in dict.fromkeys(keys) if key not in self._seen]
        self._seen.update(fresh)
        return fresh


class Fields:
    """The fields of a bucket, some at a time."""

    def __init__(self, talk: Talk, name: bytes) -> None:
        self._talk = talk
        self._name = name
        self._cursor: bytes | None = b"0"

    def __aiter__(self) -> Fields:
        return self

    async def __anext__(self) -> dict[bytes, bytes]:
        if self._cursor is None:
            raise StopAsyncIteration
        answer = await self._talk.write([("HSCAN", self._name, self._cursor, "COUNT", SCANNED)])
        cursor, flat = answer.replies[0]
        self._cursor = None if cursor == b"0" else cursor
        return dict(zip(flat[::2], flat[1::2], strict=True))
