"""Whom the server lets do what, and who shares a namespace with whom."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from freshly import Cache, StoreError
from tests.redis.fixtures import Open
from tests.servers.server import Server

BUCKET = b"fr:{freshly#0}:t"


class Row:
    """A row of a database, cached under ``key`` with the tag ``row``."""

    def __init__(self, cache: Cache, **options: Any) -> None:
        self.version = 1
        self.loads = 0

        @cache(ttl="1h", key="key", tags=["row"], **options)
        async def get() -> int:
            self.loads += 1
            return self.version

        self.get = get


async def test_an_entry_of_the_former_bucket_is_not_valid_in_the_next(
    open_cache: Open, server: Server
) -> None:
    cache = open_cache()
    row = Row(cache)
    await row.get()
    server.admin.delete(BUCKET)
    await cache.mark_stale("another")
    row.version = 2

    assert await row.get() == 2


async def test_a_user_with_the_least_rights_can_do_everything(open_cache: Open, server: Server) -> None:
    url = server.user("app", "s3cret", *LEAST_RIGHTS)
    cache = open_cache(url, max_hold="1m")
    await cache.ping()
    # A new bucket stores nothing for a minute, for the sake of holds that may have been lost.
    server.admin.hset(BUCKET, "^", "0")
    row = Row(cache)

    assert [await row.get(), await row.get()] == [1, 1]
    assert row.loads == 1
    await cache.set_many({"1": 1, "2": 2})
    assert await cache.get_many(["1", "2"]) == {"1": 1, "2": 2}
    await cache.set("by hand", 1, tags=["row"])
    assert await cache.get("by hand") == 1
    await cache.delete_tags("row", hold="10ms")
    await cache.mark_stale("row")
    await cache.delete("by hand")
    await cache.delete_match("by *")
    await cache.clear()
    await cache.ping()
    with pytest.raises(Exception, match=r"(?i)no permissions"):
        server.admin.__class__.from_url(url).get("somebody's")


async def test_without_info_nothing_is_kept_and_the_error_says_so(
    open_cache: Open, server: Server
) -> None:
    """A server that does not say who it is cannot be told from one that took its place."""
    rights = [right for right in LEAST_RIGHTS if right != "+info"]
    cache = open_cache(server.user("app", "s3cret", *rights))
    row = Row(cache)

    assert [await row.get(), await row.get()] == [1, 1]
    assert row.loads == 2
    with pytest.raises(StoreError, match=r"(?i)info"):
        await cache.delete_tags("row")


COMMANDS = (
    "get mget getrange set del unlink exists pexpire time info ping scan publish spublish "
    "hget hset hdel hmget hgetall hincrby hscan eval evalsha"
)
LEAST_RIGHTS = (
    "~fr:{freshly#*",
    "~fr:{freshly:*",
    "&fr:{freshly#*",
    *(f"+{command}" for command in COMMANDS.split()),
)


async def test_processes_that_lay_out_the_namespace_differently_do_not_share(
    open_cache: Open,
) -> None:
    one, other = open_cache(), open_cache(max_hold="1m")
    await one.ping()
    row = Row(other)

    assert [await row.get(), await row.get()] == [1, 1]
    assert row.loads == 2
    with pytest.raises(StoreError, match="give all processes of a namespace the same options"):
        await other.delete_tags("row")


def test_event_loops_one_after_another_each_have_their_connections(server: Server) -> None:
    cache = Cache(server.url, timeout=5)
    row = Row(cache)

    values = [asyncio.run(row.get()) for _ in range(5)]

    assert values == [1] * 5
    assert row.loads == 1
    asyncio.run(cache.close())
