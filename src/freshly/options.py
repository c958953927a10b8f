"""What a user may say to a decorator, checked once and turned into what the core works with."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from contextvars import ContextVar
from copy import deepcopy
from os import urandom
from typing import Any, Literal, TypedDict, cast

from .answering import CacheExceptions, answers_of
from .core.byname import ByName
from .core.counts import Counts
from .core.duration import Duration, seconds, text
from .core.holds import Hold
from .core.lifetime import Lifetime
from .core.patience import Timeouts
from .core.recipe import Arguments, Recipe
from .core.shape import ANY, Shape, shape_of
from .core.tags import Tags, TagsOption, given_tags
from .errors import ConfigurationError, did_you_mean
from .lifetimes import TTL, TTLValue, grace_of, lifetimes, span
from .wire.port import CodecOption, given_codec

DEFAULT_RETRY_AFTER = 1.0


class Policy(TypedDict, total=False):
    """What may be asked of freshness and of loads, under the same names on every face.

    ``None`` is the same as leaving an option out. What each means stands at ``Cache.__call__``.
    """

    grace: Duration | None
    jitter: float
    sliding: bool
    max_age: Duration | None
    soft_timeout: Duration | None
    hard_timeout: Duration | None
    retry_after: Duration | None
    condition: Callable[..., object] | None
    cache_exceptions: CacheExceptions | None


class _Soft(TypedDict, total=False):
    soft_ttl: TTL


class _Early(TypedDict, total=False):
    early_ttl: TTL


class _Coded(TypedDict, total=False):
    codec: CodecOption


class LoadOptions(Policy, _Soft, _Early, _Coded, total=False):
    """The options of ``get_or_set``: its tags are no templates, its key is given."""

    tags: Iterable[str]


class _Together(TypedDict, total=False):
    missing: Any
    missing_ttl: TTLValue
    on_error: Literal["raise", "return"]
    max_batch: int | None


class LoadManyOptions(Policy, _Soft, _Early, _Together, _Coded, total=False):
    """The options of ``get_or_set_many``: its tags are templates over ``{key}`` and ``{result}``."""

    tags: TagsOption


class _FunctionOptions(Policy, _Coded, total=False):
    key: str | None
    tags: TagsOption
    exclude: Iterable[str]
    vary: Iterable[ContextVar[Any]]
    copy: bool


class SoftOptions(_FunctionOptions, _Early, total=False):
    """The options of ``cache.soft``, which asks for a ``soft_ttl`` by itself."""


class EarlyOptions(_FunctionOptions, _Soft, total=False):
    """The options of ``cache.early``, which asks for an ``early_ttl`` by itself."""


class CacheOptions(_FunctionOptions, _Soft, _Early, total=False):
    """The options of ``cache(...)``."""


class ManyOptions(CacheOptions, _Together, total=False):
    """The options of ``cache.many``."""

    of: str | None
    each: str | None


class IteratorOptions(_Soft, _Early, _Coded, total=False):
    """The options of ``cache.iterator``. No timeouts: how long it takes is up to its consumer."""

    key: str | None
    tags: TagsOption
    exclude: Iterable[str]
    vary: Iterable[ContextVar[Any]]
    grace: Duration | None
    jitter: float
    retry_after: Duration | None
    condition: Callable[..., object] | None
    copy: bool
    max_length: int


def check_names(options: Iterable[str], known: Any, what: str) -> None:
    """Refuse an option that ``what`` has not, with the nearest that it has.

    ``known`` is the ``TypedDict`` of its options.
    """
    names: frozenset[str] = known.__optional_keys__
    for name in options:
        if name not in names:
            raise ConfigurationError(
                f"{what} has no option {name!r}{did_you_mean(name, names)}; it has "
                f"{', '.join(sorted(names))}"
            )


def recipe(
    name: str,
    names: Iterable[str],
    ttl: TTL,
    options: Mapping[str, Any],
    *,
    tags: Tags,
    counts: Counts | None = None,
    shape: Shape = ANY,
) -> Recipe:
    """Check the options of one function and return what the engine does with them.

    ``options`` are those of a face; those that say nothing of freshness or loads are not looked at.
    """
    retry_after = options.get("retry_after")
    answers = answers_of(ttl, options)
    if answers is not None and shape.function is not None:
        shape.raises = tuple(answers.lifetimes)
    return Recipe(
        counts=counts or Counts(name),
        lifetime=lifetimes(tuple(names), ttl, options),
        result_tags=tags.of_result,
        is_kept=_condition(options.get("condition"), names),
        retry_after=(
            DEFAULT_RETRY_AFTER if retry_after is None else seconds(retry_after, "retry_after")
        ),
        copy=deepcopy if options.get("copy") else None,
        shape=shape,
        timeouts=_timeouts(options),
        answers=answers,
        slides=bool(options.get("sliding")),
    )


def by_hand(name: str) -> Recipe:
    """Return the recipe of values that are set by hand: they bring their own lifetime and tags."""
    return Recipe(
        counts=Counts(name),
        lifetime=lambda arguments, result: Lifetime(None),
        result_tags=lambda arguments, result: (),
        is_kept=None,
        retry_after=DEFAULT_RETRY_AFTER,
    )


def shape_by_hand(codec: CodecOption, kind: Any = None) -> Shape:
    """Return what a store outside of the process is told of a value that no function returns."""
    if given_codec(codec) is None:
        return ANY if kind is None else shape_of(kind)
    return shape_of(Any if kind is None else kind, cast("Hashable", codec))


def load_recipe(ttl: TTL, options: LoadOptions, counts: Counts) -> tuple[Recipe, tuple[str, ...]]:
    """Return the recipe of one ``get_or_set`` and its tags."""
    check_names(options, LoadOptions, "get_or_set")
    shape = shape_by_hand(options.get("codec"))
    asked = recipe(counts.name, (), ttl, options, tags=Tags((), ()), counts=counts, shape=shape)
    return asked, given_tags(options.get("tags", ()), "get_or_set")


def given_hold(hold: Duration | None, longest: float) -> Hold | None:
    """Return what ``hold=`` asked for, which may not be more than the store's ``max_hold``."""
    return None if hold is None else Hold(urandom(8).hex(), hold_seconds(hold, longest))


Wait = Literal["all"]


def given_wait(wait: object) -> bool:
    """Return whether ``wait=`` asks to wait for all processes."""
    if wait not in (None, "all"):
        raise ConfigurationError(
            f"wait={wait!r}: there is 'all' (return when no process can serve what was there before), "
            f"or leave it out"
        )
    return wait is not None


def hold_seconds(hold: Duration, longest: float) -> float:
    """Check a ``hold`` against the store's ``max_hold``, and return it in seconds."""
    span = seconds(hold, "hold")
    if span > longest and longest == 0:
        raise ConfigurationError(
            f"hold={hold!r}: this store allows no holds; allow them with setup(..., max_hold='1m')"
        )
    if span > longest:
        raise ConfigurationError(
            f"hold={hold!r} is longer than max_hold={text(longest)!r}: hold for less, or allow more "
            f"with setup(..., max_hold={text(span)!r})"
        )
    return span


def _timeouts(options: Mapping[str, Any]) -> Timeouts | None:
    given = {name: options.get(f"{name}_timeout") for name in ("soft", "hard")}
    found = {name: span(value, f"{name}_timeout") for name, value in given.items()}
    soft, hard = found["soft"], found["hard"]
    if soft is None and hard is None:
        return None
    if soft is not None and grace_of(options.get("grace")) == 0:
        raise ConfigurationError(
            f"soft_timeout={given['soft']!r} has nothing to serve: it answers with an expired value "
            f"while the load goes on; give grace='1h', or hard_timeout for an error instead"
        )
    if soft is not None and hard is not None and soft >= hard:
        raise ConfigurationError(
            f"soft_timeout={given['soft']!r} is not shorter than hard_timeout={given['hard']!r}, "
            f"which would come first: make soft_timeout the shorter one"
        )
    return Timeouts(soft, hard)


def _condition(
    condition: Callable[..., object] | None, names: Iterable[str]
) -> Callable[[Arguments, Any], bool] | None:
    if condition is None:
        return None
    if not callable(condition):
        raise ConfigurationError(
            f"condition={condition!r} cannot be called: give a function of 'result' and of "
            f"arguments by name that says whether to store the value"
        )
    asks = ByName(condition, "condition", names)
    return lambda arguments, result: bool(asks(arguments, result))
