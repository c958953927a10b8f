"""Which parameters are annotated with a class that is its fields, and nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

from pydantic import BaseModel

from freshly.core.flat import MOST_FIELDS, Flat, flat_parameters


@dataclasses.dataclass
class Point:
    x: int
    y: int


@dataclasses.dataclass(slots=True)
class Slotted:
    x: int


@dataclasses.dataclass
class Keyed:
    x: int

    def __cache_key__(self) -> int:
        return 1


class Plain:
    pass


def function(point: Point, slotted: Slotted, keyed: Keyed, plain: Plain, nobody: Nobody) -> None:  # type: ignore[name-defined]  # noqa: F821
    """Its annotations are texts."""


FLAT = {
    "point": Flat(Point, ("x", "y"), has_dict=True),
    "slotted": Flat(Slotted, ("x",), has_dict=False),
}


def test_by_the_text_of_an_annotation() -> None:
    assert flat_parameters(function) == FLAT


def test_by_the_class_itself() -> None:
    def plainly(*arguments: Any) -> None: ...

    def other(point, slotted, keyed, plain) -> None: ...  # type: ignore[no-untyped-def]

    other.__annotations__ = {"point": Point, "slotted": Slotted, "keyed": Keyed, "plain": Plain}

    assert flat_parameters(other) == FLAT
    assert flat_parameters(plainly) == {}


def test_by_a_model_of_pydantic() -> None:
    class Model(BaseModel):
        x: int
        y: int = 0

    def one(model): ...  # type: ignore[no-untyped-def]

    one.__annotations__ = {"model": Model}

    assert flat_parameters(one) == {"model": Flat(Model, ("x", "y"), has_dict=True)}


def test_with_so_many_fields_and_no_more() -> None:
    most, more = (
        dataclasses.make_dataclass(f"Of{count}", [f"field{number}" for number in range(count)])
        for count in (MOST_FIELDS, MOST_FIELDS + 1)
    )

    def function(most: Any, more: Any) -> None: ...

    function.__annotations__ = {"most": most, "more": more}

    assert [*flat_parameters(function)] == ["most"]
