"""The parameters of a function, read without ever failing on its annotations."""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Callable
from typing import Any

__all__ = ["annotation_head", "global_names", "parameters"]


def parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of ``function`` in order. Annotations may be texts."""
    if sys.version_info >= (3, 14):
        # Annotations are worked out when asked for, and may name what is imported for types only.
        import annotationlib

        form = annotationlib.Format.FORWARDREF
        return dict(inspect.signature(function, annotation_format=form).parameters)
    return dict(inspect.signature(function).parameters)


def global_names(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the names that the annotations of ``function`` may use."""
    inner = inspect.unwrap(function)
    inner = getattr(inner, "func", inner)  # a functools.partial
    return getattr(inner, "__globals__", {})


# How the text of an annotation begins: "list" of "list[int]" and of "typing.List[int]".
_HEAD = re.compile(r"(?:\w+\.)*(\w+)\s*(?:\[|$)")


def annotation_head(function: Callable[..., Any], name: str) -> str | None:
    """Return the name of the generic type that ``function`` says of a parameter, or of "return".

    It is ``"list"`` for ``list[int]``, also where the rest of the annotation cannot be resolved, and
    ``None`` if nothing is said.
    """
    said = inspect.get_annotations(function)
    if name not in said:
        return None
    try:
        alone = type("Alone", (), {"__annotations__": {"it": said[name]}})
        annotation = typing.get_type_hints(alone, globalns=global_names(function))["it"]
    except Exception:  # it may name what is imported for type checkers only: its text has to do
        annotation = said[name]
    annotation = getattr(annotation, "__value__", annotation)  # type Users = ...
    origin = typing.get_origin(annotation) or annotation
    text = origin if isinstance(origin, str) else getattr(origin, "__name__", str(origin))
    head = _HEAD.match(text)
    return head[1] if head else text
