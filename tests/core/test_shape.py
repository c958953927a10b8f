"""What an annotation says about values, and when it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from freshly.core.shape import ANY, Shape, shape_of

if TYPE_CHECKING:
    from only_for_checkers import Elsewhere  # type: ignore[import-not-found]


def test_the_return_annotation_is_the_shape() -> None:
    def get() -> dict[str, list[int]]: ...

    assert Shape("get", function=get).annotation == dict[str, list[int]]


def test_a_function_that_says_nothing_returns_anything() -> None:
    def get(user_id): ...  # type: ignore[no-untyped-def]

    assert Shape("get", function=get).annotation is Any


def test_none_is_a_type_like_any_other() -> None:
    def get() -> None: ...

    assert Shape("get", function=get).annotation is type(None)


def test_names_in_the_other_annotations_need_not_exist() -> None:
    def get(one: Elsewhere) -> int: ...

    assert Shape("get", function=get).annotation is int


def test_it_is_read_when_it_is_asked_for() -> None:
    """At decoration a class further down the module is not there yet."""

    def get() -> Later: ...

    shape = Shape("get", function=get)
    with pytest.raises(NameError, match="Later"):
        _ = shape.annotation

    globals()["Later"] = Later = type("Later", (), {})
    try:
        assert shape.annotation is Later
    finally:
        del globals()["Later"]


def test_one_type_has_one_shape() -> None:
    assert shape_of(int) is shape_of(int)
    assert shape_of(int) is not shape_of(bool)
    assert ANY.annotation is Any
