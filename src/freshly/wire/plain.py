"""Builtin values without parts, and the data that stands for those which msgpack has no type for.

Each is the data of a msgpack extension, whose number stands in docs/concepts/wire.md and never gets
another meaning: bytes of an older release must always be read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from pathlib import Path, PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from struct import Struct
from types import NoneType
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

__all__ = ["ATOMS", "EXTENSIONS", "HOOKED", "Extension", "NoForm"]

#: The data of an extension: bytes, or a view of them.
Data: TypeAlias = bytes | memoryview


class NoForm(Exception):
    """A value of a known type has no data. Says why."""


class Extension(NamedTuple):
    """How values of one type become the data of an extension, and are made of it again."""

    code: int
    write: Callable[[Any], bytes]
    read: Callable[[Data], Any]


_COMPLEX = Struct(">dd")
_TIMEDELTA = Struct(">iII")  # days, seconds, microseconds

# A fraction is reduced when it is made, which takes time by the square of its size.
_MAX_FRACTION = 8192


def _int(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _read_int(data: Data) -> int:
    return int.from_bytes(data, "big", signed=True)


def _read_text(data: Data) -> str:
    return str(data, "utf-8", "surrogatepass")


def _fraction(value: Fraction) -> bytes:
    above, below = _int(value.numerator), _int(value.denominator)
    if len(above) + len(below) > _MAX_FRACTION:
        raise NoForm(f"a fraction of more than {_MAX_FRACTION} bytes takes too long to read")
    return len(above).to_bytes(4, "big") + above + below


def _read_fraction(data: Data) -> Fraction:
    if len(data) > _MAX_FRACTION + 4:
        raise ValueError("a fraction that takes too long to read")
    end = 4 + int.from_bytes(data[:4], "big")
    return Fraction(_read_int(data[4:end]), _read_int(data[end:]))


# -- time -----------------------------------------------------------------------------------------
# ISO 8601 says date, time and an offset. What it does not say stands behind bars: the fold, and a
# zone that has a name, "Z" with the key of a ZoneInfo or "O" with offset and name of a timezone.


def _moment(value: datetime | time) -> bytes:
    zone = value.tzinfo
    if (zone is None or zone is UTC or _is_offset(zone)) and not value.fold:
        return value.isoformat().encode()
    return f"{value.replace(tzinfo=None, fold=0).isoformat()}|{value.fold}|{_zone(zone)}".encode()


def _reader_of_moments(cls: Any) -> Callable[[Data], Any]:
    parse: Callable[[str], Any] = cls.fromisoformat

    def read(data: Data) -> Any:
        text = str(data, "utf-8")
        if "|" not in text:
            return parse(text)
        moment, fold, zone = text.split("|", 2)
        return parse(moment).replace(tzinfo=_read_zone(zone), fold=int(fold))

    return read


def _is_offset(zone: tzinfo) -> bool:
    return type(zone) is timezone and zone.tzname(None) == timezone(zone.utcoffset(None)).tzname(None)


def _zone(zone: tzinfo | None) -> str:
    if zone is None:
        return ""
    if type(zone) is ZoneInfo and zone.key is not None:
        return f"Z{zone.key}"
    if type(zone) is timezone:
        offset = zone.utcoffset(None)
        return f"O{offset.days}/{offset.seconds}/{offset.microseconds}/{zone.tzname(None)}"
    raise NoForm(f"the time zone {zone!r} has no name that another process knows")


def _read_zone(text: str) -> tzinfo | None:
    if not text:
        return None
    if text[0] == "Z":
        return ZoneInfo(text[1:])
    days, seconds, microseconds, name = text[1:].split("/", 3)
    offset = timedelta(int(days), int(seconds), int(microseconds))
    plain = timezone(offset)
    return plain if plain.tzname(None) == name else timezone(offset, name)


def _some_zone(data: Data) -> tzinfo:
    zone = _read_zone(str(data, "utf-8"))
    if zone is None:
        raise ValueError("no zone")
    return zone


# -- the table ------------------------------------------------------------------------------------


def _text_of(cls: Any) -> tuple[Callable[[Any], bytes], Callable[[Data], Any]]:
    return lambda value: cls.__str__(value).encode(), lambda data: cls(str(data, "utf-8"))


def _zone_bytes(zone: tzinfo) -> bytes:
    return _zone(zone).encode()


#: What msgpack has no type for, by class. Numbers from 1 up to 30.
EXTENSIONS: dict[type, Extension] = {
    int: Extension(1, _int, _read_int),  # beyond 64 bits
    str: Extension(2, lambda value: value.encode("utf-8", "surrogatepass"), _read_text),
    bytearray: Extension(3, bytes, bytearray),
    complex: Extension(
        4,
        lambda value: _COMPLEX.pack(value.real, value.imag),
        lambda data: complex(*_COMPLEX.unpack(data)),
    ),
    date: Extension(
        5,
        lambda value: value.isoformat().encode(),
        lambda data: date.fromisoformat(str(data, "utf-8")),
    ),
    datetime: Extension(6, _moment, _reader_of_moments(datetime)),
    time: Extension(7, _moment, _reader_of_moments(time)),
    timedelta: Extension(
        8,
        lambda value: _TIMEDELTA.pack(value.days, value.seconds, value.microseconds),
        lambda data: timedelta(*_TIMEDELTA.unpack(data)),
    ),
    timezone: Extension(9, _zone_bytes, _some_zone),
    ZoneInfo: Extension(10, _zone_bytes, _some_zone),
    Decimal: Extension(11, *_text_of(Decimal)),
    Fraction: Extension(12, _fraction, _read_fraction),
    UUID: Extension(13, lambda value: value.bytes, lambda data: UUID(bytes=bytes(data))),
    IPv4Address: Extension(14, *_text_of(IPv4Address)),
    IPv4Interface: Extension(15, *_text_of(IPv4Interface)),
    IPv4Network: Extension(16, *_text_of(IPv4Network)),
    IPv6Address: Extension(17, *_text_of(IPv6Address)),
    IPv6Interface: Extension(18, *_text_of(IPv6Interface)),
    IPv6Network: Extension(19, *_text_of(IPv6Network)),
    PurePosixPath: Extension(20, *_text_of(PurePosixPath)),
    PureWindowsPath: Extension(21, *_text_of(PureWindowsPath)),
    PosixPath: Extension(22, *_text_of(PosixPath)),
    WindowsPath: Extension(23, *_text_of(WindowsPath)),
}

#: Classes of values without parts, as annotations name them.
ATOMS: frozenset[Any] = frozenset(
    {NoneType, bool, int, float, str, bytes, range, tzinfo, Path, *EXTENSIONS}
)

# What msgspec writes and reads by itself, where the annotation says so.
_KNOWN_TO_MSGSPEC = {int, str, bytearray, date, datetime, time, timedelta, Decimal, UUID}

#: Classes that msgspec does not know, as annotations name them, with the class of such a value.
HOOKED: dict[Any, type] = {
    Path: type(Path()),
    **{cls: cls for cls in EXTENSIONS if cls not in _KNOWN_TO_MSGSPEC | {timezone, ZoneInfo}},
}
