"""Values that are set by hand: they win over loads, and lose to invalidations they have not seen."""

from __future__ import annotations

from ...core.ports import Store
from .bench import NOTHING, Bench, never, story


class Puts(Bench):
    """``put``, with a stamp and without."""

    @story
    async def test_what_was_put_is_found_as_it_was(self, store: Store) -> None:
        entry = self.entry(await store.look("key"), "key", "it", tags=["a", "b"], stale=60, ttl=600)
        assert await store.put(entry, is_stamped=False)

        found = (await store.look("key", ["a", "b"])).entry

        assert found is not None
        assert (found.value, set(found.tags)) == ("it", {"a", "b"})
        for instant in ("born", "stale_at", "expires_at", "dead_at"):
            assert abs(getattr(found, instant) - getattr(entry, instant)) <= self.tolerance

    @story
    async def test_a_put_replaces_what_is_there(self, store: Store) -> None:
        await self.load(store, "key", "loaded", tags=["old"])

        await self.put(store, "key", "put", tags=["new"])

        assert await self.value(store, "key", ["new"]) == "put"

    @story
    async def test_a_load_replaces_what_was_put_before_it_began(self, store: Store) -> None:
        await self.put(store, "key", "put")

        await self.load(store, "key", "loaded")

        assert await self.value(store, "key") == "loaded"

    @story
    async def test_a_put_beats_a_load_that_is_running(self, store: Store) -> None:
        """
        1. A load begins, and reads the old value.
        2. Somebody writes the new one to the database, and puts it here.
        3. The load ends.
        """
        running = self.entry(await store.look("key"), "key", "old")
        await self.put(store, "key", "new")

        assert not await store.land(running, never)

        assert await self.value(store, "key") == "new"

    @story
    async def test_a_put_lets_loads_of_other_keys_land(self, store: Store) -> None:
        running = self.entry(await store.look("other"), "other")
        await self.put(store, "key")

        assert await store.land(running, never)

    @story
    async def test_a_value_of_now_may_have_tags_that_were_invalidated_before(
        self, store: Store
    ) -> None:
        entry = self.entry(await store.look("key"), "key", tags=["a"])
        await store.invalidate(["a"])

        assert await store.put(entry, is_stamped=False)

        assert await self.value(store, "key", ["a"]) == "value"

    @story
    async def test_what_was_put_is_invalidated_like_anything_else(self, store: Store) -> None:
        for key in ("by tag", "by key", "by glob"):
            await self.put(store, key, tags=[f"tag of {key}"])

        await store.invalidate(["tag of by tag"])
        await store.delete(["by key"])
        await store.delete_match("by g*")

        assert await self.values(store, "by tag", "by key", "by glob") == [NOTHING] * 3

    @story
    async def test_a_put_dies_in_its_time(self, store: Store) -> None:
        await self.put(store, "key", ttl=self.moment)
        await self.pass_time(2 * self.moment)

        assert await self.value(store, "key") is NOTHING

    # -- with a stamp ------------------------------------------------------------------------

    @story
    async def test_a_stamped_put_is_stored_if_nothing_overtook_it(self, store: Store) -> None:
        entry = self.entry(await store.look("key"), "key", "stamped", tags=["a"])
        await store.invalidate(["another"])
        await store.delete(["another"])

        assert await store.put(entry, is_stamped=True)

        assert await self.value(store, "key", ["a"]) == "stamped"

    @story
    async def test_the_reading_of_the_clock_is_a_stamp(self, store: Store) -> None:
        stamp = await store.stamp()
        entry = self.entry(await store.look("key"), "key", "stamped", tags=["a"])
        entry.seen = stamp

        assert await store.put(entry, is_stamped=True)

        assert await self.value(store, "key") == "stamped"

    @story
    async def test_a_stamp_from_before_an_invalidation_stores_nothing(self, store: Store) -> None:
        stamp = await store.stamp()
        await store.invalidate(["a"])
        entry = self.entry(await store.look("key"), "key", "stamped", tags=["a"])
        entry.seen = stamp

        assert not await store.put(entry, is_stamped=True)

        assert await self.value(store, "key") is NOTHING

    @story
    async def test_a_stamped_put_is_overtaken_by_whatever_invalidates(self, store: Store) -> None:
        for key in ("by tag", "by key", "by glob", "by a put", "by all"):
            entry = self.entry(await store.look(key), key, "stamped", tags=[f"tag of {key}"])
            await {
                "by tag": lambda: store.invalidate(["tag of by tag"]),
                "by key": lambda: store.delete(["by key"]),
                "by glob": lambda: store.delete_match("by g*"),
                "by a put": lambda: self.put(store, "by a put", "put"),
                "by all": store.clear,
            }[key]()
            expected = "put" if key == "by a put" else NOTHING

            assert not await store.put(entry, is_stamped=True), f"{key}: stored"
            assert await self.value(store, key) == expected, key

    @story
    async def test_a_stamped_put_that_was_overtaken_leaves_what_is_there(self, store: Store) -> None:
        entry = self.entry(await store.look("key"), "key", "stamped", tags=["a"])
        await store.invalidate(["a"])
        await self.load(store, "key", "newer", tags=["a"])

        assert not await store.put(entry, is_stamped=True)

        assert await self.value(store, "key") == "newer"

    @story
    async def test_a_stamped_put_beats_a_load_that_is_running(self, store: Store) -> None:
        running = self.entry(await store.look("key"), "key", "loaded")
        stamped = self.entry(await store.look("key"), "key", "put")
        assert await store.put(stamped, is_stamped=True)

        assert not await store.land(running, never)

        assert await self.value(store, "key") == "put"
