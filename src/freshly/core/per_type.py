"""An answer that depends on nothing but a type: worked out once, kept as long as the type lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

__all__ = ["PerType"]

T = TypeVar("T")


class PerType(Generic[T]):
    """``decide`` with a memory. The answer must not refer to the type, or neither would ever go."""

    def __init__(self, decide: Callable[[type], T]) -> None:
        self._decide = decide
        self._known: WeakKeyDictionary[type, T] = WeakKeyDictionary()

    def __call__(self, cls: type) -> T:
        try:
            return self._known[cls]
        except KeyError:
            return self._known.setdefault(cls, self._decide(cls))
        except TypeError:  # a metaclass with __eq__ and without __hash__
            return self._decide(cls)
