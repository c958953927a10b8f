"""How the instances of a class are written: decided once per class, by what the class says of them.

First its own word (``__cache_key__``), then what it declares (an enum, a dataclass, a pydantic
model ...), then the builtin that it extends, and last its ``repr()``. What cannot be told from
another of its kind by a text that lasts is refused.
"""

from __future__ import annotations

import re
from enum import Enum
from inspect import isroutine
from io import IOBase
from threading import Thread
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from .atoms import atom_of
from .attributes import additions, attributes, declared
from .containers import CONTAINERS, Write, Writer, container_of, zone_text
from .per_type import PerType
from .typename import dotted, is_found_by_name, type_name
from .unstable import unstable

__all__ = ["has_content", "says_its_key", "text_of"]

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

# Who has one of these is opened, awaited or used up: a file, a lock, a connection, a generator.
_RESOURCE_MARKS = ("__enter__", "__aenter__", "__next__", "__anext__", "__await__")

# Tables, arrays and tensors show only a part of themselves in repr().
_ARRAY_MARKS = ("__array__", "__dataframe__", "__arrow_c_array__", "__arrow_c_stream__")

# Bases of database rows, beside SQLAlchemy's, which are known by __mapper__.
_ROWS = {"django.db.models.base.Model", "peewee.Model", "tortoise.models.Model"}


def text_of(value: object, write: Write) -> str:
    """Return the text of ``value``, which is no atom; ``write`` gives the texts of its parts.

    Raises:
        KeyTextError: if it has none.
    """
    writer = _cache_key if _has_own_key(value) else _writer_of(type(value))
    return writer(value, write)


def says_its_key(value: object) -> bool:
    """Return whether ``value`` has a ``__cache_key__``, of its class or set on itself."""
    return hasattr(type(value), "__cache_key__") or _has_own_key(value)


def has_content(cls: type) -> bool:
    """Return whether the instances of ``cls`` are what they consist of, not mere objects."""
    return atom_of(cls) is not None or _writer_of(cls) in _BY_CONTENT


def _has_own_key(value: object) -> bool:
    # Not by getattr(): what a class has is for its instances, and __getattr__ may make anything up.
    return "__cache_key__" in getattr(value, "__dict__", ()) and not isinstance(value, type)


def _decide(cls: type) -> Writer:
    container = container_of(cls)
    if container is not None:
        return container
    if hasattr(cls, "__cache_key__"):
        return _cache_key
    if issubclass(cls, type):
        return _class
    if issubclass(cls, FunctionType | BuiltinFunctionType | ModuleType):
        return _global
    if issubclass(cls, MethodType):
        return _method
    if issubclass(cls, Enum):
        return _enum
    if _is_row(cls):
        return _row
    if cls.__module__.partition(".")[0] == "pandas":
        return _array if _is_array(cls) else _repr  # its datetimes have hidden nanoseconds
    if declared(cls) is not None or _builtin_base(cls) is not None:
        return _content
    return _decide_by_look(cls)


def _decide_by_look(cls: type) -> Writer:
    if issubclass(cls, IOBase | Thread) or any(hasattr(cls, mark) for mark in _RESOURCE_MARKS):
        return _resource
    if _is_array(cls):
        return _array
    if cls.__repr__ is object.__repr__:
        return _global
    return _repr


_writer_of: PerType[Writer] = PerType(_decide)


def _cache_key(value: Any, write: Write) -> str:
    key = value.__cache_key__
    # Asked of the class: what a property gives may be a class or a function, and is not called.
    on_class = getattr(type(value), "__cache_key__", None)
    if callable(on_class) and isroutine(on_class):
        key = key()
    return f"{type_name(type(value))}({write(key)})"


def _class(value: type, write: Write) -> str:
    return type_name(value)


def _global(value: Any, write: Write) -> str:
    if isinstance(value, ModuleType):
        return f"module({value.__name__!r})"
    if is_found_by_name(value):
        return dotted(value.__module__, value.__qualname__)
    if hasattr(value, "__qualname__"):
        raise unstable(value, "it stands for its name, but its name does not lead back to it")
    raise unstable(value, "it is known by its address only")


def _method(value: MethodType, write: Write) -> str:
    return f"method({write(value.__func__)},{write(value.__self__)})"


def _enum(value: Enum, write: Write) -> str:
    cls = type(value)
    if cls._member_map_.get(value._name_) is value:
        return f"{type_name(cls)}.{value._name_}"
    return f"{type_name(cls)}({write(value._value_)})"  # a combination of flags


def _content(value: Any, write: Write) -> str:
    cls = type(value)
    names = declared(cls) or ()
    base = _builtin_base(cls)
    parts = [] if base is None else [_of_base(base, value, write)]
    parts += [f"{name}={write(each)}" for name, each in attributes(value, names)]
    more = additions(value, names, base or object)
    if more:
        parts.append(f"**{write(more)}")
    return f"{type_name(cls)}({','.join(parts)})"


def _repr(value: object, write: Write) -> str:
    shown = repr(value)
    if _ADDRESS.search(shown) or hex(id(value)) in shown or str(id(value)) in shown:
        raise unstable(value, f"its repr() holds an address, {shown[:80]}")
    return f"{type_name(type(value))}<{str.__repr__(shown)}>"


def _refusing(why: str) -> Writer:
    def refuse(value: object, write: Write) -> str:
        raise unstable(value, why)

    return refuse


_array = _refusing("its repr() shows only a part of it")
_resource = _refusing("it is opened, awaited or used up; it is no value")
_row = _refusing("a row of a database changes and expires behind its object; its id lasts")

_BY_CONTENT: set[Writer] = {*CONTAINERS.values(), zone_text, _cache_key, _class, _content, _enum}


def _builtin_base(cls: type) -> type | None:
    """Return the builtin that ``cls`` extends, but for named tuples, whose fields say all."""
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return None
    return next((base for base in cls.__mro__ if atom_of(base) or container_of(base)), None)


def _of_base(base: type, value: Any, write: Write) -> str:
    atom, container = atom_of(base), container_of(base)
    if container is not None:
        return container(value, write)
    assert atom is not None
    return atom(value)


def _is_array(cls: type) -> bool:
    return hasattr(cls, "__len__") and any(hasattr(cls, mark) for mark in _ARRAY_MARKS)


def _is_row(cls: type) -> bool:
    names = (f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__)
    return hasattr(cls, "__mapper__") or any(name in _ROWS for name in names)
