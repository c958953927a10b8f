"""Builtin values without parts, and the bytes that stand for those which msgpack has no type for.

Each has the number of a msgpack extension type. The numbers stand in docs/concepts/wire.md, and
never get another meaning: bytes of an older release must always decode.
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
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

__all__ = ["ATOMS", "EXTENSIONS", "HOOKED", "READERS", "Extension"]


class Extension(NamedTuple):
    """How values of one type become the data of a msgpack extension, and back."""

    code: int
    write: Callable[[Any], bytes]
    read: Callable[[bytes], Any]


_COMPLEX = Struct(">dd")
_DATE = Struct(">I")  # the proleptic Gregorian ordinal
_DATETIME = Struct(">HBBBBBIB")  # year to second, microsecond, fold; the zone behind it
_TIME = Struct(">BBBIB")
_TIMEDELTA = Struct(">iII")  # days, seconds, microseconds
_OFFSET = Struct(">iI")  # seconds, microseconds; the name behind it

# A fraction is reduced when it is made, which takes time by the square of its size.
_MAX_FRACTION = 8192


def _int(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _read_int(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)


def _read_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _fraction(value: Fraction) -> bytes:
    above, below = _int(value.numerator), _int(value.denominator)
    if len(above) + len(below) > _MAX_FRACTION:
        raise TypeError(f"a fraction of more than {_MAX_FRACTION} bytes takes too long to read")
    return len(above).to_bytes(4, "big") + above + below


def _read_fraction(data: bytes) -> Fraction:
    if len(data) > _MAX_FRACTION + 4:
        raise ValueError("a fraction that takes too long to read")
    end = 4 + int.from_bytes(data[:4], "big")
    return Fraction(_read_int(data[4:end]), _read_int(data[end:]))


# -- time -----------------------------------------------------------------------------------------
# A zone is written as its first letter and what that needs: nothing for none, "U" for UTC, "Z" and
# the key of a ZoneInfo, "O" with an offset and maybe a name.


def _datetime(value: datetime) -> bytes:
    moment = _DATETIME.pack(
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        value.fold,
    )
    return moment if value.tzinfo is None else moment + _zone(value.tzinfo)


def _read_datetime(data: bytes) -> datetime:
    year, month, day, hour, minute, second, microsecond, fold = _DATETIME.unpack_from(data)
    zone = _read_zone(data[_DATETIME.size :])
    return datetime(year, month, day, hour, minute, second, microsecond, zone, fold=fold)


def _time(value: time) -> bytes:
    moment = _TIME.pack(value.hour, value.minute, value.second, value.microsecond, value.fold)
    return moment if value.tzinfo is None else moment + _zone(value.tzinfo)


def _read_time(data: bytes) -> time:
    hour, minute, second, microsecond, fold = _TIME.unpack_from(data)
    return time(hour, minute, second, microsecond, _read_zone(data[_TIME.size :]), fold=fold)


def _zone(zone: tzinfo) -> bytes:
    if zone is UTC:
        return b"U"
    if type(zone) is ZoneInfo and zone.key is not None:
        return b"Z" + zone.key.encode()
    if type(zone) is timezone:
        offset, name = zone.utcoffset(None), zone.tzname(None)
        data = b"O" + _OFFSET.pack(offset.days * 86400 + offset.seconds, offset.microseconds)
        return data if name == timezone(offset).tzname(None) else data + b"=" + name.encode()
    raise TypeError(f"the time zone {zone!r} has no name that another process knows")


def _read_zone(data: bytes) -> tzinfo | None:
    match data[:1]:
        case b"":
            return None
        case b"U":
            return UTC
        case b"Z":
            return ZoneInfo(data[1:].decode())
        case _:
            pass
    seconds, microseconds = _OFFSET.unpack_from(data, 1)
    offset, name = timedelta(seconds=seconds, microseconds=microseconds), data[1 + _OFFSET.size :]
    return timezone(offset, name[1:].decode()) if name else timezone(offset)


def _some_zone(data: bytes) -> tzinfo:
    zone = _read_zone(data)
    if zone is None:
        raise ValueError("no zone")
    return zone


# -- the table ------------------------------------------------------------------------------------


def _text_of(cls: Any) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    return lambda value: cls.__str__(value).encode(), lambda data: cls(data.decode())


#: What msgpack has no type for, by class.
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
        lambda value: _DATE.pack(value.toordinal()),
        lambda data: date.fromordinal(*_DATE.unpack(data)),
    ),
    datetime: Extension(6, _datetime, _read_datetime),
    time: Extension(7, _time, _read_time),
    timedelta: Extension(
        8,
        lambda value: _TIMEDELTA.pack(value.days, value.seconds, value.microseconds),
        lambda data: timedelta(*_TIMEDELTA.unpack(data)),
    ),
    timezone: Extension(9, _zone, _some_zone),
    ZoneInfo: Extension(10, _zone, _some_zone),
    Decimal: Extension(11, *_text_of(Decimal)),
    Fraction: Extension(12, _fraction, _read_fraction),
    UUID: Extension(13, lambda value: value.bytes, lambda data: UUID(bytes=data)),
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

#: From the number of an extension to what reads its data.
READERS: dict[int, Callable[[bytes], Any]] = {each.code: each.read for each in EXTENSIONS.values()}

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
