"""The function that stands in for a decorated one: written once, and each has code of its own."""

from __future__ import annotations

from unittest.mock import patch

from freshly import Cache
from freshly.wrapper import source_of


def get_page(user_id: int, page: int = 1) -> tuple[int, int]:
    return user_id, page


def test_a_function_that_is_decorated_again_is_not_compiled_again() -> None:
    one, other = Cache("mem://"), Cache("mem://")
    first = one("1h")(get_page)

    with patch("builtins.compile", side_effect=AssertionError("compiled again")):
        again = other("1h")(get_page)

    assert again(7, 2) == first(7, 2) == (7, 2)
    assert source_of(again) == source_of(first)


def test_what_the_interpreter_notes_in_the_code_of_one_is_not_in_that_of_the_other() -> None:
    first, again = Cache("mem://")("1h")(get_page), Cache("mem://")("1h")(get_page)

    assert first.__code__ == again.__code__
    assert first.__code__ is not again.__code__


def test_another_way_to_cache_the_same_function_is_written_anew() -> None:
    plain = Cache("mem://")("1h")(get_page)
    sliding = Cache("mem://")("1h", sliding=True, max_age="1d")(get_page)

    assert "read_at" not in " ".join(plain.__code__.co_names)
    assert "read_at" in " ".join(sliding.__code__.co_names)
