"""Whether msgspec carries a value of an outline exactly: asked of each value before it is encoded.

msgspec decodes by the annotation, quickly, and encodes whatever it is given: a subclass comes back
as its base, an ``int`` as the ``float`` that the annotation says, a datetime in Paris as one in UTC.
So a value is looked at first. What fits comes back equal and of the same types; what does not fit is
labelled instead.

A fit says for each exact type that may stand at a place what else to look at, or ``None``. The look
is the price of exactness, so it goes through C wherever it can: the types of all items at once, the
types of all fields at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Flag
from types import NoneType
from typing import Any, TypeAlias
from uuid import UUID

from .makers import maker
from .outline import (
    Anything,
    Atom,
    Choice,
    Constrained,
    Fixed,
    Items,
    Literally,
    Members,
    Outline,
    Own,
    Pairs,
    Record,
)
from .plain import HOOKED

__all__ = ["Check", "Fit", "check", "fit"]

Check: TypeAlias = Callable[[Any], bool]

#: From each type that may stand here to what more is asked of such a value.
Fit: TypeAlias = dict[type, Check | None]

_ATOMS = {NoneType, bool, int, float, str, bytes, bytearray, date, timedelta, Decimal, UUID}
_KEYS = {NoneType, bool, int, float, str, bytes}
_KEYS_TYPED = _KEYS | {date, Decimal, UUID}

# As many combinations of types as a record is expected to come in. Past it each is looked at anew.
_KNOWN = 64


class _NoFit(Exception):
    """Some value of the outline would not come back as it was, and nothing quick tells which."""


def fit(outline: Outline) -> Fit | None:
    """Return which values of ``outline`` msgspec carries, or ``None`` if that cannot be told."""
    try:
        return _fit(outline, {})
    except _NoFit:
        return None


def check(fit: Fit) -> Check:
    """Return the question whether a value fits."""

    def fits(value: Any) -> bool:
        try:
            more = fit[type(value)]
        except KeyError:
            return False
        return more is None or more(value)

    return fits


def _fit(outline: Outline, records: dict[Record, Fit]) -> Fit:
    match outline:
        case Anything(why=""):
            return dict(_PLAIN)
        case Atom(cls=cls):
            return _atom(cls)
        case Items(cls=cls, item=item):
            return {cls: _items(_fit(item, records))}
        case Fixed(items=items):
            return {tuple: _fixed([_fit(each, records) for each in items])}
        case Pairs(cls=cls, key=key, value=value):
            return {dict: _pairs(_key_fit(key, records), _fit(value, records))}
        case Choice(options=options):
            return _choice(options, records)
        case Literally(values=values):
            return _literally(values)
        case Members(cls=cls):
            return _members(cls)
        case Constrained(outline=inner):
            return _fit(inner, records)
        case Own(cls=cls):
            return {cls: None}
        case Record():
            return _record(outline, records)
        case _:
            raise _NoFit


def _atom(cls: type) -> Fit:
    if cls in _ATOMS:
        return {cls: None}
    if cls is datetime:
        return {datetime: _is_exact_datetime}
    if cls is time:
        return {time: _is_exact_time}
    if cls in HOOKED:
        return {HOOKED[cls]: None}
    raise _NoFit


def _is_exact_datetime(value: datetime) -> bool:
    return (value.tzinfo is None or value.tzinfo is UTC) and not value.fold


def _is_exact_time(value: time) -> bool:
    return value.tzinfo is None and not value.fold


# -- containers -----------------------------------------------------------------------------------


def _items(item: Fit) -> Check:
    kinds = frozenset(item)
    flat = kinds - set(_deep(item))
    if flat == kinds:
        return lambda value: kinds.issuperset(map(type, value))

    def fits(value: Any) -> bool:
        if flat.issuperset(map(type, value)):
            return True
        for each in value:
            kind = type(each)
            if kind not in kinds:
                return False
            more = item[kind]
            if more is not None and not more(each):
                return False
        return True

    return fits


def _fixed(items: list[Fit]) -> Check:
    checks = [check(each) for each in items]

    def fits(value: tuple[Any, ...]) -> bool:
        return len(value) == len(checks) and all(
            one(each) for one, each in zip(checks, value, strict=True)
        )

    return fits


def _pairs(key: Fit, value: Fit) -> Check:
    keys, values = _items(key), _items(value)

    def fits(pairs: dict[Any, Any]) -> bool:
        return keys(pairs) and values(pairs.values())

    return fits


def _key_fit(outline: Outline, records: dict[Record, Fit]) -> Fit:
    if isinstance(outline, Anything):
        return dict.fromkeys(_KEYS)
    found = _fit(outline, records)
    if any(kind not in _KEYS_TYPED for kind in found) and not isinstance(outline, Members | Literally):
        raise _NoFit
    return found


def _deep(fit: Mapping[type, Check | None]) -> dict[type, Check]:
    return {kind: more for kind, more in fit.items() if more is not None}


def _choice(options: tuple[Outline, ...], records: dict[Record, Fit]) -> Fit:
    fits = [_fit(option, records) for option in options]
    if any(isinstance(option, Anything) for option in options):
        return dict(_PLAIN)  # to msgspec it is anything then, whatever the other options are
    return _any_of(fits)


def _any_of(fits: list[Fit]) -> Fit:
    found: Fit = {}
    for each in fits:
        for kind, more in each.items():
            found[kind] = _either(found[kind], more) if kind in found else more
    return found


def _either(one: Check | None, other: Check | None) -> Check | None:
    if one is None or other is None:
        return None
    return lambda value: one(value) or other(value)


def _plain_list(value: list[Any]) -> bool:
    return _plain_items(value)


def _plain_dict(value: dict[Any, Any]) -> bool:
    return _KEYS.issuperset(map(type, value)) and _plain_items(value.values())


# What msgpack tells apart without an annotation.
_PLAIN: Fit = {**dict.fromkeys(_KEYS), list: _plain_list, dict: _plain_dict}
_plain_items = _items(_PLAIN)


# -- what a class says ----------------------------------------------------------------------------


def _literally(values: tuple[Any, ...]) -> Fit:
    known = {(type(value), value) for value in values}
    if any(kind not in (NoneType, int, str) for kind, _ in known):
        raise _NoFit
    return {kind: lambda value: (type(value), value) in known for kind, _ in known}


def _members(cls: Any) -> Fit:
    kinds = {type(member.value) for member in cls}
    if issubclass(cls, Flag) or kinds not in ({int}, {str}):
        raise _NoFit
    return {cls: None}


def _record(record: Record, records: dict[Record, Fit]) -> Fit:
    if record in records:
        return records[record]
    if not (record.by_msgspec or record.by_fields):
        raise _NoFit
    # The class may refer to itself: until its fields are known, its fit asks a check to come.
    kind = dict if record.style == "typeddict" else record.cls
    checks: list[Check] = []
    records[record] = {kind: lambda value: checks[0](value)}
    fits = [_fit(field.outline, records) for field in record.fields]
    checks.append(_of_keys(record, fits) if kind is dict else _of_fields(record, fits))
    return {kind: checks[0]}


def _of_keys(record: Record, fits: list[Fit]) -> Check:
    names = [field.name for field in record.fields]
    checks = {name: check(each) for name, each in zip(names, fits, strict=True)}
    required = frozenset(field.name for field in record.fields if field.is_required)

    def fits_all(value: dict[Any, Any]) -> bool:
        if not required <= value.keys() <= checks.keys():
            return False
        return all(checks[name](each) for name, each in value.items())

    return fits_all


def _of_fields(record: Record, fits: list[Fit]) -> Check:
    read = maker(record).values
    deep = [(index, each) for index, each in enumerate(map(_deep, fits)) if each]
    known: set[tuple[type, ...]] = set()

    def fits_all(value: Any) -> bool:
        parts = read(value)
        if parts is None:
            return False
        kinds = tuple(map(type, parts))
        if kinds not in known:
            if not all(kind in each for kind, each in zip(kinds, fits, strict=True)):
                return False
            if len(known) < _KNOWN:
                known.add(kinds)
        for index, checks in deep:
            more = checks.get(kinds[index])
            if more is not None and not more(parts[index]):
                return False
        return True

    return fits_all
