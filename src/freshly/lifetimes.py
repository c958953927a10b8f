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
    *,
    end: str = "ttl",
) -> Lifetime:
    """Return the lifetime of options that need no call, or say which does not fit which.

    ``end`` is the name of the option that ``ttl`` was given as.
    """
    spans = {end: ttl, "soft_ttl": soft_ttl, "early_ttl": early_ttl, "grace": grace}
    life = Lifetime(
        ttl=end_of(ttl, end),
        soft_ttl=end_of(soft_ttl, "soft_ttl"),
        early_ttl=end_of(early_ttl, "early_ttl"),
        grace=grace_of(grace),
        jitter=_jitter(jitter),
    )
    _check_order(life, spans, end)
    return life


def _sliding(ttl: TTLValue, fixed: Mapping[str, TTLValue], options: Mapping[str, Any]) -> Lifetime:
    """Return the lifetime of a value that reads renew: ``ttl`` counts from the last one."""
    max_age = options.get("max_age")
    if max_age is None:
        raise ConfigurationError(
            "sliding=True needs max_age=: a value that is read often enough would never be loaded "
            "again; say how old it may get, max_age='1d'"
        )
    if isinstance(ttl, Until) or ttl is None:
        raise ConfigurationError(
            f"sliding=True counts ttl from the last read, and ttl={ttl!r} is no such span: give one, "
            f"ttl='10m', and the end of it all as max_age="
        )
    life = fixed_lifetime(
        max_age,
        fixed.get("soft_ttl"),
        fixed.get("early_ttl"),
        grace=options.get("grace"),
        jitter=options.get("jitter", 0.0),
        end="max_age",
    )
    idle = seconds(ttl, "ttl")
    if _is_longer(idle, life.ttl):
        raise ConfigurationError(
            f"ttl={ttl!r} is longer than max_age={max_age!r}: no read could renew it; make max_age the "
            f"longer one, or leave sliding out"
        )
    return replace(life, idle=idle)


def span(value: Duration | None, option: str) -> float | None:
    return None if value is None else seconds(value, option)


def end_of(value: TTLValue, option: str) -> Span:
    """Return the end of a life, which may be at a time of day."""
    return value if isinstance(value, Until) else span(value, option)


def grace_of(value: Duration | None) -> float:
    # Nothing beyond the ttl is what it is without the option, so it may be said.
    is_zero = isinstance(value, int | float) and not isinstance(value, bool) and value == 0
    return 0.0 if value is None or is_zero else seconds(value, "grace")


def _check_order(life: Lifetime, said: Mapping[str, object], end: str) -> None:
    soft = life.soft_ttl if life.soft_ttl is not None else life.ttl
    if _is_longer(life.soft_ttl, life.ttl):
        raise ConfigurationError(
            f"soft_ttl={said['soft_ttl']!r} is longer than {end}={said[end]!r}: a value cannot "
            f"turn stale after it has expired; make soft_ttl the shorter one"
        )
    if _is_longer(life.early_ttl, soft):
        name = end if life.soft_ttl is None else "soft_ttl"
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
    life = _life(fixed, options)
    if not callables:
        return lambda arguments, result: life

    def computed(arguments: Arguments, result: Any) -> Lifetime | None:
        found: dict[str, Any] = {}
        for key, function in callables.items():
            value = function(arguments, result)
            if key == "ttl" and is_over(value):
                return None
            if key == "ttl" and life.idle is not None:
                found["idle"] = seconds(value, "the result of ttl")
            else:
                found[key] = end_of(value, f"the result of {key}")
        return replace(life, **found)

    return computed


def _life(fixed: dict[str, TTLValue], options: Mapping[str, Any]) -> Lifetime:
    """Return the lifetime of what is not computed; ``ttl`` is missing in ``fixed`` if it is."""
    sliding, max_age = options.get("sliding", False), options.get("max_age")
    if not isinstance(sliding, bool):
        raise ConfigurationError(
            f"sliding={sliding!r} is neither True nor False: reads renew the value or they do not; "
            f"the span that counts from the last read is ttl="
        )
    if sliding:
        # A computed idle time is checked when it is computed; until then it is the longest.
        return _sliding(fixed.get("ttl", max_age), fixed, options)
    if max_age is not None:
        raise ConfigurationError(
            f"max_age={max_age!r} is how old a value may get that reads renew: with sliding=True; "
            f"without it ttl= is the whole life"
        )
    return fixed_lifetime(
        fixed.get("ttl"),
        fixed.get("soft_ttl"),
        fixed.get("early_ttl"),
        grace=options.get("grace"),
        jitter=options.get("jitter", 0.0),
    )


def is_over(value: object) -> bool:
    """Return whether a computed ttl is over at once: zero or less, of which a fixed one is an error.

    It is often a subtraction, the remaining life of a token or of a response that came with an age.
    """
    if isinstance(value, timedelta):
        return value <= timedelta()
    return isinstance(value, int | float) and not isinstance(value, bool) and value <= 0
