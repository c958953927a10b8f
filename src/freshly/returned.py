"""What a loader of many values returned, and what its caller gets.

A loader returns a mapping, from which a value may be missing, or the values in order, one for each
id. Either may hold an exception in place of a value: the error of that one id.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from enum import Enum
from typing import Any, Final, get_origin, get_type_hints

from .core.batch import Brought, Gathered
from .errors import ConfigurationError


class Form(Enum):
    """What the values of many ids come in."""

    MAPPING = "a mapping from id to value"
    LIST = "a list of values in order"
    TUPLE = "a tuple of values in order"


class _Absent(Enum):
    ABSENT = "no value"


ABSENT: Final = _Absent.ABSENT

# By the name that an annotation begins with.
_FORMS = {
    **dict.fromkeys(("dict", "Dict", "Mapping", "MutableMapping"), Form.MAPPING),
    **dict.fromkeys(("list", "List", "Sequence", "Iterable", "Collection"), Form.LIST),
    **dict.fromkeys(("tuple", "Tuple"), Form.TUPLE),
}
_HEAD = re.compile(r"(?:\w+\.)*(\w+)\s*(?:\[|$)")


def form_of(function: Callable[..., Any]) -> Form:
    """Return what ``function`` says that it returns: a call that finds all has nothing to go by.

    Without an annotation that is a mapping.
    """
    annotation = _return_annotation(function)
    if annotation is None:
        return Form.MAPPING
    name = annotation if isinstance(annotation, str) else _type_name(annotation)
    head = _HEAD.match(name)
    form = _FORMS.get(head[1]) if head else None
    if form is None:
        raise ConfigurationError(
            f"{function.__qualname__} returns {name}: a function of many ids returns a dict from id "
            f"to value, or a list of values in the order of the ids; annotate it so"
        )
    return form


def _return_annotation(function: Callable[..., Any]) -> Any:
    try:
        return get_type_hints(function).get("return")
    except Exception:  # it names what is imported for types only: its text has to do
        return function.__annotations__.get("return")


def _type_name(annotation: Any) -> str:
    origin = get_origin(annotation) or annotation
    return str(getattr(origin, "__name__", annotation))


def read_returned(
    returned: Any, ids: Sequence[Any], keys: Sequence[str], *, name: str, form: Form | None
) -> Brought:
    """Return by key what a loader of ``ids`` returned.

    ``form`` is what it said that it returns; ``None`` takes what comes.
    """
    is_mapping = isinstance(returned, Mapping)
    if form is not None and is_mapping != (form is Form.MAPPING):
        raise ConfigurationError(
            f"{name} returned {type(returned).__name__}, and was taken to return {form.value}: "
            f"annotate what it returns, -> dict[...] or -> list[...]"
        )
    if is_mapping:
        found = {key: returned[one] for key, one in zip(keys, ids, strict=True) if one in returned}
    else:
        found = dict(zip(keys, _in_order(returned, len(ids), name), strict=True))
    errors = {key: value for key, value in found.items() if isinstance(value, Exception)}
    return Brought({key: found[key] for key in found if key not in errors}, errors)


def filled(brought: Brought, keys: Iterable[str], missing: Any) -> Brought:
    """Return ``brought`` with ``missing`` for each of ``keys`` that has no value, if there is such."""
    if missing is ABSENT:
        return brought
    values = {key: missing for key in keys if key not in brought.errors} | brought.values
    return brought._replace(values=values)


def _in_order(returned: Any, wanted: int, name: str) -> Sequence[Any]:
    if isinstance(returned, str | bytes | Set) or not isinstance(returned, Iterable):
        raise ConfigurationError(
            f"{name} returned {returned!r}: a loader of many returns a mapping from id to value, or "
            f"the values in the order of the ids"
        )
    values = returned if isinstance(returned, Sequence) else list(returned)
    if len(values) != wanted:
        raise ConfigurationError(
            f"{name} returned {len(values)} values for {wanted} ids: return one for each, in their "
            f"order, or a mapping from id to value that leaves out what there is not"
        )
    return values


def give(
    gathered: Gathered,
    ids: Sequence[Any],
    keys: Sequence[str],
    *,
    name: str,
    form: Form,
    returns_errors: bool,
) -> Any:
    """Return what the caller gets for ``ids``; raise the errors that stand in place of values.

    Raises an ``ExceptionGroup`` of them, in the order of the ids.
    """
    if gathered.errors and not returns_errors:
        raise _group(gathered, ids, keys, name)
    found = {**gathered.values, **gathered.errors}
    if form is Form.MAPPING:
        return {one: found[key] for one, key in zip(ids, keys, strict=True) if key in found}
    values = [found[key] for key in keys]
    return values if form is Form.LIST else tuple(values)


def _group(
    gathered: Gathered, ids: Sequence[Any], keys: Sequence[str], name: str
) -> ExceptionGroup[Exception]:
    failed = {key: one for one, key in zip(ids, keys, strict=True) if key in gathered.errors}
    distinct = {id(gathered.errors[key]): gathered.errors[key] for key in failed}
    ids_failed = ", ".join(repr(one) for one in failed.values())
    return ExceptionGroup(
        f"{name}: {len(failed)} of {len(set(keys))} ids failed: {ids_failed}", [*distinct.values()]
    )
