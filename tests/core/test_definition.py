"""Functions of one name: which of them are the same one, and what number the others have."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType

from freshly.core.definition import Definitions


def closure(of: int) -> Callable[[], int]:
    def function() -> int:
        return of

    return function


def plain() -> Callable[[], int]:
    def function() -> int:
        return 0

    return function


class Parent:
    def method(self) -> int:
        return 0


def method() -> FunctionType:
    class Child(Parent):
        def method(self) -> int:
            return super().method()

    return Child.__dict__["method"]  # type: ignore[no-any-return]


def test_one_that_is_made_again_is_the_same() -> None:
    definitions = Definitions()

    assert [definitions.number_of("name", plain()) for _ in range(2)] == [1, 1]
    assert definitions.number_of("another name", plain()) == 1


def test_another_one_of_that_name_has_the_next_number() -> None:
    definitions = Definitions()

    assert definitions.number_of("name", plain()) == 1
    assert definitions.number_of("name", closure) == 2
    assert definitions.number_of("name", plain()) == 1
    assert definitions.number_of("name", method) == 3


def test_a_closure_is_like_no_other() -> None:
    definitions = Definitions()

    assert [definitions.number_of("name", closure(of)) for of in (1, 2)] == [1, 2]


def test_a_method_that_calls_super_is_no_closure() -> None:
    definitions = Definitions()

    assert [definitions.number_of("name", method()) for _ in range(2)] == [1, 1]
