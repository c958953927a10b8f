"""From an annotation to its outline.

The annotation is read once for a function. Names that it mentions may be missing at run time
(imported for type checkers only, or local to a function); what they stand for is then anything.
"""

from __future__ import annotations

import collections
import collections.abc as abc
import types
import typing
from collections.abc import Mapping
from dataclasses import InitVar
from enum import Enum
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    ForwardRef,
    Literal,
    LiteralString,
    Never,
    NoReturn,
    NotRequired,
    Required,
    Self,
    TypeVar,
    Union,
)

from ..core.typename import type_name
from .declared import declaration
from .outline import (
    Again,
    Anything,
    Atom,
    Choice,
    Constrained,
    Field,
    Fixed,
    Items,
    Literally,
    Members,
    Outline,
    Own,
    Pairs,
    Record,
    Refused,
)
from .ownership import is_known_to_pydantic_alone, of_pydantic, registered
from .plain import ATOMS
from .uncarried import is_used_up, why_not

__all__ = ["awaited", "survey"]

_ITEMS: dict[Any, type] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.deque: collections.deque,
    abc.Sequence: list,
    abc.MutableSequence: list,
    abc.Collection: list,
    abc.Set: set,
    abc.MutableSet: set,
}
_PAIRS: dict[Any, type] = {
    dict: dict,
    collections.OrderedDict: collections.OrderedDict,
    collections.defaultdict: collections.defaultdict,
    abc.Mapping: dict,
    abc.MutableMapping: dict,
}
_AWAITED = (abc.Awaitable, abc.Coroutine)
_QUALIFIERS = {ClassVar, Final, InitVar, NotRequired, Required, getattr(typing, "ReadOnly", None)}

Names = Mapping[str, Any]


def survey(annotation: Any, names: Names | None = None) -> Outline:
    """Return the outline of values that ``annotation`` describes; of what is awaited, if it is that.

    ``names`` are those that texts in it may use. It never raises on an annotation.
    """
    return _Survey(names or {}).outline(awaited(annotation), {})


def awaited(annotation: Any) -> Any:
    """Return what awaiting a value of ``annotation`` gives, if it is awaited."""
    if typing.get_origin(annotation) in _AWAITED:
        return typing.get_args(annotation)[-1]
    return annotation


class _Survey:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._records: dict[Any, Record] = {}
        self._aliases: set[int] = set()

    def outline(self, given: Any, bound: Mapping[Any, Any]) -> Outline:
        """Return the outline of ``given``, whose type variables are ``bound``."""
        if given is None:
            return Atom(type(None))
        if given is Any or given is object or given is ...:
            return Anything()
        if isinstance(given, str | ForwardRef):
            return self._text(given, bound)
        if given is Never or given is NoReturn:
            return Anything()
        if given is LiteralString:
            return Atom(str)
        if given is Self and Self in bound:
            return self.outline(bound[Self], {})
        if isinstance(given, TypeVar):
            return self._variable(given, bound)
        if hasattr(given, "__supertype__"):  # a NewType
            return self.outline(given.__supertype__, bound)
        # First of all its origin: what is subscribed passes for what it subscribes.
        origin, arguments = typing.get_origin(given), typing.get_args(given)
        if origin is not None:
            return self._generic(given, origin, arguments, bound)
        if hasattr(given, "__value__") and hasattr(given, "__type_params__"):
            return self._alias(given, (), bound)
        return self._class(given) if isinstance(given, type) else Anything(repr(given))

    # -- what is no class --------------------------------------------------------------------

    def _text(self, given: str | ForwardRef, bound: Mapping[Any, Any]) -> Outline:
        text = given if isinstance(given, str) else given.__forward_arg__
        try:
            found = eval(text, {"__builtins__": _BUILTINS}, dict(self._names))  # noqa: S307 - the user's annotation
        except Exception:
            return Anything(text)
        return self.outline(found, bound)

    def _variable(self, given: TypeVar, bound: Mapping[Any, Any]) -> Outline:
        if given in bound:
            return self.outline(bound[given], {})
        if given.__bound__ is not None:
            return self.outline(given.__bound__, bound)
        if given.__constraints__:
            return self._choice(given.__constraints__, bound)
        return Anything()

    def _alias(self, alias: Any, arguments: tuple[Any, ...], bound: Mapping[Any, Any]) -> Outline:
        if id(alias) in self._aliases:
            return Again(alias.__name__)
        given = self._arguments(arguments, bound)
        self._aliases.add(id(alias))
        try:
            return self.outline(alias.__value__, dict(zip(alias.__type_params__, given, strict=False)))
        finally:
            self._aliases.discard(id(alias))

    def _generic(
        self, given: Any, origin: Any, arguments: tuple[Any, ...], bound: Mapping[Any, Any]
    ) -> Outline:
        if origin is Annotated:
            return self._annotated(given, bound)
        if origin in _QUALIFIERS:
            return self.outline(arguments[0], bound)
        if origin is Literal:
            return self._literal(arguments)
        if origin is Union or origin is types.UnionType:
            return self._choice(arguments, bound)
        if hasattr(origin, "__value__") and hasattr(origin, "__type_params__"):
            return self._alias(origin, arguments, bound)
        if origin is tuple:
            return self._tuple(arguments, bound)
        if origin in _ITEMS:
            return Items(_ITEMS[origin], self.outline(arguments[0], bound))
        if origin is collections.Counter:
            return Pairs(origin, self.outline(arguments[0], bound), Atom(int))
        if origin in _PAIRS:
            return Pairs(_PAIRS[origin], *(self.outline(each, bound) for each in arguments[:2]))
        return self._class(origin, self._arguments(arguments, bound))

    def _arguments(self, arguments: tuple[Any, ...], bound: Mapping[Any, Any]) -> tuple[Any, ...]:
        return tuple(bound.get(each, each) if isinstance(each, TypeVar) else each for each in arguments)

    def _annotated(self, given: Any, bound: Mapping[Any, Any]) -> Outline:
        outline = self.outline(given.__origin__, bound)
        return Constrained(outline, tuple(given.__metadata__)) if given.__metadata__ else outline

    def _literal(self, values: tuple[Any, ...]) -> Outline:
        enums = {type(value) for value in values if isinstance(value, Enum)}
        plain = tuple(value for value in values if not isinstance(value, Enum))
        parts: list[Outline] = [Members(cls) for cls in sorted(enums, key=type_name)]
        if plain:
            parts.append(Literally(plain))
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def _choice(self, options: tuple[Any, ...], bound: Mapping[Any, Any]) -> Outline:
        return Choice(tuple(self.outline(option, bound) for option in options))

    def _tuple(self, arguments: tuple[Any, ...], bound: Mapping[Any, Any]) -> Outline:
        if len(arguments) == 2 and arguments[1] is ...:
            return Items(tuple, self.outline(arguments[0], bound))
        return Fixed(tuple(self.outline(each, bound) for each in arguments))

    # -- classes -----------------------------------------------------------------------------

    def _class(self, cls: Any, arguments: tuple[Any, ...] = ()) -> Outline:
        if cls in ATOMS or _is_unset(cls):
            return Atom(cls)
        if cls is tuple:
            return Items(tuple, Anything())
        if cls in _ITEMS:
            return Items(_ITEMS[cls], Anything())
        if cls in _PAIRS:
            return Pairs(_PAIRS[cls], Anything(), Anything())
        if cls is collections.Counter:
            return Pairs(cls, Anything(), Atom(int))
        if not isinstance(cls, type):
            return Refused(repr(cls), "it is no class")
        own = registered(cls)
        if own is not None:
            return Own(cls, f"{type_name(cls)} {own.version}")
        if issubclass(cls, Enum):
            return Members(cls)
        if is_known_to_pydantic_alone(cls):
            return self._leaf(cls)
        why = why_not(cls)
        if why:
            return Refused(type_name(cls), why, is_used_up(cls))
        return self._record(cls, arguments)

    def _leaf(self, cls: type) -> Outline:
        try:
            return Own(cls, type_name(cls), of_pydantic(cls))
        except Exception as error:  # pydantic is missing, or has no schema for it after all
            return Refused(type_name(cls), f"pydantic cannot carry it: {error}")

    def _record(self, cls: type, arguments: tuple[Any, ...]) -> Outline:
        try:
            known = self._records.get((cls, arguments))
        except TypeError:  # an argument that cannot be hashed, as Annotated[int, []]
            return Anything(type_name(cls))
        if known is not None:
            return known
        declared = declaration(cls, arguments, self._names)
        if declared is None:
            return Refused(
                type_name(cls),
                f"its fields are not declared: make it a dataclass, or say how to store it with "
                f"register_type({cls.__name__}, encode=..., decode=...)",
            )
        record = Record(
            cls,
            _with_arguments(cls, arguments),
            declared.style,
            type_name(cls),
            declared.says,
            declared.by_msgspec,
            declared.by_fields,
        )
        self._records[cls, arguments] = record
        bound = {**declared.bound, Self: record.annotation}
        record.fields = tuple(
            Field(each.name, self.outline(each.annotation, bound), each.is_required)
            for each in declared.fields
        )
        return record


def _with_arguments(cls: Any, arguments: tuple[Any, ...]) -> Any:
    return cls[arguments] if arguments else cls


def _is_unset(cls: Any) -> bool:
    """Return whether it is the type of msgspec.UNSET, which says that a field was not there."""
    return getattr(cls, "__name__", "") == "UnsetType" and cls.__module__.startswith("msgspec")


_BUILTINS = {**vars(__import__("builtins"))}
