"""Snapshots: equal for equal contents, different after a change, and where."""

from __future__ import annotations

import array
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Any
from uuid import UUID

import pytest
from attrs import define
from pydantic import BaseModel

from freshly.testing.snapshot import difference, snapshot


class Colour(Enum):
    RED = 1


@dataclass
class Point:
    x: int
    tags: list[str] = field(default_factory=list)


@define
class Slotted:
    x: int
    inner: dict[str, int]


class Model(BaseModel):
    name: str
    tags: list[str] = []


class Plain:
    def __init__(self) -> None:
        self.name = "Ada"

    @cached_property
    def shouted(self) -> str:
        return self.name.upper()


class Private:
    __slots__ = ("__hidden",)

    def __init__(self, hidden: int) -> None:
        self.__hidden = hidden

    def change(self) -> None:
        self.__hidden += 1


def changed(value: Any, change: Callable[[Any], object]) -> Any:
    before = snapshot(value)
    change(value)
    return difference(before, snapshot(value))


@pytest.mark.parametrize(
    "make",
    [
        lambda: None,
        lambda: (1, 1.5, float("nan"), "a", b"b", True, 2j),
        lambda: {"a": [1, {2, 3}], "b": (None,)},
        lambda: [datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1), Decimal("1.0"), UUID(int=1)],
        lambda: Point(1, ["a"]),
        lambda: Slotted(1, {"a": 1}),
        lambda: Model(name="Ada", tags=["a"]),
        lambda: Plain(),
        lambda: deque([1, [2]]),
        lambda: defaultdict(list, a=[1]),
        lambda: array.array("i", [1, 2]),
        lambda: bytearray(b"ab"),
        lambda: [Colour.RED, int, len, range(10**9)],
        lambda: [{1: {2: {3: [4]}}}],
    ],
)
def test_equal_contents_have_equal_snapshots(make: Callable[[], Any]) -> None:
    assert snapshot(make()) == snapshot(make())
    assert difference(snapshot(make()), snapshot(make())) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        ("1", b"1"),
        ([1], (1,)),
        ({}, OrderedDict()),
        (0.0, -0.0),
        (Point(1), Slotted(1, {})),
        ([1, 2], [2, 1]),
        ({1}, frozenset({1})),
        (Decimal("1.0"), Decimal("1.00")),
    ],
)
def test_values_that_only_look_alike_differ(one: Any, other: Any) -> None:
    assert snapshot(one) != snapshot(other)


@pytest.mark.parametrize(
    ("value", "change", "said"),
    [
        ([1, 2], lambda v: v.append(3), ("[2]", "missing", "3")),
        ([1, 2], lambda v: v.pop(), ("[1]", "2", "missing")),
        ({"a": 1}, lambda v: v.update(a=2), ("['a']", "1", "2")),
        ({"a": 1}, lambda v: v.update(b=2), ("['b']", "missing", "2")),
        ({"a": [{"b": "c"}]}, lambda v: v["a"][0].update(b="d"), ("['a'][0]['b']", "'c'", "'d'")),
        ({"a": 1}, lambda v: v.update(a=[]), ("['a']", "1", "a list")),
        ({1}, lambda v: v.add(2), ("{2}", "missing", "2")),
        (Point(1, ["a"]), lambda v: v.tags.append("b"), (".tags[1]", "missing", "'b'")),
        (Slotted(1, {"a": 1}), lambda v: v.inner.clear(), (".inner['a']", "1", "missing")),
        (Model(name="Ada"), lambda v: v.tags.append("b"), (".tags[0]", "missing", "'b'")),
        (Plain(), lambda v: setattr(v, "name", "Bob"), (".name", "'Ada'", "'Bob'")),
        (Private(1), lambda v: v.change(), ("._Private__hidden", "1", "2")),
        (bytearray(b"ab"), lambda v: v.append(1), ("the value", "b'ab'", r"b'ab\x01'")),
        (
            {"a": 1, "b": 2},
            lambda v: v.update(a=v.pop("a")),
            ("the value", "in one order", "in another"),
        ),
        ([1.5], lambda v: v.append(2.5), ("[1]", "missing", "2.5")),
    ],
)
def test_a_change_is_found_where_it_is(
    value: Any, change: Callable[[Any], object], said: tuple[str, str, str]
) -> None:
    assert changed(value, change) == said


def test_a_change_inside_what_has_no_attributes_is_seen_by_its_bytes() -> None:
    value = [array.array("i", [1, 2])]

    assert changed(value, lambda v: v[0].append(3)) is not None


def test_a_property_that_keeps_what_it_worked_out_is_no_change() -> None:
    assert changed(Plain(), lambda v: v.shouted) is None


def test_a_circle_ends() -> None:
    value: list[Any] = [1]
    value.append(value)
    other: list[Any] = [1]
    other.append(other)

    assert snapshot(value) == snapshot(other)
    assert changed(value, lambda v: v.append(2)) is not None


def test_what_is_too_deep_counts_as_unchanged() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]

    assert changed(value, lambda v: v[0].append(1)) is None


def test_what_shows_nothing_is_taken_for_itself() -> None:
    """A lock has neither attributes nor bytes."""
    from threading import Lock

    one, other = Lock(), Lock()

    assert snapshot(one) == snapshot(one)
    assert snapshot(one) != snapshot(other)
    assert changed([one], lambda v: v[0].acquire()) is None


def test_long_values_are_cut() -> None:
    found = changed({"a": "x" * 1000}, lambda v: v.update(a="y" * 1000))

    assert found.after == f"'{'y' * 76}..."
