"""Classes whose values no codec can carry, and what to do about them."""

from __future__ import annotations

import collections.abc as abc
from asyncio import Future
from io import IOBase
from types import CodeType, FrameType, FunctionType, ModuleType, TracebackType
from typing import Any

__all__ = ["is_used_up", "why_not"]

_ONCE = (abc.Iterator, abc.AsyncIterator, abc.Awaitable, Future)
_RESOURCES = ("__enter__", "__aenter__")
_CODE = (FunctionType, ModuleType, CodeType, FrameType, TracebackType, type)

# Bases of database rows, beside SQLAlchemy's, which are known by __mapper__.
_ROWS = {"django.db.models.base.Model", "peewee.Model", "tortoise.models.Model"}

# Tables, arrays and tensors.
_ARRAYS = ("__array__", "__dataframe__", "__arrow_c_array__", "__arrow_c_stream__")

_OPEN = "it is opened and closed, not stored: return what was read from it"
_USED_UP = "it is used up by its first reader: return a list, or what it comes from"


def why_not(cls: Any) -> str | None:
    """Return why values of ``cls`` cannot be carried and what to do, or ``None`` if they may."""
    if _is_row(cls):
        return (
            "a row of a database belongs to its session: return a dataclass, a TypedDict or a model "
            "made from it"
        )
    if is_used_up(cls):
        return _OPEN if _is_subclass(cls, (IOBase,)) else _USED_UP
    if _is_subclass(cls, _CODE) or cls is abc.Callable:
        return "code is no data: return what it would be called for"
    if any(hasattr(cls, mark) for mark in _ARRAYS):
        return f"register_type({cls.__name__}, encode=..., decode=...) says how to store it"
    if any(hasattr(cls, mark) for mark in _RESOURCES):
        return _OPEN
    return None


def is_used_up(cls: Any) -> bool:
    """Return whether values of ``cls`` are open, or for one reader: nothing at all carries them."""
    return cls in (abc.Iterable, abc.AsyncIterable) or _is_subclass(cls, (IOBase, *_ONCE))


def _is_subclass(cls: Any, bases: tuple[Any, ...]) -> bool:
    try:
        return issubclass(cls, bases)
    except TypeError:  # a protocol with attributes
        return False


def _is_row(cls: Any) -> bool:
    names = (f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__)
    return hasattr(cls, "__mapper__") or any(name in _ROWS for name in names)
