"""What a loader of many values returned, and what its caller gets.

A loader returns a mapping, from which a value may be missing, or the values in order, one for each
id. Either may hold an exception in place of a value: the error of that one id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from .core.batch import Brought, Gathered
from .core.parameters import annotation_head
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


def form_of(function: Callable[..., Any]) -> Form:
    """Return what ``function`` says that it returns: a call that finds all has nothing to go by.

    Without an annotation that is a mapping.
    """
    head = annotation_head(function, "return")
    form = Form.MAPPING if head in (None, "Any") else _FORMS.get(str(head))
    if form is None:
        raise ConfigurationError(
            f"{function.__qualname__} returns {head}: a function of many ids returns a dict from id "
            f"to value, or a list of values in the order of the ids; annotate it so"
        )
    return form


def value_type(annotation: Any) -> Any:
    """Return the type of one value of a function whose annotation is ``annotation``."""
    kept = get_args(getattr(annotation, "__value__", annotation))
    if get_origin(annotation) is Annotated:
        return value_type(kept[0])
    head = getattr(get_origin(annotation), "__name__", "")
    if _FORMS.get(head) is Form.MAPPING and len(kept) == 2:
        return _without_errors(kept[1])
    return _without_errors(kept[0]) if head in _FORMS and kept else Any


def _without_errors(annotation: Any) -> Any:
    """Return ``annotation`` without exceptions, which may stand in place of a value."""
    if get_origin(annotation) not in (Union, UnionType):
        return annotation
    arms = [arm for arm in get_args(annotation) if not _is_error(arm)]
    return Union[tuple(arms)] if arms else annotation  # noqa: UP007 - they are known at run time


def _is_error(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseException)


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
