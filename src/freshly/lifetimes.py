"""The options of time, checked once and turned into lifetimes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias

from .core.byname import ByName
from .core.duration import Duration, seconds
from .core.lifetime import Lifetime, Span
from .core.recipe import Arguments
from .core.until import Until
from .errors import ConfigurationError

#: What is no function: seconds, a ``timedelta``, a text such as ``"1h45m"``, a time of day
#: (``until``), or ``None``, as long as the store keeps anything.
TTLValue: TypeAlias = Duration | Until | None

#: The same, or a function that gets arguments by name, and ``result``, and returns one of these.
#: One that returns zero or less for ``ttl`` says that the value is not to be kept.
TTL: TypeAlias = TTLValue | Callable[..., TTLValue]


def fixed_lifetime(
    ttl: TTLValue,
    soft_ttl: TTLValue = None,
    early_ttl: TTLValue = None,
    grace: Duration | None = None,
    jitter: float = 0.0,
) -> Lifetime:
    """Return the lifetime of options that need no call, or say which does not fit which."""
    spans = {"ttl": ttl, "soft_ttl": soft_ttl, "early_ttl": early_ttl, "grace": grace}
    life = Lifetime(
        ttl=end_of(ttl, "ttl"),
        soft_ttl=end_of(soft_ttl, "soft_ttl"),
        early_ttl=end_of(early_ttl, "early_ttl"),
        grace=grace_of(grace),
        jitter=_jitter(jitter),
    )
    _check_order(life, spans)
    return life


def span(value: Duration | None, option: str) -> float | None:
    return None if value is None else seconds(value, option)


def end_of(value: TTLValue, option: str) -> Span:
    """Return the end of a life, which may be at a time of day."""
    return value if isinstance(value, Until) else span(value, option)


def grace_of(value: Duration | None) -> float:
    # Nothing beyond the ttl is what it is without the option, so it may be said.
    is_zero = isinstance(value, int | float) and not isinstance(value, bool) and value == 0
    return 0.0 if value is None or is_zero else seconds(value, "grace")


def _check_order(life: Lifetime, said: Mapping[str, object]) -> None:
    soft = life.soft_ttl if life.soft_ttl is not None else life.ttl
    if _is_longer(life.soft_ttl, life.ttl):
        raise ConfigurationError(
            f"soft_ttl={said['soft_ttl']!r} is longer than ttl={said['ttl']!r}: a value cannot "
            f"turn stale after it has expired; make soft_ttl the shorter one"
        )
    if _is_longer(life.early_ttl, soft):
        name = "ttl" if life.soft_ttl is None else "soft_ttl"
        raise ConfigurationError(
            f"early_ttl={said['early_ttl']!r} is longer than {name}={said[name]!r}: a refresh "
            f"cannot come early after that; make early_ttl the shorter one"
        )


def _is_longer(one: Span, other: Span) -> bool:
    # How far it is to a time of day is known at each load only; there the later one is cut short.
    return isinstance(one, float) and isinstance(other, float) and one > other


def _jitter(jitter: object) -> float:
    if not isinstance(jitter, int | float) or isinstance(jitter, bool) or not 0 <= jitter < 1:
        raise ConfigurationError(
            f"jitter={jitter!r} is not a part of the ttl: give a number from 0 up to 1, such as "
            f"0.1 for up to ten percent off"
        )
    return float(jitter)


def lifetimes(
    names: tuple[str, ...], ttl: TTL, options: Mapping[str, Any]
) -> Callable[[Arguments, Any], Lifetime | None]:
    """Return what tells the lifetime of a value, or ``None`` if it is not to be kept."""
    spans = {"ttl": ttl, "soft_ttl": options.get("soft_ttl"), "early_ttl": options.get("early_ttl")}
    callables = {key: ByName(span, key, names) for key, span in spans.items() if callable(span)}
    # What is not computed is checked now, at decoration.
    fixed = {key: span for key, span in spans.items() if not callable(span)}
    life = fixed_lifetime(
        **fixed | {"ttl": fixed.get("ttl")},
        grace=options.get("grace"),
        jitter=options.get("jitter", 0.0),
    )
    if not callables:
        return lambda arguments, result: life

    def computed(arguments: Arguments, result: Any) -> Lifetime | None:
        found: dict[str, Any] = {}
        for key, function in callables.items():
            value = function(arguments, result)
            if key == "ttl" and is_over(value):
                return None
            found[key] = end_of(value, f"the result of {key}")
        return replace(life, **found)

    return computed


def is_over(value: object) -> bool:
    """Return whether a computed ttl is over at once: zero or less, of which a fixed one is an error.

    It is often a subtraction, the remaining life of a token or of a response that came with an age.
    """
    if isinstance(value, timedelta):
        return value <= timedelta()
    return isinstance(value, int | float) and not isinstance(value, bool) and value <= 0
