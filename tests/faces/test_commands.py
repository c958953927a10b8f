"""The commands: the same words, meanings and errors on the async face and on the blocking one.

``face`` is one of the two, each command of it awaited if it has to be; so every story here is told
twice.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from freshly import Cache, ConfigurationError, Entry, Stamp, Token
from freshly.testing import ManualClock, Stepper


class Face:
    """``cache`` or ``cache.blocking``, called in one way."""

    def __init__(self, cache: Cache, name: str) -> None:
        self.cache = cache
        self.name = name
        self._commands: Any = cache if name == "async" else cache.blocking

    async def __call__(self, command: str, *args: Any, **kwargs: Any) -> Any:
        outcome = getattr(self._commands, command)(*args, **kwargs)
        if self.name == "async":
            assert inspect.isawaitable(outcome)
            return await outcome
        return outcome

    def signature(self, command: str) -> inspect.Signature:
        return inspect.signature(getattr(self._commands, command))


COMMANDS = (
    "clear",
    "close",
    "delete",
    "delete_match",
    "delete_tags",
    "exists",
    "get",
    "get_or_set",
    "mark_stale",
    "ping",
    "set",
    "stamp",
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def cache(clock: ManualClock) -> AsyncIterator[Cache]:
    cache = Cache(clock=clock, dice=lambda: 0.0)
    yield cache
    await cache.close()


@pytest.fixture(params=["async", "blocking"])
def face(request: pytest.FixtureRequest, cache: Cache) -> Face:
    return Face(cache, request.param)


@pytest.mark.parametrize("command", COMMANDS)
def test_both_faces_take_the_same_arguments(cache: Cache, command: str) -> None:
    one = Face(cache, "async").signature(command).parameters
    other = Face(cache, "blocking").signature(command).parameters

    assert [(each.name, each.kind, each.default) for each in one.values()] == [
        (each.name, each.kind, each.default) for each in other.values()
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_both_faces_have_a_docstring_for_each(cache: Cache, command: str) -> None:
    for holder in (cache, cache.blocking):
        assert inspect.getdoc(getattr(holder, command))


async def test_what_one_face_writes_the_other_reads(cache: Cache) -> None:
    await cache.set("a", 1)
    cache.blocking.set("b", 2)

    assert cache.blocking.get("a") == 1
    assert await cache.get("b") == 2


class TestGetAndSet:
    async def test_what_was_set_is_got_until_its_end(self, face: Face, clock: ManualClock) -> None:
        assert await face("set", "k", {"v": 1}, "1m") is True

        assert await face("get", "k") == {"v": 1}
        clock.advance("59s")
        assert await face("get", "k") == {"v": 1}
        clock.advance("1s")
        assert await face("get", "k") is None

    async def test_what_is_not_there_is_none_or_the_default(self, face: Face) -> None:
        nothing = object()

        assert await face("get", "k") is None
        assert await face("get", "k", nothing) is nothing
        assert await face("get", "k", default=nothing) is nothing

    async def test_none_is_a_value_like_any_other(self, face: Face) -> None:
        nothing = object()

        await face("set", "k", None)

        assert await face("get", "k", nothing) is None
        assert await face("exists", "k") is True
        assert await face("get_or_set", "k", lambda: 1) is None

    async def test_a_value_of_another_type_counts_as_absent(self, face: Face) -> None:
        await face("set", "number", 1)
        await face("set", "flag", True)
        await face("set", "nothing", None)

        assert await face("get", "number", type=int) == 1
        assert await face("get", "number", type=str) is None
        assert await face("get", "number", 0, type=str) == 0
        assert await face("get", "flag", type=int) is True
        assert await face("get", "nothing", "default", type=int) == "default"

    @pytest.mark.parametrize("ttl", [60, 60.0, "1m", timedelta(minutes=1)])
    async def test_a_ttl_has_any_form_of_a_duration(
        self, face: Face, clock: ManualClock, ttl: Any
    ) -> None:
        await face("set", "k", 1, ttl)

        clock.advance(59.9)
        assert await face("exists", "k")
        clock.advance(0.1)
        assert not await face("exists", "k")

    async def test_without_a_ttl_it_lasts_as_long_as_the_store_keeps_anything(
        self, face: Face, clock: ManualClock
    ) -> None:
        await face("set", "k", 1)

        clock.advance("29d")
        assert await face("exists", "k")
        clock.advance("1d")
        assert not await face("exists", "k")

    async def test_set_replaces_value_ttl_and_tags(self, face: Face, clock: ManualClock) -> None:
        await face("set", "k", 1, "1m", tags=["old"])
        await face("set", "k", 2, "1h", tags=["new"])

        await face("delete_tags", "old")
        clock.advance("30m")
        assert await face("get", "k") == 2
        await face("delete_tags", "new")
        assert await face("get", "k") is None

    async def test_what_is_past_its_soft_ttl_is_still_got(self, face: Face, clock: ManualClock) -> None:
        """Nobody here could refresh it."""
        await face("set", "k", 1, "1h", soft_ttl="1m")

        clock.advance("30m")

        assert await face("get", "k") == 1
        assert face.cache.stats().stale_hits == 1

    async def test_a_set_after_an_invalidation_stands(self, face: Face) -> None:
        await face("delete_tags", "t")
        await face("set", "k", 1, tags=["t"])

        assert await face("get", "k") == 1

    async def test_a_load_that_runs_meanwhile_is_not_stored_over_what_is_set(
        self, face: Face, cache: Cache
    ) -> None:
        step = Stepper()

        @cache("1h", key="k")
        async def load() -> str:
            await step.stop("loading")
            return "loaded"

        reader = step.start(load())
        await step.reached("loading")
        await face("set", "k", "by hand")
        step.go("loading")
        await reader

        assert await face("get", "k") == "by hand"

    @pytest.mark.parametrize("command", ["get", "set", "exists", "delete", "get_or_set"])
    @pytest.mark.parametrize("key", [None, 5, "", b"k", ["k"]])
    async def test_a_key_is_a_text_that_is_not_empty(self, face: Face, command: str, key: Any) -> None:
        rest = {"set": (1,), "get_or_set": (lambda: 1,)}.get(command, ())

        with pytest.raises(ConfigurationError) as caught:
            await face(command, key, *rest)

        assert f"{command}({key!r})" in str(caught.value)
        assert "'user:123'" in str(caught.value)

    @pytest.mark.parametrize("command", ["get", "set", "exists", "delete", "get_or_set"])
    async def test_a_key_with_braces_is_a_forgotten_f(self, face: Face, command: str) -> None:
        rest = {"set": (1,), "get_or_set": (lambda: 1,)}.get(command, ())

        with pytest.raises(ConfigurationError, match=r"put an f before the text, f'user:\{user_id\}'"):
            await face(command, "user:{user_id}", *rest)

    async def test_braces_that_are_no_field_are_fine(self, face: Face) -> None:
        for key in ("{}", "{", 'json:{"a": 1}', "{a b}"):
            await face("set", key, 1)
            assert await face("get", key) == 1

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"ttl": "soon"}, ["ttl='soon'", "'5m'"]),
            ({"ttl": 0}, ["ttl=0", "above zero"]),
            ({"ttl": lambda: 5}, ["ttl=", "seconds"]),
            ({"ttl": "1m", "soft_ttl": "1h"}, ["soft_ttl='1h'", "ttl='1m'", "shorter"]),
            ({"tags": "posts"}, ["'posts'", "list"]),
            ({"tags": [["posts"]]}, ["['posts']", "unpack"]),
            ({"tags": ["user:{user_id}"]}, ["user:{user_id}", "put an f"]),
            ({"tags": [5]}, ["5", "a tag is a text"]),
            ({"tags": [""]}, ["''", "a tag is a text"]),
            ({"tags": None}, ["tags=None", "list"]),
            ({"stamp": 5}, ["stamp=5", "cache.stamp()"]),
        ],
    )
    async def test_a_bad_option_of_set_is_named_with_its_value_and_a_way_out(
        self, face: Face, options: dict[str, Any], words: list[str]
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            await face("set", "k", 1, **options)

        for word in words:
            assert word in str(caught.value)
        assert not await face("exists", "k")


class TestStamp:
    async def test_what_nothing_overtook_is_stored(self, face: Face) -> None:
        stamp = await face("stamp")
        assert isinstance(stamp, Stamp)

        assert await face("set", "k", 1, tags=["t"], stamp=stamp) is True
        assert await face("get", "k") == 1

    @pytest.mark.parametrize(
        ("command", "args"),
        [
            ("delete_tags", ("t",)),
            ("delete", ("k",)),
            ("delete_match", ("*",)),
            ("clear", ()),
            ("set", ("k", "by another")),
        ],
    )
    async def test_what_an_invalidation_overtook_is_not_stored(
        self, face: Face, command: str, args: tuple[str, ...]
    ) -> None:
        stamp = await face("stamp")
        await face(command, *args)

        assert await face("set", "k", 1, tags=["t"], stamp=stamp) is False
        assert await face("get", "k") != 1

    async def test_an_invalidation_of_something_else_does_not_overtake_it(self, face: Face) -> None:
        stamp = await face("stamp")
        await face("delete_tags", "other")
        await face("delete", "other")
        await face("delete_match", "o*")

        assert await face("set", "k", 1, tags=["t"], stamp=stamp) is True

    async def test_an_invalidation_before_it_does_not_count(self, face: Face) -> None:
        await face("delete_tags", "t")
        stamp = await face("stamp")

        assert await face("set", "k", 1, tags=["t"], stamp=stamp) is True

    async def test_what_was_marked_stale_since_is_stored_and_stale(
        self, face: Face, cache: Cache
    ) -> None:
        stamp = await face("stamp")
        await face("mark_stale", "t")

        assert await face("set", "k", 1, "1h", tags=["t"], stamp=stamp) is True
        assert await face("get", "k") == 1
        assert cache.stats().stale_hits == 1

    async def test_a_stamp_of_another_cache_or_store_stores_nothing(
        self, face: Face, cache: Cache
    ) -> None:
        others = await Cache().stamp()
        former = await face("stamp")
        cache.setup()

        assert await face("set", "k", 1, stamp=others) is False
        assert await face("set", "k", 1, stamp=former) is False

    async def test_a_token_is_no_stamp(self, face: Face) -> None:
        """It was taken after an invalidation, but by whom and before what reading?"""
        token = await face("delete_tags", "t")
        assert isinstance(token, Token)

        with pytest.raises(ConfigurationError, match=r"take one with cache\.stamp\(\)"):
            await face("set", "k", 1, stamp=token)

    async def test_one_stamp_is_good_for_several_keys(self, face: Face) -> None:
        stamp = await face("stamp")

        for key in ("a", "b"):
            assert await face("set", key, 1, stamp=stamp) is True
        assert [await face("get", key) for key in "ab"] == [1, 1]


class TestGetOrSet:
    async def test_it_loads_once_and_stores(self, face: Face) -> None:
        loads: list[int] = []

        def load() -> int:
            loads.append(1)
            return len(loads)

        assert await face("get_or_set", "k", load, "1m") == 1
        assert await face("get_or_set", "k", load, "1m") == 1
        assert await face("get", "k") == 1

    async def test_it_has_the_options_of_a_decorator(self, face: Face, clock: ManualClock) -> None:
        outcomes: list[Any] = [1, OSError("down"), None, 2]

        def load() -> Any:
            outcome = outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        async def ask() -> Any:
            return await face(
                "get_or_set",
                "k",
                load,
                lambda result: "1m",
                tags=["t"],
                grace="1h",
                retry_after="10s",
                condition=lambda result: result is not None,
            )

        assert await ask() == 1
        clock.advance("1m")
        assert await ask() == 1  # expired, and the loader failed
        assert await ask() == 1  # paused
        await face("delete_tags", "t")
        assert await ask() is None  # not stored
        assert await ask() == 2

    async def test_an_error_of_the_loader_passes_through(self, face: Face) -> None:
        def load() -> int:
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            await face("get_or_set", "k", load)
        assert not await face("exists", "k")

    async def test_without_its_tags_a_stored_value_is_not_served(self, face: Face) -> None:
        """An invalidation of the tag would not reach it."""
        await face("set", "k", "without")

        assert await face("get_or_set", "k", lambda: "with", tags=["t"]) == "with"

    async def test_an_unknown_option_is_an_error_with_a_near_miss(self, face: Face) -> None:
        with pytest.raises(ConfigurationError, match=r"no option 'tag'; did you mean 'tags'\?"):
            await face("get_or_set", "k", lambda: 1, "1m", tag=["t"])

    async def test_a_loader_that_cannot_be_called_is_an_error(self, face: Face) -> None:
        with pytest.raises(ConfigurationError, match="give a function without arguments"):
            await face("get_or_set", "k", 5, "1m")

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"ttl": "soon"}, ["ttl='soon'"]),
            ({"ttl": "1m", "soft_ttl": "1h"}, ["soft_ttl='1h'", "ttl='1m'"]),
            ({"jitter": 5}, ["jitter=5"]),
            ({"tags": "posts"}, ["'posts'"]),
            ({"tags": ["user:{user_id}"]}, ["put an f"]),
            ({"condition": lambda user_id: True}, ["condition=", "'user_id'"]),
        ],
    )
    async def test_a_bad_option_is_named_with_its_value(
        self, face: Face, options: dict[str, Any], words: list[str]
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            await face("get_or_set", "k", lambda: 1, **options)

        for word in words:
            assert word in str(caught.value)

    async def test_the_async_face_takes_loaders_of_both_colours(self, cache: Cache) -> None:
        async def load() -> int:
            return 1

        assert await cache.get_or_set("a", load, "1m") == 1
        assert await cache.get_or_set("b", lambda: 2, "1m") == 2
        assert await cache.get_or_set("c", lambda: load(), "1m") == 1

    def test_an_async_loader_that_waits_is_an_error_on_the_blocking_face(self) -> None:
        """One that never waits is as good as a plain one."""
        cache = Cache()

        async def quick() -> int:
            return 1

        async def slow() -> int:
            await asyncio.sleep(0)
            return 2

        assert cache.blocking.get_or_set("quick", quick, "1m") == 1
        for _ in range(2):
            with pytest.raises(RuntimeError, match="waited for an event loop"):
                cache.blocking.get_or_set("slow", slow, "1m")
        assert not cache.blocking.exists("slow")

    async def test_one_load_serves_callers_of_both_kinds(self, cache: Cache) -> None:
        step = Stepper()

        async def load() -> str:
            await step.stop("loading")
            return "once"

        @cache("1h", key="k")
        async def get() -> str:
            raise AssertionError("a second load")

        one = step.start(cache.get_or_set("k", load, "1h"))
        await step.reached("loading")
        other = step.start(get())
        await step.settle()
        step.go("loading")

        assert [await one, await other] == ["once", "once"]


class TestDelete:
    async def test_it_counts_what_could_have_been_served(self, face: Face, clock: ManualClock) -> None:
        for key in "abc":
            await face("set", key, 1)
        await face("set", "over", 1, "1m")
        await face("set", "invalid", 1, tags=["t"])
        await face("delete_tags", "t")
        clock.advance("1m")

        assert await face("delete", "a", "b", "over", "invalid", "nothing") == 2
        assert await face("delete", "a") == 0
        assert await face("delete") == 0
        assert [await face("exists", key) for key in "abc"] == [False, False, True]

    async def test_one_key_given_twice_counts_once(self, face: Face) -> None:
        await face("set", "k", 1)

        assert await face("delete", "k", "k") == 1

    async def test_a_list_in_place_of_keys_is_an_error(self, face: Face) -> None:
        with pytest.raises(ConfigurationError, match=r"delete\(\['a', 'b'\]\)"):
            await face("delete", ["a", "b"])

    async def test_if_one_key_is_wrong_none_is_deleted(self, face: Face) -> None:
        await face("set", "a", 1)

        with pytest.raises(ConfigurationError):
            await face("delete", "a", "")

        assert await face("exists", "a")

    async def test_a_pattern_deletes_what_matches_as_a_whole(self, face: Face) -> None:
        for key in ("user:1", "user:2", "user:10", "other:user:1", "USER:1"):
            await face("set", key, 1)

        assert await face("delete_match", "user:?") == 2
        assert await face("delete_match", "user:*") == 1
        assert await face("delete_match", "nobody") == 0
        assert await face("exists", "other:user:1")
        assert await face("exists", "USER:1")

    @pytest.mark.parametrize("pattern", [None, "", 5, ["*"]])
    async def test_a_pattern_is_a_text_that_is_not_empty(self, face: Face, pattern: Any) -> None:
        with pytest.raises(ConfigurationError) as caught:
            await face("delete_match", pattern)

        assert f"delete_match({pattern!r})" in str(caught.value)

    @pytest.mark.parametrize("how", ["key", "match"])
    async def test_a_load_that_runs_meanwhile_is_not_stored(
        self, face: Face, cache: Cache, how: str
    ) -> None:
        step = Stepper()

        @cache("1h", key="user:{number}")
        async def load(number: int) -> int:
            await step.stop("loading")
            return number

        reader = step.start(load(1))
        await step.reached("loading")
        if how == "key":
            assert await face("delete", "user:1") == 0
        else:
            assert await face("delete_match", "user:*") == 0
        step.go("loading")

        assert await reader == 1
        assert not await face("exists", "user:1")


class TestTags:
    async def test_every_entry_with_one_of_them_is_gone(self, face: Face) -> None:
        await face("set", "a", 1, tags=["x"])
        await face("set", "b", 1, tags=["x", "y"])
        await face("set", "c", 1, tags=["y"])
        await face("set", "d", 1)

        token = await face("delete_tags", "x", "nobody")

        assert isinstance(token, Token)
        assert [await face("exists", key) for key in "abcd"] == [False, False, True, True]

    async def test_without_any_nothing_is_gone(self, face: Face) -> None:
        await face("set", "a", 1, tags=["x"])

        await face("delete_tags")

        assert await face("exists", "a")

    async def test_a_tag_is_itself_and_no_pattern(self, face: Face) -> None:
        await face("set", "a", 1, tags=["user:1"])

        await face("delete_tags", "user:*")

        assert await face("exists", "a")

    async def test_later_tokens_have_later_readings(self, face: Face) -> None:
        one = await face("delete_tags", "x")
        other = await face("mark_stale", "x")
        third = await face("clear")

        assert one.reading < other.reading < third.reading

    @pytest.mark.parametrize("command", ["delete_tags", "mark_stale"])
    @pytest.mark.parametrize(
        ("tag", "words"),
        [
            (["a", "b"], ["got a list in place of tags", "(*tags)"]),
            (("a", "b"), ["got a tuple in place of tags", "(*tags)"]),
            ({"a"}, ["got a set in place of tags", "(*tags)"]),
            ("user:{user_id}", ["put an f before the text", "f'user:{user_id}'"]),
            ("user:{user.id}", ["put an f before the text"]),
            ("", ["''", "not empty"]),
            (5, ["5", "a tag is a text"]),
            (None, ["None", "a tag is a text"]),
            (b"user", ["b'user'", "a tag is a text"]),
        ],
    )
    async def test_what_is_no_tag_is_an_error_and_nothing_is_invalidated(
        self, face: Face, command: str, tag: Any, words: list[str]
    ) -> None:
        await face("set", "k", 1, tags=["fine"])

        with pytest.raises(ConfigurationError) as caught:
            await face(command, "fine", tag)

        assert command in str(caught.value)
        for word in words:
            assert word in str(caught.value)
        assert await face("exists", "k")
        assert face.cache.stats().stale_hits == 0

    async def test_an_iterator_in_place_of_tags_is_an_error(self, face: Face) -> None:
        with pytest.raises(ConfigurationError, match="delete_tags"):
            await face("delete_tags", (tag for tag in ["a"]))


class TestMarkStale:
    async def test_the_decorated_function_serves_it_once_more_and_refreshes(
        self, face: Face, cache: Cache
    ) -> None:
        step = Stepper()
        loads: list[int] = []

        @cache("1h", tags=["t"])
        async def get() -> int:
            loads.append(1)
            return len(loads)

        await get()

        token = await face("mark_stale", "t")

        assert isinstance(token, Token)
        assert await get() == 1
        await step.settle()
        assert await get() == 2


class TestClear:
    async def test_everything_of_this_cache_is_gone_and_nothing_else(
        self, face: Face, cache: Cache
    ) -> None:
        other = Cache()
        await other.set("k", 1)
        for key in "ab":
            await face("set", key, 1)

        await face("clear")

        assert cache.stats().entries == 0
        assert not await face("exists", "a")
        assert await other.get("k") == 1

    async def test_a_load_that_runs_meanwhile_is_not_stored(self, face: Face, cache: Cache) -> None:
        step = Stepper()

        @cache("1h", key="k")
        async def get() -> int:
            await step.stop("loading")
            return 1

        reader = step.start(get())
        await step.reached("loading")
        await face("clear")
        step.go("loading")

        assert await reader == 1
        assert not await face("exists", "k")

    async def test_hits_that_were_counted_stay_counted(self, face: Face, cache: Cache) -> None:
        await face("set", "k", 1)
        await face("get", "k")

        await face("clear")

        assert cache.stats().hits == 1


class TestExists:
    async def test_it_is_true_for_what_get_would_be_served(
        self, face: Face, clock: ManualClock
    ) -> None:
        assert await face("exists", "k") is False
        await face("set", "k", 1, "1m", tags=["t"])
        assert await face("exists", "k") is True
        await face("delete_tags", "t")
        assert await face("exists", "k") is False
        await face("set", "k", 1, "1m")
        clock.advance("1m")
        assert await face("exists", "k") is False

    async def test_it_counts_nothing(self, face: Face, cache: Cache) -> None:
        await face("set", "k", 1)

        await face("exists", "k")
        await face("exists", "nothing")

        assert (cache.stats().hits, cache.stats().misses) == (0, 0)


class TestLife:
    async def test_ping_is_true(self, face: Face) -> None:
        assert await face("ping") is True

    async def test_after_close_the_cache_is_empty_and_works_again(
        self, face: Face, cache: Cache
    ) -> None:
        loads: list[int] = []

        @cache("1h")
        async def get() -> int:
            loads.append(1)
            return len(loads)

        await get()
        await face("set", "k", 1)
        await face("close")

        assert not await face("exists", "k")
        assert [await get(), await get()] == [2, 2]
        await face("set", "k", 2)
        assert await face("get", "k") == 2
        await face("close")
        await face("close")

    async def test_a_stamp_from_before_close_stores_nothing(self, face: Face) -> None:
        stamp = await face("stamp")
        await face("close")

        assert await face("set", "k", 1, stamp=stamp) is False

    async def test_no_time_to_drain_is_said_as_zero_and_not_less(self, face: Face) -> None:
        await face("close", 0)
        await face("close", drain=0.5)

        with pytest.raises(ConfigurationError, match="drain=-1 is below zero"):
            await face("close", -1)

    async def test_leaving_the_block_closes_the_cache(self) -> None:
        async with Cache() as cache:
            await cache.set("k", 1)

        assert cache.stats().entries == 0
        assert await cache.get("k") is None

    def test_leaving_the_block_of_the_blocking_face_closes_the_cache(self) -> None:
        with Cache().blocking as blocking:
            blocking.set("k", 1)

        assert not blocking.exists("k")

    async def test_an_error_in_the_block_passes_through(self) -> None:
        with pytest.raises(LookupError, match="mine"):
            async with Cache():
                raise LookupError("mine")


class TestInsideALoad:
    async def test_what_is_got_by_hand_hands_its_tags_to_the_entry_around(
        self, face: Face, cache: Cache
    ) -> None:
        loads: list[int] = []

        @cache("1h")
        async def outer() -> Any:
            loads.append(1)
            return await face("get", "part")

        await face("set", "part", 1, tags=["t"])
        assert await outer() == 1
        entry = await outer.peek()
        assert isinstance(entry, Entry)
        assert entry.tags == ("t",)

        await face("delete_tags", "t")

        assert await outer() is None
        assert len(loads) == 2

    async def test_what_is_got_or_set_hands_its_tags_to_the_entry_around(
        self, face: Face, cache: Cache
    ) -> None:
        loads: list[int] = []

        @cache("1h")
        async def outer() -> Any:
            loads.append(1)
            return await face("get_or_set", "part", lambda: len(loads), "1h", tags=["t"])

        assert [await outer(), await outer()] == [1, 1]

        await face("delete_tags", "t")

        assert [await outer(), await outer()] == [2, 2]
