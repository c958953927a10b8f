"""Values come back equal and of the same type, whatever the annotation says and whether it is true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given

from freshly import EncodeError
from freshly.wire.codec import Undecodable, codec_for
from tests.wire import models as m
from tests.wire.cases import CASES, NOON, POST
from tests.wire.look import same
from tests.wire.pairs import typed_values


@pytest.mark.parametrize(("annotation", "value"), CASES.values(), ids=CASES)
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
