"""The stable text of values, above all: two values share a text only if they are the same.

The proof is in two halves. Values are drawn in dozens from small domains full of look-alikes, and
no two different ones may share a text. And a text that can be read back stands for one value: the
texts look like Python, so ``eval`` with a few constructors is their inverse.
"""

from __future__ import annotations

import asyncio
import functools
import io
import re
import socket
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal, localcontext
from enum import IntFlag
from fractions import Fraction
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from itertools import combinations
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any, Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshly.core.text import stable_text
from freshly.errors import KeyTextError
from tests.core import values
from tests.core.values import (
    Attrs,
    Colour,
    Keyed,
    Level,
    Model,
    Name,
    Names,
    Pair,
    Point,
    Right,
    Spot,
    Struct,
    UserId,
    Word,
    function,
    same,
)

T = TypeVar("T")

# -- one value, one text --------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.lists(values.values, min_size=12, max_size=12))
def test_two_values_share_a_text_only_if_they_are_the_same(drawn: list[Any]) -> None:
    texts = [stable_text(value) for value in drawn]

    for (one, text), (other, other_text) in combinations(zip(drawn, texts, strict=True), 2):
        assert (text == other_text) == same(one, other)


@settings(max_examples=150)
@given(values.values)
def test_the_text_of_a_value_can_be_read_back(value: Any) -> None:
    assert same(read_back(stable_text(value)), value)


@settings(max_examples=100)
@given(values.values)
def test_an_equal_copy_has_the_same_text(value: Any) -> None:
    assert stable_text(deepcopy(value)) == stable_text(value)


@settings(max_examples=50)
@given(values.values)
def test_a_text_can_be_stored_anywhere(value: Any) -> None:
    text = stable_text(value)

    assert text.encode().decode() == text
    assert "\n" not in text


@settings(max_examples=50)
@given(st.dictionaries(values.hashable, values.atoms, max_size=5), st.randoms())
def test_the_order_in_which_a_dict_or_set_was_filled_makes_no_difference(
    mapping: dict[Any, Any], random: Any
) -> None:
    pairs = list(mapping.items())
    random.shuffle(pairs)

    assert stable_text(dict(pairs)) == stable_text(mapping)
    assert stable_text({key for key, _ in pairs}) == stable_text(set(mapping))


def read_back(text: str) -> Any:
    def moment(of: str, zone: tzinfo | None = None, fold: int = 0) -> datetime:
        return datetime.fromisoformat(of).replace(tzinfo=zone, fold=fold)

    def clock_time(of: str, zone: tzinfo | None = None, fold: int = 0) -> time:
        return time.fromisoformat(of).replace(tzinfo=zone, fold=fold)

    def zone(offset: timedelta, name: str) -> timezone:
        plain = timezone(offset)
        return plain if plain.tzname(None) == name else timezone(offset, name)

    def attrs_of(x: Any, _y: Any) -> Attrs:
        return Attrs(x, _y)

    def model(__pydantic_extra__: Any = (), **given: Any) -> Model:
        return Model(**given, **dict(__pydantic_extra__))

    zone.utc = UTC  # type: ignore[attr-defined]
    names = {
        **vars(values),
        "Attrs": attrs_of,
        "Model": model,
        "date": date.fromisoformat,
        "datetime": moment,
        "inf": float("inf"),
        "nan": float("nan"),
        "time": clock_time,
        "timezone": zone,
    }
    return eval(text.replace("tests.core.values.", "").replace("builtins.", ""), names)


# -- what the texts look like ---------------------------------------------------------------------


class Perm(IntFlag):
    READ = 1
    WRITE = 2


class Money:
    def __init__(self, shown: str) -> None:
        self.shown = shown

    def __repr__(self) -> str:
        return self.shown


class ByMethod:
    def __cache_key__(self) -> tuple[str, int]:
        return ("eu", 1)


class ByAttribute:
    __cache_key__ = "eu"


HERE = __name__

TEXTS: list[tuple[object, str]] = [
    (7, "7"),
    ("a", "'a'"),
    ("it's", '"it\'s"'),
    (True, "True"),
    (None, "None"),
    (..., "..."),
    (1.5, "1.5"),
    (-0.0, "-0.0"),
    (b"x", "b'x'"),
    (bytearray(b"x"), "bytearray(b'x')"),
    (1 + 2j, "complex(1.0,2.0)"),
    ([1, 2], "[1,2]"),
    ((), "()"),
    ((1,), "(1,)"),
    ((1, 2), "(1,2)"),
    ({2, 1}, "{1,2}"),
    (set(), "set()"),
    (frozenset({1}), "frozenset({1})"),
    (frozenset(), "frozenset()"),
    ({}, "{}"),
    ({"b": 2, "a": 1}, "{'a':1,'b':2}"),
    (OrderedDict(b=2, a=1), "OrderedDict([('b',2),('a',1)])"),
    (defaultdict(list, a=[1]), "defaultdict(builtins.list,{'a':[1]})"),
    (Counter("aab"), "Counter({'a':2,'b':1})"),
    (deque([1]), "deque([1])"),
    (deque([1], 3), "deque([1],3)"),
    (MappingProxyType({"a": 1}), "mappingproxy({'a':1})"),
    (SimpleNamespace(a=1), "SimpleNamespace({'a':1})"),
    (Decimal("1.0"), "Decimal('1.0')"),
    (Fraction(1, 2), "Fraction(1,2)"),
    (UUID(int=5), "UUID('00000000-0000-0000-0000-000000000005')"),
    (date(2024, 1, 2), "date('2024-01-02')"),
    (time(1, 2), "time('01:02:00')"),
    (timedelta(days=1, microseconds=5), "timedelta(1,0,5)"),
    (datetime.fromisoformat("2024-01-02T03:04"), "datetime('2024-01-02T03:04:00')"),
    (datetime(2024, 1, 2, tzinfo=UTC), "datetime('2024-01-02T00:00:00',timezone.utc)"),
    (
        datetime(2024, 1, 2, tzinfo=ZoneInfo("Europe/Paris"), fold=1),
        "datetime('2024-01-02T00:00:00',ZoneInfo('Europe/Paris'),fold=1)",
    ),
    (timezone(timedelta(hours=1)), "timezone(timedelta(0,3600,0),'UTC+01:00')"),
    (range(3), "range(0,3,1)"),
    (slice(1, None), "slice(1,None,None)"),
    (re.compile("a.b", re.IGNORECASE), "Pattern('a.b',34)"),
    (PurePosixPath("/a"), "PurePosixPath('/a')"),
    (PureWindowsPath("a"), "PureWindowsPath('a')"),
    (IPv4Address("1.2.3.4"), "IPv4Address('1.2.3.4')"),
    (IPv6Network("::/64"), "IPv6Network('::/64')"),
    (Colour.RED, "tests.core.values.Colour.RED"),
    (Word.ONE, "tests.core.values.Word.ONE"),
    (Level.LOW, "tests.core.values.Level.LOW"),
    (Right.READ | Right.WRITE, "tests.core.values.Right(3)"),
    (Right(0), "tests.core.values.Right(0)"),
    (Perm(9), f"{HERE}.Perm(9)"),
    (int, "builtins.int"),
    (Point, "tests.core.values.Point"),
    (function, "tests.core.values.function"),
    (len, "builtins.len"),
    (UserId(7), "tests.core.values.UserId(7)"),
    (Name("a"), "tests.core.values.Name('a')"),
    (Names([1]), "tests.core.values.Names([1])"),
    (Pair(1), "tests.core.values.Pair(x=1,y=None)"),
    (Point(1, [2]), "tests.core.values.Point(x=1,y=[2])"),
    (Spot(1), "tests.core.values.Spot(x=1,y=None)"),
    (Attrs(1, 2), "tests.core.values.Attrs(x=1,_y=2)"),
    (Struct(1), "tests.core.values.Struct(x=1,y=None)"),
    (Model(x=1), "tests.core.values.Model(x=1,y=None)"),
    (Keyed(7), "tests.core.values.Keyed(7)"),
    (ByMethod(), f"{HERE}.ByMethod(('eu',1))"),
    (ByAttribute(), f"{HERE}.ByAttribute('eu')"),
    (Money("5 EUR"), f"{HERE}.Money<'5 EUR'>"),
]


@pytest.mark.parametrize(("value", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_a_text_looks_like_python(value: object, text: str) -> None:
    assert stable_text(value) == text


# -- where texts could clash ----------------------------------------------------------------------


def test_one_in_any_type_is_another_value() -> None:
    ones = [1, 1.0, True, "1", b"1", Decimal(1), Fraction(1), 1 + 0j, UserId(1), Level.LOW, Word.ONE]

    assert len({stable_text(one) for one in ones}) == len(ones)


def test_equal_instants_in_two_zones_are_two_values() -> None:
    noon = datetime(2024, 1, 2, 12, tzinfo=UTC)
    paris = noon.astimezone(ZoneInfo("Europe/Paris"))
    berlin = noon.astimezone(ZoneInfo("Europe/Berlin"))

    assert noon == paris == berlin
    assert len({stable_text(each) for each in (noon, paris, berlin)}) == 3


def test_from_2000_bits_on_an_int_is_in_hexadecimal_digits() -> None:
    """Python may refuse to write so many decimal ones. Where it begins is part of the keys."""
    assert stable_text(2**1999 - 1) == str(2**1999 - 1)
    assert stable_text(2**1999) == hex(2**1999)


def test_a_repr_cannot_pretend_to_be_something_else() -> None:
    """Free text is quoted, so it cannot close a bracket that is not its own."""
    two = [Money("1"), Money("2")]
    one = [Money(f"1'>,{HERE}.Money<'2")]

    assert stable_text(one) != stable_text(two)


def test_the_name_of_a_class_cannot_pretend_to_be_something_else() -> None:
    strange = type("1,2", (), {"__module__": "'a'"})

    assert stable_text([strange]) == """[name("'a'.1,2")]"""


def test_a_class_that_is_no_dataclass_itself_adds_what_it_sets() -> None:
    class Child(Point):
        def __init__(self, x: int, more: int) -> None:
            super().__init__(x)
            self.more = more

    assert stable_text(Child(1, 2)) != stable_text(Child(1, 3))


def test_a_subclass_of_a_builtin_adds_what_was_set_on_it() -> None:
    plain, tagged = Names([1]), Names([1])
    tagged.language = "en"  # type: ignore[attr-defined]

    assert stable_text(tagged) == "tests.core.values.Names([1],**{'language':'en'})"
    assert stable_text(tagged) != stable_text(plain)


def test_a_subclass_with_slots_adds_them() -> None:
    class Slotted(list[int]):
        __slots__ = ("unit",)

    plain, metres, feet = Slotted([1]), Slotted([1]), Slotted([1])
    metres.unit, feet.unit = "m", "ft"

    assert len({stable_text(each) for each in (plain, metres, feet)}) == 3


def test_what_a_builtin_keeps_for_itself_is_no_content() -> None:
    """A path notes its hash and its text in slots when they are asked for."""

    class Home(type(Path())):  # type: ignore[misc]
        pass

    path = Home("a/b")
    before = stable_text(path)
    _ = hash(path), str(path), path.parts

    assert stable_text(path) == before


def test_a_dataclass_that_extends_a_builtin_has_both_contents() -> None:
    @dataclass
    class Named(list[int]):
        name: str

    empty, full = Named("a"), Named("a")
    full.append(1)

    assert stable_text(empty) != stable_text(full)


def test_a_pydantic_model_counts_its_extras_and_private_attributes() -> None:
    class Private(pydantic.BaseModel):
        _secret: int = pydantic.PrivateAttr(1)

    private = Private()
    before = stable_text(private)
    private._secret = 2

    assert stable_text(private) != before
    assert stable_text(Model(x=1, z=1)) != stable_text(Model(x=1, z=2)) != stable_text(Model(x=1))


def test_a_pydantic_model_is_the_same_whether_a_field_was_given_or_defaulted() -> None:
    assert stable_text(Model(x=1, y=None)) == stable_text(Model(x=1))


class BoxedA(pydantic.BaseModel):
    x: int = 1


class Box(pydantic.BaseModel, Generic[T]):
    inside: T


def test_a_generic_pydantic_model_is_named_with_the_whole_names_of_its_arguments() -> None:
    """Two classes of one name in two modules give ``Box[Same]`` twice."""
    one = type("Same", (pydantic.BaseModel,), {"__module__": "one"})
    two = type("Same", (pydantic.BaseModel,), {"__module__": "two"})
    assert Box[one].__qualname__ == Box[two].__qualname__  # type: ignore[valid-type]

    assert stable_text(Box[one](inside=one())) != stable_text(Box[two](inside=two()))  # type: ignore[valid-type]
    assert stable_text(Box[BoxedA](inside=BoxedA())) == (
        f"{HERE}.Box[{HERE}.BoxedA](inside={HERE}.BoxedA(x=1))"
    )


def test_a_long_pattern_counts_to_its_end() -> None:
    """``repr`` of a pattern stops after 200 characters."""
    assert stable_text(re.compile("a" * 300 + "b")) != stable_text(re.compile("a" * 300 + "c"))


def test_a_number_of_any_length_has_a_text() -> None:
    """Python refuses to write ints of more than 4300 digits in decimal."""
    assert stable_text(10**5000) != stable_text(10**5000 + 1)
    assert stable_text(-(10**5000)).startswith("-0x")


def test_the_decimal_context_of_the_moment_makes_no_difference() -> None:
    with localcontext() as context:
        context.capitals = 0

        assert stable_text(Decimal("1E+5")) == "Decimal('1E+5')"


def test_a_cached_property_is_not_content_and_is_not_computed() -> None:
    computed: list[object] = []

    @dataclass
    class Circle:
        radius: int

        @cached_property
        def area(self) -> float:
            computed.append(self)
            return 3.0

    @attrs.define
    class AttrsCircle:
        radius: int

        @cached_property
        def area(self) -> float:
            computed.append(self)
            return 3.0

    for circle in (Circle(1), AttrsCircle(1)):
        before = stable_text(circle)
        assert circle not in computed

        assert circle.area == 3.0
        assert stable_text(circle) == before


def test_a_generic_dataclass_is_the_same_with_and_without_its_argument() -> None:
    @dataclass
    class Holder(Generic[T]):
        inside: T

    assert stable_text(Holder[int](1)) == stable_text(Holder(1))


def test_a_path_of_this_system_and_its_subclasses_have_texts() -> None:
    class Home(type(Path())):  # type: ignore[misc]
        pass

    assert stable_text(Path("a")) == f"{type(Path()).__name__}('a')"
    assert stable_text(Home("a")).endswith(f".Home({type(Path()).__name__}('a'))")


def test_an_address_of_the_network_keeps_its_scope() -> None:
    assert stable_text(IPv6Address("fe80::1%1")) != stable_text(IPv6Address("fe80::1%2"))


# -- what has no text -----------------------------------------------------------------------------


class Plain:
    def method(self) -> None: ...


class Showy:
    def __repr__(self) -> str:
        return f"<Showy {id(self)}>"


class ShowyHex:
    def __repr__(self) -> str:
        return f"<Showy {id(self):#x}>"


class Array:
    """Like an array of numpy, a table of pandas, a tensor."""

    def __len__(self) -> int:
        return 3

    def __array__(self) -> None: ...

    def __repr__(self) -> str:
        return "array([1, ..., 3])"


class Row:
    """Like a row of SQLAlchemy."""

    __mapper__ = object()

    def __repr__(self) -> str:
        return "<User 1>"


class DjangoRow(type("Model", (), {"__module__": "django.db.models.base"})):  # type: ignore[misc]
    def __repr__(self) -> str:
        return "<User: Anna>"


@functools.wraps(function)
def wrapper() -> None: ...


async def coroutine_function() -> None: ...


REFUSED: list[object] = [
    object(),
    Plain(),
    Showy(),
    ShowyHex(),
    Keyed(Plain()),
    Plain().method,
    lambda: 1,
    wrapper,
    functools.partial(function),
    functools.lru_cache(function),
    [].append,
    iter([1]),
    (each for each in [1]),
    io.BytesIO(),
    io.StringIO(),
    memoryview(b""),
    threading.Lock(),
    threading.RLock(),
    threading.Event(),
    threading.Thread(),
    asyncio.Lock(),
    defaultdict(lambda: 1),
    Array(),
    Row(),
    DjangoRow(),
]


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("inside", [lambda it: it, lambda it: [it], lambda it: Point((it,))])
def test_what_is_known_by_its_address_or_used_up_is_refused(value: object, inside: Any) -> None:
    with pytest.raises(KeyTextError, match="has no stable text"):
        stable_text(inside(value))


def test_a_closure_and_a_local_function_are_refused() -> None:
    def local() -> None: ...

    with pytest.raises(KeyTextError, match="does not lead back to it"):
        stable_text(local)


def test_a_file_a_socket_and_a_coroutine_are_refused() -> None:
    coroutine = coroutine_function()
    with open(__file__) as file, socket.socket() as line:
        for resource in (file, line, coroutine):
            with pytest.raises(KeyTextError, match="used up"):
                stable_text(resource)
    coroutine.close()


def test_a_refusal_names_the_type_and_the_ways_out() -> None:
    with pytest.raises(KeyTextError) as refusal:
        stable_text([Plain()])

    for words in (f"{HERE}.Plain", "key=", "__cache_key__", "Annotated[Plain, NoKey]"):
        assert words in str(refusal.value)


def test_a_container_within_itself_is_refused() -> None:
    in_list: list[Any] = []
    in_list.append(in_list)
    in_dict: dict[str, Any] = {}
    in_dict["a"] = [in_dict]
    in_point = Point(1)
    in_point.y = in_point

    for value in (in_list, in_dict, in_point):
        with pytest.raises(KeyTextError, match="contains itself"):
            stable_text(value)


def test_the_same_part_twice_is_no_container_within_itself() -> None:
    part = [1]

    assert stable_text([part, part]) == "[[1],[1]]"


def test_what_is_nested_too_deep_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]

    with pytest.raises(KeyTextError, match="nested more than 64 levels"):
        stable_text(deep)


def test_a_cache_key_that_always_gives_a_new_object_is_refused() -> None:
    class Endless:
        def __cache_key__(self) -> Endless:
            return Endless()

    with pytest.raises(KeyTextError, match="nested more than 64 levels"):
        stable_text(Endless())


def test_a_class_or_function_that_a_property_gives_is_not_called() -> None:
    assert stable_text(Keyed(Point)) == "tests.core.values.Keyed(tests.core.values.Point)"
    assert stable_text(Keyed(function)) == "tests.core.values.Keyed(tests.core.values.function)"


def test_a_class_has_its_name_though_its_instances_have_a_key() -> None:
    assert stable_text([ByMethod, ByAttribute]) == f"[{HERE}.ByMethod,{HERE}.ByAttribute]"


def test_an_object_that_answers_to_every_name_has_no_cache_key() -> None:
    class Agreeable:
        def __getattr__(self, name: str) -> str:
            return name

    with pytest.raises(KeyTextError, match="has no stable text"):
        stable_text(Agreeable())


def test_a_cache_key_may_be_a_class_method_or_cached_or_set_on_the_object() -> None:
    class ByClass:
        @classmethod
        def __cache_key__(cls) -> str:
            return "eu"

    class Cached:
        @cached_property
        def __cache_key__(self) -> str:
            return "eu"

    class OnItself:
        def __init__(self) -> None:
            self.__cache_key__ = "eu"

    assert stable_text(OnItself()).endswith("OnItself('eu')")
    assert stable_text(ByClass()).endswith("ByClass('eu')")
    assert stable_text(Cached()).endswith("Cached('eu')")


def test_an_error_of_a_cache_key_passes_through() -> None:
    class Broken:
        def __cache_key__(self) -> str:
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        stable_text(Broken())


def test_a_global_that_is_no_function_stands_for_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ``lru_cache`` of a module-level function is found under the name of the function."""
    module = ModuleType("somewhere")
    monkeypatch.setitem(__import__("sys").modules, "somewhere", module)
    module.cached = functools.lru_cache(function)  # type: ignore[attr-defined]
    module.cached.__module__, module.cached.__qualname__ = "somewhere", "cached"

    assert stable_text(module.cached) == "somewhere.cached"
    assert stable_text(module) == "module('somewhere')"
