"""Entries that reads renew: as long as somebody asks for them, and to their greatest age."""

from __future__ import annotations

from ...core.ports import Store
from .bench import HOUR, NOTHING, Bench, never, story


class Renewals(Bench):
    """``renew``. Where time really passes it is dear, so one story has several entries.

    Their idle time is six moments. They are read after four if at all, and judged after four more: two
    moments are left for a machine that is busy.
    """

    @story
    async def test_reads_renew_what_slides_up_to_its_greatest_age(self, store: Store) -> None:
        moment = self.moment
        await self._load_sliding(store, "read")
        await self._load_sliding(store, "looked at")
        await self._load_sliding(store, "aged", ttl=7 * moment)
        await self.load(store, "of a fixed life", ttl=6 * moment)
        await self.pass_time(4 * moment)
        for key in ("read", "aged", "of a fixed life"):
            await self._read_once(store, key)
        await store.look("looked at")
        await self.pass_time(4 * moment)

        in_service = [
            key
            for key in ("read", "looked at", "aged", "of a fixed life")
            if await self._is_in_service(store, key)
        ]
        assert in_service == ["read"]

    @story
    async def test_its_other_instants_stay_and_grace_follows_the_end(self, store: Store) -> None:
        moment = self.moment
        await self._load_sliding(store, "read", stale=5 * moment, grace=HOUR)
        await self._load_sliding(store, "idle", grace=HOUR)
        await self.pass_time(4 * moment)
        read_at = await self._read_once(store, "read")
        await self.pass_time(4 * moment)
        # Standing in for a load is no service: nothing is renewed by it.
        await self._read_once(store, "idle")

        entry = (await store.look("read")).entry
        assert entry is not None
        assert abs(entry.stale_at - entry.born - 5 * moment) <= self.tolerance
        assert abs(entry.expires_at - read_at - 6 * moment) <= self.tolerance
        assert abs(entry.dead_at - entry.expires_at - HOUR) <= self.tolerance
        assert await self.value(store, "idle") == "value"
        assert not await self._is_in_service(store, "idle")

    @story
    async def test_what_is_gone_is_not_brought_back_and_what_is_newer_is_left(
        self, store: Store
    ) -> None:
        for key in ("invalidated", "deleted", "replaced"):
            await self._load_sliding(store, key, tags=[key])
        await self.pass_time(self.moment)
        looks = [await store.look(key) for key in ("invalidated", "deleted", "replaced")]
        await store.invalidate(["invalidated"])
        await store.delete(["deleted"])
        await self.load(store, "replaced", "newer")
        for look in looks:
            assert look.entry is not None
            await store.renew([look.entry], look.now)

        values = await self.values(store, "invalidated", "deleted", "replaced")
        assert values == [NOTHING, NOTHING, "newer"]

    async def _load_sliding(
        self,
        store: Store,
        key: str,
        *,
        tags: tuple[str, ...] | list[str] = (),
        ttl: float = HOUR,
        stale: float | None = None,
        grace: float = 0.0,
    ) -> None:
        look = await store.look(key, tags)
        entry = self.entry(
            look, key, tags=tags, ttl=ttl, stale=stale, grace=grace, idle=6 * self.moment
        )
        assert await store.land(entry, never)

    async def _read_once(self, store: Store, key: str) -> float:
        """Read it as an engine does that serves it; return when that was."""
        look = await store.look(key)
        assert look.entry is not None
        await store.renew([look.entry], look.now)
        return look.now

    async def _is_in_service(self, store: Store, key: str) -> bool:
        look = await store.look(key)
        return look.entry is not None and look.now < look.entry.expires_at
