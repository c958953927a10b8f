"""The store of a cache in memory, as it were if other processes shared it.

It hands out copies of its entries, and gives leases of loads: ``leases.holders`` says who has which,
and a test gives one to ``OTHERS`` by writing it there. What was asked stands in ``log``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

from freshly import Cache
from freshly.core.counts import NOBODYS
from freshly.core.entry import Entry
from freshly.core.ports import Bid, Look
from freshly.core.recall import Recalled
from freshly.core.rows import Rows
from freshly.core.shape import Shape
from freshly.errors import StoreError
from freshly.testing import Stepper
from freshly.testing.around import Args, Named, Operation, StoreAround

OURS, OTHERS = object(), object()


class SharedStore(StoreAround):
    is_shared = True
    keeps_entries = False
    fails: frozenset[str] = frozenset()

    def __init__(
        self,
        store: Any,
        *,
        step: Stepper | None = None,
        glances: bool = False,
        recalls: bool = False,
    ) -> None:
        super().__init__(store)
        self.recall = SharedRecall(self) if recalls else None
        self.log: list[tuple[str, Any]] = []
        self.leases = SharedLeases(self, step)
        self.glance = self._glance if glances else None

    @property
    def blocking(self) -> SharedStore:
        return self

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.log]

    @staticmethod
    def copied(look: Look) -> Look:
        if look.entry is None:
            return look
        entry = copy(look.entry)
        entry.rows, entry.uses = NOBODYS.no_rows, 0
        return look._replace(entry=entry)

    async def do(self, operation: str, call: Operation, args: Args, kwargs: Named) -> Any:
        self.log.append((operation, args))
        if operation in self.fails:
            raise StoreError(f"{operation} failed")
        answer = await call(*args, **kwargs)
        match operation:
            case "look":
                return self.copied(answer)
            case "look_many":
                return [self.copied(look) for look in answer]
            case "land":
                self.leases.landed([args[0].key])
            case "land_many":
                self.leases.landed([entry.key for entry, _ in args[0]])
        return answer

    def inherit(self, stamp: Any, handed_on: Iterable[tuple[tuple[str, ...], Any]]) -> Any:
        assert stamp is not None
        self.log.append(("inherit", list(handed_on)))
        return self._store.inherit(stamp, handed_on)

    def bind(self, entry: Any, rows: Any, row: object) -> None:
        if self.recall is not None:
            self.recall.bind(entry, rows, row)

    def _glance(self, key: str, tags: Iterable[str], shape: Shape) -> Look | None:
        self.log.append(("glance", (key, tags, shape)))
        entry = self._store._entries.get(key)
        now = self._store.clock.now()
        if entry is None or now >= entry.early_at:
            return None
        return self.copied(Look(entry, None, now, lambda *asked: True))


class SharedRecall:
    """Knows what was bound. ``answer`` is what it makes of an entry that it finds, if it does."""

    def __init__(self, store: SharedStore) -> None:
        self._store = store
        self._known: dict[tuple[int, object], Entry[Any]] = {}
        self.error: StoreError | None = None
        self.answer: Callable[[Look], Recalled | Look | None] = _recalled

    def bind(self, entry: Entry[Any], rows: Rows, row: object) -> None:
        self._known[id(rows), row] = entry

    def known(self, rows: Rows, row: Hashable) -> Entry[Any] | None:
        return self._known.get((id(rows), row))

    async def ask(self, known: Entry[Any]) -> Look:
        self._store.log.append(("recall", known.key))
        if self.error is not None:
            raise self.error
        look: Look = await self._store._store.look(known.key, known.tags)
        return self._store.copied(look)

    def found(self, known: Entry[Any], shape: Shape, answer: Look) -> Recalled | Look | None:
        return self.answer(answer)


def _recalled(look: Look) -> Recalled | Look | None:
    entry = look.entry
    if entry is None or look.now >= entry.early_at:
        return look
    return Recalled(entry.value, entry.valid_at)


class SharedLeases:
    def __init__(self, store: SharedStore, step: Stepper | None) -> None:
        self._store = store
        self._step = step
        self.holders: dict[str, object] = {}
        self.kept: dict[str, Bid] = {}

    async def look(self, key: str, tags: Iterable[str], shape: Shape) -> Look:
        return (await self.look_many([(key, tags)], shape))[0]

    async def look_many(self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape) -> list[Look]:
        self._store.log.append(("bid", [key for key, _ in asked]))
        looks = [self._store.copied(look) for look in await self._store._store.look_many(asked, shape)]
        bids = [
            None if look.entry else self._bid(key) for (key, _), look in zip(asked, looks, strict=True)
        ]
        if self._step is not None:
            await self._step.stop("looked")
        return [look._replace(bid=bid) for look, bid in zip(looks, bids, strict=True)]

    async def claim_many(self, asked: Sequence[tuple[str, Iterable[str]]], shape: Shape) -> list[Look]:
        self._store.log.append(("claim", [key for key, _ in asked]))
        bids = [self._bid(key) for key, _ in asked]
        looks = await self._store._store.look_many(asked, shape)
        return [
            self._store.copied(look)._replace(bid=bid) for look, bid in zip(looks, bids, strict=True)
        ]

    def _bid(self, key: str) -> Bid:
        holder = self.holders.setdefault(key, OURS)
        return Bid(holder is OURS and key not in self.kept, holder)

    def keep(self, key: str, bid: Bid) -> None:
        self.kept[key] = bid

    def has(self, key: str) -> bool:
        return key in self.kept

    async def release(self, keys: Iterable[str]) -> None:
        self._store.log.append(("release", list(keys)))
        self.landed(keys)

    def landed(self, keys: Iterable[str]) -> None:
        for key in keys:
            if self.kept.pop(key, None) is not None:
                del self.holders[key]

    def drop(self, key: str) -> None:
        self.kept.pop(key, None)


@contextmanager
def shared(cache: Cache, **options: Any) -> Iterator[SharedStore]:
    """Have ``cache`` share its store while the block lasts."""
    with cache._home.surrounded(lambda store: SharedStore(store, **options)) as store:
        yield store
