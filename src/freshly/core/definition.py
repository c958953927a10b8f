"""Functions of one name that are not one function.

The key of a call names its function by module and qualified name. Two functions may have the same
one: closures of one ``def``, lambdas of one scope, a cell of a notebook that was changed and run
again. They must not find each other's values, so each gets a number, and all but the first have
theirs in the key. The same ``def`` without closure, run again, is the same function.

A number says nothing to another process, which may have met the functions in another order.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from types import CodeType
from typing import Any


class Definitions:
    """The functions that one cache has met, by name."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, int] = {}
        self._numbers: dict[tuple[str, CodeType], int] = {}

    def number_of(self, name: str, function: Callable[..., Any]) -> int:
        """Return 1 for the first function of ``name``, 2 for the next that is another one."""
        with self._lock:
            # A closure is like no other: what its variables hold may differ, now or later.
            if _is_closure(function):
                return self._next(name)
            known = self._numbers.get((name, function.__code__))
            if known is None:
                known = self._numbers[name, function.__code__] = self._next(name)
            return known

    def _next(self, name: str) -> int:
        number = self._counts[name] = self._counts.get(name, 0) + 1
        return number


def _is_closure(function: Callable[..., Any]) -> bool:
    # The cell of super() holds the class, which the name tells already.
    free: tuple[str, ...] = function.__code__.co_freevars
    return any(variable != "__class__" for variable in free)
