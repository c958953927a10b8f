"""The return annotation of a function, and whether its values can leave the process at all."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from ..core.parameters import global_names
from .outline import Anything, Refused, parts
from .survey import survey

__all__ = ["check_annotation", "return_annotation"]


def return_annotation(function: Callable[..., Any], names: Mapping[str, Any] | None = None) -> Any:
    """Return what ``function`` says it returns, with its texts read; ``Any`` if it says nothing.

    ``names`` are those it may use beside the globals of its module: the locals around a function
    that was defined in another one. What nobody can read stays the text that it is.
    """
    inner = inspect.unwrap(function)
    inner = getattr(inner, "func", inner)  # a functools.partial
    inner = getattr(inner, "__func__", inner)
    given = getattr(inner, "__annotations__", {}).get("return", Any)
    space = {**_closure(inner), **(names or {})}

    def holder() -> None: ...

    holder.__annotations__ = {"it": given}
    try:
        hints = typing.get_type_hints(holder, global_names(inner), space, include_extras=True)
    except Exception:  # an annotation may be anything, and fail in any way
        return given
    return hints["it"]


def check_annotation(
    annotation: Any, names: Mapping[str, Any] | None = None, *, codec: object = None
) -> str | None:
    """Return why values of ``annotation`` cannot be stored outside of the process, and what to do.

    ``None`` if they can, or if nothing can be said before there is a value. Pickle carries most of
    what the annotation does not tell; what a user's codec carries nobody knows.
    """
    if codec not in (None, "typed", "pickle"):
        return None
    for part in parts(survey(annotation, names)):
        match part:
            case Refused(is_used_up=False) | Anything() if codec == "pickle":
                pass
            case Refused(label=label, why=why):
                return f"{label} cannot be stored outside of the process: {why}"
            case Anything(why=why) if why:
                return (
                    f"{why} is not known where the function is decorated, so only plain values can be "
                    f"stored: import it at run time, or define it outside of a function"
                )
            case _:
                pass
    return None


def _closure(function: Any) -> dict[str, Any]:
    cells = zip(
        getattr(getattr(function, "__code__", None), "co_freevars", ()),
        getattr(function, "__closure__", None) or (),
        strict=False,
    )
    found = {}
    for name, cell in cells:
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return found
