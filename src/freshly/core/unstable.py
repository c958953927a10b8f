"""The refusal of a value that has no stable text, and the ways out of it."""

from __future__ import annotations

from ..errors import KeyTextError
from .typename import type_name

__all__ = ["unstable"]


def unstable(value: object, why: str) -> KeyTextError:
    """Return the error for ``value``; ``why`` goes on after the name of its type."""
    name = type(value).__name__
    return KeyTextError(
        f"a value of type {type_name(type(value))} has no stable text: {why}. Say what counts with "
        f"key=, give {name} a __cache_key__, or leave it out with Annotated[{name}, NoKey]"
    )
