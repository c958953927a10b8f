"""Every Python block of the guide runs with only its import line changed, and what the guide says
of it is so: what is reloaded after which step, and what is not.

The blocks come out of the guide's own text when the tests run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from freshly import Cache, FreshlyWarning
from freshly.testing import ManualClock, Stepper

from .blocks import Database, guide_text, python_blocks, run_block, with_our_import


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["mem", "redis", "redis behind sentinels", "redis in a cluster"])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def cache(store: str, clock: ManualClock, request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    """A cache in memory, and one on a server: the clock of the server moves with ``clock``."""
    fixtures = {
        "redis": "server",
        "redis behind sentinels": "sentinels",
        "redis in a cluster": "cluster",
    }
    url = "mem://" if store == "mem" else request.getfixturevalue(fixtures[store]).url
    async with Cache(url, clock=clock) as cache:
        yield cache


async def loads_ended(cache: Cache) -> None:
    """Run the loop until no load runs, and what one made is stored."""
    await Stepper().settle()
    while cache._home.parts.flights.loads:  # noqa: ASYNC110
        await asyncio.sleep(0)


def told_that_objects_stay(store: str) -> AbstractContextManager[object]:
    """Expect the warning that a plain object is no key for other processes, where there are some."""
    if store == "mem":
        return nullcontext()
    return pytest.warns(FreshlyWarning, match="its entries stay in this one")


@pytest.fixture
def db() -> Database:
    return Database()


@pytest.fixture
def names(cache: Cache, db: Database) -> dict[str, Any]:
    return {"cache": cache, "db": db}


def test_the_guide_has_the_ten_blocks_that_are_tested_here() -> None:
    assert len(python_blocks()) == 10


class TestTtl:
    async def test_block_0_a_short_ttl_is_over_after_five_minutes_a_long_one_after_a_day(
        self, names: dict[str, Any], clock: ManualClock
    ) -> None:
        await run_block(0, names)
        get_active_sessions, get_system_config = (
            names["get_active_sessions"],
            names["get_system_config"],
        )

        assert [await get_active_sessions(), await get_active_sessions()] == [1, 1]
        assert await get_system_config() == {"version": 1}
        clock.advance("4m59s")
        assert await get_active_sessions() == 1
        clock.advance("1s")
        assert await get_active_sessions() == 2
        clock.advance("23h")
        assert await get_system_config() == {"version": 1}
        clock.advance("1h")
        assert await get_system_config() == {"version": 2}

    async def test_block_1_a_ttl_function_gets_the_argument_it_names(
        self, names: dict[str, Any], clock: ManualClock
    ) -> None:
        loads: list[tuple[str, str]] = []

        async def fetch_data(data_type: str, key: str) -> dict[str, int]:
            loads.append((data_type, key))
            return {"loads": len(loads)}

        names["fetch_data"] = fetch_data
        await run_block(1, names)
        get_data = names["get_data"]

        assert await get_data("realtime", "a") == {"loads": 1}
        assert await get_data("daily", key="a") == {"loads": 2}
        assert await get_data(key="a", data_type="unheard-of") == {"loads": 3}
        clock.advance("1m")
        assert await get_data("realtime", "a") == {"loads": 4}
        clock.advance("59m")
        assert await get_data("unheard-of", "a") == {"loads": 5}
        assert await get_data("daily", "a") == {"loads": 2}
        clock.advance("23h")
        assert await get_data("daily", "a") == {"loads": 6}


class TestTags:
    async def warm_up(self, names: dict[str, Any]) -> None:
        for user_id in (123, 456):
            await names["get_user_profile"](user_id)
            await names["get_user_posts"](user_id)
            await names["get_user_posts"](user_id, 2)
        await names["get_post"](1)

    async def ask_all_again(self, names: dict[str, Any], db: Database) -> set[str]:
        """Read everything, and return what had to be loaded."""
        before = db.calls.copy()
        await self.warm_up(names)
        return set(db.calls - before)

    async def test_block_2_the_functions_share_one_entry_for_each_spelling_of_a_call(
        self, names: dict[str, Any], db: Database
    ) -> None:
        await run_block(2, names)
        get_user_posts = names["get_user_posts"]

        await get_user_posts(123)
        await get_user_posts(user_id=123)
        await get_user_posts(123, 1)
        await get_user_posts(page=1, user_id=123)

        assert db.calls == {"get_posts:123:1": 1}

    async def test_block_3_each_write_invalidates_what_its_comment_says(
        self, names: dict[str, Any], db: Database
    ) -> None:
        await run_block(2, names)
        await run_block(3, names)
        await self.warm_up(names)
        assert await self.ask_all_again(names, db) == set()

        await names["update_user"](123, {"name": "New Name"})
        assert await self.ask_all_again(names, db) == {
            "get_user:123",
            "get_posts:123:1",
            "get_posts:123:2",
        }

        await names["create_post"](123, "hello")
        assert await self.ask_all_again(names, db) == {
            "get_posts:123:1",
            "get_posts:123:2",
            "get_posts:456:1",
            "get_posts:456:2",
            "get_post:1",
        }

    async def test_block_3_its_last_line_invalidates_everything_related_to_users(
        self, names: dict[str, Any], db: Database
    ) -> None:
        await run_block(2, names)
        await self.warm_up(names)

        await run_block(3, names)

        loaded = await self.ask_all_again(names, db)
        assert loaded == set(db.calls) - {"get_post:1"}

    async def test_block_2_a_shorter_ttl_beside_it_does_not_lose_an_invalidation(
        self, names: dict[str, Any], db: Database, clock: ManualClock
    ) -> None:
        """The profile lives two hours, the posts one: after that hour the tags still work."""
        await run_block(2, names)
        await self.warm_up(names)

        clock.advance("1h30m")
        await names["cache"].delete_tags("user:123")

        await names["get_user_profile"](123)
        await names["get_user_profile"](456)
        assert db.calls["get_user:123"] == 2
        assert db.calls["get_user:456"] == 1


class TestEvents:
    async def test_block_4_a_write_through_the_service_is_seen_by_the_next_read(
        self, names: dict[str, Any], db: Database, store: str
    ) -> None:
        await run_block(4, names)
        service = names["UserService"]()
        service.db = db

        with told_that_objects_stay(store):
            assert (await service.get_user(123))["name"] == "Old Name"
        assert (await service.get_user(123))["name"] == "Old Name"
        assert db.calls["get_user:123"] == 1
        result = await service.update_user(123, {"name": "New Name"})
        assert result == {"id": 123, "name": "New Name"}
        assert (await service.get_user(123))["name"] == "New Name"
        await service.delete_user(123)
        assert await service.get_user(123) is None
        assert await service.get_user(123) is None
        assert db.calls["get_user:123"] == 3

    async def test_block_4_services_with_different_databases_never_share(
        self, names: dict[str, Any]
    ) -> None:
        """Also when one has died and another has taken its place in memory. Since no call can find
        what another service's call stored, a warning names the ways out."""
        await run_block(4, names)

        async def ask_a_new_service(name: str) -> str:
            service = names["UserService"]()
            service.db = Database()
            service.db.names[1] = name
            found: str = (await service.get_user(1))["name"]
            return found

        with pytest.warns(FreshlyWarning, match="give UserService a __cache_key__"):
            answers = [await ask_a_new_service(f"user of {number}") for number in range(200)]

        assert answers == [f"user of {number}" for number in range(200)]

    async def test_block_5_the_webhook_invalidates_the_entity_it_names(
        self, names: dict[str, Any], db: Database
    ) -> None:
        await run_block(2, names)
        await run_block(5, names)
        app = FastAPI()
        app.include_router(names["router"])
        await names["get_user_profile"](123)
        await names["get_user_profile"](456)

        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            event = {"type": "user", "id": 123}
            answer = await client.post("/webhooks/data-update", json=event)

        assert answer.json() == {"status": "ok"}
        await names["get_user_profile"](123)
        await names["get_user_profile"](456)
        assert db.calls == {"get_user:123": 2, "get_user:456": 1}


class TestByHand:
    async def test_block_6_a_key_template_is_exactly_the_key(
        self, names: dict[str, Any], cache: Cache, db: Database
    ) -> None:
        @cache(ttl="1h", key="user:{user_id}:posts:{page}")
        async def get_user_posts(user_id: int, page: int = 1) -> list[str]:
            return await db.get_posts(user_id, page)

        await get_user_posts(123)
        assert await cache.exists("user:123:posts:1")

        await run_block(6, names)

        assert not await cache.exists("user:123:posts:1")
        await get_user_posts(user_id=123)
        assert db.calls["get_posts:123:1"] == 2

    async def test_block_6_does_no_harm_where_there_is_nothing(self, names: dict[str, Any]) -> None:
        await run_block(6, names)

    async def test_block_7_clears_everything_of_this_cache_and_nothing_of_another(
        self, names: dict[str, Any], cache: Cache, db: Database
    ) -> None:
        other = Cache()
        await other.set("mine", 1)
        await run_block(2, names)
        await names["get_user_profile"](123)
        await cache.set("by hand", 1)

        await run_block(7, names)

        await names["get_user_profile"](123)
        assert db.calls["get_user:123"] == 2
        assert not await cache.exists("by hand")
        assert await other.get("mine") == 1


class TestCombined:
    @pytest.fixture
    def computed(self, names: dict[str, Any]) -> list[int]:
        computed: list[int] = []

        async def compute_dashboard(org_id: int) -> dict[str, int]:
            computed.append(org_id)
            return {"number": len(computed)}

        async def save_data(data: dict[str, Any]) -> None: ...

        names.update(compute_dashboard=compute_dashboard, save_data=save_data)
        return computed

    async def test_block_8_new_data_are_seen_at_once(
        self, names: dict[str, Any], computed: list[int]
    ) -> None:
        await run_block(8, names)
        get_dashboard = names["get_dashboard"]
        assert await get_dashboard(1) == {"number": 1}
        assert await get_dashboard(2) == {"number": 2}

        await names["process_new_data"](1, {})

        assert await get_dashboard(1) == {"number": 3}
        assert await get_dashboard(2) == {"number": 2}

    async def test_block_8_the_early_refresh_keeps_frequent_visitors_from_waiting(
        self, names: dict[str, Any], computed: list[int], clock: ManualClock, cache: Cache
    ) -> None:
        await run_block(8, names)
        get_dashboard = names["get_dashboard"]
        await get_dashboard(1)

        clock.advance("1h44m")
        assert await get_dashboard(1) == {"number": 1}
        await loads_ended(cache)
        assert computed == [1]
        clock.advance("1m")
        assert await get_dashboard(1) == {"number": 1}
        await loads_ended(cache)
        assert computed == [1, 1]
        assert await get_dashboard(1) == {"number": 2}

    async def test_block_8_the_ttl_is_the_safety_net(
        self, names: dict[str, Any], computed: list[int], clock: ManualClock
    ) -> None:
        await run_block(8, names)
        await names["get_dashboard"](1)

        clock.advance("2h")

        assert await names["get_dashboard"](1) == {"number": 2}


class TestDecisionTree:
    """One test a leaf; the leaves of tags and events are in the classes above."""

    def test_its_decorators_stand_in_the_guide_as_they_are_tried_here(self) -> None:
        tree = guide_text().split("## TTL-Based")[0]
        for line in (
            '@cache(ttl="24h")',
            'await cache.delete_tags("user:123")',
            '@cache(ttl="1h", tags=["user:{user_id}", "posts"])',
            '@cache.soft(ttl="1h", soft_ttl="30m")',
            '@cache.early(ttl="1h", early_ttl="50m")',
        ):
            assert line in tree

    async def test_ttl_matches_a_schedule(self, cache: Cache, clock: ManualClock) -> None:
        made: list[int] = []

        @cache(ttl="24h")
        async def daily_report() -> int:
            made.append(1)
            return len(made)

        assert [await daily_report(), await daily_report()] == [1, 1]
        clock.advance("24h")
        assert await daily_report() == 2

    async def test_user_and_posts_are_related_by_tags(self, cache: Cache) -> None:
        loads: list[int] = []

        @cache(ttl="1h", tags=["user:{user_id}", "posts"])
        async def get_posts(user_id: int) -> int:
            loads.append(user_id)
            return len(loads)

        await get_posts(123)
        await get_posts(456)
        await cache.delete_tags("user:123")
        assert [await get_posts(123), await get_posts(456)] == [3, 2]
        await cache.delete_tags("posts")
        assert [await get_posts(123), await get_posts(456)] == [4, 5]

    async def test_soft_serves_stale_at_once_while_one_refresh_runs(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        step = Stepper()
        loads: list[int] = []

        @cache.soft(ttl="1h", soft_ttl="30m")
        async def get_rates() -> int:
            loads.append(1)
            if len(loads) > 1:
                await step.stop("refreshing")
            return len(loads)

        assert await get_rates() == 1
        clock.advance("30m")
        assert [await get_rates() for _ in range(5)] == [1] * 5
        await step.reached("refreshing")
        assert await get_rates() == 1
        assert len(loads) == 2
        step.go("refreshing")
        await loads_ended(cache)
        assert await get_rates() == 2

    async def test_early_recalculates_ahead_of_expiry(self, cache: Cache, clock: ManualClock) -> None:
        step = Stepper()
        loads: list[int] = []

        @cache.early(ttl="1h", early_ttl="50m")
        async def hot() -> int:
            loads.append(1)
            if len(loads) > 1:
                await step.stop("recalculating")
            return len(loads)

        await hot()
        clock.advance("50m")
        # On a server the refresh could land between two of these.
        assert [await hot() for _ in range(5)] == [1] * 5
        await step.reached("recalculating")
        step.go("recalculating")
        await loads_ended(cache)
        clock.advance("10m")
        assert await hot() == 2
        assert len(loads) == 2


class TestTesting:
    def test_block_9_passes_under_pytest_as_it_stands(self, pytester: pytest.Pytester) -> None:
        """With asyncio_mode=auto, which the guide's fixture needs of pytest-asyncio."""
        block = with_our_import(python_blocks()[9])
        assert "from freshly import cache" in block
        # What the block takes as given: the functions of the guide's own earlier blocks.
        pytester.makepyfile(
            guide_app=f"""
                from freshly import cache
                from database import db

                {_indented(python_blocks()[2], 16)}

                get_user = get_user_profile

                {_indented(_without_calls(python_blocks()[3]), 16)}
            """,
            database="""
                class Database:
                    def __init__(self):
                        self.names = {}

                    async def get_user(self, user_id):
                        return {"name": self.names.get(user_id, "Old Name")}

                    async def update_user(self, user_id, data):
                        self.names[user_id] = data["name"]

                db = Database()
            """,
            test_block=f"from guide_app import get_user, update_user\n{block}\n"
            "async def test_the_next_test_starts_empty():\n"
            "    assert cache.stats().entries == 0\n",
        )
        outcome = pytester.runpytest_subprocess("-o", "asyncio_mode=auto", "-p", "no:cacheprovider")
        outcome.assert_outcomes(passed=2)


def _indented(block: str, width: int) -> str:
    return block.replace("\n", "\n" + " " * width)


def _without_calls(block: str) -> str:
    """Return a block without the await at its top level, which a module cannot hold."""
    return "\n".join(line for line in block.splitlines() if not line.startswith("await "))
