"""The name by which a class or a function enters a key: ``app.models.User``."""

from __future__ import annotations

import re
import sys

from .per_type import PerType

__all__ = ["dotted", "is_found_by_name", "type_name"]

_DOTTED = re.compile(r"[^\W\d]\w*(\.(\w+|<locals>))+")


def dotted(module: str, qualname: str) -> str:
    """Return ``module.qualname``, quoted if it could be mistaken for something else in a key.

    ``type()`` takes any name for a class.
    """
    name = f"{module}.{qualname}"
    return name if _DOTTED.fullmatch(name) else f"name({name!r})"


def _type_name(cls: type) -> str:
    generic = getattr(cls, "__pydantic_generic_metadata__", None)
    if generic and generic["origin"] is not None:
        # The name Box[User] is the same for the User of every module.
        arguments = ",".join(map(_argument_name, generic["args"]))
        return f"{type_name(generic['origin'])}[{arguments}]"
    return dotted(cls.__module__, cls.__qualname__)


#: Returns module and qualified name of a class, of a generic pydantic model also its arguments.
type_name: PerType[str] = PerType(_type_name)


def is_found_by_name(value: object) -> bool:
    """Return whether the qualified name of ``value`` leads back to it, so that it stands for it.

    It does not for lambdas, for what a function made inside itself, and for wrappers that carry the
    name of what they wrap.
    """
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


def _argument_name(argument: object) -> str:
    return type_name(argument) if isinstance(argument, type) else repr(repr(argument))
