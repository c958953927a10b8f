"""Taking an instance of a record apart, and making it again from its parts.

An instance is made as ``copy`` would make it: a new object whose attributes are set, without its
class's ``__init__``, validators or ``__post_init__``. These ran when the value was loaded, and what
they did is in its attributes; run twice, some do something else (a counter, a hash of a password).
msgspec's structs have no such door: theirs are called, and every field is set again behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter, itemgetter
from types import MemberDescriptorType
from typing import Any

from ..core.attributes import additions
from .extras import need
from .outline import Record

__all__ = ["SET_FIELDS", "Maker", "maker"]

State = dict[str, Any]

#: Beside the fields of a pydantic model: bits for those that were set. Absent if all were.
SET_FIELDS = ""

_set = object.__setattr__


class Maker:
    """For instances of one class.

    A regular instance has all of its fields, and nothing else. Any other is told by its ``state``.
    """

    def __init__(self, record: Record) -> None:
        self.cls: Any = record.cls
        self.names = tuple(field.name for field in record.fields)
        self.values = self._reader()

    def take(self, value: Any) -> list[Any] | None:
        """Return the fields of a regular instance, ``None`` for another."""
        found = self.values(value)
        return None if found is None else list(found)

    def make(self, parts: list[Any]) -> Any:
        """Return the instance that ``take`` took apart."""
        return self.around(dict(zip(self.names, parts, strict=True)))

    def around(self, fields: State) -> Any:
        """Return a regular instance with ``fields``, which it may keep."""
        made = object.__new__(self.cls)
        for name, each in fields.items():
            _set(made, name, each)
        return made

    def open(self, value: Any) -> State:
        """Return what ``around`` makes a regular instance of."""
        return dict(zip(self.names, self.values(value) or (), strict=True))

    def state(self, value: Any) -> State:
        """Return all attributes of an instance that is not regular."""
        slots, fields = _slots(self.cls), getattr(value, "__dict__", {})
        is_set = {
            name for name in self.names if name in fields or (name in slots and hasattr(value, name))
        }
        found = {name: getattr(value, name) for name in self.names if name in is_set}
        return {**found, **additions(value, self.names, object)}

    def remake(self, state: State) -> Any:
        """Return the instance that had ``state``."""
        return self.around(state)

    def _reader(self) -> Callable[[Any], tuple[Any, ...] | None]:
        get, names = _getter(self.names), self.names
        slots = _slots(self.cls)
        in_dict = len(set(names) - slots)
        may_have_more = bool(slots - set(names))

        def values(value: Any) -> tuple[Any, ...] | None:
            try:
                # A field may be read from the class, which msgspec does not do.
                found = get(value) if in_dict == len(value.__dict__) else None
            except AttributeError:
                return None
            return None if may_have_more and additions(value, names, object) else found

        def values_of_slots(value: Any) -> tuple[Any, ...] | None:
            try:
                return get(value)
            except AttributeError:
                return None

        has_dict = getattr(self.cls, "__dictoffset__", 0) != 0
        return values if has_dict or may_have_more else values_of_slots


class _Attrs(Maker):
    def around(self, fields: State) -> Any:
        made = super().around(fields)
        if hasattr(self.cls, "_attrs_cached_hash"):  # of this process's hash seed, so made anew
            _set(made, "_attrs_cached_hash", None)
        return made


class _Struct(Maker):
    def __init__(self, record: Record) -> None:
        super().__init__(record)
        structs = need("msgspec", "a store outside of the process").structs
        self._force: Callable[[Any, str, Any], None] = structs.force_setattr
        self._has_hook = hasattr(self.cls, "__post_init__")

    def around(self, fields: State) -> Any:
        made = self.cls(**{name: fields[name] for name in self.names})
        if self._has_hook or len(fields) > len(self.names):
            for name, each in fields.items():
                self._force(made, name, each)
        return made


class _NamedTuple(Maker):
    def _reader(self) -> Callable[[Any], tuple[Any, ...] | None]:
        # A tuple's own iterator: a subclass may have another.
        return lambda value: None if getattr(value, "__dict__", None) else tuple(tuple.__iter__(value))

    def make(self, parts: list[Any]) -> Any:
        return tuple.__new__(self.cls, parts)

    def around(self, fields: State) -> Any:
        made = tuple.__new__(self.cls, [fields.pop(name) for name in self.names])
        for name, each in fields.items():
            _set(made, name, each)
        return made


class _Pydantic(Maker):
    """Beside the fields there is which of them were set: FastAPI's ``exclude_unset`` asks for it."""

    def __init__(self, record: Record) -> None:
        super().__init__(record)
        self._all = frozenset(self.names)
        self._extra = (dict) if self.cls.model_config.get("extra") == "allow" else lambda: None
        self._private = (dict) if self.cls.__private_attributes__ else lambda: None

    def _reader(self) -> Callable[[Any], tuple[Any, ...] | None]:
        get, count = _item_getter(self.names), len(self.names)

        def values(value: Any) -> tuple[Any, ...] | None:
            fields = value.__dict__
            if value.__pydantic_extra__ or value.__pydantic_private__ or len(fields) != count:
                return None
            try:
                return get(fields)
            except KeyError:
                return None

        return values

    def take(self, value: Any) -> list[Any] | None:
        found = self.values(value)
        return None if found is None else [*found, self._bits(value)]

    def open(self, value: Any) -> State:
        bits = self._bits(value)
        fields: State = value.__dict__
        return fields if bits is None else {**fields, SET_FIELDS: bits}

    def _bits(self, value: Any) -> int | None:
        chosen = value.__pydantic_fields_set__
        if chosen == self._all:
            return None
        return sum(1 << index for index, name in enumerate(self.names) if name in chosen)

    def make(self, parts: list[Any]) -> Any:
        *values, bits = parts
        return self._made(dict(zip(self.names, values, strict=True)), bits)

    def around(self, fields: State) -> Any:
        return self._made(fields, fields.pop(SET_FIELDS, None))

    def _made(self, fields: State, bits: int | None) -> Any:
        chosen = (
            set(self._all)
            if bits is None
            else {name for index, name in enumerate(self.names) if bits >> index & 1}
        )
        return self._complete(fields, chosen, self._extra(), self._private())

    def state(self, value: Any) -> State:
        fields = {name: each for name, each in vars(value).items() if name in self._all}
        return {
            "dict": {**fields, **additions(value, self.names, object)},
            "set": sorted(value.__pydantic_fields_set__),
            "extra": value.__pydantic_extra__,
            "private": value.__pydantic_private__,
        }

    def remake(self, state: State) -> Any:
        return self._complete(state["dict"], set(state["set"]), state["extra"], state["private"])

    def _complete(
        self, fields: State, chosen: set[str], extra: State | None, private: State | None
    ) -> Any:
        made = self.cls.__new__(self.cls)
        _set(made, "__dict__", fields)
        _set(made, "__pydantic_fields_set__", chosen)
        if not self.cls.__pydantic_root_model__:  # which has no slots for these two
            _set(made, "__pydantic_extra__", extra)
            _set(made, "__pydantic_private__", private)
        return made


_MAKERS: dict[str, type[Maker]] = {
    "attrs": _Attrs,
    "dataclass": Maker,
    "namedtuple": _NamedTuple,
    "pydantic": _Pydantic,
    "struct": _Struct,
}


def maker(record: Record) -> Maker:
    """Return what takes instances of ``record`` apart."""
    return _MAKERS[record.style](record)


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if not names:
        return lambda value: ()
    get: Callable[[Any], Any] = attrgetter(*names)
    return get if len(names) > 1 else lambda value: (get(value),)


def _item_getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if not names:
        return lambda value: ()
    get: Callable[[Any], Any] = itemgetter(*names)
    return get if len(names) > 1 else lambda value: (get(value),)


def _slots(cls: Any) -> set[str]:
    return {
        name
        for base in cls.__mro__
        for name, slot in vars(base).items()
        if isinstance(slot, MemberDescriptorType)
    }
