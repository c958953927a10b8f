"""Values of every type that can be in a key: strategies, and what it means that two are the same.

``same`` is stricter than ``==``: it wants equal types and equal content all the way down, so that 1
is not True and 1.0 is not 1. A nan is the same as a nan.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from fractions import Fraction
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from pathlib import PurePosixPath, PureWindowsPath
from types import EllipsisType, NoneType
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import msgspec
import pydantic
from hypothesis import strategies as st

# -- the classes of a user ------------------------------------------------------------------------


class Colour(Enum):
    RED = 1
    BLUE = "1"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Word(StrEnum):
    ONE = "1"


class Right(Flag):
    READ = 1
    WRITE = 2


class UserId(int):
    pass


class Name(str):
    __slots__ = ()


class Names(list[Any]):
    pass


class Pair(NamedTuple):
    x: Any
    y: Any = None


class Other(NamedTuple):
    x: Any
    y: Any = None


@dataclass
class Point:
    x: Any
    y: Any = None


@dataclass(frozen=True, slots=True)
class Spot:
    x: Any
    y: Any = None


@attrs.define
class Attrs:
    x: Any
    _y: Any = None


class Struct(msgspec.Struct):
    x: Any
    y: Any = None


class Model(pydantic.BaseModel, extra="allow"):
    x: Any
    y: Any = None


class Keyed:
    def __init__(self, what: Any) -> None:
        self.what = what

    @property
    def __cache_key__(self) -> Any:
        return self.what


def function() -> None: ...


# -- strategies -----------------------------------------------------------------------------------
# Small domains, full of what could be taken for something else, so that clashes would be found.

words = st.text(alphabet="1a,'\"()[]{}:=~ \\\ud800é", max_size=4)
numbers = st.sampled_from([0, 1, -1, 2, 2**64]) | st.integers()
zones = st.sampled_from(
    [
        None,
        UTC,
        timezone(timedelta(0), "GMT"),
        timezone(timedelta(hours=1)),
        timezone(timedelta(hours=1), "1"),
        ZoneInfo("UTC"),
        ZoneInfo("Europe/Paris"),
        ZoneInfo("Europe/Berlin"),
    ]
)
moments = st.sampled_from(["2024-01-01", "2024-01-01T01", "2024-10-27T02:30:00.000001"]).map(
    datetime.fromisoformat
)
folded_moments = st.builds(
    lambda moment, zone, fold: moment.replace(tzinfo=zone, fold=fold),
    moments,
    zones,
    st.sampled_from([0, 1]),
)

_atoms = st.one_of(
    st.none(),
    st.just(...),
    st.booleans(),
    numbers,
    st.sampled_from([0.0, -0.0, 1.0, 1e16, math.nan, math.inf]) | st.floats(),
    st.sampled_from([0j, 1 + 0j, -0j, complex(0.0, -0.0), complex(math.nan, 1)]),
    words,
    st.binary(max_size=2),
    st.sampled_from([Decimal(1), Decimal("1.0"), Decimal("1E+5"), Decimal("NaN")]),
    st.sampled_from([Fraction(1), Fraction(1, 2), UUID(int=1), UUID(int=2)]),
    st.sampled_from([date(2024, 1, 1), date(1, 1, 1), timedelta(1), timedelta(seconds=1)]),
    folded_moments,
    folded_moments.map(lambda moment: moment.timetz()),
    st.sampled_from([range(1), range(0, 1, 2), range(0)]),
    st.sampled_from([PurePosixPath("a"), PurePosixPath("a,b"), PureWindowsPath("a")]),
    st.sampled_from([IPv4Address(1), IPv6Address(1), IPv6Network("::1/128")]),
    st.sampled_from([Colour.RED, Colour.BLUE, Level.LOW, Word.ONE, Right.READ, Right(0), Right(3)]),
    st.sampled_from([int, str, Point, Colour, function, len]),
    numbers.map(UserId),
    words.map(Name),
)
slices = st.sampled_from([slice(1), slice(None, 1), slice(1, 1, 1)])


def _hashable(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.frozensets(inner, max_size=3),
        st.builds(Pair, inner, inner),
        st.builds(Spot, inner, inner),
    )


def opaque(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return ``strategy`` under a short name: hypothesis shows the definition of any other."""
    return st.composite(lambda draw: draw(strategy))()


atoms = opaque(_atoms)
hashable = opaque(st.recursive(atoms, _hashable, max_leaves=4))


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=3)
    mappings = st.dictionaries(hashable, inner, max_size=3)
    of_two = [Pair, Other, Point, Spot, Attrs, Struct]
    return st.one_of(
        lists,
        lists.map(tuple),
        lists.map(Names),
        st.builds(deque, lists, st.sampled_from([None, 3, 4])),
        st.sets(hashable, max_size=3),
        st.frozensets(hashable, max_size=3),
        mappings,
        mappings.map(OrderedDict),
        st.builds(defaultdict, st.sampled_from([None, int, list]), mappings),
        st.lists(hashable, max_size=3).map(Counter),
        inner.map(Keyed),
        st.builds(Model, x=inner, y=inner),
        st.builds(Model, x=inner, z=inner),
        *(st.builds(cls, inner, inner) for cls in of_two),
    )


values = opaque(st.recursive(atoms | slices, _containers, max_leaves=5))


# -- sameness -------------------------------------------------------------------------------------


def same(one: Any, other: Any) -> bool:
    """Return whether the two have the same type and the same content, all the way down."""
    if type(one) is not type(other):
        return False
    match one:
        case Enum() | type() | EllipsisType() | NoneType():
            return one is other
        case float():
            return repr(one) == repr(other)
        case complex():
            return same([one.real, one.imag], [other.real, other.imag])
        case Decimal():
            return one.as_tuple() == other.as_tuple()
        case datetime() | time():
            return _parts_of_time(one) == _parts_of_time(other)
        case range() | slice():
            return same(_ends(one), _ends(other))
        case deque():
            return one.maxlen == other.maxlen and same(list(one), list(other))
        case defaultdict():
            return one.default_factory is other.default_factory and same(dict(one), dict(other))
        case OrderedDict():
            return same(list(one.items()), list(other.items()))
        case dict():
            return _same_in_any_order(one.items(), other.items())
        case set() | frozenset():
            return _same_in_any_order(one, other)
        case list() | tuple():
            return len(one) == len(other) and all(map(same, one, other))
        case Keyed():
            return same(one.what, other.what)
    attributes = _attributes(one)
    return one == other if attributes is None else same(attributes, _attributes(other))


def _same_in_any_order(some: Iterable[Any], others: Iterable[Any]) -> bool:
    rest = list(others)
    for one in some:
        twin = next((index for index, each in enumerate(rest) if same(one, each)), None)
        if twin is None:
            return False
        del rest[twin]
    return not rest


def _parts_of_time(moment: datetime | time) -> Any:
    zone = moment.tzinfo
    name = getattr(zone, "key", None) or (zone and (zone.utcoffset(None), zone.tzname(None)))
    return moment.replace(tzinfo=None), moment.fold, type(zone), name


def _ends(value: range | slice) -> list[Any]:
    return [value.start, value.stop, value.step]


def _attributes(value: Any) -> dict[str, Any] | None:
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if attrs.has(type(value)):
        return attrs.asdict(value, recurse=False)
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if isinstance(value, Model):
        return {**vars(value), **(value.__pydantic_extra__ or {})}
    return None
