"""Functions that share a key share its near entry, where they make the same value of its bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from freshly import Cache
from tests.redis.fixtures import Open
from tests.redis.streams import Stream


@dataclass
class User:
    name: str


@dataclass
class Named:
    name: str


@pytest.fixture
def cache(open_cache: Open) -> Cache:
    return open_cache(near=True)


@pytest.fixture
def begun(cache: Cache) -> Any:
    stream = Stream(cache).begin()
    yield stream
    stream.close()


pytestmark = pytest.mark.usefixtures("begun")


async def test_an_async_and_a_plain_function_in_turns_ask_nobody(
    cache: Cache, round_trips: list[list[str]]
) -> None:
    @cache(ttl="1h", key="user")
    async def get() -> User:
        return User("Ada")

    @cache(ttl="1h", key="user")
    def get_plainly() -> User:
        raise AssertionError("it is there")

    await get()
    round_trips.clear()
    for _ in range(3):
        assert await get() == User("Ada")
        assert await asyncio.to_thread(get_plainly) == User("Ada")

    assert round_trips == []
    assert cache.stats().hits == 6


async def test_the_same_of_one_function_and_one_of_many(
    cache: Cache, round_trips: list[list[str]]
) -> None:
    @cache(ttl="1h", key="user:{user_id}")
    async def get(user_id: int) -> User:
        return User("Ada")

    @cache.many(ttl="1h", key="user:{user_id}")
    async def get_many(user_ids: list[int]) -> dict[int, User]:
        raise AssertionError("it is there")

    await get(7)
    round_trips.clear()
    for _ in range(3):
        assert await get_many([7]) == {7: User("Ada")}
        assert await get(7) == User("Ada")

    assert round_trips == []


def of_another_type(cache: Cache) -> Callable[[], Any]:
    @cache(ttl="1h", key="user")
    async def get() -> Named:
        return Named("Grace")

    return get


def of_other_exceptions(cache: Cache) -> Callable[[], Any]:
    @cache(ttl="1h", key="user", cache_exceptions=(LookupError,))
    async def get() -> User:
        raise AssertionError("it is there")

    return get


async def test_one_of_another_type_gets_its_own(cache: Cache) -> None:
    @cache(ttl="1h", key="user")
    async def get() -> User:
        return User("Ada")

    other = of_another_type(cache)
    for _ in range(2):
        assert await get() == User("Ada")
        assert await other() == Named("Grace")


async def test_one_that_keeps_other_exceptions_asks_the_server(
    cache: Cache, round_trips: list[list[str]]
) -> None:
    @cache(ttl="1h", key="user")
    async def get() -> User:
        return User("Ada")

    await get()
    round_trips.clear()
    assert await of_other_exceptions(cache)() == User("Ada")

    assert len(round_trips) == 1


async def test_what_a_command_reads_by_its_own_type_is_not_shared(cache: Cache) -> None:
    @cache(ttl="1h", key="user")
    async def get() -> User:
        return User("Ada")

    await get()

    assert await cache.get("user", type=User) == User("Ada")
    assert await cache.get("user", type=Named) is None
    assert await get() == User("Ada")
