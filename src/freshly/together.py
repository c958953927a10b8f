"""How the values of many calls are loaded together, as the options say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .core.lifetime import Lifetime
from .core.recipe import Recipe
from .errors import ConfigurationError
from .lifetimes import TTLValue, end_of
from .returned import ABSENT


@dataclass(frozen=True, slots=True)
class Together:
    """How a function's values are loaded together, checked."""

    returns_errors: bool
    max_batch: int | None
    missing: Any

    @classmethod
    def checked(cls, options: Mapping[str, Any]) -> Together:
        on_error, most = options.get("on_error", "raise"), options.get("max_batch")
        if on_error not in ("raise", "return"):
            raise ConfigurationError(
                f"on_error={on_error!r} is neither 'raise', a group of the errors given in place of "
                f"values, nor 'return', each in place of its value"
            )
        if most is not None and (type(most) is not int or most < 1):
            raise ConfigurationError(
                f"max_batch={most!r} is no number of ids: give how many the loader takes at once, "
                f"such as 500, or leave it out"
            )
        missing = options.get("missing", ABSENT)
        if missing is ABSENT and options.get("missing_ttl") is not None:
            raise ConfigurationError(
                f"missing_ttl={options['missing_ttl']!r} needs a value that stands for what is "
                f"missing: say missing=None, or whatever callers are to get"
            )
        return cls(on_error == "return", most, missing)


def with_missing(recipe: Recipe, missing: Any, ttl: TTLValue) -> Recipe:
    """Return ``recipe`` with what else holds for the value that stands for a missing one.

    It has no tags of a result, and a ttl of its own if ``ttl`` is given.
    """
    if missing is ABSENT:
        return recipe
    life = None if ttl is None else Lifetime(end_of(ttl, "missing_ttl"))
    return replace(
        recipe,
        lifetime=lambda arguments, result: (
            life if life is not None and result is missing else recipe.lifetime(arguments, result)
        ),
        result_tags=lambda arguments, result: (
            () if result is missing else recipe.result_tags(arguments, result)
        ),
    )
