"""What a store is told of values."""

from __future__ import annotations

from freshly.core.shape import ANY, shape_of


def test_a_shape_says_of_what() -> None:
    assert repr(shape_of(int)) == "<Shape of <class 'int'>>"
    assert repr(ANY) == "<Shape of a value without annotation>"


def test_of_one_type_and_codec_there_is_one() -> None:
    assert shape_of(int) is shape_of(int)
    assert shape_of(int, "json") is not shape_of(int)
