"""Questions about the next read: a hit, a load, or something out of date."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from freshly import Cache, ConfigurationError
from freshly.testing import (
    ManualClock,
    Stepper,
    assert_fresh,
    assert_hit,
    assert_miss,
    count_loads,
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock)


@pytest.fixture
def names() -> dict[int, str]:
    return {1: "Ada", 2: "Bob"}


class Functions:
    """One function of each colour, and a method of each."""

    def __init__(self, cache: Cache, names: dict[int, str]) -> None:
        @cache("1h", tags=["user:{user_id}"])
        async def get(user_id: int) -> dict[str, str]:
            return {"name": names[user_id]}

        @cache("1h", tags=["user:{user_id}"])
        def get_blocking(user_id: int) -> dict[str, str]:
            return {"name": names[user_id]}

        self.get, self.get_blocking = get, get_blocking


@pytest.fixture
def functions(cache: Cache, names: dict[int, str]) -> Functions:
    return Functions(cache, names)


class TestHitAndMiss:
    async def test_they_tell_what_a_read_would_be_and_read_nothing(
        self, cache: Cache, functions: Functions
    ) -> None:
        await assert_miss(functions.get, 1)
        await functions.get(1)
        before = cache.stats()

        entry = await assert_hit(functions.get, user_id=1)
        await assert_miss(functions.get, 2)

        assert (entry.value, entry.tags) == ({"name": "Ada"}, ("user:1",))
        assert cache.stats() == before

    def test_the_same_for_plain_functions(self, cache: Cache, functions: Functions) -> None:
        assert_miss(functions.get_blocking, 1)
        functions.get_blocking(1)

        assert assert_hit(functions.get_blocking, 1).value == {"name": "Ada"}
        assert_miss(functions.get_blocking, 2)

    async def test_methods_are_asked_on_their_object(self, cache: Cache) -> None:
        class Service:
            @cache("1h")
            async def get(self, user_id: int) -> int:
                return user_id

            @cache("1h")
            def get_blocking(self, user_id: int) -> int:
                return user_id

        one, other = Service(), Service()
        await one.get(1)
        one.get_blocking(1)

        await assert_hit(one.get, 1)
        await assert_miss(other.get, 1)
        assert_hit(one.get_blocking, 1)
        assert_miss(other.get_blocking, 1)

    async def test_a_hit_that_is_none_names_the_key_and_what_is_cached(
        self, functions: Functions
    ) -> None:
        await functions.get(1)

        with pytest.raises(AssertionError) as caught:
            await assert_hit(functions.get, 2)

        text = str(caught.value)
        assert "get(2) is not cached: a read would load it" in text
        assert "its key: " in text
        assert "get(user_id=2)" in text
        assert "cached of this function: " in text
        assert "get(user_id=1)" in text

    def test_where_nothing_is_cached_it_says_so(self, functions: Functions) -> None:
        with pytest.raises(AssertionError, match="cached of this function: nothing"):
            assert_hit(functions.get_blocking, 1)

    async def test_a_miss_that_is_none_shows_the_entry(
        self, functions: Functions, clock: ManualClock
    ) -> None:
        await functions.get(1)
        clock.advance("30s")

        with pytest.raises(AssertionError) as caught:
            await assert_miss(functions.get, 1)

        text = str(caught.value)
        assert "get(1) is cached: a read would be served {'name': 'Ada'}" in text
        assert "tags 'user:1', loaded 30 s ago" in text

    @pytest.mark.parametrize("state", ["stale", "expired", "invalidated"])
    def test_a_stale_value_is_a_hit_and_one_that_needs_a_load_is_none(
        self, cache: Cache, clock: ManualClock, state: str
    ) -> None:
        @cache("1h", soft_ttl="30m", grace="1d", tags=["t"])
        def get() -> int:
            return 1

        get()
        if state == "invalidated":
            cache.blocking.delete_tags("t")
        clock.advance("30m" if state == "stale" else "1h")

        assert_hit(get) if state == "stale" else assert_miss(get)


class TestFresh:
    async def test_what_the_source_says_too_is_fresh(
        self, functions: Functions, names: dict[int, str]
    ) -> None:
        await assert_fresh(functions.get, 1)
        await functions.get(1)
        await assert_fresh(functions.get, 1)
        functions.get_blocking(1)
        assert_fresh(functions.get_blocking, 1)

    async def test_a_forgotten_invalidation_shows(
        self, cache: Cache, functions: Functions, names: dict[int, str]
    ) -> None:
        await functions.get(1)
        names[1] = "Grace"

        with pytest.raises(AssertionError) as caught:
            await assert_fresh(functions.get, 1)
        text = str(caught.value)
        for words in (
            "get(1) would be served a value that is out of date",
            "cached:     {'name': 'Ada'}",
            "the source: {'name': 'Grace'}",
            "they differ in ['name']",
            "tags 'user:1'",
            "has to invalidate one of these tags, or delete the key",
        ):
            assert words in text

        await cache.delete_tags("user:1")
        await assert_fresh(functions.get, 1)

    def test_the_same_for_plain_functions(self, functions: Functions, names: dict[int, str]) -> None:
        functions.get_blocking(1)
        names[1] = "Grace"

        with pytest.raises(AssertionError, match="out of date"):
            assert_fresh(functions.get_blocking, 1)

    async def test_a_stale_value_is_judged_since_it_would_be_served(
        self, cache: Cache, functions: Functions, names: dict[int, str]
    ) -> None:
        await functions.get(1)
        names[1] = "Grace"
        await cache.mark_stale("user:1")

        with pytest.raises(AssertionError, match="out of date"):
            await assert_fresh(functions.get, 1)

    async def test_cached_calls_inside_are_asked_for_too(self, cache: Cache) -> None:
        """Else an inner value that is out of date would make the outer one look fresh."""
        names = {1: "Ada"}

        @cache("1h", tags=["inner"])
        async def inner() -> str:
            return names[1]

        @cache("1h", tags=["outer"])
        async def outer() -> str:
            return f"<{await inner()}>"

        await outer()
        names[1] = "Grace"

        with pytest.raises(AssertionError, match="<Ada>"):
            await assert_fresh(outer)
        assert await inner() == "Ada"

    def test_nothing_is_stored_or_counted(self, cache: Cache, functions: Functions) -> None:
        functions.get_blocking(1)
        before = cache.stats()

        assert_fresh(functions.get_blocking, 1)
        assert_fresh(functions.get_blocking, 2)

        assert cache.stats() == before

    def test_objects_that_compare_by_identity_are_compared_by_content(self, cache: Cache) -> None:
        names = {1: "Ada"}

        class User:
            def __init__(self, name: str) -> None:
                self.name = name

        @cache("1h")
        def get() -> User:
            return User(names[1])

        get()
        assert_fresh(get)
        names[1] = "Grace"
        with pytest.raises(AssertionError, match=r"they differ in \.name"):
            assert_fresh(get)

    def test_values_that_will_not_say_whether_they_are_equal_are_compared_by_content(
        self, cache: Cache
    ) -> None:
        numbers = [1, 2]

        class Array:
            """As an array of numpy: compares element by element."""

            def __init__(self) -> None:
                self.numbers = list(numbers)

            def __eq__(self, other: object) -> Any:
                raise ValueError("ambiguous")

            __hash__ = None  # type: ignore[assignment]

        @cache("1h")
        def get() -> Array:
            return Array()

        get()
        assert_fresh(get)
        numbers[1] = 3
        with pytest.raises(AssertionError, match=r"they differ in \.numbers\[1\]"):
            assert_fresh(get)

    async def test_an_error_of_the_loader_is_what_one_sees(
        self, functions: Functions, names: dict[int, str]
    ) -> None:
        await functions.get(1)
        del names[1]

        with pytest.raises(KeyError):
            await assert_fresh(functions.get, 1)


class TestCountLoads:
    async def test_it_counts_what_begins_in_the_block(self, cache: Cache, functions: Functions) -> None:
        await functions.get(1)

        with count_loads(functions.get) as loads:
            await functions.get(1)
            assert loads.count == 0
            await functions.get(2)
            await functions.get.refresh(1)
            functions.get_blocking(1)
        await functions.get.refresh(1)

        assert (loads.count, loads.errors) == (2, 0)

    async def test_refreshes_and_failures_are_loads(self, cache: Cache, clock: ManualClock) -> None:
        step = Stepper()

        @cache.soft("1h", soft_ttl="1m")
        async def get() -> int:
            if clock.now():
                raise OSError("down")
            return 1

        with count_loads(get) as loads:
            await get()
            clock.advance("1m")
            await get()
            await step.settle()

        assert (loads.count, loads.errors) == (2, 1)
        assert "get: count=2 errors=1>" in repr(loads)

    def test_several_functions_are_counted_together(self, functions: Functions) -> None:
        with count_loads(functions.get, functions.get_blocking) as loads:
            functions.get_blocking(1)
            functions.get_blocking(2)

        assert loads.count == 2


@pytest.mark.parametrize("question", [assert_hit, assert_miss, assert_fresh, count_loads])
def test_what_is_not_cached_is_refused(question: Any) -> None:
    def plain() -> int:
        return 1

    with pytest.raises(ConfigurationError, match="is not cached: give the function"):
        outcome = question(plain)
        outcome.__enter__()


class TestGenerators:
    async def test_a_sequence_is_compared_as_a_whole(self, cache: Cache) -> None:
        numbers = [1, 2]

        @cache.iterator("1h")
        async def rows() -> AsyncIterator[int]:
            for number in numbers:
                yield number

        @cache.iterator("1h", max_length=2)
        def plain_rows() -> Iterator[int]:
            yield from numbers

        await assert_fresh(rows)
        assert_fresh(plain_rows)
        assert [row async for row in rows()] == [*plain_rows()] == [1, 2]
        await assert_fresh(rows)
        assert_fresh(plain_rows)
        assert (await assert_hit(rows)).value == assert_hit(plain_rows).value == (1, 2)

        numbers.append(3)
        with pytest.raises(AssertionError, match=r"cached: +\(1, 2\)\n +the source: \(1, 2, 3\)"):
            await assert_fresh(rows)
        with pytest.raises(AssertionError, match=r"the source: .*TOO_LONG"):
            assert_fresh(plain_rows)

    def test_on_the_object_of_a_method(self, cache: Cache) -> None:
        class Shop:
            def __init__(self) -> None:
                self.items = ["tea"]

            @cache.iterator("1h")
            def rows(self, first: int) -> Iterator[str]:
                yield from self.items[first:]

        shop = Shop()
        with count_loads(shop.rows) as loads:
            assert [*shop.rows(0)] == ["tea"]
        assert loads.count == 1
        assert_fresh(shop.rows, 0)
        shop.items.append("coffee")
        with pytest.raises(AssertionError, match="coffee"):
            assert_fresh(shop.rows, 0)
        assert_miss(shop.rows, 1)
