"""Values about whose type nothing is said come back equal and of the same types."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Network, IPv6Interface
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshly import EncodeError
from freshly.wire.codec import codec_for
from tests.core.values import same

PLAIN = codec_for(Any)

zones = st.sampled_from(
    [
        None,
        UTC,
        timezone(timedelta(0), "GMT"),
        timezone(timedelta(hours=-5)),
        timezone(timedelta(hours=1, microseconds=1), "odd"),
        ZoneInfo("UTC"),
        ZoneInfo("Europe/Paris"),
    ]
)
atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1]),
    st.floats(),
    st.text(),
    st.text(alphabet="a\ud800\udfff", max_size=3),
    st.binary(),
    st.binary().map(bytearray),
    st.complex_numbers(),
    st.dates(),
    st.builds(lambda moment, zone: moment.replace(tzinfo=zone), st.datetimes(), zones),
    st.builds(lambda moment, zone: moment.replace(tzinfo=zone, fold=1), st.datetimes(), zones),
    st.builds(lambda moment, zone: moment.replace(tzinfo=zone), st.times(), zones),
    st.timedeltas(),
    zones,
    st.decimals(),
    st.sampled_from(
        [Decimal("-0"), Decimal("1.00"), Decimal("1E+400"), Decimal("-NaN12"), Decimal("sNaN")]
    ),
    st.fractions(),
    st.uuids(),
    st.ip_addresses(),
    st.sampled_from([IPv4Network("10.0.0.0/8"), IPv6Interface("::1/64")]),
    st.sampled_from([Path("a/b"), PurePosixPath("/a"), PureWindowsPath("c:/a")]),
    st.sampled_from([range(3), range(0, -(2**70), -7)]),
)


def hashable_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3)


def has_hash(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:  # a bytearray, a signaling NaN
        return False
    return True


hashable = st.recursive(atoms.filter(has_hash), hashable_of, max_leaves=4)


def containers_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=4)
    dicts = st.dictionaries(hashable, inner, max_size=3)
    return st.one_of(
        lists,
        lists.map(tuple),
        dicts,
        st.dictionaries(st.text(max_size=3), inner, max_size=4),
        st.sets(hashable, max_size=3),
        st.frozensets(hashable, max_size=3),
        st.builds(deque, lists, st.sampled_from([None, 5])),
        dicts.map(OrderedDict),
        st.builds(defaultdict, st.sampled_from([None, int, list, dict]), dicts),
        st.lists(hashable, max_size=3).map(Counter),
    )


values = st.recursive(atoms, containers_of, max_leaves=12)


@given(values)
def test_a_plain_value_comes_back_equal_and_of_the_same_types(value: Any) -> None:
    assert same(PLAIN.decode(PLAIN.encode(value)), value)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats()
        | st.text()
        | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(0, 9), inner),
    )
)
def test_what_msgpack_can_say_is_bare_msgpack(value: Any) -> None:
    """So other programs read it, and it costs what msgspec costs."""
    msgspec = pytest.importorskip("msgspec")

    assert PLAIN.encode(value) == msgspec.msgpack.encode(value)


def test_the_order_of_a_dict_is_kept() -> None:
    value = {"b": 1, "a": 2, (1, 2): 3, "c": 4}

    assert list(PLAIN.decode(PLAIN.encode(value))) == list(value)


class Colour(Enum):
    RED = 1


class Text(str):
    __slots__ = ()


class Odd(tzinfo):
    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(hours=1)


@pytest.mark.parametrize(
    "value",
    [
        object(),
        Colour.RED,
        Text("a"),
        [Text("a")],
        {"a": (Colour.RED,)},
        {Text("a"): 1},
        print,
        int,
        datetime(2024, 1, 1, tzinfo=Odd()),
        time(1, tzinfo=Odd()),
        defaultdict(lambda: 1),
        (i for i in "abc"),
    ],
)
def test_what_would_come_back_as_something_else_is_refused(value: Any) -> None:
    with pytest.raises(EncodeError):
        PLAIN.encode(value)


def test_a_value_within_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)

    with pytest.raises(EncodeError, match="contains itself"):
        PLAIN.encode(loop)


def test_depth_is_bounded_where_msgpack_does_not_bound_it() -> None:
    deep: Any = (1,)
    for _ in range(200):
        deep = (deep,)

    with pytest.raises(EncodeError, match="100 levels"):
        PLAIN.encode(deep)


def test_every_bare_container_has_the_same_codec_as_no_annotation() -> None:
    schemas = {codec_for(annotation).schema for annotation in (Any, object, dict, list, list[Any])}

    assert schemas == {PLAIN.schema}


def test_plain_values_of_a_typed_function_are_read_by_hand_without_a_type() -> None:
    typed = codec_for(dict[str, int])
    dates = codec_for(dict[str, date])

    assert typed.schema != PLAIN.schema
    assert PLAIN.reads(typed.schema)
    assert not typed.reads(PLAIN.schema)
    assert not PLAIN.reads(dates.schema)


def test_decimals_do_not_depend_on_the_context_of_the_moment() -> None:
    many_digits = Decimal("1." + "1" * 60)

    assert PLAIN.decode(PLAIN.encode(many_digits)).as_tuple() == many_digits.as_tuple()


def test_numbers_that_are_equal_keep_their_types() -> None:
    value = [1, 1.0, True, Decimal(1), Fraction(1), 1 + 0j, UUID(int=1), IPv4Address(1)]

    assert same(PLAIN.decode(PLAIN.encode(value)), value)
