"""What a class says about its fields, whichever package it was declared with.

Packages are known by the marks that they leave on a class; none is imported.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeAlias

from .wording import wording

__all__ = ["Declaration", "declaration"]


class FieldSaid(NamedTuple):
    name: str
    annotation: Any
    is_required: bool = True


class Declaration(NamedTuple):
    """What outline.py's ``Record`` is made of. ``bound`` are the type variables of the annotations."""

    style: str
    fields: list[FieldSaid]
    says: str
    by_msgspec: bool
    by_fields: bool
    bound: Mapping[Any, Any]


def declaration(cls: Any, arguments: tuple[Any, ...], names: Mapping[str, Any]) -> Declaration | None:
    """Return what ``cls`` declares, or ``None`` if it declares no fields."""
    for style, is_it, read in _STYLES:
        if is_it(cls):
            return Declaration(style, *read(cls, _Hints(cls, names)), _bound(cls, arguments))
    return None


# -- annotations ----------------------------------------------------------------------------------


class _Hints:
    """The annotations of a class, each as well as it can be read."""

    def __init__(self, cls: Any, names: Mapping[str, Any]) -> None:
        self._known: dict[str, Any] | None = None
        self._raw = _raw_annotations(cls)
        self._names = names
        try:
            # Qualifiers such as Annotated and NotRequired are wanted: fields are told from them.
            self._known = typing.get_type_hints(cls, localns=dict(names), include_extras=True)
        except Exception:  # an annotation may be anything, and fail in any way
            self._known = None

    def __getitem__(self, name: str) -> Any:
        if self._known is not None:
            return self._known.get(name, Any)
        annotation, module = self._raw.get(name, (Any, ""))
        return _in_module(annotation, module, self._names)


def _raw_annotations(cls: Any) -> dict[str, tuple[Any, str]]:
    found: dict[str, tuple[Any, str]] = {}
    for base in reversed(cls.__mro__ if isinstance(cls, type) else ()):
        for name, annotation in _own_annotations(base).items():
            found[name] = (annotation, base.__module__)
    return found


def _own_annotations(cls: Any) -> Mapping[str, Any]:
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(cls)


def _in_module(annotation: Any, module: str, names: Mapping[str, Any]) -> Any:
    def holder() -> None: ...

    holder.__annotations__ = {"it": annotation}
    try:
        space = vars(sys.modules[module])
        return typing.get_type_hints(holder, space, dict(names), include_extras=True)["it"]
    except Exception:  # a text that nobody can read: the survey says so
        return annotation


def _bound(cls: Any, arguments: tuple[Any, ...]) -> dict[Any, Any]:
    """Return what the type variables of ``cls`` and its bases stand for."""
    bound = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))
    for base in getattr(cls, "__orig_bases__", ()):
        origin = typing.get_origin(base)
        if origin is None or origin in (Generic, typing.Protocol):
            continue
        given = tuple(bound.get(each, each) for each in typing.get_args(base))
        bound = {**_bound(origin, given), **bound}
    return bound


# -- each style -----------------------------------------------------------------------------------

Said: TypeAlias = tuple[list[FieldSaid], str, bool, bool]


def _typed_dict(cls: Any, hints: _Hints) -> Said:
    names = sorted(cls.__required_keys__ | cls.__optional_keys__)
    said = [FieldSaid(name, hints[name], _is_required(cls, name, hints)) for name in names]
    return said, "", True, True


def _is_required(cls: Any, name: str, hints: _Hints) -> bool:
    # Where annotations are texts, the class could not see the qualifiers in them.
    qualifier = typing.get_origin(hints[name])
    if qualifier in (typing.Required, typing.NotRequired):
        return qualifier is typing.Required
    return name in cls.__required_keys__


def _named_tuple(cls: Any, hints: _Hints) -> Said:
    defaults = cls._field_defaults
    said = [FieldSaid(name, hints[name], name not in defaults) for name in cls._fields]
    return said, "", tuple in cls.__bases__, True


def _pydantic(cls: Any, hints: _Hints) -> Said:
    said = []
    for name, field in cls.__pydantic_fields__.items():
        annotation = field.annotation
        if field.metadata:
            annotation = typing.Annotated[(annotation, *field.metadata)]
        said.append(FieldSaid(name, annotation, field.is_required()))
    return said, f"extra={cls.model_config.get('extra')}", False, True


def _struct(cls: Any, hints: _Hints) -> Said:
    names, defaults = cls.__struct_fields__, cls.__struct_defaults__
    first = len(names) - len(defaults)
    said = [
        FieldSaid(name, hints[name], index < first or _is_missing(defaults[index - first]))
        for index, name in enumerate(names)
    ]
    config = cls.__struct_config__
    written = cls.__struct_encode_fields__
    is_plain = written == names and config.tag is None and not config.array_like
    says = f"tag={config.tag!r} in {config.tag_field!r},array={config.array_like},as={written!r}"
    if config.omit_defaults:  # what is not written is read as the default of the reader
        says += f",left out={wording(defaults)}"
    return said, says, not hasattr(cls, "__post_init__"), is_plain and not config.omit_defaults


def _is_missing(default: object) -> bool:
    return type(default).__name__ == "NoDefaultType"


def _dataclass(cls: Any, hints: _Hints) -> Said:
    fields = dataclasses.fields(cls)
    missing = dataclasses.MISSING
    said = [
        FieldSaid(
            field.name, hints[field.name], field.default is missing and field.default_factory is missing
        )
        for field in fields
    ]
    is_plain = _is_plain(cls, said)
    is_simple = (
        all(field.init for field in fields)
        and not hasattr(cls, "__post_init__")
        and not hasattr(cls, "__pydantic_fields__")
        and not any(repr(each._field_type) == "_FIELD_INITVAR" for each in _all_fields(cls))
    )
    return said, "", is_plain and is_simple, is_plain


def _all_fields(cls: Any) -> Iterable[Any]:
    fields: Mapping[str, Any] = cls.__dataclass_fields__
    return fields.values()


def _attrs(cls: Any, hints: _Hints) -> Said:
    fields = cls.__attrs_attrs__
    said = [
        FieldSaid(field.name, hints[field.name], repr(field.default) == "NOTHING") for field in fields
    ]
    is_plain = _is_plain(cls, said)
    is_simple = all(
        field.init and field.validator is None and field.converter is None and field.alias == field.name
        for field in fields
    ) and not any(hasattr(cls, hook) for hook in ("__attrs_pre_init__", "__attrs_post_init__"))
    return said, "", is_plain and is_simple, is_plain


def _is_plain(cls: Any, said: list[FieldSaid]) -> bool:
    """Return whether an instance is an object with these attributes, which anybody may read and set."""
    if any(field.name.startswith("_") for field in said):
        return False  # msgspec leaves some of them out
    return (
        cls.__new__ is object.__new__
        and cls.__getattribute__ is object.__getattribute__
        and not hasattr(cls, "__getattr__")
        and _sets_plainly(cls)
    )


def _sets_plainly(cls: Any) -> bool:
    # Frozen dataclasses and attrs classes get a __setattr__, which msgspec and we go around.
    function = cls.__setattr__
    if function is object.__setattr__:
        return True
    origin = getattr(getattr(function, "__code__", None), "co_filename", "")
    return origin == "<string>" or Path(origin).parent.name == "attr" or "attrs generated" in origin


_STYLES: tuple[tuple[str, Callable[[Any], bool], Callable[[Any, _Hints], Said]], ...] = (
    ("typeddict", typing.is_typeddict, _typed_dict),
    ("namedtuple", lambda cls: issubclass(cls, tuple) and hasattr(cls, "_fields"), _named_tuple),
    (
        "pydantic",
        lambda cls: hasattr(cls, "__pydantic_fields__") and hasattr(cls, "model_fields"),
        _pydantic,
    ),
    ("struct", lambda cls: hasattr(cls, "__struct_fields__"), _struct),
    ("dataclass", dataclasses.is_dataclass, _dataclass),
    ("attrs", lambda cls: hasattr(cls, "__attrs_attrs__"), _attrs),
)
