"""Annotations: how they are read, and what is said about those whose values cannot be stored."""

from __future__ import annotations

import functools
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from typing import TYPE_CHECKING, Any, Generic, NewType, TypeVar

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from freshly.wire.annotated import check_annotation, return_annotation
from freshly.wire.codec import codec_for
from tests.wire import models as m
from tests.wire.look import same

if TYPE_CHECKING:
    from decimal import Context

T = TypeVar("T")
UserId = NewType("UserId", int)


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "rows"
    id: Mapped[int] = mapped_column(primary_key=True)


class Plain:
    def __init__(self, x: int) -> None:
        self.x = x


@dataclass
class Holder:
    row: Row


# -- what is said about them ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Row, "belongs to its session: return a dataclass"),
        (list[Row], "belongs to its session"),
        (dict[str, Row | None], "belongs to its session"),
        (Holder, "belongs to its session"),
        (Generator[int, None, None], "used up by its first reader"),
        (Iterator[int], "used up"),
        (Iterable[int], "used up"),
        (AsyncIterator[int], "used up"),
        (map, "used up"),
        (TextIOWrapper, "opened and closed"),
        (BytesIO, "opened and closed"),
        (socket.socket, "opened and closed"),
        (type(threading.Lock()), "opened and closed"),
        (Callable[[int], int], "code is no data"),
        (type[int], "code is no data"),
        (Plain, "its fields are not declared"),
        (list[Plain], "its fields are not declared"),
        ("Context", "Context is not known where the function is decorated"),
    ],
)
def test_a_type_that_no_codec_carries_is_named_with_the_way_out(annotation: Any, words: str) -> None:
    said = check_annotation(annotation)

    assert said is not None
    assert words in said


@pytest.mark.parametrize(
    "annotation",
    [
        None,
        Any,
        object,
        int,
        list,
        dict[str, Any],
        T,
        UserId,
        m.Post,
        m.Account,
        Awaitable[m.Post],
        "int",
    ],
)
def test_nothing_is_said_about_the_others(annotation: Any) -> None:
    assert check_annotation(annotation) is None


@pytest.mark.parametrize(
    "annotation",
    [7, "not a type", "1/0", Ellipsis, [], {}, T, Generic, list["Nothing"]],  # noqa: F821
)
def test_an_annotation_that_says_nothing_leaves_plain_values(annotation: Any) -> None:
    codec = codec_for(annotation)

    assert same(codec.decode(codec.encode({"a": (1, 2)})), {"a": (1, 2)})


# -- how they are read ----------------------------------------------------------------------------


async def load_post() -> m.Post: ...


def load_list() -> list[m.Post | None]: ...


def load_nothing():  # type: ignore[no-untyped-def]
    ...


def load_missing() -> Context: ...


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


class Service:
    def load(self) -> m.Post: ...

    @classmethod
    def make(cls) -> m.Spot: ...


@pytest.mark.parametrize(
    ("function", "annotation"),
    [
        (load_post, m.Post),
        (load_list, list[m.Post | None]),
        (load_nothing, Any),
        (load_missing, "Context"),
        (wrapped(load_post), m.Post),
        (functools.partial(load_list), list[m.Post | None]),
        (Service.load, m.Post),
        (Service().load, m.Post),
        (Service.make, m.Spot),
    ],
)
def test_the_return_annotation_of_a_function_is_found(function: Any, annotation: Any) -> None:
    assert return_annotation(function) == annotation


def test_names_of_a_function_around_are_found_if_they_are_given_or_used() -> None:
    @dataclass
    class Local:
        x: int

    def given() -> Local: ...

    def used() -> list[Local]:
        return [Local(1)]

    assert return_annotation(given) == "Local"
    assert return_annotation(given, locals()) is Local
    assert return_annotation(used) == list[Local]


def test_local_classes_that_name_each_other_are_read_with_the_names_around_them() -> None:
    @dataclass
    class Inner:
        x: int

    @dataclass
    class Outer:
        inner: Inner

    codec = codec_for(Outer, locals())

    assert check_annotation(Outer, locals()) is None
    assert same(codec.decode(codec.encode(Outer(Inner(1)))), Outer(Inner(1)))
