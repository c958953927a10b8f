"""``assert_invalidates``: what a block has to invalidate, and what it did instead."""

from __future__ import annotations

from typing import Any

import pytest

import freshly
from freshly import Cache, ConfigurationError
from freshly.testing import assert_invalidates, isolated


@pytest.fixture
def cache() -> Cache:
    return Cache()


async def test_a_block_that_invalidates_its_tags_passes(cache: Cache) -> None:
    with assert_invalidates("user:1", "posts", cache=cache) as seen:
        await cache.delete_tags("user:1", "another")
        cache.blocking.delete_tags("posts")

    assert seen.tags == ["user:1", "another", "posts"]


async def test_one_that_does_not_says_what_it_did_and_what_is_like_it(cache: Cache) -> None:
    with pytest.raises(AssertionError) as caught, assert_invalidates("user:124", "posts", cache=cache):
        await cache.delete_tags("user:123")
        await cache.delete("user:1:posts")
        await cache.delete_match("page:*")
        await cache.mark_stale("posts")

    assert str(caught.value) == (
        "tag 'user:124' was not invalidated; 'user:123' was\n"
        "  tag 'posts' was not invalidated: it was only marked stale\n"
        "  invalidated: tag 'user:123', key 'user:1:posts', keys like 'page:*', 'posts' marked stale"
    )


def test_one_that_does_nothing_says_so(cache: Cache) -> None:
    with (
        pytest.raises(AssertionError, match="invalidated: nothing"),
        assert_invalidates("a", cache=cache),
    ):
        pass


async def test_a_writer_that_is_decorated_is_seen(cache: Cache) -> None:
    @cache.invalidates("user:{user_id}", keys=["page:{user_id}"])
    async def rename(user_id: int) -> None: ...

    with assert_invalidates("user:1", keys=["page:1"], cache=cache):
        await rename(1)
    with (
        pytest.raises(AssertionError, match="key 'page:2' was not invalidated; 'page:1' was"),
        assert_invalidates(keys=["page:2"], cache=cache),
    ):
        await rename(1)


async def test_a_pattern_invalidates_the_keys_it_matches(cache: Cache) -> None:
    with assert_invalidates(keys=["page:1"], cache=cache):
        await cache.delete_match("page:*")


async def test_everything_is_each_of_them(cache: Cache) -> None:
    with assert_invalidates("a", keys=["k"], cache=cache) as seen:
        await cache.clear()

    assert seen.everything


async def test_what_was_before_or_comes_after_does_not_count(cache: Cache) -> None:
    await cache.delete_tags("a")
    with pytest.raises(AssertionError), assert_invalidates("a", cache=cache):
        pass
    with assert_invalidates("a", cache=cache) as seen:
        await cache.delete_tags("a")
    await cache.delete_tags("b")

    assert seen.tags == ["a"]


def test_the_error_of_the_block_is_what_one_sees(cache: Cache) -> None:
    with pytest.raises(LookupError, match="mine"), assert_invalidates("a", cache=cache):
        raise LookupError("mine")


def test_without_a_name_it_is_the_default_cache(cache: Cache) -> None:
    with isolated(), assert_invalidates("a"):
        freshly.cache.blocking.delete_tags("a")
    with pytest.raises(AssertionError), assert_invalidates("a"):
        cache.blocking.delete_tags("a")


async def test_one_may_look_closer_without_a_demand(cache: Cache) -> None:
    with assert_invalidates(cache=cache) as seen:
        await cache.mark_stale("a")
        await cache.delete_match("b*")

    assert (seen.tags, seen.marked_stale, seen.patterns) == ([], ["a"], ["b*"])
    assert repr(seen) == "<Seen keys like 'b*', 'a' marked stale>"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tags": (["a"],)}, "got a list in place of tags"),
        ({"tags": ("user:{user_id}",)}, "put an f before"),
        ({"keys": "k"}, r"write keys=\['k'\]"),
    ],
)
def test_slips_are_refused(cache: Cache, given: dict[str, Any], words: str) -> None:
    tags = given.pop("tags", ())
    with (
        pytest.raises(ConfigurationError, match=words),
        assert_invalidates(*tags, cache=cache, **given),
    ):
        pass
