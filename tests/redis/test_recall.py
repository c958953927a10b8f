"""Reads that come again ask at once, without working out key and tags, and see all that others see."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

import pytest

from freshly import Cache
from freshly.core.counts import Counts
from freshly.core.entry import Entry
from freshly.core.rows import Rows
from freshly.stores.redis import known
from freshly.stores.redis.known import KnownRows
from freshly.stores.redis.layout import Layout
from freshly.stores.redis.packed import Packed, bulk, packed_of
from tests.redis.fixtures import Open
from tests.redis.test_cost import A_READ
from tests.servers.server import Server

Trips = list[list[str]]

LANGUAGE: ContextVar[str] = ContextVar("language")


class Users:
    """A function over a cache, whose values are numbered loads."""

    def __init__(self, cache: Cache, **options: Any) -> None:
        self.cache = cache
        self.loads = 0

        @cache(**{"ttl": "1h", "key": "user:{number}", "tags": ["users", "user:{number}"], **options})
        async def get(number: int) -> int:
            self.loads += 1
            return self.loads

        self.get = get


async def test_the_second_hit_works_nothing_out_again(
    open_cache: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = Users(open_cache())
    assert [await users.get(1), await users.get(1)] == [1, 1]

    def call(*_: object) -> None:
        raise AssertionError("a call was made")

    monkeypatch.setattr(users.get.__freshly__, "call", call)  # type: ignore[attr-defined]

    assert await users.get(1) == 1
    assert users.cache.stats().hits == 2


@pytest.mark.parametrize("how", ["tag", "key", "pattern", "clear", "refused"])
async def test_what_others_have_invalidated_is_loaded_again(open_cache: Open, how: str) -> None:
    users, other = Users(open_cache()), open_cache()
    assert [await users.get(1), await users.get(1)] == [1, 1]

    match how:
        case "tag":
            await other.delete_tags("user:1")
        case "key":
            await other.delete("user:1")
        case "pattern":
            await other.delete_match("user:*")
        case "clear":
            await other.clear()
        case _:
            users.cache._home.parts.store.hub.undelivered.add(tags=["users"])  # type: ignore[attr-defined]

    assert await users.get(1) == 2


async def test_stamps_that_are_older_than_the_entry_do_not_count(
    open_cache: Open, round_trips: Trips
) -> None:
    users = Users(open_cache())
    await users.cache.delete_tags("users", "user:1")
    await users.cache.mark_stale("users")
    assert [await users.get(1), await users.get(1)] == [1, 1]
    round_trips.clear()

    assert await users.get(1) == 1
    assert round_trips == [A_READ]


async def test_what_was_marked_stale_is_served_and_refreshed(open_cache: Open) -> None:
    users = Users(open_cache())
    assert [await users.get(1), await users.get(1)] == [1, 1]

    await users.cache.mark_stale("users")

    assert await users.get(1) == 1
    async with asyncio.timeout(20):
        while users.loads < 2:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_load_around_it_gets_its_tags(open_cache: Open) -> None:
    users = Users(open_cache())
    assert [await users.get(1), await users.get(1)] == [1, 1]

    @users.cache(ttl="1h", key="page")
    async def page() -> int:
        return await users.get(1)

    assert [await page(), await page()] == [1, 1]
    await users.cache.delete_tags("user:1")

    assert await page() == 2


async def test_another_type_under_the_key_is_loaded_again(open_cache: Open) -> None:
    users, other = Users(open_cache()), open_cache()
    assert [await users.get(1), await users.get(1)] == [1, 1]

    @other(ttl="1h", key="user:{number}", tags=["users", "user:{number}"])
    async def get(number: int) -> list[str]:
        return ["another type"]

    await get.refresh(1)

    assert await users.get(1) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"signing_keys": "a secret of more than 16 bytes"},
        {"encryption_keys": "a secret of more than 16 bytes"},
        {"compression": "zstd", "compress_above": 1},
    ],
    ids=["signed", "encrypted", "compressed"],
)
async def test_protected_values_come_again_as_well(open_cache: Open, options: dict[str, Any]) -> None:
    cache = open_cache(**options)

    @cache(ttl="1h", key="page", tags=["pages"])
    async def page() -> str:
        return "a" * 100

    assert {await page() for _ in range(4)} == {"a" * 100}
    assert cache.stats().hits == 3


async def test_what_is_damaged_since_is_loaded_again(open_cache: Open, server: Server) -> None:
    users = Users(open_cache())
    assert [await users.get(1) for _ in range(3)] == [1, 1, 1]
    name = Layout("freshly").value("user:1")
    data = bytearray(server.admin.get(name))
    data[-5] ^= 1
    server.admin.set(name, bytes(data))

    assert await users.get(1) == 2
    assert users.cache.stats().refused > 0


async def test_a_newer_value_under_the_key_is_served(open_cache: Open) -> None:
    users, other = Users(open_cache()), open_cache()
    assert [await users.get(1) for _ in range(3)] == [1, 1, 1]

    await other.set("user:1", 7, "1h", tags=["users", "user:1"])

    assert [await users.get(1) for _ in range(3)] == [7, 7, 7]
    assert users.loads == 1


async def test_other_tags_under_the_key_are_asked_about(open_cache: Open) -> None:
    """The value is one that another process has stored since, and has a tag that nobody knew here."""
    users, other = Users(open_cache()), open_cache()
    assert [await users.get(1), await users.get(1)] == [1, 1]
    await other.set("user:1", 7, "1h", tags=["users", "user:1", "more"])
    assert await users.get(1) == 7

    await other.delete_tags("more")

    assert await users.get(1) == 2


async def test_equal_arguments_of_other_types_stay_apart(open_cache: Open) -> None:
    cache = open_cache()

    @cache(ttl="1h")
    async def kind(number: object) -> str:
        return type(number).__name__

    for _ in range(3):
        assert [await kind(1), await kind(True), await kind(1.0)] == ["int", "bool", "float"]


async def test_context_that_counts_keeps_equal_arguments_apart(open_cache: Open) -> None:
    cache = open_cache()

    @cache(ttl="1h", vary=[LANGUAGE])
    async def greet(number: int) -> str:
        return LANGUAGE.get()

    for _ in range(3):
        for language in ("en", "de"):
            LANGUAGE.set(language)
            assert await greet(1) == language


async def test_inside_of_a_transaction_it_is_loaded_for_the_transaction(open_cache: Open) -> None:
    users = Users(open_cache())
    assert [await users.get(1), await users.get(1)] == [1, 1]

    async with users.cache.transaction():
        await users.cache.delete_tags("users")
        assert await users.get(1) == 2

    assert await users.get(1) == 3


async def with_holds(open_cache: Open, server: Server) -> Cache:
    cache = open_cache(max_hold="1m")
    await cache.ping()
    # A bucket that is new stores nothing for a minute.
    server.admin.hset(Layout("freshly").bucket(0), "^", "0")
    return cache


async def test_a_miss_while_something_else_is_held_is_stored(open_cache: Open, server: Server) -> None:
    users = Users(await with_holds(open_cache, server))
    assert [await users.get(1), await users.get(1)] == [1, 1]
    await users.cache.delete_tags("another", hold="1m")
    await users.cache.delete_tags("user:1")

    assert [await users.get(1), await users.get(1)] == [2, 2]


async def test_a_miss_while_its_tag_is_held_is_not_stored(open_cache: Open, server: Server) -> None:
    users = Users(await with_holds(open_cache, server))
    assert [await users.get(1), await users.get(1)] == [1, 1]
    await users.cache.delete_tags("user:1", hold="1m")

    assert [await users.get(1), await users.get(1)] == [2, 3]


async def test_many_that_come_again_ask_together_each_once(
    open_cache: Open, round_trips: Trips
) -> None:
    users = Users(open_cache())
    first = await asyncio.gather(*map(users.get, range(10)))
    round_trips.clear()

    again = await asyncio.gather(*map(users.get, [*range(10), *range(10)]))

    assert again == [*first, *first]
    assert round_trips == [["MGET", "HMGET", "TIME", "INFO"]]


def test_so_many_rows_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "REMEMBERED", 10)
    table, rows = KnownRows(Layout("n")), Rows(None, Counts("get"))

    for number in range(100):
        entry: Any = Entry.__new__(Entry)
        entry.key, entry.tags = f"k:{number}", ()
        table.note(entry, rows, number)
        assert table.get(rows, 0) is not None, "it is in use"

    found = [number for number in range(100) if table.get(rows, number) is not None]
    assert len(found) <= 20
    assert 99 in found


@pytest.mark.parametrize(("tags", "is_remembered"), [(3, True), (1_000, False)])
def test_long_questions_are_not_remembered(tags: int, is_remembered: bool) -> None:
    table, rows = KnownRows(Layout("n")), Rows(None, Counts("get"))
    entry: Any = Entry.__new__(Entry)
    entry.key, entry.tags = "k", tuple(f"tag:{number}" for number in range(tags))

    table.note(entry, rows, 1)

    assert (table.get(rows, 1) is not None) is is_remembered


def test_packed_commands_are_the_same_bytes() -> None:
    def pack(commands: Any) -> list[bytes]:
        return [b"".join([b"*%d\r\n" % len(command), *map(bulk, command)]) for command in commands]

    packed = Packed.of("GET", 1, [bulk(b"key")])

    assert packed == ("GET",)
    assert packed_of([packed, (b"TIME",)], pack) == pack([(b"GET", b"key"), (b"TIME",)])
    assert packed_of([(b"TIME",)], pack) == pack([(b"TIME",)])
