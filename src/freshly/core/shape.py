"""What kind of value a function returns, as far as its annotation says so.

A store in the process keeps the value itself and never asks. One outside needs bytes, and the
annotation chooses the codec. Who needs it reads it, when it is first needed: at decoration a name in
it may not be defined yet.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, Final

__all__ = ["ANY", "LOCAL", "UNREAD", "Shape", "shape_of"]


class Shape:
    """What a store outside of the process may know about the values of one function.

    ``function`` has it in its return annotation, of which ``part`` takes what is meant; without a
    function ``annotation`` is it. ``codec`` is what the function asked for, if it did: the core does
    not look into it. ``name`` is what messages call it by. ``raises`` are the
    exceptions that are kept as its answers: whoever reads one from outside of the process makes
    these anew and no others. Shapes are compared by identity: whoever finds something out about one
    may keep it by the shape.
    """

    __slots__ = (
        "__weakref__",  # pyright: ignore[reportUninitializedInstanceVariable]
        "annotation",
        "codec",
        "function",
        "name",
        "part",
        "raises",
    )

    def __init__(
        self,
        name: str,
        *,
        function: Callable[..., Any] | None = None,
        part: Callable[[Any], Any] | None = None,
        annotation: Any = Any,
        codec: object = None,
    ) -> None:
        self.name = name
        self.function = function
        self.part = part
        self.annotation = annotation
        self.codec = codec
        self.raises: tuple[type[Exception], ...] = ()

    def __repr__(self) -> str:
        return f"<Shape of {self.name}>"


@lru_cache(maxsize=1024)
def shape_of(kind: Any, codec: Hashable = None) -> Shape:
    """Return the one shape of a type, and a codec, that somebody named; both can be hashed."""
    name = "a value set by hand" if kind is Any else repr(kind)
    return Shape(name, annotation=kind, codec=codec)


#: For values that must not leave the process: their keys mean something in this one only.
LOCAL: Final = Shape("a value that stays in the process")

#: For reads that ask whether a value is there, and not what it is.
UNREAD: Final = Shape("a value that nobody reads")

#: The shape of values about which nobody says anything.
ANY: Final = Shape("a value without annotation")
