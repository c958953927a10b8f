"""``cache.many``: functions of many ids, each with an entry of its own.

How overlapping loads, invalidations and errors go together is told in ``tests/core/test_bulk.py``.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from freshly import Cache, ConfigurationError
from freshly.core.shape import Shape
from freshly.testing import ManualClock, Stepper, ThreadStepper

if TYPE_CHECKING:
    from decimal import Decimal

LIMIT_SECONDS = 20.0


@dataclass(frozen=True)
class User:
    id: int
    team: str = "red"
    version: int = 1


class Source:
    """Users by id, those below a hundred. ``asked`` is what loaders were called with."""

    def __init__(self) -> None:
        self.version = 1
        self.asked: list[Any] = []
        self.gone: set[int] = set()

    def read(self, ids: Any) -> dict[int, User]:
        self.asked.append(ids)
        return {one: User(one, version=self.version) for one in ids if one not in self.gone}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cache(clock: ManualClock) -> Cache:
    return Cache(clock=clock, dice=lambda: 0.0)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def step() -> Stepper:
    return Stepper()


class TestACall:
    async def test_loads_only_what_is_missing(self, cache: Cache, source: Source) -> None:
        @cache.many("1h")
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        assert await get_users([1, 2]) == {1: User(1), 2: User(2)}
        assert await get_users([3, 2, 1, 4]) == {3: User(3), 2: User(2), 1: User(1), 4: User(4)}
        assert await get_users([4, 3]) == {4: User(4), 3: User(3)}
        assert source.asked == [[1, 2], [3, 4]]

    def test_does_so_without_a_loop_too(self, cache: Cache, source: Source) -> None:
        @cache.many("1h")
        def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        assert get_users([1, 2]) == {1: User(1), 2: User(2)}
        assert get_users([2, 3]) == {2: User(2), 3: User(3)}
        assert source.asked == [[1, 2], [3]]

    async def test_keeps_the_order_of_the_ids(self, cache: Cache, source: Source) -> None:
        @cache.many("1h")
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(sorted(user_ids))

        await get_users([3])

        assert [*await get_users([5, 3, 4, 1])] == [5, 3, 4, 1]

    async def test_gives_a_list_for_a_list_with_a_place_for_each_id(
        self, cache: Cache, source: Source
    ) -> None:
        @cache.many("1h")
        async def get_users(user_ids: list[int]) -> list[User | None]:
            found = source.read(user_ids)
            return [found.get(one) for one in user_ids]

        source.gone.add(2)

        assert await get_users([3, 2, 3, 1]) == [User(3), None, User(3), User(1)]
        assert await get_users([1, 2, 1]) == [User(1), None, User(1)]
        assert source.asked == [[3, 2, 1]]

    async def test_gives_a_tuple_for_a_tuple(self, cache: Cache) -> None:
        @cache.many("1h")
        async def double(xs: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(2 * x for x in xs)

        assert await double((1, 2)) == (2, 4)
        assert await double([2, 1]) == (4, 2)  # type: ignore[arg-type]

    @pytest.mark.parametrize("ids", [[], (), {}, set(), iter(())])
    async def test_for_nothing_gives_nothing_and_loads_nothing(
        self, cache: Cache, source: Source, ids: Iterable[int]
    ) -> None:
        @cache.many("1h")
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        @cache.many("1h")
        async def get_list(user_ids: list[int]) -> list[User]:
            return [*source.read(user_ids).values()]

        assert await get_users(ids) == {}
        assert await get_list([]) == []
        assert source.asked == []

    @pytest.mark.parametrize(
        "make",
        [list, tuple, set, frozenset, iter, dict.fromkeys, lambda ids: (one for one in ids)],
        ids=["list", "tuple", "set", "frozenset", "iterator", "dict", "generator"],
    )
    async def test_takes_any_iterable_and_loads_each_id_once(
        self, cache: Cache, source: Source, make: Callable[[list[int]], Iterable[int]]
    ) -> None:
        @cache.many("1h")
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        assert await get_users(make([1, 2, 1])) == {1: User(1), 2: User(2)}
        assert source.asked == [[1, 2]]

    @pytest.mark.parametrize("kind", [list, set, frozenset, tuple])
    async def test_gives_the_function_what_it_says_that_it_takes(
        self, cache: Cache, source: Source, kind: Any
    ) -> None:
        async def get_users(user_ids: Any) -> dict[int, User]:
            return source.read(user_ids)

        get_users.__annotations__["user_ids"] = kind[int]
        cached: Any = cache.many("1h")(get_users)

        await cached([1, 2])

        assert source.asked == [kind([1, 2])]
        assert type(source.asked[0]) is kind

    async def test_keeps_ids_of_different_types_apart(self, cache: Cache) -> None:
        @cache.many("1h")
        async def show(xs: list[Any]) -> list[str]:
            return [repr(x) for x in xs]

        assert await show([1, "1", True, 1.0]) == ["1", "'1'", "True", "1.0"]
        assert await show([True, "1"]) == ["True", "'1'"]

    async def test_loads_ids_of_one_key_once(self, cache: Cache) -> None:
        """The template says what is the same."""
        asked: list[Any] = []

        @cache.many("1h", key="x:{x}")
        async def show(xs: list[Any]) -> dict[Any, str]:
            asked.append(xs)
            return {x: f"x is {x}" for x in xs}

        assert await show([1, "1"]) == {1: "x is 1", "1": "x is 1"}
        assert asked == [[1]]

    async def test_leaves_out_what_the_function_leaves_out(self, cache: Cache, source: Source) -> None:
        @cache.many("1h")
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        source.gone.add(2)
        assert await get_users([1, 2, 3]) == {1: User(1), 3: User(3)}
        source.gone.clear()
        assert await get_users([1, 2, 3]) == {1: User(1), 2: User(2), 3: User(3)}
        assert source.asked == [[1, 2, 3], [2]]

    async def test_takes_no_notice_of_what_it_had_not_asked_for(self, cache: Cache) -> None:
        @cache.many("1h", key="{x}")
        async def double(xs: list[int]) -> dict[int, int]:
            return {x: 2 * x for x in range(10)}

        assert await double([1]) == {1: 2}
        assert not await cache.exists("2")

    async def test_is_divided_into_parts(self, cache: Cache, source: Source) -> None:
        @cache.many("1h", max_batch=2)
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        assert len(await get_users(range(5))) == 5
        assert source.asked == [[0, 1], [2, 3], [4]]

    async def test_gives_each_caller_a_copy_if_asked_to(self, cache: Cache) -> None:
        @cache.many("1h", copy=True)
        async def get_lists(xs: list[int]) -> dict[int, list[int]]:
            return {x: [x] for x in xs}

        first, second = await get_lists([1]), await get_lists([1])

        assert first == second == {1: [1]}
        assert first[1] is not second[1]

    async def test_counts_reads_by_id_and_loads_by_call(self, cache: Cache, source: Source) -> None:
        @cache.many("1h")
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        await get_users([1, 2, 3])
        await get_users([2, 3, 4])

        (stats,) = [one for name, one in cache.stats().by_function.items() if "get_users" in name]
        assert (stats.hits, stats.misses, stats.loads) == (2, 4, 2)


class TestTagsAndTimes:
    async def test_are_those_of_each_id(self, cache: Cache, source: Source) -> None:
        @cache.many("1h", tags=["users", "user:{user_id}", "team:{result.team}"])
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            found = source.read(user_ids)
            return {one: User(one, "blue" if one == 3 else "red") for one in found}

        for tag, missing in (("user:1", [1]), ("team:blue", [3]), ("users", [1, 2, 3])):
            await get_users([1, 2, 3])
            source.asked.clear()
            await cache.delete_tags(tag)
            await get_users([1, 2, 3])
            assert source.asked == [missing]

    async def test_may_be_functions_of_one_id_and_the_other_arguments(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        asked: list[list[int]] = []

        def ttl(x: int, result: int) -> int:
            return x + result

        @cache.many(ttl, tags=lambda x, scale: [f"{scale}:{x}"])
        async def scaled(xs: list[int], scale: int) -> dict[int, int]:
            asked.append(xs)
            return {x: x * scale for x in xs}

        assert scaled.tags(7, 3) == ()  # only the call tells
        await scaled([1, 2], 10)
        clock.advance(11)
        await scaled([1, 2], 10)
        await cache.delete_tags("10:2")
        await scaled([1, 2], 10)

        assert asked == [[1, 2], [1], [2]]

    async def test_mark_single_ids_stale(
        self, cache: Cache, source: Source, clock: ManualClock
    ) -> None:
        @cache.many("1h", tags=["user:{user_id}"])
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        await get_users([1, 2])
        await cache.mark_stale("user:2")
        source.version = 2

        assert await get_users([1, 2]) == {1: User(1), 2: User(2)}
        await Stepper().settle()
        assert await get_users([1, 2]) == {1: User(1), 2: User(2, version=2)}

    async def test_end_a_soft_life_with_one_refresh_behind(
        self, cache: Cache, source: Source, clock: ManualClock
    ) -> None:
        @cache.many("1h", soft_ttl="1m")
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        await get_users([1, 2])
        clock.advance("1m")
        source.version = 2

        assert await get_users([1, 2, 3]) == {1: User(1), 2: User(2), 3: User(3, version=2)}
        await Stepper().settle()
        assert sorted(source.asked[1:]) == [[1, 2], [3]]
        assert (await get_users([1]))[1].version == 2

    async def test_refresh_early(self, cache: Cache, source: Source, clock: ManualClock) -> None:
        @cache.many("1h", early_ttl="1m")
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        await get_users([1, 2])
        clock.advance("1m")
        await get_users([2])
        await Stepper().settle()

        assert source.asked == [[1, 2], [2]]

    async def test_may_keep_what_stands_for_missing_ids_shorter(
        self, cache: Cache, source: Source, clock: ManualClock
    ) -> None:
        @cache.many("1h", tags=["team:{result.team}"], missing=None, missing_ttl="1m")
        async def get_users(user_ids: list[int]) -> dict[int, User | None]:
            return {**source.read(user_ids)}

        source.gone.add(2)
        assert await get_users([1, 2]) == {1: User(1), 2: None}
        source.gone.clear()
        assert await get_users([1, 2]) == {1: User(1), 2: None}
        clock.advance("1m")
        assert await get_users([1, 2]) == {1: User(1), 2: User(2)}
        assert source.asked == [[1, 2], [2]]

    async def test_store_nothing_that_the_condition_refuses(self, cache: Cache) -> None:
        asked: list[list[int]] = []

        @cache.many("1h", condition=lambda x, result: x != 1)
        async def double(xs: list[int]) -> dict[int, int]:
            asked.append(xs)
            return {x: 2 * x for x in xs}

        assert await double([1, 2]) == await double([1, 2]) == {1: 2, 2: 4}
        assert asked == [[1, 2], [1]]


class TestErrors:
    async def test_in_place_of_values_are_raised_together(self, cache: Cache) -> None:
        @cache.many("1h", key="{x}")
        async def half(xs: list[int]) -> dict[int, Any]:
            return {x: x // 2 if x % 2 == 0 else ValueError(x) for x in xs}

        with pytest.raises(ExceptionGroup, match=r"half: 2 of 4 ids failed: 1, 3") as caught:
            await half([1, 2, 3, 4])

        assert [error.args for error in caught.value.exceptions] == [(1,), (3,)]
        assert await cache.get_many(["1", "2", "3", "4"]) == {"2": 1, "4": 2}

    async def test_in_place_of_one_value_pause_the_loads_of_that_one(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        asked: list[list[int]] = []

        @cache.many("1m", grace="1h", retry_after="30m")
        async def get(xs: list[int]) -> dict[int, Any]:
            asked.append(list(xs))
            return {x: ValueError(x) if x == 1 and len(asked) > 1 else x for x in xs}

        await get([1, 2])
        clock.advance("1m")
        assert await get([1, 2]) == {1: 1, 2: 2}
        clock.advance("1m")
        assert await get([1, 2]) == {1: 1, 2: 2}

        assert asked == [[1, 2], [1, 2], [2]]

    async def test_may_be_returned_in_their_places(self, cache: Cache) -> None:
        @cache.many("1h", on_error="return")
        async def half(xs: list[int]) -> list[int | ValueError]:
            return [x // 2 if x % 2 == 0 else ValueError(x) for x in xs]

        found = await half([2, 1, 2])

        assert (found[0], found[2]) == (1, 1)
        assert isinstance(found[1], ValueError)

    async def test_that_are_raised_pass_through(self, cache: Cache) -> None:
        error = ConnectionError("down")

        @cache.many("1h")
        async def get(xs: list[int]) -> dict[int, int]:
            raise error

        with pytest.raises(ConnectionError) as caught:
            await get([1, 2])
        assert caught.value is error

    @pytest.mark.parametrize(
        ("returned", "message"),
        [
            ([1, 2], "was taken to return a mapping from id to value: annotate"),
            (None, "was taken to return a mapping"),
        ],
    )
    async def test_of_a_wrong_return_value_say_what_to_do(
        self, cache: Cache, returned: Any, message: str
    ) -> None:
        @cache.many("1h")
        async def get(xs):  # type: ignore[no-untyped-def]
            return returned

        with pytest.raises(ConfigurationError, match=message):
            await get([1, 2])

    async def test_of_too_few_values_say_how_many(self, cache: Cache) -> None:
        @cache.many("1h")
        async def get(xs: list[int]) -> list[int]:
            return xs[1:]

        with pytest.raises(ConfigurationError, match="returned 1 values for 2 ids"):
            await get([1, 2])

    async def test_of_a_wrong_argument_are_those_of_python(self, cache: Cache) -> None:
        @cache.many("1h")
        async def get(xs: list[int], *, y: int = 1) -> dict[int, int]:
            return {}

        with pytest.raises(TypeError, match="missing a required argument: 'xs'"):
            await get()  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
            await get([1], z=2)  # type: ignore[call-arg]

    @pytest.mark.parametrize("given", ["abc", b"abc", 1, None])
    async def test_of_one_in_place_of_many_say_so(self, cache: Cache, given: Any) -> None:
        @cache.many("1h")
        async def get(xs: list[Any]) -> dict[Any, int]:
            return {}

        with pytest.raises(ConfigurationError, match="takes many: give a list"):
            await get(given)


class TestOtherArguments:
    async def test_count_in_the_key_of_each_id(self, cache: Cache) -> None:
        asked: list[tuple[list[int], str]] = []

        @cache.many("1h", tags=["{locale}:{page_id}"])
        async def get_pages(page_ids: list[int], *, locale: str = "en") -> dict[int, str]:
            asked.append((page_ids, locale))
            return {one: f"{locale} {one}" for one in page_ids}

        assert await get_pages([1, 2]) == {1: "en 1", 2: "en 2"}
        assert await get_pages([2, 3], locale="fr") == {2: "fr 2", 3: "fr 3"}
        assert await get_pages([1, 2], locale="en") == {1: "en 1", 2: "en 2"}
        await cache.delete_tags("fr:2")
        await get_pages([1, 2, 3])
        await get_pages([2, 3], locale="fr")

        assert asked == [([1, 2], "en"), ([2, 3], "fr"), ([3], "en"), ([2], "fr")]

    async def test_may_be_left_out_of_it(self, cache: Cache) -> None:
        sessions: list[str] = []

        @cache.many("1h", exclude=["session"])
        async def get(xs: list[int], session: str) -> dict[int, int]:
            sessions.append(session)
            return {x: x for x in xs}

        await get([1], "one")
        await get([1, 2], "other")

        assert sessions == ["one", "other"]
        assert get.key(1, "a") == get.key(1, "b")

    async def test_may_come_before_the_ids_and_in_stars(self, cache: Cache) -> None:
        asked: list[Any] = []

        @cache.many("1h")
        async def get(
            kind: str, /, ids: Sequence[int], *more: int, flag: bool = False, **rest: int
        ) -> Mapping[int, str]:
            asked.append((kind, [*ids], more, flag, rest))
            return dict.fromkeys(ids, kind)

        assert await get("a", [1, 2], 7, flag=True, z=1) == {1: "a", 2: "a"}
        assert await get("a", [2, 3], 7, flag=True, z=1) == {2: "a", 3: "a"}
        assert await get("a", ids=[2]) == {2: "a"}
        assert asked == [
            ("a", [1, 2], (7,), True, {"z": 1}),
            ("a", [3], (7,), True, {"z": 1}),
            ("a", [2], (), False, {}),
        ]

    async def test_may_all_be_given_by_name(self, cache: Cache, source: Source) -> None:
        @cache.many("1h")
        async def get_users(user_ids: list[int], *, full: bool = False) -> dict[int, User]:
            return source.read(user_ids)

        await get_users([1])
        await get_users(user_ids=[1], full=False)  # type: ignore[call-arg]

        assert source.asked == [[1]]

    async def test_that_are_context_variables_count_if_named(self, cache: Cache) -> None:
        tenant: ContextVar[str] = ContextVar("tenant", default="a")
        asked: list[str] = []

        @cache.many("1h", vary=[tenant])
        async def get(xs: list[int]) -> dict[int, str]:
            asked.append(tenant.get())
            return dict.fromkeys(xs, tenant.get())

        assert await get([1]) == {1: "a"}
        tenant.set("b")
        assert await get([1]) == {1: "b"}
        assert asked == ["a", "b"]


class TestSharingWithAFunctionOfOne:
    async def test_entries_of_one_key_are_the_same(self, cache: Cache, source: Source) -> None:
        @cache("1h", key="user:{user_id}", tags=["user:{user_id}"])
        async def get_user(user_id: int) -> User:
            return source.read([user_id])[user_id]

        @cache.many("1h", key="user:{user_id}", tags=["user:{user_id}"])
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        assert await get_user(1) == User(1)
        assert await get_users([1, 2]) == {1: User(1), 2: User(2)}
        assert await get_user(2) == User(2)
        assert source.asked == [[1], [2]]

        source.version = 2
        await get_user.delete(1)
        assert await get_users([1, 2]) == {1: User(1, version=2), 2: User(2)}
        await get_users.delete(2)
        assert await get_user(2) == User(2, version=2)
        await cache.delete_tags("user:1")
        assert await get_user(1) == User(1, version=2)

    async def test_so_are_their_loads(self, cache: Cache, source: Source, step: Stepper) -> None:
        @cache("1h", key="user:{user_id}")
        async def get_user(user_id: int) -> User:
            await step.stop("one")
            return source.read([user_id])[user_id]

        @cache.many("1h", key="user:{user_id}")
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            await step.stop("many")
            return source.read(user_ids)

        one = step.start(get_user(1))
        await step.reached("one")
        many = step.start(get_users([1, 2]))
        await step.reached("many")
        other = step.start(get_user(2))
        await step.settle()
        step.go("many")
        await step.settle()
        assert await other == User(2)
        assert not many.done()
        step.go("one")

        assert await one == User(1)
        assert await many == {1: User(1), 2: User(2)}
        assert source.asked == [[2], [1]]

    async def test_an_id_that_is_missing_for_many_is_for_the_function_of_one_to_judge(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", key="user:{user_id}")
        async def get_user(user_id: int) -> User:
            raise LookupError(user_id)

        @cache.many("1h", key="user:{user_id}")
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            await step.stop("many")
            return source.read(user_ids)

        source.gone.add(2)
        many = step.start(get_users([1, 2]))
        await step.reached("many")
        one = step.start(get_user(2))
        await step.settle()
        step.go("many")

        assert await many == {1: User(1)}
        with pytest.raises(LookupError):
            await one

    async def test_a_list_never_lacks_a_place_that_many_had_no_value_for(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache.many("1h", key="user:{user_id}")
        async def get_dict(user_ids: list[int]) -> dict[int, User]:
            await step.stop("many")
            return source.read(user_ids)

        @cache.many("1h", key="user:{user_id}")
        async def get_list(user_ids: list[int]) -> list[User | None]:
            found = source.read(user_ids)
            return [found.get(one) for one in user_ids]

        source.gone.add(2)
        first = step.start(get_dict([1, 2]))
        await step.reached("many")
        other = step.start(get_list([2, 1]))
        await step.settle()
        step.go("many")

        assert await first == {1: User(1)}
        assert await other == [None, User(1)]


class TestVerbs:
    async def test_about_an_entry_take_one_id(self, cache: Cache, source: Source) -> None:
        @cache.many("1h", tags=["user:{user_id}", "in:{locale}", "team:{result.team}"])
        async def get_users(user_ids: list[int], *, locale: str = "en") -> dict[int, User]:
            return source.read(user_ids)

        name = f"{__name__}.{TestVerbs.__qualname__}"
        assert get_users.key(7) == (
            f"{name}.test_about_an_entry_take_one_id.<locals>.get_users(user_id=7,locale='en')"
        )
        assert get_users.tags(7, locale="fr") == ("user:7", "in:fr")
        assert await get_users.peek(7) is None

        await get_users([7, 8])
        entry = await get_users.peek(7)
        assert entry is not None
        assert (entry.value, entry.tags) == (User(7), ("user:7", "in:en", "team:red"))
        assert await get_users.peek(7, locale="fr") is None
        assert await get_users.delete(7)
        assert not await get_users.delete(7)
        assert await get_users.peek(7) is None
        assert await get_users.peek(8) is not None
        assert get_users.key(user_id=7, locale="en") == get_users.key(7)  # type: ignore[call-arg]

    async def test_refresh_takes_many_and_loads_them_all(self, cache: Cache, source: Source) -> None:
        @cache.many("1h")
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        await get_users([1, 2])
        source.version = 2

        assert await get_users.refresh([2, 3]) == {
            2: User(2, version=2),
            3: User(3, version=2),
        }
        assert await get_users.refresh([]) == {}
        assert (await get_users([1, 2, 3]))[2].version == 2
        assert source.asked == [[1, 2], [2, 3]]

    async def test_refresh_does_not_join_a_load_that_had_begun(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache.many("1h")
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            found = source.read(user_ids)
            await step.stop("loading")
            return found

        first = step.start(get_users([1, 2]))
        await step.reached("loading")
        source.version = 2
        refresh = step.start(get_users.refresh([2]))
        await step.settle()
        step.go("loading")
        step.go("loading")

        assert await refresh == {2: User(2, version=2)}
        assert (await first)[2] == User(2)
        assert (await get_users([2]))[2].version == 2

    async def test_uncached_is_the_function(self, cache: Cache, source: Source) -> None:
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        cached = cache.many("1h")(get_users)

        assert cached.uncached is get_users

    def test_are_plain_for_plain_functions(self, cache: Cache, source: Source) -> None:
        @cache.many("1h")
        def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        get_users([1])
        source.version = 2

        entry = get_users.peek(1)
        assert entry is not None
        assert entry.value == User(1)
        assert get_users.refresh([1]) == {1: User(1, version=2)}
        assert get_users.delete(1)
        assert not get_users.delete(1)

    async def test_the_function_stays_what_it_was(self, cache: Cache, source: Source) -> None:
        async def get_users(user_ids: list[int], *, locale: str = "en") -> dict[int, User]:
            """Return users."""
            return source.read(user_ids)

        cached: Any = cache.many("1h")(get_users)

        assert inspect.iscoroutinefunction(cached)
        assert inspect.signature(cached) == inspect.signature(get_users)
        assert (cached.__name__, cached.__doc__) == ("get_users", "Return users.")
        task = asyncio.create_task(cached([1]))
        assert await task == {1: User(1)}


class TestMethods:
    async def test_have_entries_by_object(self, cache: Cache) -> None:
        class Service:
            def __init__(self, name: str) -> None:
                self.name = name
                self.asked: list[list[int]] = []

            @cache.many("1h", tags=["user:{user_id}"])
            async def get_users(self, user_ids: list[int]) -> dict[int, str]:
                self.asked.append(user_ids)
                return {one: f"{self.name} {one}" for one in user_ids}

        one, other = Service("one"), Service("other")
        assert await one.get_users([1, 2]) == {1: "one 1", 2: "one 2"}
        assert await other.get_users([2]) == {2: "other 2"}
        assert await one.get_users([2, 3]) == {2: "one 2", 3: "one 3"}
        assert await one.get_users.delete(2)
        assert await one.get_users.peek(2) is None
        assert await one.get_users.peek(1) is not None
        assert await one.get_users.refresh([1]) == {1: "one 1"}
        assert await Service.get_users(one, [1]) == {1: "one 1"}
        assert (one.asked, other.asked) == ([[1, 2], [3], [1]], [[2]])

    async def test_may_share_by_key(self, cache: Cache) -> None:
        asked: list[list[int]] = []

        class Service:
            @cache.many("1h", key="user:{user_id}")
            async def get_users(self, user_ids: list[int]) -> dict[int, int]:
                asked.append(user_ids)
                return {one: one for one in user_ids}

        await Service().get_users([1])
        await Service().get_users([1])

        assert asked == [[1]]

    def test_of_classes_and_static_ones_work_too(self, cache: Cache) -> None:
        class Service:
            factor = 2

            @cache.many("1h")
            @classmethod
            def scaled(cls, xs: list[int]) -> dict[int, int]:
                return {x: x * cls.factor for x in xs}

            @cache.many("1h")
            @staticmethod
            def doubled(xs: list[int]) -> list[int]:
                return [2 * x for x in xs]

        assert Service.scaled([1, 2]) == Service().scaled([1, 2]) == {1: 2, 2: 4}
        assert Service.doubled([1, 2]) == Service().doubled([1, 2]) == [2, 4]
        assert Service.scaled.delete(1)
        assert Service.doubled.delete(1)


class TestDecorating:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"key": "users"}, "all its values would be under one key: name 'user_id'"),
            ({"exclude": ["user_id"]}, "all its values would be under one key"),
            ({"key": "user:{user_ids}"}, "did you mean 'user_id'"),
            ({"tags": ["user:{id}"]}, "it may use 'user_id', 'locale'"),
            ({"of": "ids"}, "of='ids' is no parameter of .* that takes a list"),
            ({"each": "one id"}, "each='one id' is no name"),
            ({"each": "locale"}, "as another parameter is: say each="),
            ({"on_error": "omit"}, "on_error='omit' is neither"),
            ({"max_batch": -1}, "max_batch=-1 is no number of ids"),
            ({"missing_ttl": "1m"}, "needs a value that stands for"),
            ({"missing": None, "missing_ttl": "soon"}, "missing_ttl='soon'"),
            ({"maxbatch": 3}, "cache.many has no option 'maxbatch'; did you mean 'max_batch'"),
            ({"soft_ttl": "2h"}, "soft_ttl='2h' is longer than ttl='1h'"),
        ],
    )
    def test_refuses_options_that_do_not_fit(
        self, cache: Cache, options: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):

            @cache.many("1h", **options)
            async def get_users(user_ids: list[int], locale: str = "en") -> dict[int, User]:
                return {}

    def test_refuses_functions_that_do_not_take_or_return_many(self, cache: Cache) -> None:
        def no_parameters() -> dict[int, int]:
            return {}

        def one_by_one(*ids: int) -> dict[int, int]:
            return {}

        def nameless(wanted: list[int]) -> dict[int, int]:
            return {}

        def one_value(ids: list[int]) -> User:
            return User(1)

        def a_set(ids: list[int]) -> set[User]:
            return set()

        def without_order(ids: set[int]) -> list[User]:
            return []

        def a_list(ids: list[int]) -> list[User]:
            return []

        many: Any = cache.many
        for function, message in (
            (no_parameters, "has no parameter for many ids"),
            (one_by_one, "has no parameter for many ids"),
            (nameless, "what is one of 'wanted' called"),
            (one_value, "returns User: a function of many ids returns a dict"),
            (a_set, "returns set"),
            (without_order, "takes a set and returns values in order"),
        ):
            with pytest.raises(ConfigurationError, match=message):
                many("1h")(function)
        with pytest.raises(ConfigurationError, match="leaves none out"):
            many("1h", missing=None)(a_list)
        with pytest.raises(ConfigurationError, match="without a ttl"):
            many(a_list)([1])
        with pytest.raises(ConfigurationError, match="is cached already"):
            many("1h")(many("1h")(a_list))

    def test_finds_the_parameter_and_its_singular(self, cache: Cache) -> None:
        @cache.many("1h", key="{slug}")
        def by_plural(locale: str, slugs: list[str]) -> dict[str, str]:
            return {}

        @cache.many("1h", key="{one}", each="one")
        def by_name(wanted: list[str]) -> dict[str, str]:
            return {}

        @cache.many("1h", of="numbers")
        def by_option(lists: list[str], numbers: list[int]) -> dict[int, str]:
            return {}

        keys: list[Any] = [by_plural.key("en", "a"), by_name.key("a"), by_option.key([], 1)]
        assert keys[:2] == ["a", "a"]
        assert keys[2].endswith("by_option(lists=[],number=1)")

    def test_reads_annotations_that_only_type_checkers_can_resolve(self, cache: Cache) -> None:
        @cache.many("1h")
        def prices(ids: Sequence[int]) -> list[Decimal]:
            return []

        @cache.many("1h")
        def by_id(ids: frozenset[Decimal]) -> Mapping[int, Decimal]:
            return {}

        assert prices([]) == []
        assert by_id([]) == {}

    @pytest.mark.parametrize(
        ("annotation", "wanted"),
        [
            (dict[int, User], User),
            (Mapping[int, User | None], User | None),
            (dict[int, User | ValueError], User),
            (list[User | LookupError | None], User | None),
            (tuple[int, ...], int),
            (dict, Any),
        ],
    )
    def test_tells_a_store_the_type_of_one_value(
        self, cache: Cache, annotation: Any, wanted: Any
    ) -> None:
        def get(xs: list[int]) -> Any: ...

        get.__annotations__["return"] = annotation
        cached: Any = cache.many("1h")(get)

        shape: Shape = cached.__freshly__.recipe.shape
        assert shape.function is get
        assert shape.part is not None
        assert shape.part(annotation) == wanted


class TestWhileDisabled:
    async def test_the_function_runs_for_all_and_callers_get_what_they_always_get(
        self, cache: Cache, source: Source
    ) -> None:
        @cache.many("1h", missing=None, on_error="return", max_batch=2)
        async def get_users(user_ids: list[int]) -> dict[int, Any]:
            return {**source.read(user_ids)}

        await get_users([1])
        source.gone.add(3)
        with cache.disabled():
            assert await get_users([3, 1, 2]) == {3: None, 1: User(1), 2: User(2)}
            assert await get_users.refresh([1]) == {1: User(1)}
            assert await get_users.peek(1) is None
        assert source.asked == [[1], [3, 1], [2], [1]]
        assert await get_users([1]) == {1: User(1)}

    def test_plain_functions_too(self, cache: Cache, source: Source) -> None:
        @cache.many("1h")
        def get_users(user_ids: list[int]) -> list[User]:
            return [User(one) for one in source.read(user_ids)]

        with cache.disabled():
            assert get_users([2, 1, 2]) == [User(2), User(1), User(2)]


class TestSetup:
    async def test_puts_the_function_on_another_store(self, cache: Cache, source: Source) -> None:
        @cache.many("1h")
        async def get_users(user_ids: list[int]) -> dict[int, User]:
            return source.read(user_ids)

        await get_users([1])
        cache.setup()
        await get_users([1])

        assert source.asked == [[1], [1]]


class TestThreads:
    def test_share_what_both_want(self, cache: Cache, source: Source) -> None:
        with ThreadStepper() as step:

            @cache.many("1h")
            def get_users(user_ids: list[int]) -> dict[int, User]:
                step.stop(f"loading {user_ids}")
                return source.read(user_ids)

            one = step.start(get_users, [1, 2])
            step.reached("loading [1, 2]")
            other = step.start(get_users, [2, 3])
            step.reached("loading [3]")
            step.go("loading [3]")
            step.go("loading [1, 2]")

            assert one.result(LIMIT_SECONDS) == {1: User(1), 2: User(2)}
            assert other.result(LIMIT_SECONDS) == {2: User(2), 3: User(3)}
        assert sorted(source.asked) == [[1, 2], [3]]
