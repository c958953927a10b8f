"""What msgspec is told to decode into, and what is then made of it.

msgspec makes dataclasses, attrs classes, structs, named tuples and typed dicts by itself, in C. It
knows no pydantic models, and for some other classes it would run ``__post_init__`` or validators a
second time. Those are decoded into a dict whose values have the right types already, and the
instance is made around that dict. Containers are walked only where something like that is in them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, NotRequired, TypeAlias, TypedDict, Union

from .makers import SET_FIELDS, maker
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
    parts,
)

__all__ = ["Mould", "NoMould", "mould"]

Make: TypeAlias = Callable[[Any], Any]


class Mould(NamedTuple):
    """``type`` is what msgspec decodes into. ``make`` makes the value of that, which is a ``kind``."""

    type: Any
    make: Make | None = None
    kind: type = object


class NoMould(Exception):
    """msgspec has no type for the outline."""


def mould(outline: Outline) -> Mould:
    """Return the mould of ``outline``.

    Raises:
        NoMould: if there is none.
    """
    return _mould(outline, {})


def _mould(outline: Outline, records: dict[Record, Mould]) -> Mould:
    match outline:
        case Anything(why=""):
            return Mould(Any)
        case Atom(cls=cls) | Members(cls=cls) | Own(cls=cls):
            return Mould(cls)
        case Items(cls=cls, item=item):
            return _items(cls, _mould(item, records))
        case Fixed(items=items):
            return _fixed([_mould(each, records) for each in items], tuple)
        case Pairs(cls=cls, key=key, value=value) if cls is dict:
            return _pairs(_mould(key, records), _mould(value, records))
        case Choice(options=options):
            return _choice([_mould(each, records) for each in options])
        case Literally(values=values):
            return Mould(Literal[values])
        case Constrained(outline=inner):
            return _mould(inner, records)
        case Record():
            return records[outline] if outline in records else _record(outline, records)
        case _:
            raise NoMould(outline)


# -- containers -----------------------------------------------------------------------------------


def _items(cls: Any, item: Mould) -> Mould:
    if cls not in (list, set, frozenset, tuple):
        raise NoMould(cls)
    make = item.make
    if make is None:
        return Mould(_of(cls, item.type, ...) if cls is tuple else _of(cls, item.type))
    kind = _of(list, item.type)
    if cls is list:
        return Mould(kind, lambda found: [make(each) for each in found], list)
    return Mould(kind, lambda found: cls([make(each) for each in found]), list)


def _fixed(items: list[Mould], cls: Any) -> Mould:
    kind = _of(tuple, *(item.type for item in items))
    makes = [item.make or _as_it_is for item in items]
    if cls is tuple and all(item.make is None for item in items):
        return Mould(kind)
    return Mould(
        kind,
        lambda found: tuple.__new__(cls, [make(each) for make, each in zip(makes, found, strict=True)]),
        tuple,
    )


def _of(cls: Any, *arguments: Any) -> Any:
    return cls[arguments if len(arguments) != 1 else arguments[0]]


def _as_it_is(found: Any) -> Any:
    return found


def _pairs(key: Mould, value: Mould) -> Mould:
    if key.make is not None:
        raise NoMould(key)
    make = value.make
    kind = _of(dict, key.type, value.type)
    if make is None:
        return Mould(kind)
    return Mould(
        kind,
        lambda found: {name: make(each) for name, each in found.items()},
        dict,
    )


def _choice(options: list[Mould]) -> Mould:
    kind = _of(Union, *(option.type for option in options))
    makes = [(option.kind, option.make) for option in options if option.make is not None]
    if not makes:
        return Mould(kind)
    # msgspec refuses two options that are written in one way, so a kind has one make.
    by_kind = dict(makes)

    def make(found: Any) -> Any:
        chosen = by_kind.get(type(found))
        return found if chosen is None else chosen(found)

    return Mould(kind, make, object)


# -- records --------------------------------------------------------------------------------------


def _record(record: Record, records: dict[Record, Mould]) -> Mould:
    if all(map(_is_made_by_msgspec, parts(record))):
        return records.setdefault(record, Mould(record.annotation))
    if not record.by_fields:
        raise NoMould(record)
    if record.style == "namedtuple":
        return _fixed([_mould(field.outline, records) for field in record.fields], record.cls)
    return _around_a_dict(record, records)


def _is_made_by_msgspec(outline: Outline) -> bool:
    """Return whether msgspec makes such a value exactly, where it reads the annotation of a class."""
    match outline:
        case Record():
            return outline.by_msgspec
        case Constrained(conditions=conditions):
            # A value that breaks a condition of msgspec.Meta was made all the same, and is wanted back.
            return not any(type(each).__module__.startswith("msgspec") for each in conditions)
        case _:
            return True


def _around_a_dict(record: Record, records: dict[Record, Mould]) -> Mould:
    # The class may refer to itself, so its mould is known before its fields are.
    fields = _no_fields(record.cls.__name__)
    makers: list[Make] = []
    found = Mould(fields, lambda decoded: makers[0](decoded), dict)
    records[record] = found
    moulds = {field.name: _mould(field.outline, records) for field in record.fields}
    is_dict = record.style == "typeddict"
    required = {field.name: field.is_required or not is_dict for field in record.fields}
    fields.__annotations__ = {
        name: each.type if required[name] else NotRequired[each.type] for name, each in moulds.items()
    }
    if record.style == "pydantic":
        fields.__annotations__[SET_FIELDS] = NotRequired[int]
    fields.__required_keys__ = frozenset(name for name in moulds if required[name])
    fields.__optional_keys__ = frozenset(fields.__annotations__) - fields.__required_keys__
    inner = [(name, each.make) for name, each in moulds.items() if each.make is not None]
    makers.append(_maker(inner, _as_it_is if is_dict else maker(record).around))
    return found


def _no_fields(name: str) -> Any:
    make: Any = TypedDict  # by a name that is not known before
    return make(name, {})


def _maker(inner: list[tuple[str, Make]], around: Make) -> Make:
    def make(decoded: dict[str, Any]) -> Any:
        for name, each in inner:
            if name in decoded:
                decoded[name] = each(decoded[name])
        return around(decoded)

    return make
