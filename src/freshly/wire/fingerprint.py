"""Eight bytes that stand for a type: equal where one release of a program reads what another wrote.

They are made from a text of the outline, in which all stands that decides about the bytes or about
what a value may be: names of classes, fields and their types, whether a field has a default, members
of enums, literals, conditions of pydantic and msgspec. The text has no addresses and no order that a
hash seed decides, and is the same in every version of Python.

The highest bit says that a reader who knows no type may read the payload as plain values.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from types import NoneType
from typing import Any

from ..core.typename import type_name
from .outline import (
    Again,
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
    Refused,
    parts,
)
from .wording import wording

__all__ = [
    "PLAIN",
    "fingerprint",
    "fingerprint_with",
    "is_plain",
    "is_readable_untyped",
    "outline_text",
]

# Part of every text: when a payload of an equal outline gets other bytes, this changes.
_FORMAT = "freshly 1"

#: The fingerprint of values about whose type nothing is said.
PLAIN = b"\x80plain-1"

_JSON_LIKE = (NoneType, bool, int, float, str, bytes)


def fingerprint(outline: Outline) -> bytes:
    if _says_nothing(outline):
        return PLAIN
    digest = bytearray(blake2b(f"{_FORMAT} {outline_text(outline)}".encode(), digest_size=8).digest())
    digest[0] = digest[0] | 0x80 if _is_json_like(outline) else digest[0] & 0x7F
    return bytes(digest)


def fingerprint_with(codec: str, outline: Outline) -> bytes:
    """Return the fingerprint of values that another codec makes bytes of: it is in it by its name."""
    text = f"{_FORMAT} codec {codec!r} {outline_text(outline)}"
    digest = bytearray(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())
    digest[0] &= 0x7F
    return bytes(digest)


def is_readable_untyped(schema: bytes) -> bool:
    return schema[0] >= 0x80


def is_plain(outline: Outline) -> bool:
    """Return whether msgpack tells all types that are said, and not all types are said."""
    return _is_json_like(outline) and any(isinstance(part, Anything) for part in parts(outline))


def _says_nothing(outline: Outline) -> bool:
    """Return whether it is what ``Any``, ``dict`` or ``list`` say."""
    match outline:
        case Anything(why=""):
            return True
        case Items(cls=cls, item=Anything()):
            return cls is list
        case Pairs(cls=cls, key=Anything(), value=Anything()):
            return cls is dict
        case _:
            return False


def _is_json_like(outline: Outline) -> bool:
    """Return whether msgpack alone tells the types of such a value."""
    match outline:
        case Anything() | Again():
            return True
        case Atom(cls=cls):
            return cls in _JSON_LIKE
        case Items(cls=cls, item=item):
            return cls is list and _is_json_like(item)
        case Pairs(cls=cls, key=key, value=value):
            return cls is dict and _is_json_like(key) and _is_json_like(value)
        case Choice(options=options):
            return all(map(_is_json_like, options))
        case Literally(values=values):
            return all(type(value) in _JSON_LIKE for value in values)
        case _:
            return False


def outline_text(outline: Outline) -> str:
    """Return the text that the fingerprint is made of."""
    return _text(outline, set())


def _text(outline: Outline, met: set[Record]) -> str:
    match outline:
        case Anything(why=why):
            return f"any({why})" if why else "any"
        case Again(label=label):
            return f"^{label}"
        case Atom(cls=cls):
            return _name(cls)
        case Items(cls=cls, item=item):
            return f"{_name(cls)}[{_text(item, met)}]"
        case Fixed(items=items):
            return f"tuple({','.join(_text(each, met) for each in items)})"
        case Pairs(cls=cls, key=key, value=value):
            return f"{_name(cls)}[{_text(key, met)}:{_text(value, met)}]"
        case Choice(options=options):
            # X | None and None | X are one type, and typing may or may not drop what is said twice.
            return f"({'|'.join(sorted({_text(each, met) for each in options}))})"
        case Literally(values=values):
            return f"literal({','.join(sorted(f'{_name(type(each))}:{each!r}' for each in values))})"
        case Members(cls=cls):
            return f"{type_name(cls)}<{','.join(_members(cls))}>"
        case Constrained(outline=inner, conditions=conditions):
            return f"{_text(inner, met)}&{','.join(map(wording, conditions))}"
        case Own(label=label):
            return f"own {label}"
        case Refused(label=label):
            return f"refused {label}"
        case Record():
            return _record(outline, met)


def _record(record: Record, met: set[Record]) -> str:
    if record in met:
        return f"^{record.label}"
    met.add(record)
    fields = (
        f"{field.name}:{_text(field.outline, met)}{'' if field.is_required else '='}"
        for field in record.fields
    )
    return f"{record.style} {record.label}{{{','.join(fields)}}}{record.says}"


def _members(cls: Any) -> Iterator[str]:
    # In no order: it is the names and values that decide.
    for name in sorted(cls.__members__):
        value = cls.__members__[name].value
        yield f"{name}={_name(type(value))}:{wording(value)}"


def _name(cls: type) -> str:
    return cls.__name__  # of a builtin or one of the standard library, whose modules move
