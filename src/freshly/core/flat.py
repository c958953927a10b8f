"""Objects that the hit path can tell apart by their fields: flat dataclasses and pydantic models.

Their key is made of what they consist of. If that is nothing but their fields, and these are of
types for which equal means the same, the fields may stand for the object.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .attributes import declared
from .content import has_content
from .leftout import is_left_out
from .parameters import global_names, parameters

__all__ = ["Flat", "flat_parameters"]

# More fields cost more to compare than the slow way, which has other virtues.
MOST_FIELDS = 8


@dataclass(frozen=True, slots=True)
class Flat:
    """A class whose instances are their ``fields``. Those with a ``__dict__`` may have been given
    more, which counts in the key: then there are more than ``fields`` in it."""

    cls: type
    fields: tuple[str, ...]
    has_dict: bool


def flat_parameters(function: Callable[..., object]) -> dict[str, Flat]:
    """Return the parameters of ``function`` that are annotated with a flat class."""
    found: dict[str, Flat] = {}
    for name, parameter in parameters(function).items():
        annotation = _resolved(function, parameter.annotation)
        flat = _flat(annotation) if isinstance(annotation, type) else None
        if flat is not None:
            found[name] = flat
    return found


def _resolved(function: Callable[..., object], annotation: Any) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        alone = type("Alone", (), {"__annotations__": {"it": annotation}})
        return typing.get_type_hints(alone, globalns=global_names(function))["it"]
    except Exception:  # what it names may come later, or never: then the slow way has to do
        return None


def _flat(cls: Any) -> Flat | None:
    if hasattr(cls, "__cache_key__") or is_left_out(cls) or not has_content(cls):
        return None
    if hasattr(cls, "__pydantic_fields__"):
        fields = tuple(cls.__pydantic_fields__) if _holds_fields_only(cls) else ()
    elif hasattr(cls, "__dataclass_fields__") and cls.__mro__[1:] == (object,):
        fields = declared(cls) or ()
    else:
        fields = ()
    if not 0 < len(fields) <= MOST_FIELDS:
        return None
    return Flat(cls, fields, has_dict=bool(cls.__dictoffset__))


def _holds_fields_only(cls: Any) -> bool:
    """Return whether instances of a pydantic model hold nothing beside their fields."""
    return not cls.__private_attributes__ and cls.model_config.get("extra") != "allow"
