"""What the stories of the contract stand on: a store of the author's making, and a colour.

A story is an ``async def`` method that gets a store, under ``@story``. For a test runner it is a
plain method without arguments: pytest, unittest and a bare loop can all call it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from typing import Any, Literal, TypeVar

from ...core.counts import Counts
from ...core.entry import Entry
from ...core.ports import Look, Store
from ...core.raised import Raised
from ...core.special import SpecialEntry
from ...runtime.threads import finish

T = TypeVar("T")
B = TypeVar("B", bound="Bench")

#: Longer than any test takes.
HOUR = 3600.0


class Bench:
    """What an author says about a store, and what the stories make of it."""

    #: Whether the stories are awaited on an event loop, or stepped as the blocking face does it.
    colour: Literal["async", "blocking"] = "async"

    #: A short span in seconds that the store can tell from nothing. The stories let pass a few of
    #: them; so keep it small if ``pass_time`` really waits.
    moment: float = 0.1

    #: By how many seconds an instant may differ when it comes back, for stores that round.
    tolerance: float = 0.002

    async def open_store(self, namespace: str) -> Store:
        """Return a store of ``namespace``, which nobody used before this test.

        The contract closes it. Override this one; the rest has defaults.
        """
        raise NotImplementedError

    async def pass_time(self, seconds: float) -> None:
        """Let time pass on the store's clock. Override it where the clock is a ``ManualClock``."""
        if self.colour == "blocking":
            time.sleep(seconds)  # noqa: ASYNC251
        else:
            await asyncio.sleep(seconds)

    def run_story(self, story: Coroutine[Any, Any, T]) -> T:
        """Run a story in this test's colour."""
        return finish(story) if self.colour == "blocking" else asyncio.run(story)

    async def together(self, callers: Iterable[Callable[[], Coroutine[Any, Any, None]]]) -> None:
        """Run callers at the same time: as tasks of one loop, or each in a thread."""
        callers = list(callers)
        if self.colour == "async":
            await asyncio.gather(*(caller() for caller in callers))
            return
        with ThreadPoolExecutor(len(callers)) as pool:
            outcomes = [pool.submit(_step, caller) for caller in callers]
        for outcome in outcomes:
            outcome.result()

    # -- what the stories say ----------------------------------------------------------------

    def entry(
        self,
        look: Look,
        key: str,
        value: Any = "value",
        *,
        tags: Iterable[str] = (),
        stale: float | None = None,
        ttl: float = HOUR,
        grace: float = 0.0,
        raised: Raised | None = None,
        etag: str | None = None,
        idle: float | None = None,
    ) -> Entry[Any]:
        """Return the entry of a load that began with ``look``. Spans are seconds from then.

        ``idle`` is the time from one read to the next; its first one is this look.
        """
        assert look.stamp is not None, f"a look at {key!r} brought no stamp: the store did not answer"
        stale_at = look.now + (ttl if stale is None else stale)
        expires_at = look.now + ttl
        return SpecialEntry(
            key,
            value,
            raised=raised,
            etag=etag,
            idle=idle,
            read_at=look.now,
            instants=(look.now, stale_at, stale_at, expires_at, expires_at + grace),
            tags=tuple(tags),
            stamp=look.stamp,
            counts=Counts("the contract"),
            load_seconds=0.25,
        )

    async def load(
        self, store: Store, key: str, value: Any = "value", *, tags: Iterable[str] = (), **life: Any
    ) -> Entry[Any]:
        """Load ``value`` as an engine does, with nothing in between, and return what was stored."""
        tags = tuple(tags)
        entry = self.entry(await store.look(key, tags), key, value, tags=tags, **life)
        assert await store.land(entry, never), f"{key!r} did not land though nothing came between"
        return entry

    async def load_and_look(self, store: Store, key: str, *, tags: Iterable[str] = ()) -> Entry[Any]:
        """Load a value and return the entry that a read of it is given."""
        await self.load(store, key, tags=tags)
        found = (await store.look(key, tuple(tags))).entry
        assert found is not None, f"{key!r} landed and is not found"
        return found

    async def put(
        self, store: Store, key: str, value: Any = "value", *, tags: Iterable[str] = (), **life: Any
    ) -> None:
        """Store ``value`` by hand, as a value of now."""
        entry = self.entry(await store.look(key), key, value, tags=tags, **life)
        assert await store.put(entry, is_stamped=False), f"{key!r} was not stored by hand"

    async def value(self, store: Store, key: str, tags: Iterable[str] = ()) -> Any:
        """Return the value under ``key``, or ``NOTHING``."""
        found = (await store.look(key, tuple(tags))).entry
        return NOTHING if found is None else found.value

    async def values(self, store: Store, *keys: str) -> list[Any]:
        return [await self.value(store, key) for key in keys]

    async def values_at_once(self, store: Store, *keys: str) -> list[Any]:
        """Return what ``values`` does, in one look: for many keys, again and again."""
        looks = await store.look_many([(key, ()) for key in keys])
        return [NOTHING if look.entry is None else look.entry.value for look in looks]


def _step(caller: Callable[[], Coroutine[Any, Any, None]]) -> None:
    finish(caller())


class _Nothing:
    def __repr__(self) -> str:
        return "NOTHING"


#: What ``value`` returns where no entry is.
NOTHING = _Nothing()


def never() -> bool:
    return False


def story(test: Callable[[B, Store], Coroutine[Any, Any, None]]) -> Callable[[B], None]:
    """Make a story a test: it opens a store, runs in the colour of its class, and closes the store."""

    async def tell(bench: B) -> None:
        store = await bench.open_store(new_namespace())
        try:
            await test(bench, store)
        finally:
            await store.close()

    def run(self: B) -> None:
        self.run_story(tell(self))

    # Not functools.wraps: a runner would see the parameter, and look for a fixture of that name.
    run.__name__, run.__qualname__ = test.__name__, test.__qualname__
    run.__module__, run.__doc__ = test.__module__, test.__doc__
    return run


def new_namespace() -> str:
    return f"contract-{token_hex(8)}"
