"""Values come back equal and of the same type, whatever the annotation says and whether it is true."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional, Union
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pydantic
import pytest
from hypothesis import given

from freshly import EncodeError
from freshly.wire.codec import Undecodable, codec_for
from tests.wire import models as m
from tests.wire.look import same
from tests.wire.pairs import typed_values

PARIS = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=1)
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
POST = m.Post(1, "a", NOON, date(2024, 1, 1), ["x"])
ACCOUNT = m.Account(
    owner=m.Model(id=1, name="ada"),
    password="hush",
    site="http://a.b/c",
    Limit=4,
    more=1,  # type: ignore[arg-type]
)

CASES: list[tuple[Any, Any]] = [
    (int, 1),
    (float, 1.5),
    (Optional[int], None),  # noqa: UP045
    (Union[int, str], "1"),  # noqa: UP007
    (Literal["a", 1, None], "a"),
    (Literal[m.Colour.RED], m.Colour.RED),
    (Sequence[int], [1, 2]),
    (Sequence[int], (1, 2)),
    (Mapping[str, int], {"a": 1}),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (set[UUID], {UUID(int=1)}),
    (dict[date, Decimal], {date(2024, 1, 1): Decimal("1.10")}),
    (dict[tuple[int, int], str], {(1, 2): "a"}),
    (deque[int], deque([1, 2], 3)),
    (str | datetime, NOON),
    (str | datetime, "2024-01-01T12:00:00Z"),
    (UUID | bytes, UUID(int=7)),
    (list[int] | tuple[int, ...], (1, 2)),
    (complex, 1j),
    (Any | datetime, NOON.replace(tzinfo=None)),
    (m.Colour, m.Colour.BLUE),
    (m.Level, m.Level.HIGH),
    (m.Word, m.Word.ONE),
    (m.Mixed, m.Mixed.PAIR),
    (list[m.Mixed], [m.Mixed.ONE, m.Mixed.TEXT]),
    (m.Right, m.Right.READ | m.Right.WRITE),
    (m.Bits, m.Bits(5)),
    (m.Bits, m.Bits(13)),
    (m.Post, POST),
    (list[m.Post], [POST, POST]),
    (m.Spot, m.Spot(1, 2.0)),
    (m.Node, m.Node("a", [m.Node("b"), m.Node("c", parent=m.Node("d"))])),
    (m.Box[int], m.Box(1, [2])),
    (m.Box[m.Spot], m.Box(m.Spot(1), [m.Spot(2)])),
    (m.Box, m.Box("a", [1])),
    (m.Counting, m.Counting(1)),
    (m.Squared, m.Squared(3)),
    (m.Loose, m.Loose({"a": [1]}, {"b": (1, 2)})),
    (m.Pair, m.Pair(1, "a")),
    (dict[str, m.Pair], {"a": m.Pair(1)}),
    (m.Row, {"id": 1, "name": "a"}),
    (m.Row, {"id": 1, "name": "a", "at": NOON}),
    (m.Row, {"id": 1, "name": "a", "unknown": 1}),
    (m.Seat, m.Seat(1, 2)),
    (m.Secretive, m.Secretive("k", 2)),
    (m.Struct, m.Struct(1, NOON, UUID(int=1))),
    (m.Cat | m.Dog, m.Cat("a")),
    (m.Cat | m.Dog, m.Dog("b")),
    (m.Left | m.Right2, m.Left(1)),
    (m.Left | m.Right2, m.Right2(1)),
    (m.Struct | m.Post, POST),
    (m.Limited, m.Limited(-1)),
    (m.Hooked, m.Hooked(1)),
    (m.Model, m.Model(id=1, at=NOON, tags=frozenset("ab"))),
    (m.Account, ACCOUNT),
    (list[m.Account] | None, [ACCOUNT]),
    (m.Numbers, m.Numbers([1, 2])),
    (m.Page[m.Model], m.Page[m.Model](rows=[m.Model(id=1)])),
    (m.Page[int], m.Page[int](rows=[1])),
    (Annotated[m.Bird | m.Fish, pydantic.Field(discriminator="kind")], m.Fish(fins=2)),
    (pydantic.SecretStr, pydantic.SecretStr("a")),
    (dict[str, pydantic.HttpUrl], {"a": pydantic.HttpUrl("http://a.b/")}),
    (Awaitable[m.Post], POST),
    (Coroutine[Any, Any, int], 1),
    # What the annotation does not say.
    (float, 1),
    (int, True),
    (int, 2**70),
    (datetime, PARIS),
    (m.Post, m.Post(2**80, "\ud800", PARIS, None, ("x",))),  # type: ignore[arg-type]
    (m.Spot, m.Spot(True, 1)),
    (dict[str, int], None),
    (dict[str, int], {"a": 1.0}),
    (list[int], (1, 2)),
    (m.Row, [1, 2]),
]


@pytest.mark.parametrize(("annotation", "value"), CASES)
def test_a_value_comes_back_equal_and_of_the_same_type(annotation: Any, value: Any) -> None:
    codec = codec_for(annotation)

    assert same(codec.decode(codec.encode(value)), value)


@given(typed_values())
def test_any_value_of_any_type_comes_back_equal_and_of_the_same_type(drawn: tuple[Any, Any]) -> None:
    annotation, value = drawn
    codec = codec_for(annotation)

    assert same(codec.decode(codec.encode(value)), value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (m.Post, POST),
        (list[m.Cat | m.Dog], [m.Cat("a")]),
        (m.Row, {"id": 1, "name": "a"}),
        (set[int], {1}),
    ],
)
def test_what_fits_its_annotation_is_what_msgspec_writes(annotation: Any, value: Any) -> None:
    assert codec_for(annotation).encode(value) == msgspec.msgpack.encode(value)


def test_a_cached_property_may_go_and_the_value_is_the_same() -> None:
    codec, value = codec_for(m.Squared), m.Squared(3)
    assert value.area == 9

    back = codec.decode(codec.encode(value))

    assert back == value
    assert back.area == 9


class Sub(m.Post):
    pass


@dataclass
class Stranger:
    a: int


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (m.Post, Sub(1, "a", NOON)),
        (dict, m.Struct(1, NOON)),
        (dict[str, Any], {"a": POST}),
        (int, m.Level.LOW),
        (str, m.Colour.RED),
        (m.Model, Stranger(1)),
        (m.Loose, m.Loose(Stranger(1), {})),
        (list[m.Left], [m.Right2(1)]),
    ],
)
def test_an_instance_of_a_class_that_the_annotation_does_not_name_is_refused(
    annotation: Any, value: Any
) -> None:
    with pytest.raises(EncodeError, match="the return annotation does not name"):
        codec_for(annotation).encode(value)


def test_foreign_bytes_are_undecodable_and_nothing_else() -> None:
    codec = codec_for(m.Post)
    payload = codec.encode(POST)

    for bad in (
        b"",
        b"\xc1",
        payload[:-1],
        payload + b"\x00",
        b"\x80",
        codec_for(m.Spot).encode(m.Spot(1)),
    ):
        with pytest.raises(Undecodable):
            codec.decode(bad)


def test_offsets_are_kept() -> None:
    moment = datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    codec = codec_for(datetime)

    assert codec.decode(codec.encode(moment)).isoformat() == moment.isoformat()
