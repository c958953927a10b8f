"""The stable text of values without parts: numbers, texts, dates, identifiers.

Every text here is told from every other by its first characters and its end: it is quoted, or a
number, or one word without a dot in front of brackets. Names of classes always have a dot.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
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
from pathlib import Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from types import EllipsisType, NoneType, NotImplementedType
from typing import Any, TypeAlias
from uuid import UUID

__all__ = ["ATOMS", "Atom"]

#: Writes a value of one type, and of its subclasses, whatever these override.
Atom: TypeAlias = Callable[[Any], str]

# Python refuses to write ints of more decimal digits than sys.set_int_max_str_digits, at least 640.
_DECIMAL_BITS = 2000


def _int(value: int) -> str:
    bits = int.bit_length(value)
    return int.__repr__(value) if bits < _DECIMAL_BITS else int.__format__(value, "#x")


def _complex(value: complex) -> str:
    return f"complex({value.real!r},{value.imag!r})"


def _decimal(value: Decimal) -> str:
    # The letter of the exponent depends on the decimal context of the moment.
    return f"Decimal('{Decimal.__str__(value).replace('e', 'E')}')"


def _fraction(value: Fraction) -> str:
    return f"Fraction({_int(value.numerator)},{_int(value.denominator)})"


def _range(value: range) -> str:
    return f"range({_int(value.start)},{_int(value.stop)},{_int(value.step)})"


def _pattern(value: re.Pattern[Any]) -> str:
    # repr() cuts long patterns.
    return f"Pattern({value.pattern!r},{value.flags:d})"


def _timedelta(value: timedelta) -> str:
    return f"timedelta({value.days},{value.seconds},{value.microseconds})"


def _path(value: PurePath) -> str:
    # The name without its module: this was pathlib, pathlib._local for a while, pathlib again.
    flavour = next(cls for cls in type(value).__mro__ if cls in _PATHS)
    return f"{flavour.__name__}({PurePath.__str__(value)!r})"


def _quoted(cls: Any) -> Atom:
    return lambda value: f"{cls.__name__}({cls.__str__(value)!r})"


_PATHS = (Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath)
_ADDRESSES = (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)

ATOMS: dict[type, Atom] = {
    bool: bool.__repr__,
    bytearray: bytearray.__repr__,
    bytes: bytes.__repr__,
    complex: _complex,
    date: lambda value: f"date('{date.isoformat(value)}')",
    Decimal: _decimal,
    EllipsisType: lambda value: "...",
    float: float.__repr__,
    Fraction: _fraction,
    int: _int,
    NoneType: lambda value: "None",
    NotImplementedType: lambda value: "NotImplemented",
    range: _range,
    re.Pattern: _pattern,
    str: str.__repr__,
    timedelta: _timedelta,
    UUID: _quoted(UUID),
    **dict.fromkeys(_PATHS, _path),
    **{cls: _quoted(cls) for cls in _ADDRESSES},
}
