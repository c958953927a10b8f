"""What an instance consists of: the fields its class declares, and what else was set on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from types import MemberDescriptorType
from typing import Any

from .per_type import PerType

__all__ = ["additions", "attributes", "declared"]

# Slots of pydantic models that hold content beside the fields. Which fields were set and which
# defaulted makes no difference to their ==, nor to us.
_PYDANTIC = ("__pydantic_extra__", "__pydantic_private__")

_ABSENT = object()


def _declared(cls: Any) -> tuple[str, ...] | None:
    if hasattr(cls, "__dataclass_fields__"):
        return tuple(field.name for field in fields(cls))
    if hasattr(cls, "__attrs_attrs__"):
        return tuple(attribute.name for attribute in cls.__attrs_attrs__)
    for mark in ("__pydantic_fields__", "model_fields"):
        if isinstance(getattr(cls, mark, None), dict):
            return (*getattr(cls, mark), *_PYDANTIC)
    if hasattr(cls, "__struct_fields__"):
        return tuple(cls.__struct_fields__)
    if issubclass(cls, tuple):
        return getattr(cls, "_fields", None)
    return None


#: The attributes that a class declares as its content, or ``None`` if it declares none. Knows
#: dataclasses, attrs classes, pydantic models, msgspec structs and named tuples by their marks,
#: without these packages. What does not take part in ``==`` is included: a function may read it.
declared: PerType[tuple[str, ...] | None] = PerType(_declared)


def attributes(value: object, names: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    """Yield the attributes ``names`` of ``value``, those that are set."""
    for name in names:
        found = getattr(value, name, _ABSENT)
        if found is not _ABSENT and (found or name not in _PYDANTIC):
            yield name, found


def additions(value: object, names: tuple[str, ...], base: type) -> dict[str, object]:
    """Return what was set on ``value`` beside ``names`` and beside what a ``base`` has.

    Cached properties are left out: a value does not become another when somebody reads it.
    """
    cls = type(value)
    found = {
        name: each
        for name, each in getattr(value, "__dict__", {}).items()
        if not hasattr(getattr(cls, name, None), "__get__")
    }
    if not hasattr(cls, "__attrs_attrs__"):  # attrs has its cached properties in slots
        found |= {name: each for name, each in _slots(value) if not hasattr(base, name)}
    return {
        name: each
        for name, each in found.items()
        if name not in names and not name.startswith(("__pydantic_", "__orig_class__"))
    }


def _slots(value: object) -> Iterator[tuple[str, object]]:
    """Yield the slots that are set, by their descriptors: getattr() might call ``__getattr__``."""
    for cls in type(value).__mro__:
        for name, slot in vars(cls).items():
            if isinstance(slot, MemberDescriptorType):
                with suppress(AttributeError):
                    yield name, slot.__get__(value)
