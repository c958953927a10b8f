"""Tags that a command was given: slips that would lose invalidations are refused."""

from __future__ import annotations

import pytest

from freshly.core.tags import check_key, check_named, check_tags, given_tags
from freshly.errors import ConfigurationError


def test_tags_are_given_as_several_texts() -> None:
    assert given_tags(["a", "b"], "set") == ("a", "b")
    assert given_tags((), "set") == ()
    assert given_tags(iter("ab"), "set") == ("a", "b")
    assert check_named(("a", "b"), "delete_tags") == ("a", "b")
    assert check_tags(["a"], "tags") == ("a",)


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ("user", r"write tags=\['user'\]"),
        (7, "leave it out, or give a list"),
        (None, "leave it out, or give a list"),
        ([["a"]], "got a list in place of tags"),
        (["{user}"], "put an f before the text"),
        ([""], "is a text that is not empty"),
        ([7], "is a text that is not empty"),
    ],
)
def test_anything_else_is_refused(tags: object, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        given_tags(tags, "set")


def test_one_text_is_no_list_of_tags() -> None:
    with pytest.raises(ConfigurationError, match="one text, where several tags were expected"):
        check_tags("user", "tags")


@pytest.mark.parametrize("key", ["", 7, None])
def test_a_key_is_a_text_that_is_not_empty(key: object) -> None:
    check_key("key", "get")
    with pytest.raises(ConfigurationError):
        check_key(key, "get")
