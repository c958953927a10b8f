"""Many keys in one call: each is a case of its own, as if it had been asked for alone."""

from __future__ import annotations

from ...core.ports import Store
from .bench import NOTHING, Bench, never, story


class Many(Bench):
    """``look_many``, ``land_many``, ``put_many``."""

    @story
    async def test_looks_come_in_the_order_of_the_keys(self, store: Store) -> None:
        for number in (1, 3):
            await self.load(store, f"key {number}", number, tags=["odd"])

        looks = await store.look_many(
            [("key 3", ()), ("key 2", ()), ("key 1", ["odd"]), ("key 3", ["even"]), ("key 3", ["odd"])]
        )

        found = [NOTHING if look.entry is None else look.entry.value for look in looks]
        assert found == [3, NOTHING, 1, NOTHING, 3]

    @story
    async def test_no_keys_are_no_looks(self, store: Store) -> None:
        assert await store.look_many([]) == []
        assert await store.land_many([]) == []
        assert await store.put_many([], is_stamped=False) == []

    @story
    async def test_each_look_brings_a_stamp_from_before_its_entry(self, store: Store) -> None:
        looks = await store.look_many([("1", ["a"]), ("2", ["b"])])
        await store.invalidate(["a"])

        landed = await store.land_many(
            [
                (self.entry(looks[0], "1", "old", tags=["a"]), never),
                (self.entry(looks[1], "2", tags=["b"]), never),
            ]
        )

        assert landed == [False, True]
        assert await self.values(store, "1", "2") == [NOTHING, "value"]

    @story
    async def test_each_landing_is_judged_alone(self, store: Store) -> None:
        keys = ["fine", "by key", "by tag", "called off", "by a put"]
        looks = await store.look_many([(key, [f"tag of {key}"]) for key in keys])
        await store.delete(["by key"])
        await store.invalidate(["tag of by tag"])
        await self.put(store, "by a put", "put")

        landed = await store.land_many(
            [
                (
                    self.entry(look, key, "loaded", tags=[f"tag of {key}"]),
                    (lambda: True) if key == "called off" else never,
                )
                for key, look in zip(keys, looks, strict=True)
            ]
        )

        assert landed == [True, False, False, False, False]
        assert await self.values(store, *keys) == ["loaded", NOTHING, NOTHING, NOTHING, "put"]

    @story
    async def test_clear_overtakes_them_all(self, store: Store) -> None:
        keys = [f"key {number}" for number in range(20)]
        looks = await store.look_many([(key, ()) for key in keys])
        await store.clear()

        entries = [self.entry(look, key) for key, look in zip(keys, looks, strict=True)]
        landed = await store.land_many([(entry, never) for entry in entries])

        assert landed == [False] * 20
        assert await self.values(store, *keys) == [NOTHING] * 20

    @story
    async def test_what_was_put_together_is_found_and_stops_running_loads(self, store: Store) -> None:
        keys = [f"key {number}" for number in range(5)]
        running = [self.entry(await store.look(key), key, "loaded") for key in keys]
        entries = [self.entry(await store.look(key), key, f"put {key}") for key in keys]

        assert await store.put_many(entries, is_stamped=False) == [True] * 5

        assert await store.land_many([(entry, never) for entry in running]) == [False] * 5
        assert await self.values(store, *keys) == [f"put {key}" for key in keys]

    @story
    async def test_values_of_now_may_have_tags_that_were_invalidated_before(self, store: Store) -> None:
        entries = [self.entry(await store.look(key), key, tags=["a"]) for key in ("1", "2")]
        await store.invalidate(["a"])

        assert await store.put_many(entries, is_stamped=False) == [True, True]

        await store.invalidate(["a"])
        assert await self.values(store, "1", "2") == [NOTHING, NOTHING]

    @story
    async def test_of_stamped_values_those_are_stored_that_nothing_overtook(self, store: Store) -> None:
        keys = ("1", "2", "3")
        entries = [self.entry(await store.look(key), key, tags=[f"tag {key}"]) for key in keys]
        await store.invalidate(["tag 1"])
        await store.delete(["3"])

        assert await store.put_many(entries, is_stamped=True) == [False, True, False]

        assert await self.values(store, *keys) == [NOTHING, "value", NOTHING]

    @story
    async def test_a_thousand_keys_are_no_matter(self, store: Store) -> None:
        keys = [f"key {number}" for number in range(1000)]
        looks = await store.look_many([(key, ["a"]) for key in keys])
        entries = [
            self.entry(look, key, number, tags=["a", f"tag {number}"])
            for number, (key, look) in enumerate(zip(keys, looks, strict=True))
        ]

        assert all(await store.land_many([(entry, never) for entry in entries]))

        found = await store.look_many([(key, ["a"]) for key in keys])
        values = [None if look.entry is None else look.entry.value for look in found]
        assert values == list(range(1000))
        assert await store.delete(keys[:500]) == 500
        await store.invalidate(["a"])
        found = await store.look_many([(key, ()) for key in keys])
        assert [look.entry for look in found] == [None] * 1000
