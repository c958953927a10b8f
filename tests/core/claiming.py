"""Leases whose answers a test gives, and time that passes where the code waits and nowhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from freshly.core.counts import Counts
from freshly.core.entry import Entry
from freshly.core.ports import Bid, Look
from freshly.core.recipe import Call
from freshly.errors import StoreError

MINE, OTHERS, THIRDS = Bid(True, "me"), Bid(False, "another"), Bid(False, "a third")


def finish(work: Awaitable[Any]) -> Any:
    """Run what never suspends."""
    steps = work.__await__()
    with pytest.raises(StopIteration) as end:
        next(steps)
    return end.value.value


@dataclass
class Runtime:
    """``chance`` is what the dice say each time."""

    time: float = 100.0
    chance: float = 1.0
    waits: list[float] = field(default_factory=list)
    #: Waits are as long as they are asked to be, or end here.
    waits_until: float | None = None

    def now(self) -> float:
        return self.time

    def dice(self) -> float:
        return self.chance

    async def wait(self, subscribe: Callable[[Callable[[], None]], object], until: float) -> bool:
        # Nothing would say that what is waited for has happened already.
        assert subscribe(lambda: None) is not None
        self.waits.append(until - self.time)
        self.time = until if self.waits_until is None else self.waits_until
        return False


Answer = Look | StoreError | list[Look]


@dataclass
class Leases:
    """Answers claims with what is in ``answers``, the last one again and again."""

    answers: list[Answer] = field(default_factory=list)
    claimed: list[tuple[list[tuple[str, tuple[str, ...]]], str]] = field(default_factory=list)
    kept: dict[str, Bid] = field(default_factory=dict)
    released: list[list[str]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    release_error: StoreError | None = None
    asked: Callable[[], None] = lambda: None

    async def claim_many(self, asked: Sequence[tuple[str, tuple[str, ...]]], shape: str) -> list[Look]:
        self.asked()
        self.claimed.append((list(asked), shape))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, StoreError):
            raise answer
        return answer if isinstance(answer, list) else [answer]

    def keep(self, key: str, bid: Bid) -> None:
        self.kept[key] = bid

    def has(self, key: str) -> bool:
        return key in self.kept

    async def release(self, keys: Iterable[str]) -> None:
        self.released.append(list(keys))
        if self.release_error is not None:
            raise self.release_error

    def drop(self, key: str) -> None:
        self.dropped.append(key)


def call(key: str, *, is_local: bool = False) -> Call:
    return Call(
        key, ("t",), cast(Any, SimpleNamespace(shape="shape")), cast(Any, None), is_local=is_local
    )


def look(bid: Bid | None = None, *, stamp: Any = 7, entry: Entry[Any] | None = None) -> Look:
    return Look(entry, stamp, 50.0, lambda *what: False, bid=bid)


def entry(*, early_at: float = 60.0, stale_at: float = 70.0) -> Entry[Any]:
    instants = (0.0, early_at, stale_at, 80.0, 90.0)
    return Entry("k", "v", instants=instants, tags=("t",), stamp=7, counts=Counts("f"))
