"""What invalidates, and how far it reaches."""

from __future__ import annotations

from ...core.ports import Store
from .bench import NOTHING, Bench, story


class Invalidations(Bench):
    """``invalidate``, ``mark_stale``, ``delete``, ``delete_match``, ``clear``."""

    # -- the clock ---------------------------------------------------------------------------

    @story
    async def test_a_store_that_can_tell_that_nobody_else_moved_the_clock_is_right(
        self, store: Store
    ) -> None:
        """One that cannot tell says so by saying no."""
        before = await store.stamp()
        await store.invalidate(["a"])
        mine = await store.stamp()
        await store.delete(["another's"])
        both = await store.stamp()

        assert not store.follows(before, both, 1)
        assert not store.follows(before, mine, 0)
        assert not store.follows(mine, both, 2)

    # -- tags --------------------------------------------------------------------------------

    @story
    async def test_a_tag_takes_all_its_entries_and_no_other(self, store: Store) -> None:
        await self.load(store, "1", tags=["users", "user:1"])
        await self.load(store, "2", tags=["users", "user:2"])
        await self.load(store, "3", tags=["posts"])
        await self.load(store, "4")

        await store.invalidate(["user:1"])
        assert await self.values(store, "1", "2", "3", "4") == [NOTHING, "value", "value", "value"]
        await store.invalidate(["users"])
        assert await self.values(store, "1", "2", "3", "4") == [NOTHING, NOTHING, "value", "value"]

    @story
    async def test_several_tags_take_what_has_any_of_them(self, store: Store) -> None:
        await self.load(store, "1", tags=["a"])
        await self.load(store, "2", tags=["b", "c"])
        await self.load(store, "3", tags=["d"])

        await store.invalidate(["a", "c", "nobody's"])

        assert await self.values(store, "1", "2", "3") == [NOTHING, NOTHING, "value"]

    @story
    async def test_what_is_loaded_after_it_is_valid(self, store: Store) -> None:
        await self.load(store, "key", "old", tags=["a"])
        await store.invalidate(["a"])

        await self.load(store, "key", "new", tags=["a"])

        assert await self.value(store, "key", ["a"]) == "new"

    @story
    async def test_it_works_again_and_again(self, store: Store) -> None:
        for turn in range(5):
            await self.load(store, "key", turn, tags=["a"])
            assert await self.value(store, "key") == turn
            await store.invalidate(["a"])
            assert await self.value(store, "key") is NOTHING

    @story
    async def test_it_reaches_entries_that_were_found_since_they_landed(self, store: Store) -> None:
        """A store may remember that an entry was valid a moment ago. It must look again."""
        await self.load(store, "key", tags=["a", "b"])
        await store.invalidate(["another"])
        assert await self.value(store, "key") == "value"

        await store.invalidate(["b"])

        assert await self.value(store, "key") is NOTHING

    @story
    async def test_no_tags_invalidate_nothing(self, store: Store) -> None:
        await self.load(store, "key", tags=["a"])

        await store.invalidate([])

        assert await self.value(store, "key") == "value"

    @story
    async def test_ten_thousand_tags_are_invalidated_at_once(self, store: Store) -> None:
        await self.load(store, "first", tags=["tag:0"])
        await self.load(store, "last", tags=["tag:9999"])
        await self.load(store, "other", tags=["tag:10000"])

        await store.invalidate([f"tag:{number}" for number in range(10_000)])

        assert await self.values(store, "first", "last", "other") == [NOTHING, NOTHING, "value"]

    @story
    async def test_an_entry_may_have_ten_thousand_tags(self, store: Store) -> None:
        tags = [f"tag:{number}" for number in range(10_000)]
        await self.load(store, "key", tags=tags)
        assert await self.value(store, "key", ["tag:5000"]) == "value"

        await store.invalidate(["tag:9999"])

        assert await self.value(store, "key") is NOTHING

    # -- the soft verb -----------------------------------------------------------------------

    @story
    async def test_mark_stale_makes_entries_stale_and_takes_nothing_else(self, store: Store) -> None:
        before = await self.load(store, "key", tags=["a"], ttl=600, grace=60)
        await self.load(store, "other", tags=["b"])

        await store.mark_stale(["a"])

        look, other = await store.look("key"), await store.look("other")
        assert look.entry is not None
        assert look.entry.value == "value"
        assert max(look.entry.early_at, look.entry.stale_at) <= look.now < look.entry.expires_at
        assert abs(look.entry.expires_at - before.expires_at) <= self.tolerance
        assert abs(look.entry.dead_at - before.dead_at) <= self.tolerance
        assert other.entry is not None
        assert other.entry.stale_at > other.now

    @story
    async def test_what_is_loaded_after_mark_stale_is_fresh(self, store: Store) -> None:
        await self.load(store, "key", "old", tags=["a"])
        await store.mark_stale(["a"])

        await self.load(store, "key", "new", tags=["a"])

        look = await store.look("key")
        assert look.entry is not None
        assert (look.entry.value, look.entry.stale_at > look.now) == ("new", True)

    @story
    async def test_mark_stale_brings_nothing_back(self, store: Store) -> None:
        await self.load(store, "invalid", tags=["a"])
        await self.load(store, "expired", tags=["a"], ttl=self.moment, grace=1000 * self.moment)
        await store.invalidate(["a"])
        await self.load(store, "expired", tags=["a"], ttl=self.moment, grace=1000 * self.moment)
        await self.pass_time(2 * self.moment)

        await store.mark_stale(["a"])

        assert await self.value(store, "invalid") is NOTHING
        look = await store.look("expired")
        assert look.entry is not None
        assert look.entry.expires_at <= look.now

    @story
    async def test_a_stale_entry_can_be_invalidated(self, store: Store) -> None:
        await self.load(store, "key", tags=["a"])
        await store.mark_stale(["a"])

        await store.invalidate(["a"])

        assert await self.value(store, "key") is NOTHING

    # -- keys --------------------------------------------------------------------------------

    @story
    async def test_delete_takes_the_keys_it_names_and_counts_them(self, store: Store) -> None:
        for key in ("1", "2", "3"):
            await self.load(store, key)

        assert await store.delete(["1", "3", "nobody's"]) == 2

        assert await self.values(store, "1", "2", "3") == [NOTHING, "value", NOTHING]

    @story
    async def test_delete_counts_what_could_have_been_served(self, store: Store) -> None:
        far = 1000 * self.moment
        await self.load(store, "invalid", tags=["a"])
        await self.load(store, "dead", ttl=self.moment)
        await self.load(store, "expired", ttl=self.moment, grace=far)
        await self.load(store, "stale", stale=self.moment, ttl=far)
        await store.invalidate(["a"])
        await self.pass_time(2 * self.moment)

        counts = {
            key: await store.delete([key])
            for key in ("invalid", "dead", "expired", "stale", "never there")
        }

        assert counts == {"invalid": 0, "dead": 0, "expired": 0, "stale": 1, "never there": 0}
        assert await self.values(store, *counts) == [NOTHING] * 5

    @story
    async def test_a_key_that_was_deleted_may_come_back(self, store: Store) -> None:
        await self.load(store, "key", "old")
        await store.delete(["key"])

        await self.load(store, "key", "new")

        assert await self.value(store, "key") == "new"

    @story
    async def test_delete_match_is_a_glob_over_the_whole_key(self, store: Store) -> None:
        """``*`` is any text, ``?`` one letter, ``[ab]`` one of these, ``[!ab]`` none of them."""
        keys = ["user:1", "user:12", "user:1:posts", "super:user:1", "user:a", "USER:1", "user:\n1"]
        expected = {
            "user:1": {"user:1"},
            "user:?": {"user:1", "user:a"},
            "user:*": {"user:1", "user:12", "user:1:posts", "user:a", "user:\n1"},
            "*user:1": {"user:1", "super:user:1"},
            "user:[a2]": {"user:a"},
            "user:[!a]": {"user:1"},
            "user:[0-9]*": {"user:1", "user:12", "user:1:posts"},
            "*": set(keys),
            "nothing*": set(),
        }
        for pattern, matching in expected.items():
            for key in keys:
                await self.load(store, key)

            count = await store.delete_match(pattern)

            gone = {key for key in keys if await self.value(store, key) is NOTHING}
            assert gone == matching, f"delete_match({pattern!r})"
            assert count == len(matching), f"delete_match({pattern!r}) counted {count}"

    @story
    async def test_a_glob_takes_backslashes_and_braces_as_they_are(self, store: Store) -> None:
        keys = [r"a\b", "ab", "{a}", "a^b", "a.b"]
        for pattern in (r"a\b", "{a}", "a.b"):
            for key in keys:
                await self.load(store, key)

            await store.delete_match(pattern)

            gone = [key for key in keys if await self.value(store, key) is NOTHING]
            assert gone == [pattern]

    # -- everything --------------------------------------------------------------------------

    @story
    async def test_clear_takes_everything(self, store: Store) -> None:
        await self.load(store, "loaded", tags=["a"])
        await self.put(store, "put")
        await store.invalidate(["b"])

        await store.clear()

        assert await self.values(store, "loaded", "put") == [NOTHING] * 2

    @story
    async def test_after_clear_everything_works_as_before(self, store: Store) -> None:
        await self.load(store, "key", "old", tags=["a"])
        await store.clear()

        await self.load(store, "key", "new", tags=["a"])
        assert await self.value(store, "key", ["a"]) == "new"
        await store.invalidate(["a"])
        assert await self.value(store, "key") is NOTHING
