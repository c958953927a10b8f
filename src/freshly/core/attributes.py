"""What an instance consists of: the fields its class declares, and what else was set on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
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
    state: Any = object.__getstate__(value)
    in_dict, in_slots = state if isinstance(state, tuple) else (state, None)
    if hasattr(cls, "__attrs_attrs__"):
        in_slots = None  # attrs keeps cached properties there, and nothing undeclared
    found = {name: each for name, each in (in_dict or {}).items() if not _is_computed(cls, name)}
    found |= {name: each for name, each in (in_slots or {}).items() if not hasattr(base, name)}
    return {
        name: each
        for name, each in found.items()
        if name not in names and not name.startswith(("__pydantic_", "__orig_class__"))
    }


def _is_computed(cls: type, name: str) -> bool:
    return hasattr(getattr(cls, name, None), "__get__")
