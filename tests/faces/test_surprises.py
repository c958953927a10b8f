"""Each surprise that another library was found to have, and what freshly does in its place.

The letters are those of the findings, ``research/cashews.md``: A is its features one by one, C the
experiments on correctness. The four traps of ``research/models.md`` are in
``tests/core/test_traps.py``.

Not ours yet, so without a test here:

| found in | what |
|---|---|
| A2 | ``lock=``, ``upper=``, ``time_condition=``; ``hit``, ``dynamic``, ``failover``, ``locked`` |
| A2 | rate limits, circuit breaker, bloom filters, ``thunder_protection``, caching of generators |
| A3 | ``exist=``, ``incr``, locks, bits, sets, slices, ``expire``, raw values, scans |
| A5 | formatters in templates, ``register_tag``, ``get_key_tags`` |
| A6 | caching of exceptions |
| A7 | transactions |
| A8 | detection, callbacks, middlewares, ``invalidate_further`` |
| A9 | disk, prefixes, signing, pickling, compression, HTTP helpers, and all of Redis |
| C2, C3, C4, C5 | what happens on Redis, between processes and with a client-side cache |
| C7, C8 | the cost, growth and crashes of sets of keys by tag: there are none |
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Iterator
from fnmatch import fnmatchcase
from types import FrameType
from typing import Any

import pytest

from freshly import Cache, ConfigurationError, FreshlyWarning, KeyTextError
from freshly.testing import ManualClock, Stepper, ThreadStepper


class Source:
    """What loaders read: it counts how often, and its value is its version."""

    def __init__(self) -> None:
        self.version = 1
        self.loads = 0

    def read(self) -> int:
        self.loads += 1
        return self.version


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


async def let_all_go(step: Stepper, point: str = "loading") -> None:
    """Run the loop to its rest, letting go whoever comes to stand at ``point``."""
    await step.settle()
    while step.is_standing(point):
        step.go(point)
        await step.settle()


# -- A1: colours -----------------------------------------------------------------------------------


class TestColoursA1:
    def test_a_plain_function_is_cached_and_stays_plain(self, cache: Cache, source: Source) -> None:
        @cache("1m")
        def get_user(user_id: int) -> int:
            return source.read()

        assert [get_user(1), get_user(1), get_user(2)] == [1, 1, 1]
        assert source.loads == 2

    async def test_it_works_without_any_setup(self, source: Source) -> None:
        cache = Cache()

        @cache("1m")
        async def get_user(user_id: int) -> int:
            return source.read()

        assert [await get_user(1), await get_user(1)] == [1, 1]
        assert source.loads == 1

    def test_a_generator_is_refused_at_decoration(self, cache: Cache) -> None:
        """A2: its chunks would be kept one by one, and a falsy one would end the replay."""

        async def stream() -> Any:
            yield 1

        with pytest.raises(ConfigurationError, match="generator"):
            cache("1m")(stream)


# -- A2: decorators --------------------------------------------------------------------------------


class TestConditionsA2:
    @pytest.mark.parametrize("truthy", [[1], "yes", 1, object()])
    @pytest.mark.parametrize("decorator", ["cache", "soft", "early"])
    async def test_what_is_true_is_stored_whatever_its_type(
        self, cache: Cache, source: Source, decorator: str, truthy: object
    ) -> None:
        options: dict[str, dict[str, Any]] = {
            "cache": {},
            "soft": {"soft_ttl": "30s"},
            "early": {"early_ttl": "30s"},
        }

        @cache("1m", condition=lambda result: truthy, **options[decorator])
        async def get_user(user_id: int) -> int:
            return source.read()

        await get_user(1)
        await get_user(1)

        assert source.loads == 1

    @pytest.mark.parametrize("falsy", [[], "", 0, None])
    async def test_what_is_false_is_returned_and_not_stored(
        self, cache: Cache, source: Source, falsy: object
    ) -> None:
        @cache("1m", condition=lambda result: falsy)
        async def get_user(user_id: int) -> int:
            return source.read()

        assert [await get_user(1), await get_user(1)] == [1, 1]
        assert source.loads == 2


class TestEarlyAndSoftA2:
    @pytest.mark.parametrize("option", ["soft_ttl", "early_ttl"])
    async def test_past_it_the_value_comes_at_once_and_one_refresh_runs_behind(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper, option: str
    ) -> None:
        """Also for a hundred callers, and while the refresh still runs."""

        @cache("1h", **{option: "10m"})
        async def get_user(user_id: int) -> int:
            seen = source.read()
            if seen > 1:
                await step.stop("refreshing")
            return seen

        await get_user(1)
        source.version = 2
        clock.advance("10m")

        served = [await get_user(1) for _ in range(100)]
        await step.reached("refreshing")
        served += [await get_user(1) for _ in range(100)]

        assert served == [1] * 200
        assert source.loads == 2
        step.go("refreshing")
        await step.settle()
        assert await get_user(1) == 2
        assert source.loads == 2

    @pytest.mark.parametrize("option", ["soft_ttl", "early_ttl"])
    async def test_there_may_be_no_end_after_it(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper, option: str
    ) -> None:
        @cache(None, **{option: "10m"})
        async def get_user(user_id: int) -> int:
            return source.read()

        await get_user(1)
        source.version = 2
        clock.advance("20d")

        assert await get_user(1) == 1
        await step.settle()
        assert await get_user(1) == 2

    @pytest.mark.parametrize("option", ["soft_ttl", "early_ttl"])
    async def test_all_of_its_durations_may_be_functions(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper, option: str
    ) -> None:
        """They get what they declare, by name; a function of the result among it."""

        def ttl(result: int) -> str:
            return f"{result}h"

        def sooner(user_id: int) -> float:
            return user_id * 60.0

        @cache(ttl, **{option: sooner})
        async def get_user(name: str, user_id: int) -> int:
            return source.read()

        await get_user("a", 5)
        clock.advance("4m59s")
        await get_user("a", 5)
        await step.settle()
        assert source.loads == 1
        clock.advance("1s")
        await get_user("a", 5)
        await step.settle()
        assert source.loads == 2
        clock.advance("1h")
        await get_user("a", 5)
        assert source.loads == 3

    async def test_a_refresh_that_fails_leaves_the_value_and_pauses_and_is_logged_once(
        self,
        cache: Cache,
        source: Source,
        clock: ManualClock,
        step: Stepper,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        @cache.early("1h", early_ttl="10m", retry_after="30s")
        async def get_user(user_id: int) -> int:
            if source.read() == 2:
                raise ConnectionError("the source is down")
            return source.version

        async def read_ten_times() -> list[int]:
            found = []
            for _ in range(10):
                found.append(await get_user(1))
                await step.settle()
            return found

        await get_user(1)
        source.version = 2
        clock.advance("10m")

        with caplog.at_level(logging.WARNING, "freshly"):
            assert await read_ten_times() == [1] * 10
            assert (source.loads, len(caplog.records)) == (2, 1)
            clock.advance("29s")
            assert await read_ten_times() == [1] * 10
            assert (source.loads, len(caplog.records)) == (2, 1)
            clock.advance("1s")
            assert await read_ten_times() == [1] * 10
            assert (source.loads, len(caplog.records)) == (3, 2)

        assert "the source is down" in caplog.text
        source.version = 3
        clock.advance("30s")
        assert await read_ten_times() == [1] + [3] * 9

    async def test_a_refresh_that_is_cancelled_keeps_nobody_from_the_next(
        self, cache: Cache, source: Source, clock: ManualClock, step: Stepper
    ) -> None:
        """There a leader that was killed kept its lock for the whole early ttl."""

        @cache.early("1h", early_ttl="10m")
        async def get_user(user_id: int) -> int:
            seen = source.read()
            if source.loads == 2:
                await step.stop("refreshing")
            return seen

        await get_user(1)
        source.version = 2
        clock.advance("10m")
        await get_user(1)
        await step.reached("refreshing")
        [refresh] = [one for one in asyncio.all_tasks() if "refreshes" in one.get_name()]

        refresh.cancel()
        await step.settle()

        assert await get_user(1) == 1
        await step.settle()
        assert await get_user(1) == 2

    async def test_a_stale_value_stands_in_for_a_failing_source_only_where_grace_says_so(
        self, cache: Cache, source: Source, clock: ManualClock
    ) -> None:
        @cache("1m", grace="1m")
        async def with_grace() -> int:
            if source.read() == 2:
                raise ConnectionError("the source is down")
            return source.version

        @cache("1m")
        async def without() -> int:
            return await with_grace.uncached()

        assert [await with_grace(), await without()] == [1, 1]
        source.version = 2
        clock.advance("1m")

        assert await with_grace() == 1
        with pytest.raises(ConnectionError):
            await without()
        clock.advance("1m")
        with pytest.raises(ConnectionError):
            await with_grace()


class TestInvalidatesA2:
    @pytest.mark.parametrize("names", [{"tags": ["user:{name}"]}, {"keys": ["user:{name}"]}])
    def test_a_placeholder_that_the_writer_lacks_is_an_error(
        self, cache: Cache, names: dict[str, list[str]]
    ) -> None:
        def update_user(user_id: int) -> None: ...

        with pytest.raises(ConfigurationError, match="'name'"):
            cache.invalidates(*names.get("tags", ()), keys=names.get("keys", ()))(update_user)

    async def test_an_argument_that_was_not_passed_counts_with_its_default(
        self, cache: Cache, source: Source
    ) -> None:
        @cache("1h", key="user:{user_id}")
        async def get_user(user_id: int = 1) -> int:
            return source.read()

        @cache.invalidates(keys=["user:{user_id}"])
        async def update_user(user_id: int = 1) -> None:
            source.version += 1

        await get_user()

        await update_user()

        assert await get_user() == 2

    async def test_a_star_in_an_argument_is_a_star_and_no_pattern(self, cache: Cache) -> None:
        @cache.invalidates(keys=["user:{name}"])
        async def update_user(name: str) -> None: ...

        await cache.set("user:*", 1)
        await cache.set("user:ann", 1)

        await update_user("*")

        assert not await cache.exists("user:*")
        assert await cache.exists("user:ann")


# -- A3: commands ----------------------------------------------------------------------------------


class TestTtlOfCommandsA3:
    @pytest.mark.parametrize("ttl", [0, -1, 0.0, -0.5, "0s", "-5", "", float("nan"), float("inf")])
    async def test_no_ttl_means_for_ever_by_accident(self, cache: Cache, ttl: Any) -> None:
        with pytest.raises(ConfigurationError, match="ttl="):
            await cache.set("a", 1, ttl)
        with pytest.raises(ConfigurationError, match="ttl="):
            cache(ttl)
            cache(ttl)(lambda: 1)
        with pytest.raises(ConfigurationError, match="ttl="):
            await cache.get_or_set("a", lambda: 1, ttl)
        assert not await cache.exists("a")

    async def test_set_without_ttl_forgets_the_former_ttl(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        await cache.set("a", 1, "10s")
        await cache.set("a", 2)

        clock.advance("1d")

        assert await cache.get("a") == 2

    async def test_set_after_the_end_of_the_former_value_is_seen_at_once(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        await cache.set("a", 1, "10s")
        clock.advance("10s")
        assert not await cache.exists("a")

        await cache.set("a", 2)

        assert await cache.get("a") == 2
        assert await cache.exists("a")


class TestValuesA3:
    async def test_a_negative_number_is_a_value(self, cache: Cache, source: Source) -> None:
        @cache("1m")
        async def depth() -> int:
            return -7 * source.read()

        assert [await depth(), await depth()] == [-7, -7]
        assert source.loads == 1

    async def test_with_copy_no_caller_can_change_what_another_one_gets(self, cache: Cache) -> None:
        made: list[list[list[str]]] = []

        @cache("1m", copy=True)
        async def get_tree() -> list[list[str]]:
            made.append([["leaf"]])
            return made[-1]

        first = await get_tree()
        first[0].append("changed by the one who loaded")
        second = await get_tree()
        second[0].append("changed by the one who hit")

        assert await get_tree() == [["leaf"]]
        assert len(made) == 1

    async def test_without_copy_a_hit_is_the_stored_object(self, cache: Cache) -> None:
        """As documented: nothing is copied unless asked for."""

        @cache("1m")
        async def get_tree() -> list[str]:
            return ["leaf"]

        assert await get_tree() is await get_tree()

    async def test_clear_leaves_what_is_not_its_own(self, cache: Cache) -> None:
        other = Cache()
        await cache.set("a", 1)
        await other.set("a", 1)

        await cache.clear()

        assert not await cache.exists("a")
        assert await other.exists("a")


KEYS = [
    "user.1",
    "userX1",
    "user:1",
    "user:12",
    "USER:1",
    "a(b",
    "a(*",
    "a[b",
    "a|b",
    "a^b$",
    "a+",
    "aa",
    "line\nbreak",
    "back\\slash",
    "",
]
PATTERNS = [
    "user.1",
    "user?1",
    "user:*",
    "user:[12]",
    "user:[!2]",
    "*",
    "a(*",
    "a(?",
    "a[[]b",
    "a|*",
    "*$",
    "a+",
    "line*break",
    "back\\slash",
    "nothing",
    "[a-z]*",
]


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_a3_patterns_are_globs_and_everything_else_in_them_is_itself(
    cache: Cache, pattern: str
) -> None:
    """Not regular expressions in which a dot is any letter and a bracket an error."""
    keys = [key for key in KEYS if key]
    for key in keys:
        await cache.set(key, 1)
    matching = [key for key in keys if fnmatchcase(key, pattern)]

    assert await cache.delete_match(pattern) == len(matching)

    assert [key for key in keys if await cache.exists(key)] == [
        key for key in keys if key not in matching
    ]


# -- A4: durations ---------------------------------------------------------------------------------


class TestDurationsA4:
    @pytest.mark.parametrize(
        "ttl", ["1h30", "", "80", "5 m", "1h ago", "m", "-5m", "1y", "1m1h", True, object(), b"5m"]
    )
    def test_what_is_not_wholly_a_duration_is_an_error_at_decoration(
        self, cache: Cache, ttl: Any
    ) -> None:
        def load() -> int:
            return 1

        with pytest.raises(ConfigurationError, match="ttl="):
            cache(ttl)(load)

    @pytest.mark.parametrize(
        ("ttl", "seconds"),
        [("1.5h", 5400), ("1w", 604_800), ("500ms", 0.5), ("1h45m", 6300), (90, 90), (0.5, 0.5)],
    )
    async def test_what_is_a_duration_lasts_as_long_as_it_says(
        self, cache: Cache, clock: ManualClock, ttl: Any, seconds: float
    ) -> None:
        await cache.set("a", 1, ttl)

        clock.advance(seconds * 0.999)
        assert await cache.exists("a")
        clock.advance(seconds * 0.001)
        assert not await cache.exists("a")

    async def test_a_function_gets_by_name_what_it_declares_however_the_call_was_spelled(
        self, cache: Cache
    ) -> None:
        asked: list[tuple[str, int]] = []

        def ttl(kind: str, result: int) -> str:
            asked.append((kind, result))
            return "1h"

        @cache(ttl)
        async def get(key: str, kind: str = "daily") -> int:
            return len(key)

        await get("a")
        await get("bb", "weekly")
        await get(kind="monthly", key="ccc")

        assert asked == [("daily", 1), ("weekly", 2), ("monthly", 3)]

    def test_a_function_that_asks_for_what_there_is_not_is_an_error_at_decoration(
        self, cache: Cache
    ) -> None:
        def load(key: str) -> int:
            return 1

        with pytest.raises(ConfigurationError, match="'kind'"):
            cache(lambda kind: "1h")(load)

    async def test_a_type_error_inside_the_function_reaches_the_caller_and_nothing_runs_twice(
        self, cache: Cache, source: Source
    ) -> None:
        asked: list[object] = []

        def ttl(result: object = None) -> Any:
            asked.append(result)
            raise TypeError("mine")

        @cache(ttl)
        async def get() -> int:
            return source.read()

        with pytest.raises(TypeError, match="mine"):
            await get()

        assert asked == [1]
        assert source.loads == 1


# -- A5: keys and tags -----------------------------------------------------------------------------


# Pairs of calls that share an entry where values are joined as they are.
COLLIDING: list[tuple[tuple[Any, Any], tuple[Any, Any]]] = [
    (("1:b:2", "3"), ("1", "2:b:3")),
    (("1", "2,b=3"), ("1,b=2", "3")),
    (("a'", "b"), ("a", "'b")),
    ((None, 1), ("", 1)),
    ((None, 1), ("None", 1)),
    ((True, 1), ("true", 1)),
    ((True, 1), ("True", 1)),
    ((True, 1), (1, 1)),
    ((1.0, 1), (1, 1)),
    ((False, 1), (0, 1)),
    ((False, 1), (None, 1)),
    (([1, 2], 1), ("1:2", 1)),
    (([1, 2], 1), ("[1, 2]", 1)),
    (([1, 2], 1), ((1, 2), 1)),
    ((7, 1), ("7", 1)),
    ((b"a", 1), ("a", 1)),
    ((b"a", 1), ("b'a'", 1)),
    (({"a": 1}, 1), ({"a": "1"}, 1)),
    (({1: 1}, 1), ({"1": 1}, 1)),
    ((0.0, 1), (-0.0, 1)),
]


class TestKeysA5:
    async def test_every_spelling_of_a_call_is_one_entry(self, cache: Cache, source: Source) -> None:
        @cache("1h")
        async def get_user_posts(user_id: int, page: int = 1) -> int:
            return source.read()

        await get_user_posts(123)
        await get_user_posts(user_id=123)
        await get_user_posts(123, 1)
        await get_user_posts(page=1, user_id=123)

        assert source.loads == 1

    @pytest.mark.parametrize(("one", "other"), COLLIDING)
    async def test_calls_that_differ_never_share_an_entry(
        self, cache: Cache, one: tuple[Any, Any], other: tuple[Any, Any]
    ) -> None:
        @cache("1h")
        async def two(a: Any, b: Any) -> list[Any]:
            return [a, b]

        for a, b in (one, other, one, other):
            found = await two(a, b)
            assert [type(value) for value in found] == [type(a), type(b)]
            assert repr(found) == repr([a, b])

    def test_functions_of_one_name_never_share_an_entry(self, cache: Cache) -> None:
        class Cats:
            @staticmethod
            @cache("1h")
            def sound(loud: bool) -> str:
                return "meow"

        class Dogs:
            @staticmethod
            @cache("1h")
            def sound(loud: bool) -> str:
                return "woof"

        assert [Cats.sound(True), Dogs.sound(True), Cats.sound(True)] == ["meow", "woof", "meow"]

    def test_two_hundred_short_lived_services_never_get_a_dead_ones_value(self, cache: Cache) -> None:
        """Each takes the place in memory of one that is gone. That no call can ever hit is said
        once, with the ways out."""

        class Service:
            def __init__(self, name: str) -> None:
                self.name = name

            @cache("1h")
            def get_name(self) -> str:
                return self.name

        names = [f"service {number}" for number in range(200)]

        with pytest.warns(FreshlyWarning, match=r"Service a __cache_key__"):
            answers = [Service(name).get_name() for name in names]

        assert answers == names

    async def test_an_object_that_says_nothing_but_its_address_is_refused(self, cache: Cache) -> None:
        class Thing: ...

        @cache("1h")
        async def get(thing: object) -> int:
            return 1

        with pytest.raises(KeyTextError, match="address"):
            await get(Thing())

    async def test_a_long_argument_does_not_make_a_long_key(self, cache: Cache) -> None:
        @cache("1h")
        async def get(text: str) -> str:
            return text

        long, longer = "x" * 10_000, "x" * 10_001

        assert len(get.key(long)) <= 200
        assert get.key(long) != get.key(longer)
        assert [await get(long), await get(longer)] == [long, longer]


class TestTagsA5:
    @pytest.mark.parametrize("option", [{"tags": ["u:{user}"]}, {"key": "u:{user}"}])
    def test_an_unknown_name_in_a_template_is_an_error_at_decoration(
        self, cache: Cache, option: Any
    ) -> None:
        def get_user(user_id: int) -> int:
            return 1

        with pytest.raises(ConfigurationError, match=r"'user'.*did you mean 'user_id'"):
            cache("1h", **option)(get_user)

    async def test_a_tag_needs_no_registration(self, cache: Cache) -> None:
        await cache.set("a", 1, tags=["made up here"])
        await cache.set("b", 1)

        await cache.delete_tags("made up here")

        assert not await cache.exists("a")
        assert await cache.exists("b")

    async def test_a_value_has_the_tags_it_was_set_with_and_not_its_predecessors(
        self, cache: Cache
    ) -> None:
        await cache.set("a", 1, tags=["x"])
        await cache.delete("a")
        await cache.set("a", 2)

        await cache.delete_tags("x")

        assert await cache.get("a") == 2

    async def test_a_value_set_over_another_has_only_its_own_tags(self, cache: Cache) -> None:
        await cache.set("a", 1, tags=["x"])
        await cache.set("a", 2, tags=["y"])

        await cache.delete_tags("x")
        assert await cache.get("a") == 2
        await cache.delete_tags("y")
        assert not await cache.exists("a")


# -- A6, C6: None, errors, cancellation ------------------------------------------------------------


class TestNoneA6C6:
    @pytest.mark.parametrize("option", [{}, {"soft_ttl": "1m"}, {"early_ttl": "1m"}])
    async def test_none_is_a_value_like_any_other(
        self, cache: Cache, source: Source, option: Any
    ) -> None:
        @cache("1h", **option)
        async def find(user_id: int) -> None:
            source.read()

        assert [await find(1), await find(1)] == [None, None]
        assert source.loads == 1

    async def test_a_condition_keeps_it_out(self, cache: Cache, source: Source) -> None:
        @cache("1h", condition=lambda result: result is not None)
        async def find(user_id: int) -> None:
            source.read()

        await find(1)
        await find(1)

        assert source.loads == 2

    async def test_a_default_tells_none_from_nothing(self, cache: Cache) -> None:
        await cache.set("a", None)

        assert await cache.get("a", "nothing") is None
        assert await cache.get("b", "nothing") == "nothing"
        assert await cache.get_or_set("a", lambda: "loaded") is None


class TestErrorsA6C6:
    async def test_an_error_is_not_cached(self, cache: Cache, source: Source) -> None:
        @cache("1h")
        async def get() -> int:
            if source.read() == 1:
                raise LookupError("not there yet")
            return source.version

        with pytest.raises(LookupError):
            await get()
        source.version = 2

        assert await get() == 2

    async def test_a_hundred_callers_of_a_failing_load_all_get_its_error_from_one_load(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h")
        async def get() -> int:
            source.read()
            await step.stop("loading")
            raise LookupError("mine")

        callers = [step.start(get()) for _ in range(100)]
        await let_all_go(step)
        errors = await asyncio.gather(*callers, return_exceptions=True)

        assert source.loads == 1
        assert {repr(error) for error in errors} == {"LookupError('mine')"}

    async def test_its_traceback_does_not_grow_with_each_caller_who_gets_it(
        self, cache: Cache, step: Stepper
    ) -> None:
        """Many get one error object, and each raise would add its frames to it."""
        lengths: list[int] = []

        @cache("1h")
        async def get() -> int:
            await step.stop("loading")
            raise LookupError("mine")

        async def ask() -> None:
            try:
                await get()
            except LookupError as error:
                lengths.append(len(traceback.extract_tb(error.__traceback__)))

        callers = [step.start(ask()) for _ in range(50)]
        await let_all_go(step)
        await asyncio.gather(*callers)

        assert len(lengths) == 50
        assert max(lengths) == lengths[0]

    async def test_its_traceback_shows_the_line_of_the_loader_that_raised(self, cache: Cache) -> None:
        @cache("1h")
        async def get() -> int:
            raise LookupError("mine")

        with pytest.raises(LookupError) as caught:
            await get()

        assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "get"


@pytest.mark.parametrize("who", range(5))
async def test_c6_cancelling_any_caller_leaves_the_load_to_the_others(
    cache: Cache, source: Source, step: Stepper, who: int
) -> None:
    """The first is the one whose call began the load."""

    @cache("1h")
    async def get() -> int:
        seen = source.read()
        await step.stop("loading")
        return seen

    callers = [step.start(get()) for _ in range(5)]
    await step.reached("loading")

    callers[who].cancel()
    await let_all_go(step)

    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(answers.pop(who), asyncio.CancelledError)
    assert answers == [1] * 4
    assert source.loads == 1


async def test_c6_an_impatient_caller_does_not_end_it_for_patient_ones(
    cache: Cache, source: Source, step: Stepper
) -> None:
    @cache("1h")
    async def get() -> int:
        seen = source.read()
        await step.stop("loading")
        return seen

    async def impatient() -> int:
        async with asyncio.timeout(0):
            return await get()

    patient = [step.start(get()) for _ in range(2)]
    await step.reached("loading")

    with pytest.raises(TimeoutError):
        await impatient()
    await let_all_go(step)

    assert await asyncio.gather(*patient) == [1, 1]
    assert source.loads == 1


# -- A8: switching off -----------------------------------------------------------------------------


class TestDisabledA8:
    async def test_it_holds_for_every_task_whoever_switched_it_off(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        """There it held for the task that said so, and a lifespan runs in one of its own."""

        @cache("1h")
        async def get() -> int:
            return source.read()

        async def lifespan() -> None:
            with cache.disabled():
                await step.stop("serving")

        async def request() -> int:
            return await get()

        await get()
        serving = step.start(lifespan())
        await step.reached("serving")
        source.version = 2

        assert [await step.start(request()), await step.start(request())] == [2, 2]

        assert source.loads == 3
        step.go("serving")
        await serving
        assert await step.start(request()) == 1

    def test_it_holds_for_every_thread(self, cache: Cache, source: Source) -> None:
        @cache("1h")
        def get() -> int:
            return source.read()

        get()
        source.version = 2

        with cache.disabled(), ThreadStepper() as step:
            assert step.start(get).result() == 2
        assert get() == 1

    async def test_what_is_invalidated_meanwhile_is_invalid_afterwards(
        self, cache: Cache, source: Source
    ) -> None:
        @cache("1h", tags=["a"])
        async def get() -> int:
            return source.read()

        await get()
        source.version = 2

        with cache.disabled():
            await cache.delete_tags("a")

        assert await get() == 2

    async def test_caches_share_no_switch_and_no_numbers(self, cache: Cache, source: Source) -> None:
        other = Cache()

        @other("1h")
        async def get() -> int:
            return source.read()

        with cache.disabled():
            await get()
            await get()

        assert source.loads == 1
        assert other.stats().hits == 1
        assert cache.stats().hits == 0


# -- A9: setting up --------------------------------------------------------------------------------


class TestSetupA9:
    @pytest.mark.parametrize("url", ["mem://?sise=10", "memory://", "mem", "", "mem://host"])
    def test_what_it_does_not_know_is_an_error_at_once(self, cache: Cache, url: str) -> None:
        with pytest.raises(ConfigurationError):
            cache.setup(url)

    async def test_a_second_setup_leaves_nothing_of_the_first(
        self, cache: Cache, source: Source
    ) -> None:
        """As the guide's fixture does for each test."""

        @cache("1h", tags=["a"])
        async def get() -> int:
            return source.read()

        for number in range(1, 4):
            cache.setup("mem://")
            source.version = number

            assert [await get(), await get()] == [number, number]
            source.version = number + 10
            await cache.delete_tags("a")
            assert await get() == number + 10
            await cache.clear()

        assert source.loads == 6

    async def test_a_load_of_the_former_store_lands_nowhere(
        self, cache: Cache, source: Source, step: Stepper
    ) -> None:
        @cache("1h", key="a")
        async def get() -> int:
            seen = source.read()
            await step.stop("loading")
            return seen

        reader = step.start(get())
        await step.reached("loading")

        cache.setup("mem://")
        await let_all_go(step)

        assert await reader == 1
        assert not await cache.exists("a")

    def test_one_cache_serves_one_event_loop_after_another(
        self, cache: Cache, source: Source, clock: ManualClock
    ) -> None:
        """Nobody closed it in between, and a refresh ran when the first loop ended."""

        @cache.soft("1h", soft_ttl="1m", tags=["a"])
        async def get() -> int:
            seen = source.read()
            if source.loads == 2:
                await asyncio.Event().wait()
            return seen

        async def first() -> int:
            await get()
            clock.advance("1m")
            found = await get()
            await Stepper().settle()
            return found

        async def second() -> list[int]:
            found = [await get()]
            await Stepper().settle()
            found.append(await get())
            await cache.delete_tags("a")
            return [*found, await get()]

        assert asyncio.run(first()) == 1
        assert source.loads == 2
        source.version = 2

        assert asyncio.run(second()) == [1, 2, 2]

    def test_a_load_that_died_with_its_loop_keeps_nobody_waiting(
        self, cache: Cache, source: Source
    ) -> None:
        @cache("1h")
        async def get() -> int:
            seen = source.read()
            if source.loads == 1:
                await asyncio.Event().wait()
            return seen

        async def leave_it_running() -> None:
            reader = asyncio.ensure_future(get())
            await Stepper().settle()
            assert not reader.done()

        asyncio.run(leave_it_running())

        assert asyncio.run(get()) == 1
        assert source.loads == 2


# -- C1: an invalidation races a load --------------------------------------------------------------

Read = Callable[[], Awaitable[int]]
Face = Callable[[Cache, Callable[[], Awaitable[int]]], Read]
Invalidation = Callable[[Cache], Awaitable[object]]


def _decorated(ttl: Any = "1h", **options: Any) -> Face:
    def face(cache: Cache, load: Callable[[], Awaitable[int]]) -> Read:
        @cache(ttl, key="user:1", tags=["user:1"], **options)
        async def get_user() -> int:
            return await load()

        return get_user

    return face


def _by_hand(**options: Any) -> Face:
    def face(cache: Cache, load: Callable[[], Awaitable[int]]) -> Read:
        return lambda: cache.get_or_set("user:1", load, "1h", tags=["user:1"], **options)

    return face


FACES = {
    "cache": _decorated(),
    "soft": _decorated(soft_ttl="10m"),
    "early": _decorated(early_ttl="10m"),
    "grace": _decorated(grace="1h"),
    "get_or_set": _by_hand(),
}
REFRESHING_FACES = {
    "soft": _decorated(soft_ttl="10m"),
    "early": _decorated(early_ttl="10m"),
    "get_or_set": _by_hand(soft_ttl="10m"),
}


async def _invalidates(cache: Cache, *tags: str, keys: tuple[str, ...] = ()) -> None:
    @cache.invalidates(*tags, keys=keys)
    async def update_user() -> None: ...

    await update_user()


async def _blocking(cache: Cache) -> None:
    cache.blocking.delete_tags("user:1")


INVALIDATIONS: dict[str, Invalidation] = {
    "delete_tags": lambda cache: cache.delete_tags("user:1"),
    "delete": lambda cache: cache.delete("user:1"),
    "delete_match": lambda cache: cache.delete_match("user:*"),
    "delete_match_literal": lambda cache: cache.delete_match("user:1"),
    "clear": lambda cache: cache.clear(),
    "set": lambda cache: cache.set("user:1", 2, "1h", tags=["user:1"]),
    "invalidates_tags": lambda cache: _invalidates(cache, "user:1"),
    "invalidates_keys": lambda cache: _invalidates(cache, keys=("user:1",)),
    "from_the_other_face": _blocking,
}


@pytest.mark.parametrize("invalidation", INVALIDATIONS)
@pytest.mark.parametrize("face", FACES)
class TestInvalidationDuringALoadC1:
    async def test_its_value_is_not_served_to_anybody_who_comes_later(
        self, cache: Cache, source: Source, step: Stepper, face: str, invalidation: str
    ) -> None:
        async def load() -> int:
            seen = source.read()
            await step.stop("loading")
            return seen

        read = FACES[face](cache, load)
        before = step.start(_call(read))
        await step.reached("loading")

        source.version = 2
        await INVALIDATIONS[invalidation](cache)
        await let_all_go(step)
        assert await before == 1

        after = step.start(_call(read))
        await let_all_go(step)
        assert await after == 2
        assert await read() == 2

    async def test_who_comes_later_does_not_join_it(
        self, cache: Cache, source: Source, step: Stepper, face: str, invalidation: str
    ) -> None:
        """They read their own writes: one load more, for all of them together."""

        async def load() -> int:
            seen = source.read()
            await step.stop("loading")
            return seen

        read = FACES[face](cache, load)
        before = [step.start(_call(read)) for _ in range(3)]
        await step.reached("loading")

        source.version = 2
        await INVALIDATIONS[invalidation](cache)
        after = [step.start(_call(read)) for _ in range(3)]
        await let_all_go(step)

        assert await asyncio.gather(*before) == [1, 1, 1]
        assert await asyncio.gather(*after) == [2, 2, 2]
        assert source.loads <= 2
        assert await read() == 2


async def _call(read: Read) -> int:
    return await read()


@pytest.mark.parametrize("invalidation", INVALIDATIONS)
@pytest.mark.parametrize("face", REFRESHING_FACES)
async def test_c1_a_refresh_that_an_invalidation_overtook_brings_nothing_back(
    cache: Cache,
    source: Source,
    clock: ManualClock,
    step: Stepper,
    face: str,
    invalidation: str,
) -> None:
    async def load() -> int:
        seen = source.read()
        if source.loads == 2:
            await step.stop("refreshing")
        return seen

    read = REFRESHING_FACES[face](cache, load)
    await read()
    clock.advance("10m")
    assert await read() == 1
    await step.reached("refreshing")

    source.version = 2
    await INVALIDATIONS[invalidation](cache)
    during = await read()
    step.go("refreshing")
    await step.settle()

    assert during == 2
    assert await read() == 2


@pytest.mark.parametrize("face", REFRESHING_FACES)
async def test_c1_marking_stale_during_a_load_makes_its_value_stale(
    cache: Cache, source: Source, step: Stepper, face: str
) -> None:
    """The soft verb: the value is served once more, and refreshed behind that."""

    async def load() -> int:
        seen = source.read()
        if source.loads == 1:
            await step.stop("loading")
        return seen

    read = FACES[face](cache, load)
    before = step.start(_call(read))
    await step.reached("loading")

    source.version = 2
    await cache.mark_stale("user:1")
    step.go("loading")

    assert await before == 1
    assert await read() == 1
    await step.settle()
    assert await read() == 2
    assert source.loads == 2


def test_c1_a_load_on_a_thread_is_overtaken_in_the_same_way(cache: Cache, source: Source) -> None:
    with ThreadStepper() as step:

        @cache("1h", tags=["user:1"])
        def get_user() -> int:
            seen = source.read()
            step.stop(f"load {source.loads}")
            return seen

        before = step.start(get_user)
        step.reached("load 1")

        source.version = 2
        cache.blocking.delete_tags("user:1")
        after = step.start(get_user)
        step.reached("load 2")
        step.go("load 1")
        step.go("load 2")

        assert [before.result(), after.result()] == [1, 2]
        assert get_user() == 2
        assert source.loads == 2


# -- C2: stampede ----------------------------------------------------------------------------------

ALL_FACES: dict[str, Face] = {
    **FACES,
    "computed": _decorated(lambda result: "1h", soft_ttl=lambda: "10m", early_ttl=lambda: "5m"),
    "condition": _decorated(condition=lambda result: [result]),
    "copy": _decorated(copy=True),
    "soft_get_or_set": _by_hand(soft_ttl="10m"),
    "early_get_or_set": _by_hand(early_ttl="10m"),
}


@pytest.mark.parametrize("face", ALL_FACES)
async def test_c2_a_hundred_callers_at_once_are_one_load(
    cache: Cache, source: Source, step: Stepper, face: str
) -> None:
    async def load() -> int:
        seen = source.read()
        await step.stop("loading")
        return seen

    read = ALL_FACES[face](cache, load)

    callers = [step.start(_call(read)) for _ in range(100)]
    await let_all_go(step)

    assert await asyncio.gather(*callers) == [1] * 100
    assert source.loads == 1


def test_c2_a_hundred_threads_at_once_are_one_load(cache: Cache, source: Source) -> None:
    with ThreadStepper(100) as step:

        @cache("1h")
        def get() -> int:
            step.stop("loading")
            return source.read()

        pilot = step.start(get)
        step.reached("loading")
        others = [step.start(get) for _ in range(99)]
        step.go("loading")

        assert [pilot.result(), *(other.result() for other in others)] == [1] * 100
    assert source.loads == 1


# -- C7, C8: tags ----------------------------------------------------------------------------------


class Steps:
    """Counts the lines of Python that a piece of code runs."""

    def __init__(self) -> None:
        self.count = 0
        self._former: Any = None

    def __enter__(self) -> Steps:
        self._former = sys.gettrace()
        sys.settrace(self._see)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(self._former)

    def _see(self, frame: FrameType, event: str, argument: object) -> Any:
        self.count += 1
        return self._see


class TestTagsC7C8:
    async def test_an_invalidation_takes_as_many_steps_for_ten_entries_as_for_five_thousand(
        self,
    ) -> None:
        """Counted in lines of Python, not in time."""

        async def steps_of_an_invalidation(entries: int) -> int:
            cache = Cache()
            for number in range(entries):
                await cache.set(f"{number}", number, tags=["all", f"one:{number}"])
            with Steps() as steps:
                await cache.delete_tags("all")
            assert not await cache.exists("0")
            return steps.count

        few = await steps_of_an_invalidation(10)
        many = await steps_of_an_invalidation(5_000)

        assert few == many

    async def test_a_shorter_ttl_beside_it_does_not_take_the_tag_away(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        await cache.set("profile", 1, "20s", tags=["users", "user:1"])
        await cache.set("forever", 1, tags=["users"])
        await cache.set("sibling", 1, "1s", tags=["users", "user:1"])
        clock.advance("2s")

        await cache.delete_tags("user:1")
        assert not await cache.exists("profile")
        assert await cache.exists("forever")

        await cache.delete_tags("users")
        assert not await cache.exists("forever")

    async def test_entries_that_come_and_go_do_not_take_the_tag_away(self, source: Source) -> None:
        cache = Cache(max_entries=10)

        @cache("1h", tags=["hot"])
        async def get_hot() -> int:
            return source.read()

        await get_hot()
        for number in range(100):
            await cache.set(f"{number}", number)
            await get_hot()
        assert source.loads == 1
        source.version = 2

        await cache.delete_tags("hot")

        assert await get_hot() == 2

    async def test_tags_take_no_room_from_entries(self) -> None:
        cache = Cache(max_entries=100)

        for number in range(100):
            await cache.set(f"{number}", number, tags=[f"a:{number}", f"b:{number}"])

        assert cache.stats().entries == 100
        assert cache.stats().evictions == 0

    async def test_what_has_expired_leaves_nothing_behind(
        self, cache: Cache, clock: ManualClock
    ) -> None:
        """There the set of a tag grew by the keys of every round."""
        await cache.set("stays", 1, tags=["all"])
        for round_ in range(4):
            for number in range(500):
                await cache.set(f"{round_}:{number}", number, "1s", tags=["all"])
            clock.advance("5s")
        for number in range(200):
            await cache.set(f"after:{number}", number)

        assert cache.stats().entries == 201

        await cache.delete_tags("all")
        assert not await cache.exists("stays")


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Who waits for a load that never ends would be a thread that stays."""
    yield
    assert not [one for one in threading.enumerate() if one.name.startswith("stepped")]
