"""What a value held at one moment, to tell later whether and where it has changed.

A snapshot is a tree of plain tuples that shares nothing with the value. It goes into containers and
into the attributes of objects; what has neither is taken by its bytes, as pickle writes them, and
what has no bytes by its identity, which never changes: a change inside such a thing is not seen.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from functools import cached_property
from operator import itemgetter
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, ModuleType, NoneType
from typing import Any, NamedTuple
from uuid import UUID

# What cannot change, or is what it is for as long as it is there.
ATOMS = (
    NoneType,
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    Enum,
    Decimal,
    UUID,
    date,
    time,
    timedelta,
    tzinfo,
    PurePath,
    range,
    type,
    FunctionType,
    BuiltinFunctionType,
    ModuleType,
)

# Of these two may be equal and not the same: 0.0 and -0.0, 1.0 and 1.00; or the same and not equal.
SHOWN = (float, complex, Decimal)

# Attributes in which libraries keep notes about an object, and nothing that it says: the state of
# SQLAlchemy, of Django.
NOTES = frozenset({"_sa_instance_state", "_state"})


class Node(NamedTuple):
    """A value: its type, what it holds by place, and how a place is written."""

    kind: type
    parts: tuple[tuple[Any, Any], ...]
    how: str


def snapshot(value: object) -> Any:
    """Return a tree that equals the one of an equal value of the same types."""
    try:
        return _node(value, {})
    except RecursionError:
        return (type(value), id(value))


def _node(value: Any, above: dict[int, int]) -> Any:
    if isinstance(value, ATOMS):
        return (type(value), repr(value) if isinstance(value, SHOWN) else value)
    if id(value) in above:
        # A circle: say how far up it leads.
        return ("circle", len(above) - above[id(value)])
    inside = {**above, id(value): len(above)}
    kind = type(value)
    match value:
        case Mapping():
            return Node(kind, tuple((key, _node(value[key], inside)) for key in value), "[]")
        case Set():
            there = {repr(one): _node(one, inside) for one in value}
            return Node(kind, tuple(sorted(there.items(), key=itemgetter(0))), "{}")
        case bytearray() | memoryview():
            return (kind, bytes(value))
        case Sequence():
            return Node(kind, tuple((n, _node(one, inside)) for n, one in enumerate(value)), "[]")
        case _:
            return _object(value, inside)


def _object(value: Any, inside: dict[int, int]) -> Any:
    attributes = dict(_attributes(value))
    if attributes:
        parts = tuple((name, _node(attributes[name], inside)) for name in sorted(attributes))
        return Node(type(value), parts, ".")
    try:
        return (type(value), pickle.dumps(value))
    except Exception:
        return (type(value), id(value))


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    kind = type(value)
    for name, attribute in getattr(value, "__dict__", {}).items():
        # A property that keeps what it has once worked out does not change the object.
        is_worked_out = isinstance(getattr(kind, name, None), cached_property)
        if name not in NOTES and not is_worked_out:
            yield str(name), attribute
    for each in kind.__mro__:
        slots = each.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            mangled = f"_{each.__name__.lstrip('_')}{name}" if name.startswith("__") else name
            if name not in ("__dict__", "__weakref__") and hasattr(value, mangled):
                yield mangled, getattr(value, mangled)


class Difference(NamedTuple):
    """The first place where two snapshots differ, and what each has there, in words."""

    place: str
    before: str
    after: str


def difference(one: Any, other: Any, at: str = "") -> Difference | None:
    """Return where two snapshots first differ, or ``None``."""
    if one == other:
        return None
    if not (isinstance(one, Node) and isinstance(other, Node)) or one.kind is not other.kind:
        return Difference(at or "the value", _text(one), _text(other))
    before, after = dict(one.parts), dict(other.parts)
    for place in [*before, *(place for place in after if place not in before)]:
        there = _place(at, one, place)
        if place not in after or place not in before:
            return Difference(there, _text(before.get(place)), _text(after.get(place)))
        if before[place] != after[place]:
            return difference(before[place], after[place], there)
    return Difference(at or "the value", "in one order", "in another")


def _text(node: Any) -> str:
    if node is None:
        return "missing"
    if isinstance(node, Node):
        return f"a {node.kind.__qualname__}"
    kind, value = node
    text = value if issubclass(kind, SHOWN) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _place(at: str, node: Node, place: object) -> str:
    match node.how:
        case ".":
            return f"{at}.{place}"
        case "{}":
            return f"{at}{{{place}}}"
        case _:
            return f"{at}[{place!r}]"
