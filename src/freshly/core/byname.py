"""A user's callable that is given the arguments of a call by NAME, those it declares.

``ttl=ttl_by_freshness`` with ``def ttl_by_freshness(data_type)`` works on a loader of
``(data_type, key)``: it gets ``data_type`` and nothing else. An error inside it is its own and
passes through; nothing is tried twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter, iscoroutinefunction, signature
from typing import Any

from ..errors import ConfigurationError, did_you_mean


class ByName:
    """``function`` bound to the names of a call's arguments, and to ``result``."""

    def __init__(self, function: Callable[..., Any], option: str, names: Iterable[str]) -> None:
        self._function = function
        allowed = (*names, "result")
        if iscoroutinefunction(function):
            raise ConfigurationError(
                f"{option}={function!r} is async: it is called between the load and the store, "
                f"where nothing may wait; give a plain function"
            )
        self._wanted = _wanted(function, option, allowed)

    def __call__(self, arguments: Mapping[str, Any], result: Any) -> Any:
        given = {**arguments, "result": arguments.get("result", result)}
        if self._wanted is None:
            return self._function(**given)
        return self._function(**{name: given[name] for name in self._wanted})


def _parameters(function: Callable[..., Any], option: str) -> Iterable[Parameter]:
    """Return the parameters of ``function``; it has to have names for them that a call may use.

    Most builtin types have none, in some versions of Python not even a signature.
    """
    try:
        parameters = signature(function).parameters.values()
    except ValueError:
        parameters = None
    if parameters is None or any(p.kind is Parameter.POSITIONAL_ONLY for p in parameters):
        raise ConfigurationError(
            f"{option}={function!r} does not say by name what it wants to be called with: write a "
            f"function that does, such as lambda result: ..."
        )
    return parameters


def _wanted(
    function: Callable[..., Any], option: str, allowed: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the names that ``function`` declares, or ``None`` if it takes any name."""
    wanted: list[str] = []
    for parameter in _parameters(function, option):
        if parameter.kind is Parameter.VAR_KEYWORD:
            return None
        if parameter.kind is Parameter.VAR_POSITIONAL:
            continue
        if parameter.name in allowed:
            wanted.append(parameter.name)
        elif parameter.default is Parameter.empty:
            raise ConfigurationError(
                f"{option}={function!r} asks for {parameter.name!r}, which is no argument of the "
                f"cached function{did_you_mean(parameter.name, allowed)}; it may ask by name for "
                f"{', '.join(allowed)}"
            )
    return tuple(wanted)
