"""Leases: one holder at a time, and an end that comes by itself."""

from __future__ import annotations

from ...core.ports import Store
from .bench import Bench, story


class Leasing(Bench):
    """``take_lease``, ``renew_lease``, ``release_lease``."""

    @story
    async def test_one_token_has_a_lease_and_another_is_told_how_long(self, store: Store) -> None:
        assert await store.take_lease("name", "one", 40 * self.moment) is None

        left = await store.take_lease("name", "other", 40 * self.moment)

        assert left is not None
        assert 0 < left <= 40 * self.moment + self.tolerance

    @story
    async def test_its_holder_takes_it_again_and_has_it_longer(self, store: Store) -> None:
        """The answer was lost, and the question was sent again."""
        await store.take_lease("name", "one", self.moment)
        assert await store.take_lease("name", "one", 40 * self.moment) is None
        await self.pass_time(2 * self.moment)

        assert await store.take_lease("name", "other", self.moment) is not None

    @story
    async def test_a_lease_runs_out_by_itself(self, store: Store) -> None:
        await store.take_lease("name", "one", self.moment)
        await self.pass_time(2 * self.moment)

        assert not await store.renew_lease("name", "one", self.moment)
        assert not await store.release_lease("name", "one")
        assert await store.take_lease("name", "other", 40 * self.moment) is None

    @story
    async def test_its_holder_renews_it_and_nobody_else_does(self, store: Store) -> None:
        await store.take_lease("name", "one", self.moment)

        assert not await store.renew_lease("name", "other", 40 * self.moment)
        assert not await store.renew_lease("nobody's", "one", 40 * self.moment)
        assert await store.renew_lease("name", "one", 40 * self.moment)
        await self.pass_time(2 * self.moment)
        assert await store.take_lease("name", "other", self.moment) is not None

    @story
    async def test_its_holder_gives_it_back_and_nobody_else_does(self, store: Store) -> None:
        await store.take_lease("name", "one", 40 * self.moment)

        assert not await store.release_lease("name", "other")
        assert await store.take_lease("name", "other", self.moment) is not None
        assert await store.release_lease("name", "one")
        assert not await store.release_lease("name", "one")
        assert await store.take_lease("name", "other", self.moment) is None

    @story
    async def test_names_of_leases_meet_no_keys(self, store: Store) -> None:
        await self.put(store, "name", "value")
        await store.take_lease("name", "one", 40 * self.moment)
        assert await self.value(store, "name") == "value"

        await store.delete(["name"])
        await store.clear()

        assert await store.take_lease("name", "other", self.moment) is not None

    @story
    async def test_odd_names_are_kept_apart(self, store: Store) -> None:
        names = ["name", "name ", "NAME", "nam\u00e9", "name\0", "n" * 300, "n" * 301]
        for name in names:
            assert await store.take_lease(name, name, 40 * self.moment) is None
