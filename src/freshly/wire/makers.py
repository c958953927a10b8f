"""Taking an instance of a record apart, and making it again from its parts.

An instance is made as ``copy`` would make it: a new object whose attributes are set, without its
class's ``__init__``, validators or ``__post_init__``. These ran when the value was loaded, and what
they did is in its attributes; run twice, some do something else (a counter, a hash of a password).
msgspec's structs have no such door: theirs are called, and every field is set again behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from ..core.attributes import additions
from .extras import need
from .shape import Record

__all__ = ["Maker", "maker"]

Parts = list[Any]
State = dict[str, Any]

_set = object.__setattr__


class Maker:
    """For instances of one class that have all of their fields, and nothing else.

    ``take`` returns ``None`` for any other instance, and ``state`` says everything about it.
    """

    def __init__(self, record: Record) -> None:
        self.cls: Any = record.cls
        self.names = tuple(field.name for field in record.fields)
        self._get = _getter(self.names)
        self._in_dict = _count_in_dict(self.cls, self.names)

    def take(self, value: Any) -> Parts | None:
        try:
            parts = list(self._get(value))
        except AttributeError:
            return None
        if self._in_dict is None or len(getattr(value, "__dict__", ())) != self._in_dict:
            return None if self._more(value) else parts
        return parts

    def state(self, value: Any) -> State:
        absent = object()
        found = {name: getattr(value, name, absent) for name in self.names}
        return {
            **{name: each for name, each in found.items() if each is not absent},
            **self._more(value),
        }

    def make(self, parts: Parts) -> Any:
        return self.remake(dict(zip(self.names, parts, strict=True)))

    def remake(self, state: State) -> Any:
        made = object.__new__(self.cls)
        for name, each in state.items():
            _set(made, name, each)
        return made

    def _more(self, value: Any) -> State:
        return additions(value, self.names, object)


class _Attrs(Maker):
    def remake(self, state: State) -> Any:
        made = super().remake(state)
        if hasattr(self.cls, "_attrs_cached_hash"):  # of this process's hash seed, so made anew
            _set(made, "_attrs_cached_hash", None)
        return made


class _Struct(Maker):
    def __init__(self, record: Record) -> None:
        super().__init__(record)
        self._force: Callable[[Any, str, Any], None] = need(
            "msgspec", "a store outside of the process"
        ).structs.force_setattr
        self._has_hook = hasattr(self.cls, "__post_init__")

    def remake(self, state: State) -> Any:
        made = self.cls(**{name: state[name] for name in self.names})
        if self._has_hook:
            for name, each in state.items():
                self._force(made, name, each)
        return made


class _NamedTuple(Maker):
    def take(self, value: Any) -> Parts | None:
        return None if getattr(value, "__dict__", None) else list(tuple.__iter__(value))

    def make(self, parts: Parts) -> Any:
        return tuple.__new__(self.cls, parts)

    def remake(self, state: State) -> Any:
        made = tuple.__new__(self.cls, [state.pop(name) for name in self.names])
        for name, each in state.items():
            _set(made, name, each)
        return made


class _Pydantic(Maker):
    """Fields, and behind them which of them were set: as bits, or ``None`` for all."""

    def take(self, value: Any) -> Parts | None:
        fields = vars(value)
        if value.__pydantic_extra__ or value.__pydantic_private__ or len(fields) != len(self.names):
            return None
        try:
            parts = [fields[name] for name in self.names]
        except KeyError:
            return None
        chosen = value.__pydantic_fields_set__
        parts.append(None if len(chosen) == len(self.names) else self._bits(chosen))
        return parts

    def _bits(self, chosen: set[str]) -> int:
        return sum(1 << index for index, name in enumerate(self.names) if name in chosen)

    def state(self, value: Any) -> State:
        fields = {name: each for name, each in vars(value).items() if name in self.names}
        return {
            "dict": {**fields, **additions(value, self.names, object)},
            "set": set(value.__pydantic_fields_set__),
            "extra": value.__pydantic_extra__,
            "private": value.__pydantic_private__,
        }

    def make(self, parts: Parts) -> Any:
        bits = parts.pop()
        chosen = (
            set(self.names)
            if bits is None
            else {name for index, name in enumerate(self.names) if bits >> index & 1}
        )
        fields = dict(zip(self.names, parts, strict=True))
        has_extra = self.cls.model_config.get("extra") == "allow"
        private: State | None = {} if self.cls.__private_attributes__ else None
        return self._made(fields, chosen, {} if has_extra else None, private)

    def remake(self, state: State) -> Any:
        return self._made(state["dict"], state["set"], state["extra"], state["private"])

    def _made(self, fields: State, chosen: set[str], extra: State | None, private: State | None) -> Any:
        made = self.cls.__new__(self.cls)
        _set(made, "__dict__", fields)
        _set(made, "__pydantic_fields_set__", chosen)
        if self.cls.__pydantic_root_model__:
            return made  # it has no extras, and no slots for what the other models have beside fields
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
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return lambda value: ()
    get = attrgetter(*names)
    return lambda value: (get(value),)


def _count_in_dict(cls: Any, names: tuple[str, ...]) -> int | None:
    """Return how many attributes an instance with all its fields has in its ``__dict__``.

    ``None`` if slots beside the fields have to be looked at each time.
    """
    slots = {
        name
        for base in cls.__mro__
        for name, slot in vars(base).items()
        if type(slot).__name__ == "member_descriptor"
    }
    return None if slots - set(names) else len(set(names) - slots)
