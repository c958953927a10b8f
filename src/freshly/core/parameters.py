"""The parameters of a function, read without ever failing on its annotations."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["global_names", "parameters"]


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
