"""The stable text of values without parts: numbers, texts, dates, identifiers.

Every text here is told from every other by its first characters and its end: it is quoted, or a
number, or one word without a dot in front of brackets. Names of classes always have a dot.

Some of these types live in modules that take longer to import than all of this package. Nobody has
such a value without having imported its module, so they are looked up when the first one comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from types import EllipsisType, NoneType, NotImplementedType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from decimal import Decimal
    from fractions import Fraction
    from pathlib import PurePath

__all__ = ["ATOMS", "Atom", "atom_of", "home_of"]

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
    from decimal import Decimal

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
    from pathlib import PurePath

    # The name without its module: this was pathlib, pathlib._local for a while, pathlib again.
    flavour = next(cls for cls in type(value).__mro__ if cls in ATOMS)
    return f"{flavour.__name__}({PurePath.__str__(value)!r})"


def _quoted(cls: Any) -> Atom:
    return lambda value: f"{cls.__name__}({cls.__str__(value)!r})"


ATOMS: dict[type, Atom] = {
    bool: bool.__repr__,
    bytearray: bytearray.__repr__,
    bytes: bytes.__repr__,
    complex: _complex,
    date: lambda value: f"date('{date.isoformat(value)}')",
    EllipsisType: lambda value: "...",
    float: float.__repr__,
    int: _int,
    NoneType: lambda value: "None",
    NotImplementedType: lambda value: "NotImplemented",
    range: _range,
    re.Pattern: _pattern,
    str: str.__repr__,
    timedelta: _timedelta,
}


def atom_of(cls: type) -> Atom | None:
    """Return what writes values of exactly ``cls``, or ``None`` if they are no atoms."""
    atom = ATOMS.get(cls)
    if atom is None and (late := _LATE.get(home_of(cls))) is not None:
        ATOMS.update(late())
        atom = ATOMS.get(cls)
    return atom


def home_of(cls: type) -> str:
    """Return the top-level module that ``cls`` says it is from."""
    module: object = cls.__module__  # a metaclass may have it be anything
    return module.partition(".")[0] if isinstance(module, str) else ""


def _decimals() -> Mapping[type, Atom]:
    from decimal import Decimal

    return {Decimal: _decimal}


def _fractions() -> Mapping[type, Atom]:
    from fractions import Fraction

    return {Fraction: _fraction}


def _addresses() -> Mapping[type, Atom]:
    import ipaddress as ip

    found = (
        ip.IPv4Address,
        ip.IPv4Interface,
        ip.IPv4Network,
        ip.IPv6Address,
        ip.IPv6Interface,
        ip.IPv6Network,
    )
    return {cls: _quoted(cls) for cls in found}


def _paths() -> Mapping[type, Atom]:
    from pathlib import Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath

    found = (Path, PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath)
    return dict.fromkeys(found, _path)


def _uuids() -> Mapping[type, Atom]:
    from uuid import UUID

    return {UUID: _quoted(UUID)}


_LATE: dict[str, Callable[[], Mapping[type, Atom]]] = {
    "decimal": _decimals,
    "fractions": _fractions,
    "ipaddress": _addresses,
    "pathlib": _paths,
    "uuid": _uuids,
}
