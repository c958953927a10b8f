"""What a store keeps, it gives back, and only that."""

from __future__ import annotations

from ...core.ports import Store
from .bench import NOTHING, Bench, never, story


class Entries(Bench):
    """Look, land, and the time of entries."""

    @story
    async def test_an_empty_store_finds_nothing_and_gives_a_stamp(self, store: Store) -> None:
        look = await store.look("key", ["tag"])

        assert look.entry is None
        assert look.stamp is not None

    @story
    async def test_what_landed_is_found_as_it_was(self, store: Store) -> None:
        entry = self.entry(
            await store.look("key", ["a"]), "key", "it", tags=["a", "b"], stale=60, ttl=600, grace=6000
        )
        assert await store.land(entry, never)

        found = (await store.look("key", ["a"])).entry

        assert found is not None
        assert (found.key, found.value) == ("key", "it")
        assert set(found.tags) == {"a", "b"}
        for instant in ("born", "early_at", "stale_at", "expires_at", "dead_at", "load_seconds"):
            difference = abs(getattr(found, instant) - getattr(entry, instant))
            assert difference <= self.tolerance, f"{instant} differs by {difference} s"

    @story
    async def test_what_landed_does_not_find_its_neighbours(self, store: Store) -> None:
        await self.load(store, "key", 1)

        assert await self.values(store, "ke", "key2", "KEY", "key:", " key") == [NOTHING] * 5

    @story
    async def test_a_later_landing_replaces_an_earlier_one(self, store: Store) -> None:
        await self.load(store, "key", 1, tags=["one"])
        await self.load(store, "key", 2, tags=["two"])

        assert await self.value(store, "key") == 2
        await store.invalidate(["one"])
        assert await self.value(store, "key") == 2

    @story
    async def test_an_entry_without_a_tag_that_is_asked_for_is_not_found(self, store: Store) -> None:
        """The function was given another tag since: the entry cannot be invalidated by it."""
        await self.load(store, "key", tags=["a", "b"])

        assert await self.value(store, "key", ["a", "b"]) == "value"
        assert await self.value(store, "key", ["b"]) == "value"
        assert await self.value(store, "key", ["a", "c"]) is NOTHING

    @story
    async def test_a_landing_that_is_called_off_stores_nothing(self, store: Store) -> None:
        await self.load(store, "key", "old")
        entry = self.entry(await store.look("key"), "key", "new")

        assert not await store.land(entry, lambda: True)

        assert await self.value(store, "key") == "old"

    @story
    async def test_time_does_not_run_backwards(self, store: Store) -> None:
        readings = [(await store.look("key")).now for _ in range(20)]
        await self.pass_time(self.moment)
        readings.append((await store.look("key")).now)

        assert readings == sorted(readings)
        assert readings[-1] > readings[0]

    @story
    async def test_an_entry_is_found_until_it_is_dead_and_not_after(self, store: Store) -> None:
        await self.load(store, "short", ttl=2 * self.moment)
        await self.load(store, "long", ttl=1000 * self.moment)
        assert await self.values(store, "short", "long") == ["value"] * 2

        await self.pass_time(3 * self.moment)

        assert await self.values(store, "short", "long") == [NOTHING, "value"]

    @story
    async def test_a_stale_and_an_expired_entry_are_handed_out(self, store: Store) -> None:
        """Whether they are served is the engine's to say."""
        far = 1000 * self.moment
        await self.load(store, "stale", stale=self.moment, ttl=far)
        await self.load(store, "expired", ttl=self.moment, grace=far)

        await self.pass_time(2 * self.moment)

        for key in ("stale", "expired"):
            look = await store.look(key)
            assert look.entry is not None
            assert look.entry.stale_at <= look.now < look.entry.dead_at
            assert (look.entry.expires_at <= look.now) == (key == "expired")

    @story
    async def test_a_load_that_took_longer_than_its_value_lives_leaves_nothing(
        self, store: Store
    ) -> None:
        """A ttl counts from the start of the load."""
        entry = self.entry(await store.look("key"), "key", ttl=self.moment)
        await self.pass_time(2 * self.moment)

        await store.land(entry, never)

        assert await self.value(store, "key") is NOTHING

    @story
    async def test_a_dead_entry_makes_room_for_the_next(self, store: Store) -> None:
        await self.load(store, "key", 1, tags=["a"], ttl=self.moment)
        await self.pass_time(2 * self.moment)

        await self.load(store, "key", 2, tags=["b"])

        assert await self.value(store, "key", ["b"]) == 2

    @story
    async def test_it_answers_a_ping(self, store: Store) -> None:
        await store.ping()

    @story
    async def test_a_store_that_was_closed_opens_again_when_it_is_used(self, store: Store) -> None:
        await self.load(store, "key", "before")

        await store.close()
        await store.close()

        await self.load(store, "key", "after")
        assert await self.value(store, "key") == "after"
