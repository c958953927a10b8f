"""What kind of value a function returns, as far as its annotation says so.

A store in the process keeps the value itself and never asks. One outside needs bytes, and the
annotation chooses the codec. It is read when it is first asked for: at decoration a name in it may
not be defined yet.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from inspect import get_annotations
from typing import Any, Final, get_type_hints

__all__ = ["ANY", "Shape", "shape_of"]


class Shape:
    """The annotation of the values of one function, and the ``name`` to call it by in messages.

    Shapes are compared by identity: whoever finds out something about one may keep it by the shape.
    """

    __slots__ = (
        "__weakref__",  # pyright: ignore[reportUninitializedInstanceVariable]
        "_function",
        "_known",
        "name",
    )

    def __init__(
        self, name: str, *, function: Callable[..., Any] | None = None, annotation: Any = Any
    ) -> None:
        self.name = name
        self._function = function
        self._known = annotation

    @property
    def annotation(self) -> Any:
        """Return the type, ``Any`` where nothing is said.

        Raises whatever evaluating the annotation raises: a name in it may not exist.
        """
        if self._function is not None:
            self._known = _returned(self._function)
            self._function = None
        return self._known

    def __repr__(self) -> str:
        return f"<Shape of {self.name}>"


def _returned(function: Callable[..., Any]) -> Any:
    said = get_annotations(function)
    if "return" not in said:
        return Any
    # Only the return annotation: names in the others may exist for type checkers alone.
    alone = type("Alone", (), {"__annotations__": {"value": said["return"]}})
    names = getattr(function, "__globals__", {})
    return get_type_hints(alone, globalns=names, include_extras=True)["value"]


@lru_cache(maxsize=1024)
def shape_of(kind: Any) -> Shape:
    """Return the one shape of a type that somebody named, for types that can be hashed."""
    return Shape(repr(kind), annotation=kind)


#: The shape of values about which nobody says anything.
ANY: Final = Shape("a value without annotation")
