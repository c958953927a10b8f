"""Objects that stand for their fields on the hit path share an entry when they are equal in every
field and its type, and never else. What a user sees is which calls load."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, PrivateAttr

from freshly import Cache
from freshly.wrapper import source_of


@dataclasses.dataclass
class Point:
    x: int
    y: int


@dataclasses.dataclass
class Point3(Point):
    z: int = 0


@dataclasses.dataclass(slots=True)
class Slotted:
    x: int
    y: int


@dataclasses.dataclass
class Ordered:
    x: int
    label: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass
class Named:
    x: int
    y: int

    def __cache_key__(self) -> int:
        return self.x


class Model(BaseModel):
    x: int
    y: Any = None


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    x: int


class Secretive(BaseModel):
    x: int
    _y: int = PrivateAttr(default=0)


@pytest.fixture
def cache() -> Cache:
    return Cache()


def loads_of(cache: Cache, kind: type, *arguments: Any) -> list[Any]:
    """Call a cached function of one parameter of ``kind`` twice with each; return what was loaded."""
    loads: list[Any] = []

    def get(it: Any) -> int:
        loads.append(it)
        return len(loads)

    get.__annotations__["it"] = kind
    cached = cache("1h")(get)
    for argument in arguments:
        assert cached(argument) == cached(argument) == cached(argument)
    return loads


@pytest.mark.parametrize("kind", [Point, Slotted, Model])
def test_equal_fields_share_an_entry(cache: Cache, kind: Any) -> None:
    assert len(loads_of(cache, kind, kind(x=1, y=2), kind(x=1, y=2), kind(x=2, y=1))) == 2


@pytest.mark.parametrize("kind", [Point, Slotted, Model])
@pytest.mark.parametrize("other", [True, 1.0, "1", b"1", None, [1]])
def test_equal_values_of_other_types_do_not(cache: Cache, kind: Any, other: Any) -> None:
    one, two = kind(x=7, y=1), kind(x=7, y=1)
    two.y = other

    assert loads_of(cache, kind, one, two, one) == [one, two]


def test_a_subclass_is_another_class(cache: Cache) -> None:
    assert len(loads_of(cache, Point, Point(1, 2), Point3(1, 2), Point3(1, 2, 3))) == 3


def test_what_was_set_beside_the_fields_counts(cache: Cache) -> None:
    plain, more = Point(1, 2), Point(1, 2)
    more.z = 3  # type: ignore[attr-defined]

    assert len(loads_of(cache, Point, plain, more, plain)) == 2


def test_a_field_that_does_not_take_part_in_equality_counts(cache: Cache) -> None:
    assert len(loads_of(cache, Ordered, Ordered(1, "a"), Ordered(1, "b"))) == 2


def test_a_field_that_was_deleted_is_no_error(cache: Cache) -> None:
    half = Slotted(1, 2)
    del half.y

    assert loads_of(cache, Slotted, half) == [half]


def test_a_changed_object_is_another_value(cache: Cache) -> None:
    point = Point(1, 2)
    loads: list[int] = []

    @cache("1h")
    def get(it: Point) -> int:
        loads.append(it.x)
        return it.x

    assert get(point) == get(point) == 1
    point.x = 5
    assert get(point) == get(point) == 5
    assert loads == [1, 5]


def test_a_class_that_says_its_own_key_is_asked(cache: Cache) -> None:
    assert len(loads_of(cache, Named, Named(1, 2), Named(1, 3))) == 1


def test_extra_and_private_values_of_a_model_count(cache: Cache) -> None:
    hidden = Secretive(x=1)
    hidden._y = 5

    assert len(loads_of(cache, Open, Open(x=1), Open(x=1, z=2))) == 2  # type: ignore[call-arg]
    assert len(loads_of(Cache(), Secretive, Secretive(x=1), hidden)) == 2


def test_other_values_than_the_annotation_promises_are_welcome(cache: Cache) -> None:
    assert len(loads_of(cache, Point, Point(1, 2), (1, 2), 5, None)) == 4
    assert len(loads_of(Cache(), int, 1, "1", None, True)) == 4


def test_invalidations_reach_it(cache: Cache) -> None:
    loads: list[Point] = []

    @cache("1h", tags=["points", "x:{point.x}"])
    def get(point: Point) -> int:
        loads.append(point)
        return point.x

    for _ in range(2):
        get(Point(1, 2))
    cache.blocking.delete_tags("x:1")
    get(Point(1, 2))
    get.delete(Point(1, 2))
    get(Point(1, 2))

    assert len(loads) == 3


def test_what_was_written_can_be_read(cache: Cache) -> None:
    @cache("1h")
    def get(point: Point, page: int = 1) -> int:
        return page

    text = source_of(get)

    assert "if type(point) is class_point and len(point.__dict__) == 2" in text
    assert "entry = rows[(point_x, point_y, page, )]" in text
