"""Texts of values that are the same in every process: for fingerprints.

Shorter than those of keys (core/text.py), and total: what is no plain value stands as its name. Two
texts may be equal for two values, and an address is in none.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from types import MemberDescriptorType, NoneType

__all__ = ["wording"]


def wording(value: object) -> str:
    """Return the text of ``value``."""
    if isinstance(value, Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if isinstance(value, str | int | float | bytes | NoneType):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(wording, value))}]"
    name = getattr(value, "__qualname__", None)
    if isinstance(name, str):
        return name
    return f"{type(value).__name__}({','.join(_attributes(value))})"


def _attributes(value: object) -> Iterator[str]:
    """Yield the attributes that say something: ``ge=1`` of ``Ge(ge=1)``."""
    names = {*getattr(value, "__dict__", ()), *_slots(type(value))}
    for name in sorted(names):
        found = getattr(value, name, None)
        if isinstance(found, str | int | float | bytes | Enum) or callable(found):
            yield f"{name}={wording(found)}"


def _slots(cls: type) -> Iterator[str]:
    for base in cls.__mro__:
        for name, slot in vars(base).items():
            if isinstance(slot, MemberDescriptorType):
                yield name
