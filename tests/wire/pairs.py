"""Annotations with values of theirs: strategies for what the supported types can express."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple, Optional, Union
from uuid import UUID
from zoneinfo import ZoneInfo

import pydantic
from hypothesis import strategies as st

from tests.wire import models as m


class Typed(NamedTuple):
    """An annotation, and the strategy of its values."""

    annotation: Any
    values: st.SearchStrategy[Any]
    has_hash: bool = True


zones = st.sampled_from([None, UTC, UTC, ZoneInfo("Europe/Paris")])
moments = st.builds(lambda moment, zone: moment.replace(tzinfo=zone), st.datetimes(), zones)
numbers = st.integers(-10, 10) | st.integers()
finite = st.floats(allow_nan=False)
texts = st.text(max_size=4)
models = st.builds(
    m.Model, id=numbers, name=texts, at=st.none() | st.datetimes(), tags=st.frozensets(texts)
)
unset = st.builds(m.Model, id=numbers)
posts = st.builds(m.Post, numbers, texts, moments, st.none() | st.dates(), st.lists(texts, max_size=2))

ATOMS = [
    Typed(None, st.none()),
    Typed(bool, st.booleans()),
    Typed(int, numbers),
    Typed(float, finite),
    Typed(str, texts),
    Typed(bytes, st.binary(max_size=4)),
    Typed(bytearray, st.binary(max_size=4).map(bytearray), has_hash=False),
    Typed(complex, st.complex_numbers(allow_nan=False)),
    Typed(datetime, moments),
    Typed(date, st.dates()),
    Typed(time, st.times()),
    Typed(timedelta, st.timedeltas()),
    Typed(Decimal, st.decimals(allow_nan=False)),
    Typed(Fraction, st.fractions()),
    Typed(UUID, st.uuids()),
    Typed(IPv4Address, st.ip_addresses(v=4)),
    Typed(IPv6Address, st.ip_addresses(v=6)),
    Typed(Path, texts.map(lambda text: Path("a", text.replace("\x00", "")))),
    Typed(PurePosixPath, texts.map(lambda text: PurePosixPath("a", text))),
    Typed(range, st.builds(range, numbers)),
    Typed(Literal["a", "b", 3, None], st.sampled_from(["a", "b", 3, None])),
    Typed(Literal[True, "a", b"x"], st.sampled_from([True, "a", b"x"])),
    Typed(m.Colour, st.sampled_from(m.Colour)),
    Typed(m.Level, st.sampled_from(m.Level)),
    Typed(m.Word, st.sampled_from(m.Word)),
    Typed(m.Mixed, st.sampled_from(m.Mixed)),
    Typed(m.Right, st.sampled_from([m.Right(0), m.Right.READ, m.Right(3)])),
    Typed(m.Bits, st.integers(0, 15).map(m.Bits)),
    Typed(m.Spot, st.builds(m.Spot, numbers, finite)),
    Typed(m.Cat, st.builds(m.Cat, texts)),
    Typed(m.Pair, st.builds(m.Pair, numbers, texts)),
]
RECORDS = [
    Typed(m.Post, posts),
    Typed(m.Counting, st.builds(m.Counting, numbers)),
    Typed(m.Loose, st.builds(m.Loose, numbers | moments, st.dictionaries(texts, st.tuples(numbers)))),
    Typed(m.Row, st.fixed_dictionaries({"id": numbers, "name": texts}, optional={"at": moments})),
    Typed(m.Seat, st.builds(m.Seat, numbers, numbers)),
    Typed(m.Secretive, st.builds(m.Secretive, texts, st.integers(1))),
    Typed(m.Struct, st.builds(m.Struct, numbers, moments, st.none() | st.uuids())),
    Typed(m.Cat | m.Dog, st.builds(m.Cat, texts) | st.builds(m.Dog, texts, st.booleans())),
    Typed(m.Limited, st.builds(m.Limited, numbers)),
    Typed(m.Hooked, st.builds(m.Hooked, numbers)),
    Typed(m.Model, models | unset),
    Typed(
        m.Account,
        st.builds(
            lambda owner, site, more: m.Account(owner=owner, password="p", site=site, **more),
            models,
            st.sampled_from([None, pydantic.HttpUrl("http://a.b/c?d")]),
            st.sampled_from([{}, {"Limit": 3}, {"unknown": [1]}]),
        ),
    ),
    Typed(m.Numbers, st.lists(st.integers(0, 9)).map(m.Numbers)),
    Typed(m.Bird | m.Fish, st.builds(m.Bird, wings=st.just(2)) | st.builds(m.Fish, fins=st.just(1))),
    Typed(m.Left | m.Right2, st.builds(m.Left, numbers) | st.builds(m.Right2, numbers)),
    Typed(m.Team, st.builds(m.Team, texts, st.lists(models, max_size=2), st.none() | models)),
    Typed(
        m.Chain,
        st.recursive(st.none(), lambda inner: st.builds(m.Chain, id=numbers, next=inner)).filter(bool),
    ),
]
ANY = Typed(
    Any,
    st.recursive(
        numbers | texts | moments,
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2) | st.tuples(inner)
        ),
        max_leaves=3,
    ),
    has_hash=False,
)


def _of_one(inner: Typed) -> st.SearchStrategy[Typed]:
    of: Any = inner.annotation
    lists = st.lists(inner.values, max_size=3)
    made = [
        Typed(list[of], lists, has_hash=False),
        Typed(Sequence[of], lists | lists.map(tuple), has_hash=False),
        Typed(tuple[of, ...], lists.map(tuple), inner.has_hash),
        Typed(deque[of], lists.map(deque), has_hash=False),
        Typed(Optional[of], st.none() | inner.values, inner.has_hash),  # noqa: UP045 - not every of has an "|"
        Typed(dict[str, of], st.dictionaries(texts, inner.values, max_size=3), has_hash=False),
        Typed(Mapping[int, of], st.dictionaries(numbers, inner.values, max_size=3), has_hash=False),
        Typed(m.Box[of], st.builds(m.Box, inner.values, lists), has_hash=False),
    ]
    if inner.has_hash:
        made += [
            Typed(set[of], lists.map(set), has_hash=False),
            Typed(frozenset[of], lists.map(frozenset)),
            Typed(Counter[of], lists.map(Counter), has_hash=False),
            Typed(dict[of, int], st.dictionaries(inner.values, numbers, max_size=3), has_hash=False),
            Typed(
                OrderedDict[of, int],
                st.dictionaries(inner.values, numbers, max_size=3).map(OrderedDict),
                has_hash=False,
            ),
            Typed(
                defaultdict[of, int],
                st.dictionaries(inner.values, numbers, max_size=3).map(
                    lambda pairs: defaultdict(int, pairs)
                ),
                has_hash=False,
            ),
        ]
    return st.sampled_from(made)


def _of_two(one: Typed, other: Typed) -> st.SearchStrategy[Typed]:
    has_hash = one.has_hash and other.has_hash
    a: Any = one.annotation
    b: Any = other.annotation
    return st.sampled_from(
        [
            Typed(tuple[a, b], st.tuples(one.values, other.values), has_hash),
            Typed(Union[a, b], one.values | other.values, has_hash),  # noqa: UP007 - as above
        ]
    )


_leaves = st.sampled_from([*ATOMS, ANY, *(each._replace(has_hash=False) for each in RECORDS)])
annotations = st.recursive(
    _leaves,
    lambda inner: inner.flatmap(_of_one) | st.tuples(inner, inner).flatmap(lambda two: _of_two(*two)),
    max_leaves=4,
)


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[Any, Any]:
    """Draw an annotation and one of its values."""
    typed = draw(annotations)
    return typed.annotation, draw(typed.values)
