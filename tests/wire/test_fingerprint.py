"""A changed type is another type: its entries are misses. An unchanged one is the same everywhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Optional, TypedDict

import annotated_types
import attrs
import msgspec
import pydantic
import pytest

from freshly.wire.codec import codec_for
from freshly.wire.fingerprint import outline_text
from freshly.wire.survey import survey
from tests.wire import models as m
from tests.wire.cases import CASES

ROOT = Path(__file__).parents[2]


def schema(annotation: Any) -> bytes:
    return codec_for(annotation).schema


def named(make: Callable[[], Any]) -> Any:
    """Return the class that ``make`` defines, under the name that all of them have."""
    cls = make()
    cls.__qualname__, cls.__module__ = "User", "app"
    return cls


# Each function makes the class of one release of a program.


def base() -> Any:
    @dataclass
    class User:
        id: int
        name: str = ""

    return User


def with_another_field() -> Any:
    @dataclass
    class User:
        id: int
        name: str = ""
        age: int = 0

    return User


def with_a_field_less() -> Any:
    @dataclass
    class User:
        id: int

    return User


def with_a_renamed_field() -> Any:
    @dataclass
    class User:
        id: int
        title: str = ""

    return User


def with_another_type() -> Any:
    @dataclass
    class User:
        id: str
        name: str = ""

    return User


def with_an_optional_type() -> Any:
    @dataclass
    class User:
        id: int | None
        name: str = ""

    return User


def without_a_default() -> Any:
    @dataclass
    class User:
        id: int
        name: str

    return User


def as_attrs() -> Any:
    @attrs.define
    class User:
        id: int
        name: str = ""

    return User


def as_struct() -> Any:
    class User(msgspec.Struct):
        id: int
        name: str = ""

    return User


def as_array() -> Any:
    class User(msgspec.Struct, array_like=True):
        id: int
        name: str = ""

    return User


def as_tagged() -> Any:
    class User(msgspec.Struct, tag="u"):
        id: int
        name: str = ""

    return User


def as_renamed() -> Any:
    class User(msgspec.Struct, rename="upper"):
        id: int
        name: str = ""

    return User


def as_short() -> Any:
    class User(msgspec.Struct, omit_defaults=True):
        id: int
        name: str = ""

    return User


def as_short_with_another_default() -> Any:
    class User(msgspec.Struct, omit_defaults=True):
        id: int
        name: str = "?"

    return User


def as_tuple() -> Any:
    class User(NamedTuple):
        id: int
        name: str = ""

    return User


def as_dict() -> Any:
    class User(TypedDict):
        id: int
        name: str

    return User


def as_dict_with_an_optional_key() -> Any:
    class User(TypedDict):
        id: int
        name: NotRequired[str]

    return User


def as_model() -> Any:
    class User(pydantic.BaseModel):
        id: int
        name: str = ""

    return User


def as_model_with_a_condition() -> Any:
    class User(pydantic.BaseModel):
        id: int = pydantic.Field(ge=0)
        name: str = ""

    return User


def as_model_with_another_condition() -> Any:
    class User(pydantic.BaseModel):
        id: int = pydantic.Field(ge=1)
        name: str = ""

    return User


def as_model_with_a_pattern() -> Any:
    class User(pydantic.BaseModel):
        id: int
        name: str = pydantic.Field("", pattern="^a")

    return User


def as_enum() -> Any:
    class User(Enum):
        A = 1
        B = 2

    return User


def as_enum_with_another_value() -> Any:
    class User(Enum):
        A = 1
        B = 3

    return User


def as_enum_with_another_member() -> Any:
    class User(Enum):
        A = 1
        B = 2
        C = 3

    return User


RELEASES = [make for name, make in list(globals().items()) if name.startswith(("with", "as_"))] + [base]


def test_every_change_of_a_class_makes_another_schema() -> None:
    schemas = {make.__name__: schema(named(make)) for make in RELEASES}

    same = [(a, b) for a in schemas for b in schemas if a < b and schemas[a] == schemas[b]]
    assert same == []


def test_a_change_inside_counts_as_much() -> None:
    for wrap in (lambda cls: list[cls], lambda cls: dict[str, cls | None], lambda cls: m.Box[cls]):
        assert schema(wrap(named(base))) != schema(wrap(named(with_another_field)))


@pytest.mark.parametrize("make", RELEASES)
def test_the_same_class_of_another_process_has_the_same_schema(make: Callable[[], Any]) -> None:
    assert schema(named(make)) == schema(named(make))


def test_equal_fields_of_two_classes_are_two_schemas() -> None:
    assert schema(m.Left) != schema(m.Right2)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (int, str),
        (list[int], list[str]),
        (list[int], set[int]),
        (list[int], tuple[int, ...]),
        (tuple[int, int], tuple[int, ...]),
        (dict[str, int], dict[str, str]),
        (dict[str, int], dict[int, int]),
        (int, int | None),
        (Literal["a"], Literal["a", "b"]),
        (Literal[1], Literal["1"]),
        (Literal[1], Literal[True]),
        (m.Box[int], m.Box[str]),
        (m.Box[int], m.Box),
        (m.Page[int], m.Page[str]),
        (Annotated[int, annotated_types.Ge(1)], Annotated[int, annotated_types.Ge(2)]),
        (Annotated[int, msgspec.Meta(ge=1)], Annotated[int, msgspec.Meta(ge=2)]),
        (Annotated[str, msgspec.Meta(pattern="a")], Annotated[str, msgspec.Meta(pattern="b")]),
        (m.Colour, m.Word),
    ],
)
def test_different_types_have_different_schemas(one: Any, other: Any) -> None:
    assert schema(one) != schema(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Optional[int], int | None),  # noqa: UP045
        (int | str, str | int),
        (m.Left | m.Right2, m.Right2 | m.Left),
        (Literal["a", "b"], Literal["b", "a"]),
    ],
)
def test_one_type_written_in_two_ways_is_one_schema(one: Any, other: Any) -> None:
    assert schema(one) == schema(other)


def test_what_one_order_of_a_union_wrote_the_other_order_reads() -> None:
    one, other = codec_for(m.Left | m.Right2), codec_for(m.Right2 | m.Left)

    for value in (m.Left(1), m.Right2(2)):
        assert type(other.decode(one.encode(value))) is type(value)


def test_schemas_do_not_depend_on_the_hash_seed() -> None:
    code = (
        "from tests.wire.cases import CASES; from freshly.wire.codec import codec_for; "
        "print([codec_for(annotation).schema.hex() for annotation, _ in CASES.values()])"
    )
    here = str([codec_for(annotation).schema.hex() for annotation, _ in CASES.values()])

    for seed in ("1", "2"):
        result = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout.strip() == here


def test_no_text_holds_an_address() -> None:
    class Meta:
        pass

    texts = [outline_text(survey(annotation)) for annotation, _ in CASES.values()]
    texts.append(outline_text(survey(Annotated[int, Meta(), lambda: 1, object()])))

    assert [text for text in texts if "0x" in text] == []


def test_classes_that_share_others_a_hundred_times_over_have_a_short_text() -> None:
    cls: Any = m.Spot
    for level in range(40):
        cls = msgspec.defstruct(f"Level{level}", [("a", cls), ("b", cls), ("c", list[cls])])

    assert len(outline_text(survey(cls))) < 10_000


@dataclass
class Ring:
    one: Ring | None = None
    more: list[Ring] = field(default_factory=list)


def test_a_class_may_refer_to_itself() -> None:
    value = Ring(Ring(), [Ring(Ring())])
    codec = codec_for(Ring)

    assert codec.decode(codec.encode(value)) == value
