"""Many keys at a store that asks nobody: one after another costs no more than together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from ..core.announcing import Unannounced
from ..core.entry import Entry
from ..core.ports import Look
from ..core.shape import ANY, Shape


class _One(Protocol):
    async def look(self, key: str, tags: Iterable[str] = ()) -> Look: ...

    async def land(self, entry: Entry[Any], unless: Callable[[], bool]) -> bool: ...

    async def put(self, entry: Entry[Any], *, is_stamped: bool) -> bool: ...


class OneByOne(Unannounced):
    """What stores do for many keys, by what they do for one."""

    async def look_many(
        self: _One, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape = ANY
    ) -> list[Look]:
        return [await self.look(key, tags) for key, tags in asked]

    async def land_many(
        self: _One, landings: Sequence[tuple[Entry[Any], Callable[[], bool]]], shape: Shape = ANY
    ) -> list[bool]:
        return [await self.land(entry, unless) for entry, unless in landings]

    async def put_many(
        self: _One, entries: Sequence[Entry[Any]], *, is_stamped: bool, shape: Shape = ANY
    ) -> list[bool]:
        return [await self.put(entry, is_stamped=is_stamped) for entry in entries]
