"""Holds: what a look has to tell of them, and what ends them.

A store with ``max_hold = 0`` allows none, and passes these stories without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ...core.holds import Hold
from ...core.ports import Store
from .bench import NOTHING, Bench, story

B = TypeVar("B", bound="Holding")


def holding_story(test: Callable[[B, Store], Coroutine[Any, Any, None]]) -> Callable[[B], None]:
    """Make a story a test of stores that allow holds."""

    async def tell(bench: B, store: Store) -> None:
        if store.max_hold > 0:
            await test(bench, store)

    tell.__name__, tell.__qualname__ = test.__name__, test.__qualname__
    tell.__module__, tell.__doc__ = test.__module__, test.__doc__
    return story(tell)


class Holding(Bench):
    """``invalidate`` and ``delete`` with a hold, ``release``, ``held``, and the ``held`` of a look."""

    @holding_story
    async def test_a_look_tells_until_when_its_tags_are_held(self, store: Store) -> None:
        before = (await store.look("key", ["a"])).now
        await store.invalidate(["a"], Hold("one", 4 * self.moment))
        look = await store.look("key", ["a", "b"])

        end = look.held.until(["a", "b"])
        assert end is not None
        least = before + 4 * self.moment - self.tolerance
        assert least <= end <= look.now + 4 * self.moment + self.tolerance
        assert (await store.look("key", ["b"])).held.until(["b"], "key") is None

    @holding_story
    async def test_a_hold_is_an_invalidation_too(self, store: Store) -> None:
        await self.load(store, "1", tags=["a"])
        await self.load(store, "2")
        running = self.entry(await store.look("3", ["a"]), "3", tags=["a"])

        await store.invalidate(["a"], Hold("one", 4 * self.moment))
        await store.delete(["2"], Hold("one", 4 * self.moment))

        assert await self.values(store, "1", "2") == [NOTHING, NOTHING]
        assert not await store.land(running, lambda: False)

    @holding_story
    async def test_it_ends_by_itself(self, store: Store) -> None:
        await store.invalidate(["a"], Hold("one", self.moment))
        await store.delete(["key"], Hold("one", self.moment))
        await self.pass_time(2 * self.moment)

        assert (await store.look("key", ["a"])).held.until(["a"], "key") is None

    @holding_story
    async def test_a_key_is_held_as_a_tag_is(self, store: Store) -> None:
        await store.delete(["key"], Hold("one", 4 * self.moment))

        assert (await store.look("key")).held.until([], "key") is not None
        assert (await store.look("other")).held.until([], "other") is None

    @holding_story
    async def test_tags_that_the_look_did_not_ask_for_are_covered(self, store: Store) -> None:
        """A load learns some of its tags from its result, when the hold may be over."""
        await store.invalidate(["told by the result"], Hold("one", self.moment))
        look = await store.look("key", ["a"])
        await self.pass_time(2 * self.moment)

        assert look.held.until(["a", "told by the result"], "key") is not None

    @holding_story
    async def test_a_holder_ends_its_own_holds_and_no_other(self, store: Store) -> None:
        for token in ("one", "other"):
            await store.invalidate(["a"], Hold(token, 40 * self.moment))
            await store.delete(["key"], Hold(token, 40 * self.moment))

        await store.release("one", ["a"], ["key"])
        held = (await store.look("key", ["a"])).held
        assert held.until(["a"]) is not None
        assert held.until([], "key") is not None

        await store.release("other", ["a"], ["key"])
        held = (await store.look("key", ["a"])).held
        assert held.until(["a"], "key") is None

    @holding_story
    async def test_to_end_what_was_never_held_is_no_error(self, store: Store) -> None:
        await store.release("nobody", ["a"], ["key"])

    @holding_story
    async def test_of_two_holds_the_first_to_end_counts(self, store: Store) -> None:
        """Who joins a load under both may not begin after the first one's end."""
        await store.invalidate(["a"], Hold("long", 40 * self.moment))
        await store.invalidate(["a"], Hold("short", 4 * self.moment))
        look = await store.look("key", ["a"])

        end = look.held.until(["a"])

        assert end is not None
        assert end <= look.now + 4 * self.moment + self.tolerance

    @holding_story
    async def test_what_a_look_saw_held_stays_so_for_it(self, store: Store) -> None:
        await store.invalidate(["a"], Hold("one", 40 * self.moment))
        look = await store.look("key", ["a"])

        await store.release("one", ["a"], [])

        assert look.held.until(["a"]) is not None

    @holding_story
    async def test_clear_keeps_holds(self, store: Store) -> None:
        await store.invalidate(["a"], Hold("one", 40 * self.moment))
        await store.clear()

        assert (await store.look("key", ["a"])).held.until(["a"]) is not None

    @holding_story
    async def test_what_is_put_by_hand_under_a_hold_is_not_stored_and_the_older_value_goes(
        self, store: Store
    ) -> None:
        await self.put(store, "key", "older")
        await store.invalidate(["a"], Hold("one", 40 * self.moment))

        entry = self.entry(await store.look("key"), "key", "newer", tags=["a"])
        assert not await store.put(entry, is_stamped=False)

        assert await self.value(store, "key") is NOTHING

    @holding_story
    async def test_held_tells_what_others_hold_now(self, store: Store) -> None:
        await store.invalidate(["a"], Hold("one", 40 * self.moment))
        await store.delete(["key"], Hold("other", 40 * self.moment))

        assert (await store.held()).until(["a"]) is not None
        assert (await store.held()).until([], "key") is not None
        assert (await store.held(besides=["one", "other"])).until(["a"], "key") is None
        assert (await store.held(besides=["other"])).until(["a"], "key") is not None
