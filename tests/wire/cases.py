"""Annotations with values, by name: what fixtures are made of, and every test of the wire may draw on.

The fixtures know the names. Add cases and classes, but change none: bytes that were written for them
must be read for ever.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal, Optional, Union
from uuid import UUID
from zoneinfo import ZoneInfo

import pydantic

from tests.wire import models as m

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

CASES: dict[str, tuple[Any, Any]] = {
    "int": (int, 1),
    "float": (float, 1.5),
    "optional": (Optional[int], None),  # noqa: UP045
    "union": (Union[int, str], "1"),  # noqa: UP007
    "literal": (Literal["a", 1, None], "a"),
    "literal of an enum": (Literal[m.Colour.RED], m.Colour.RED),
    "sequence as list": (Sequence[int], [1, 2]),
    "sequence as tuple": (Sequence[int], (1, 2)),
    "mapping": (Mapping[str, int], {"a": 1}),
    "fixed tuple": (tuple[int, str], (1, "a")),
    "tuple": (tuple[int, ...], (1, 2, 3)),
    "set of uuids": (set[UUID], {UUID(int=1)}),
    "dates to decimals": (dict[date, Decimal], {date(2024, 1, 1): Decimal("1.10")}),
    "tuples as keys": (dict[tuple[int, int], str], {(1, 2): "a"}),
    "deque": (deque[int], deque([1, 2], 3)),
    "text or datetime, datetime": (str | datetime, NOON),
    "text or datetime, text": (str | datetime, "2024-01-01T12:00:00Z"),
    "uuid or bytes": (UUID | bytes, UUID(int=7)),
    "list or tuple": (list[int] | tuple[int, ...], (1, 2)),
    "complex": (complex, 1j),
    "any or datetime": (Any | datetime, NOON.replace(tzinfo=None)),
    "enum of texts": (m.Colour, m.Colour.BLUE),
    "int enum": (m.Level, m.Level.HIGH),
    "str enum": (m.Word, m.Word.ONE),
    "mixed enum": (m.Mixed, m.Mixed.PAIR),
    "mixed enums": (list[m.Mixed], [m.Mixed.ONE, m.Mixed.TEXT]),
    "flags": (m.Right, m.Right.READ | m.Right.WRITE),
    "int flags": (m.Bits, m.Bits(5)),
    "unknown int flags": (m.Bits, m.Bits(13)),
    "dataclass": (m.Post, POST),
    "dataclasses": (list[m.Post], [POST, POST]),
    "frozen dataclass with slots": (m.Spot, m.Spot(1, 2.0)),
    "tree": (m.Node, m.Node("a", [m.Node("b"), m.Node("c", parent=m.Node("d"))])),
    "generic of int": (m.Box[int], m.Box(1, [2])),
    "generic of dataclass": (m.Box[m.Spot], m.Box(m.Spot(1), [m.Spot(2)])),
    "generic, bare": (m.Box, m.Box("a", [1])),
    "post init": (m.Counting, m.Counting(1)),
    "cached property": (m.Squared, m.Squared(3)),
    "fields of any type": (m.Loose, m.Loose({"a": [1]}, {"b": (1, 2)})),
    "named tuple": (m.Pair, m.Pair(1, "a")),
    "named tuples in a dict": (dict[str, m.Pair], {"a": m.Pair(1)}),
    "typed dict": (m.Row, {"id": 1, "name": "a"}),
    "typed dict, whole": (m.Row, {"id": 1, "name": "a", "at": NOON}),
    "typed dict with more": (m.Row, {"id": 1, "name": "a", "unknown": 1}),
    "attrs": (m.Seat, m.Seat(1, 2)),
    "attrs, private": (m.Secretive, m.Secretive("k", 2)),
    "struct": (m.Struct, m.Struct(1, NOON, UUID(int=1))),
    "tagged struct": (m.Cat | m.Dog, m.Cat("a")),
    "tagged struct, renamed": (m.Cat | m.Dog, m.Dog("b")),
    "one of two dataclasses": (m.Left | m.Right2, m.Left(1)),
    "the other": (m.Left | m.Right2, m.Right2(1)),
    "struct or dataclass": (m.Struct | m.Post, POST),
    "broken condition": (m.Limited, m.Limited(-1)),
    "struct with a hook": (m.Hooked, m.Hooked(1)),
    "model": (m.Model, m.Model(id=1, at=NOON, tags=frozenset("a"))),
    "account": (m.Account, ACCOUNT),
    "models or none": (list[m.Account] | None, [ACCOUNT]),
    "root model": (m.Numbers, m.Numbers([1, 2])),
    "generic model": (m.Page[m.Model], m.Page[m.Model](rows=[m.Model(id=1)])),
    "generic model of int": (m.Page[int], m.Page[int](rows=[1])),
    "discriminated": (Annotated[m.Bird | m.Fish, pydantic.Field(discriminator="kind")], m.Fish(fins=2)),
    "secret": (pydantic.SecretStr, pydantic.SecretStr("a")),
    "urls": (dict[str, pydantic.HttpUrl], {"a": pydantic.HttpUrl("http://a.b/")}),
    "awaitable": (Awaitable[m.Post], POST),
    "coroutine": (Coroutine[Any, Any, int], 1),
    # What the annotation does not say.
    "int for float": (float, 1),
    "bool for int": (int, True),
    "large int": (int, 2**70),
    "zone and fold": (datetime, PARIS),
    "dataclass of odd values": (m.Post, m.Post(2**80, "\ud800", PARIS, None, ("x",))),  # type: ignore[arg-type]
    "dataclass of near values": (m.Spot, m.Spot(True, 1)),
    "none for dict": (dict[str, int], None),
    "float for int": (dict[str, int], {"a": 1.0}),
    "tuple for list": (list[int], (1, 2)),
    "list for typed dict": (m.Row, [1, 2]),
}


#: One of each type that needs no annotation.
CASES["plain"] = (
    Any,
    {
        "atoms": [None, True, 1, -(2**63), 2**64 - 1, 2**64, 1.5, float("inf"), "é", "\ud800", b"a"],
        "numbers": [1j, Decimal("1.10"), Decimal("NaN"), Fraction(1, 3), bytearray(b"a")],
        "dates": [
            date(2024, 2, 29),
            time(1, 2, 3, 4),
            time(1, tzinfo=UTC, fold=1),
            timedelta(-1, 2, 3),
        ],
        "moments": [
            PARIS,
            NOON,
            datetime(1, 1, 1),  # noqa: DTZ001
            datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        ],
        "zones": [UTC, ZoneInfo("Europe/Paris"), timezone(timedelta(hours=-5), "EST")],
        "names": [UUID(int=2**127), PurePosixPath("/a"), PureWindowsPath("c:/a")],
        "addresses": [each("10.0.0.0") for each in (ip_address, ip_interface, ip_network)]
        + [each("::1") for each in (ip_address, ip_interface, ip_network)],
        "containers": [(1, (2,)), {1}, frozenset("a"), deque([1], 2), range(1, 9, 2), OrderedDict(a=1)],
        "more": [Counter("aab"), defaultdict(list, {1: [2]}), {(1, 2): 3, None: 4, 1.5: {b"x": ()}}],
    },
)
