"""What an annotation says about a value: a tree of these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from .ownership import Owner

__all__ = [
    "Again",
    "Anything",
    "Atom",
    "Choice",
    "Constrained",
    "Field",
    "Fixed",
    "Items",
    "Literally",
    "Members",
    "Outline",
    "Own",
    "Pairs",
    "Record",
    "Refused",
    "parts",
]


@dataclass(frozen=True, slots=True)
class Anything:
    """Nothing is known of the value. ``why`` names an annotation that could not be read."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Again:
    """What an alias that names itself stands for: ``type Json = list[Json] | str``."""

    label: str


@dataclass(frozen=True, slots=True)
class Atom:
    """A builtin without parts: ``int``, ``datetime``, ``UUID``."""

    cls: type


@dataclass(frozen=True, slots=True)
class Items:
    """Any number of items: a list, set, deque, or tuple. ``cls`` is the usual class for it."""

    cls: type
    item: Outline


@dataclass(frozen=True, slots=True)
class Fixed:
    """A tuple with one outline for each place."""

    items: tuple[Outline, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """A mapping."""

    cls: type
    key: Outline
    value: Outline


@dataclass(frozen=True, slots=True)
class Choice:
    options: tuple[Outline, ...]


@dataclass(frozen=True, slots=True)
class Literally:
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Members:
    """An enum."""

    cls: type[Enum]


@dataclass(frozen=True, slots=True)
class Constrained:
    """An outline, and conditions that somebody may check when such a value is made."""

    outline: Outline
    conditions: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    outline: Outline
    is_required: bool = True


@dataclass(eq=False, slots=True)
class Record:
    """A class with declared fields. It may refer to itself, so its fields come after it.

    ``annotation`` is the class with its type arguments. ``style`` is how it declares its fields:
    see declared.py. ``label`` tells it from other classes; ``says`` is what else decides about its
    bytes. ``by_msgspec``: msgspec makes its instances as they were. ``by_fields``: what msgspec
    writes for a regular instance is its fields by name, or in order for a tuple.
    """

    cls: type
    annotation: Any
    style: str
    label: str
    says: str
    by_msgspec: bool
    by_fields: bool
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Own:
    """A class that brings its codec: ``owner``, or if that is ``None``, a registered one."""

    cls: type
    label: str
    owner: Owner | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Values that no codec can carry by their annotation. ``why`` goes on after the name of the type.

    ``is_used_up``: nor can pickle, since its first reader takes it all, or it is open.
    """

    label: str
    why: str
    is_used_up: bool = False


Outline: TypeAlias = (
    Anything
    | Again
    | Atom
    | Items
    | Fixed
    | Pairs
    | Choice
    | Literally
    | Members
    | Constrained
    | Record
    | Own
    | Refused
)


def parts(outline: Outline) -> Iterator[Outline]:
    """Yield ``outline`` and all outlines within it, in the order of the annotation; a record once."""
    met: set[int] = set()
    ahead = [outline]
    while ahead:
        here = ahead.pop()
        if isinstance(here, Record):
            if id(here) in met:
                continue
            met.add(id(here))
        yield here
        ahead.extend(reversed(list(_within(here))))


def _within(outline: Outline) -> Iterator[Outline]:
    match outline:
        case Items(item=item):
            yield item
        case Fixed(items=outlines) | Choice(options=outlines):
            yield from outlines
        case Pairs(key=key, value=value):
            yield key
            yield value
        case Constrained(outline=inner):
            yield inner
        case Record(fields=fields):
            yield from (field.outline for field in fields)
        case _:
            pass
