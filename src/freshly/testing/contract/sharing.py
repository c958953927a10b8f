"""Several stores at one place: of one namespace they are one, of two they never meet."""

from __future__ import annotations

from ...core.ports import Store
from .bench import NOTHING, Bench, never, new_namespace, story


class Isolation(Bench):
    """What holds for every store."""

    @story
    async def test_two_namespaces_share_nothing(self, store: Store) -> None:
        other = await self.open_store(new_namespace())
        try:
            await self.load(store, "key", "mine", tags=["a"])
            assert await self.value(other, "key") is NOTHING
            await self.load(other, "key", "its own", tags=["a"])

            await other.invalidate(["a"])
            await self.load(other, "key", "its own", tags=["a"])
            await other.delete(["key"])
            await self.load(other, "key", "its own", tags=["a"])
            await other.delete_match("*")
            await other.mark_stale(["a"])
            await other.clear()

            look = await store.look("key", ["a"])
            assert look.entry is not None
            assert look.entry.value == "mine"
            assert look.entry.stale_at > look.now
        finally:
            await other.close()

    @story
    async def test_a_namespace_that_begins_like_another_is_another(self, store: Store) -> None:
        name = new_namespace()
        short, long = await self.open_store(name), await self.open_store(f"{name}:x")
        try:
            await self.load(long, "key", "long", tags=["t"])
            await self.load(short, "x:key", "short", tags=["x:t"])

            await short.delete_match("*")
            await short.clear()

            assert await self.value(long, "key") == "long"
        finally:
            await short.close()
            await long.close()


class Sharing(Bench):
    """What holds for stores that several processes share. ``open_store`` of one namespace, called
    twice, stands for two processes."""

    async def pair(self) -> tuple[Store, Store]:
        namespace = new_namespace()
        return await self.open_store(namespace), await self.open_store(namespace)

    @story
    async def test_what_one_loads_the_other_finds(self, store: Store) -> None:
        one, other = await self.pair()
        try:
            await self.load(one, "key", "loaded", tags=["a"])
            assert await self.value(other, "key", ["a"]) == "loaded"
        finally:
            await one.close()
            await other.close()

    @story
    async def test_what_one_invalidates_is_invalid_for_the_other(self, store: Store) -> None:
        one, other = await self.pair()
        try:
            for key in ("by tag", "by key", "by glob", "by all"):
                await self.load(one, key, tags=[f"tag of {key}"])
                assert await self.value(other, key) == "value"
                await {
                    "by tag": lambda: other.invalidate(["tag of by tag"]),
                    "by key": lambda: other.delete(["by key"]),
                    "by glob": lambda: other.delete_match("by g*"),
                    "by all": other.clear,
                }[key]()
                assert await self.value(one, key) is NOTHING, key
        finally:
            await one.close()
            await other.close()

    @story
    async def test_a_load_of_one_that_the_other_overtook_does_not_land(self, store: Store) -> None:
        one, other = await self.pair()
        try:
            for key in ("by tag", "by key", "by glob", "by a put", "by all"):
                running = self.entry(await one.look(key), key, "old", tags=[f"tag of {key}"])
                await {
                    "by tag": lambda: other.invalidate(["tag of by tag"]),
                    "by key": lambda: other.delete(["by key"]),
                    "by glob": lambda: other.delete_match("by g*"),
                    "by a put": lambda: self.put(other, "by a put", "put"),
                    "by all": other.clear,
                }[key]()
                await one.land(running, never)

                expected = "put" if key == "by a put" else NOTHING
                assert await self.value(one, key) == expected, key
                assert await self.value(other, key) == expected, key
        finally:
            await one.close()
            await other.close()

    @story
    async def test_what_one_marks_stale_is_stale_for_the_other(self, store: Store) -> None:
        one, other = await self.pair()
        try:
            await self.load(one, "key", tags=["a"])
            await other.mark_stale(["a"])
            look = await one.look("key")
            assert look.entry is not None
            assert look.entry.stale_at <= look.now
        finally:
            await one.close()
            await other.close()

    @story
    async def test_when_one_closes_the_other_goes_on(self, store: Store) -> None:
        one, other = await self.pair()
        try:
            await self.load(one, "key", tags=["a"])
            await one.close()
            assert await self.value(other, "key") == "value"
        finally:
            await other.close()
