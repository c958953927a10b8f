"""The promise at the port: a load notes a stamp before it begins, and what overtook it is not served.

Each story is one interleaving, written down step by step. The steps of a load are ``look``, the
loader's own work, and ``land``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from threading import Lock
from typing import Any

from ...core.ports import Store
from ..history import History
from .bench import HOUR, NOTHING, Bench, never, story


class Races(Bench):
    """Loads that run while something is invalidated."""

    @story
    async def test_a_load_that_an_invalidation_overtook_does_not_land(self, store: Store) -> None:
        running = self.entry(await store.look("key", ["a"]), "key", "old", tags=["a", "b"])
        await store.invalidate(["b"])

        assert not await store.land(running, never)

        assert await self.value(store, "key") is NOTHING

    @story
    async def test_an_invalidation_of_other_tags_lets_it_land(self, store: Store) -> None:
        running = self.entry(await store.look("key", ["a"]), "key", tags=["a"])
        await store.invalidate(["b"])
        await store.delete(["another key"])
        await store.delete_match("another*")
        await store.mark_stale(["b"])

        assert await store.land(running, never)

        assert await self.value(store, "key", ["a"]) == "value"

    @story
    async def test_a_tag_that_only_the_result_tells_is_covered_from_the_start_of_the_load(
        self, store: Store
    ) -> None:
        """The look could not ask for it, and the invalidation came before anybody knew it."""
        look = await store.look("key", ["a"])
        await store.invalidate(["told by the result"])
        running = self.entry(look, "key", "old", tags=["a", "told by the result"])

        assert not await store.land(running, never)

        assert await self.value(store, "key") is NOTHING

    @story
    async def test_a_load_that_is_overtaken_does_not_take_the_place_of_a_newer_one(
        self, store: Store
    ) -> None:
        """
        1. A load begins and reads the old data.
        2. They change; the tag is invalidated.
        3. A second load begins, reads the new data, and lands.
        4. The first one lands.
        """
        first = self.entry(await store.look("key", ["a"]), "key", "old", tags=["a"])
        await store.invalidate(["a"])
        await self.load(store, "key", "new", tags=["a"])

        assert not await store.land(first, never)

        assert await self.value(store, "key") == "new"

    @story
    async def test_a_load_that_found_an_entry_is_overtaken_like_one_that_found_none(
        self, store: Store
    ) -> None:
        """A refresh: its look brought the older value, and its stamp."""
        await self.load(store, "key", "older", tags=["a"])
        refresh = self.entry(await store.look("key", ["a"]), "key", "old", tags=["a"])
        await store.invalidate(["a"])

        assert not await store.land(refresh, never)

        assert await self.value(store, "key") is NOTHING

    @story
    async def test_a_load_of_a_key_that_was_deleted_does_not_land(self, store: Store) -> None:
        """Also if there was nothing to delete: the load had begun before."""
        await self.load(store, "there", "older")
        for key in ("there", "not there"):
            running = self.entry(await store.look(key), key, "old")
            await store.delete([key])

            assert not await store.land(running, never), key
            assert await self.value(store, key) is NOTHING

    @story
    async def test_a_load_of_a_key_that_a_glob_matched_does_not_land(self, store: Store) -> None:
        matching = self.entry(await store.look("user:1"), "user:1", "old")
        other = self.entry(await store.look("post:1"), "post:1", "old")
        await store.delete_match("user:*")

        assert not await store.land(matching, never)
        assert await store.land(other, never)

    @story
    async def test_a_load_from_before_clear_does_not_land(self, store: Store) -> None:
        with_tags = self.entry(await store.look("key", ["a"]), "key", "old", tags=["a"])
        without = self.entry(await store.look("bare"), "bare", "old")
        await store.clear()

        assert not await store.land(with_tags, never)
        assert not await store.land(without, never)
        assert await self.values(store, "key", "bare") == [NOTHING] * 2

    @story
    async def test_a_load_that_mark_stale_overtook_lands_and_is_stale(self, store: Store) -> None:
        running = self.entry(await store.look("key", ["a"]), "key", tags=["a"])
        await store.mark_stale(["a"])

        assert await store.land(running, never)

        look = await store.look("key")
        assert look.entry is not None
        assert look.entry.stale_at <= look.now < look.entry.expires_at

    @story
    async def test_of_two_loads_both_may_land_if_nothing_came_between(self, store: Store) -> None:
        first = self.entry(await store.look("key"), "key", 1)
        second = self.entry(await store.look("key"), "key", 2)

        assert await store.land(second, never)
        assert await store.land(first, never)

        assert await self.value(store, "key") in (1, 2)

    # -- values made of values ---------------------------------------------------------------

    @story
    async def test_a_value_made_of_another_falls_with_it(self, store: Store) -> None:
        """A loader that reads another entry hands its tags on, with the reading it was valid at."""
        outer = await store.look("outer", ["o"])
        inner = await self.load_and_look(store, "inner", tags=["i"])
        entry = self.entry(outer, "outer", tags=["o", "i"])
        entry.seen = store.inherit(entry.seen, [(("i",), inner.valid_at)])
        assert await store.land(entry, never)
        assert await self.value(store, "outer") == "value"

        await store.invalidate(["i"])

        assert await self.values(store, "outer", "inner") == [NOTHING, NOTHING]

    @story
    async def test_a_value_made_of_another_that_was_overtaken_is_not_served(self, store: Store) -> None:
        """
        1. The outer load begins, and reads the inner entry.
        2. The inner one is invalidated.
        3. The outer load ends.
        """
        outer = await store.look("outer", ["o"])
        inner = await self.load_and_look(store, "inner", tags=["i"])
        await store.invalidate(["i"])
        entry = self.entry(outer, "outer", tags=["o", "i"])
        entry.seen = store.inherit(entry.seen, [(("i",), inner.valid_at)])

        await store.land(entry, never)

        assert await self.value(store, "outer") is NOTHING

    @story
    async def test_of_what_was_made_of_a_value_of_unknown_age_nothing_old_is_served(
        self, store: Store
    ) -> None:
        outer = await store.look("outer", ["o"])
        await store.invalidate(["i"])
        entry = self.entry(outer, "outer", tags=["o", "i"])
        entry.seen = store.inherit(entry.seen, [(("i",), None)])

        await store.land(entry, never)

        assert await self.value(store, "outer") is NOTHING

    # -- the questions an engine asks --------------------------------------------------------

    @story
    async def test_overtaken_tells_what_was_invalidated_after_a_stamp(self, store: Store) -> None:
        before = await store.stamp()
        assert not await store.overtaken(before, ["a", "b"])

        await store.invalidate(["a"])

        after = await store.stamp()
        assert await store.overtaken(before, ["b", "a"])
        assert not await store.overtaken(before, ["b"])
        assert not await store.overtaken(after, ["a", "b"])

    @story
    async def test_after_clear_every_older_stamp_is_overtaken(self, store: Store) -> None:
        before = await store.stamp()
        await store.clear()

        assert await store.overtaken(before, ["a"])
        assert not await store.overtaken(await store.stamp(), ["a"])

    @story
    async def test_a_look_tells_whether_a_flight_may_be_joined(self, store: Store) -> None:
        """By the tags that it asked for, its key, globs, and ``clear``."""
        flight = (await store.look("key", ["a"])).stamp
        assert flight is not None
        later = await store.look("key", ["a"])
        assert not later.overtakes(flight, ["a"], "key")

        await store.invalidate(["a"])
        look = await store.look("key", ["a"])
        assert look.stamp is not None
        assert look.overtakes(flight, ["a"], "key")
        assert not look.overtakes(look.stamp, ["a"], "key")
        other = await store.look("other", ["b"])
        assert not other.overtakes(flight, ["b"], "other")

        await store.delete(["other"])
        assert (await store.look("other", ["b"])).overtakes(flight, ["b"], "other")
        flight = (await store.look("third")).stamp
        assert flight is not None
        await store.delete_match("th*")
        assert (await store.look("third")).overtakes(flight, [], "third")
        flight = (await store.look("fourth")).stamp
        assert flight is not None
        await store.clear()
        assert (await store.look("fourth")).overtakes(flight, [], "fourth")

    # -- tidying -----------------------------------------------------------------------------

    @story
    async def test_tidying_makes_nothing_valid_again(self, store: Store) -> None:
        """After many invalidations, of which a store need not remember all."""
        overtaken = self.entry(await store.look("overtaken", ["a"]), "overtaken", tags=["a"])
        await self.load(store, "invalid", tags=["a"])
        await store.invalidate(["a"])
        await self.load(store, "valid", tags=["a"])
        await store.invalidate([f"another:{number}" for number in range(30_000)])

        await store.tidy(lambda: overtaken.seen)
        assert not await store.land(overtaken, never)
        await store.tidy(lambda: None)
        assert not await store.put(overtaken, is_stamped=True)

        assert await self.values(store, "overtaken", "invalid", "valid") == [NOTHING, NOTHING, "value"]

    @story
    async def test_tidying_lets_the_oldest_running_load_land(self, store: Store) -> None:
        running = self.entry(await store.look("key", ["a"]), "key", tags=["a"])
        await store.invalidate([f"another:{number}" for number in range(30_000)])

        await store.tidy(lambda: running.seen)

        assert await store.land(running, never)
        assert await self.value(store, "key", ["a"]) == "value"

    # -- all at once -------------------------------------------------------------------------

    @story
    async def test_many_callers_at_once_keep_the_promise(self, store: Store) -> None:
        """Readers that load, and writers that invalidate, all at the same time; each read is judged."""
        source = Source(("a", "b"))

        def reader(number: int) -> Callable[[], Coroutine[Any, Any, None]]:
            async def read() -> None:
                for turn in range(40):
                    await self._read(store, source, "ab"[(number + turn) % 2])

            return read

        def writer(subject: str) -> Callable[[], Coroutine[Any, Any, None]]:
            async def write() -> None:
                for _ in range(20):
                    version = source.write(subject)
                    await store.invalidate([f"tag of {subject}"])
                    source.invalidated(subject, version)

            return write

        await self.together([*map(reader, range(6)), writer("a"), writer("b")])

        broken = source.history.violations
        assert not broken, f"{len(broken)} reads got what was out of date, first {broken[0]}"
        assert source.history.reads == 240

    async def _read(self, store: Store, source: Source, subject: str) -> None:
        read = source.begins(subject)
        look = await store.look(subject, [f"tag of {subject}"])
        if look.entry is None:
            value = source.versions[subject]
            entry = self.entry(look, subject, value, tags=[f"tag of {subject}"], ttl=HOUR)
            await store.land(entry, never)
        else:
            value = look.entry.value
        source.ends(read, value)


class Source:
    """The data that loads read: they count their versions, and a history judges who read what."""

    def __init__(self, subjects: tuple[str, ...]) -> None:
        self.versions = dict.fromkeys(subjects, 1)
        self.history = History()
        self._lock = Lock()

    def write(self, subject: str) -> int:
        with self._lock:
            self.versions[subject] += 1
            return self.versions[subject]

    def invalidated(self, subject: str, version: int) -> None:
        with self._lock:
            self.history.invalidated(subject, version)

    def begins(self, subject: str) -> Any:
        with self._lock:
            return self.history.begins(subject)

    def ends(self, read: Any, version: int) -> None:
        with self._lock:
            self.history.ends(read, version)
