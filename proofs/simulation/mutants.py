"""The code with one guard taken out. The judge has to notice each, or it would notice nothing.

Each mutant replaces a few attributes while it is applied; the protocol's model has its guards by the
same names where there are such.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from freshly.core.flight import Flights
from freshly.stores.redis.reading import Bucket, Position
from freshly.stores.redis.store import RedisStore

#: Replaces an attribute of an object, and sees to it that it comes back.
Replace = Callable[[Any, str, Any], None]


@dataclass(frozen=True)
class Mutant:
    """``says`` tells in one line what is different."""

    name: str
    says: str
    change: Callable[[Replace], None]

    @contextmanager
    def applied(self) -> Iterator[None]:
        undo: list[tuple[Any, str, Any]] = []

        def replace(where: Any, name: str, value: Any) -> None:
            undo.append((where, name, where.__dict__[name]))
            setattr(where, name, value)

        self.change(replace)
        try:
            yield
        finally:
            for where, name, value in reversed(undo):
                setattr(where, name, value)


def _nothing(replace: Replace) -> None:
    return


def stamp_after_load(replace: Replace) -> None:
    original = RedisStore.land_many

    async def land_many(self: RedisStore, landings: Any, *rest: Any) -> Any:
        moment = await self.stamp()
        for entry, _ in landings:
            entry.stamp = entry.seen = moment
        return await original(self, landings, *rest)

    replace(RedisStore, "land_many", land_many)


def no_nonce(replace: Replace) -> None:
    original = Bucket.is_valid

    def is_valid(self: Bucket, position: Position, field: bytes) -> bool:
        return original(self, Position(self.position.nonce, position.sequence), field)

    replace(Bucket, "is_valid", is_valid)


def join_without_stamp(replace: Replace) -> None:
    original = Flights.board

    def board(self: Flights, key: str, stamp: Any, may_join: Any) -> Any:
        return original(self, key, stamp, lambda flight: True)

    replace(Flights, "board", board)


_ALL = (
    Mutant("", "the code as it is", _nothing),
    Mutant("stamp_after_load", "an entry is as new as the moment it is stored", stamp_after_load),
    Mutant("no_nonce", "positions of two different buckets are compared", no_nonce),
    Mutant("join_without_stamp", "who comes later joins whatever is in the air", join_without_stamp),
)
MUTANTS = {mutant.name: mutant for mutant in _ALL}
