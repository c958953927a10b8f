"""Durations as people write them: seconds, a ``timedelta``, or a text such as ``"1h45m"``.

Inside freshly a duration is seconds as float: ``seconds`` is the way in, ``text`` the way out.
Texts are added up as whole numbers, and divided once: ``"1h0.1s"`` is the float nearest to what it
says. (``fractions`` would do as well; it takes as long to import as a tenth of asyncio.)
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import combinations
from typing import TypeAlias

from ..errors import ConfigurationError

__all__ = ["Duration", "seconds", "text"]

Duration: TypeAlias = float | int | str | timedelta

UNIT_MS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]+)")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")

_ALLOWED = "give seconds above zero, a timedelta, or a text like '500ms', '5m', '1h45m', '1d', '2w'"


def seconds(value: Duration, option: str) -> float:
    """Return ``value`` in seconds: finite and above zero.

    ``option`` is the option it was given for; errors name it. A text has one or more numbers with
    the units ``w d h m s ms``, from large to small, each at most once: ``"1h45m"``, ``"1.5h"``.

    Raises:
        ConfigurationError: for anything else, trailing rubbish, a number without a unit in quotes
            and ``None`` included.
    """
    match value:
        case bool():
            raise _refusal(value, option, "it is not a duration")
        case str():
            return _above_zero(_text_in_seconds(value, option), value, option)
        case timedelta():
            return _above_zero(value.total_seconds(), value, option)
        case int() | float():
            return _above_zero(value, value, option)
    raise _refusal(value, option, "it is not a duration")


def text(seconds: float) -> str:
    """Return the shortest text that means ``seconds``, which must be finite and above zero.

    ``seconds()`` of it is the same number again. It counts in whole numbers of units, ``"30d"``,
    ``"90s"``; what is no whole number of milliseconds is a decimal number of seconds.
    """
    numerator, denominator = float(seconds).as_integer_ratio()
    ms = (2 * 1000 * numerator + denominator) // (2 * denominator)
    if ms == 0 or ms / 1000 != seconds:
        return f"{_decimals(seconds)}s"
    return min(filter(None, (_spelled(ms, units) for units in _choices())), key=len)


def _above_zero(number: float, value: Duration, option: str) -> float:
    try:
        result = float(number)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise _refusal(value, option, "it is not a finite number of seconds")
    if result <= 0:
        raise _refusal(value, option, "it is not above zero")
    return result


def _text_in_seconds(value: str, option: str) -> float:
    parts = _PART.findall(value)
    units = [unit for _, unit in parts]
    is_whole = value.strip() == "".join(number + unit for number, unit in parts)
    if not parts or not is_whole or not UNIT_MS.keys() >= set(units):
        raise _refusal(value, option, "it is not a duration" + _hint(value.strip()))
    if units != [unit for unit in UNIT_MS if unit in units]:
        raise _refusal(value, option, "units go from large to small, each at most once")
    try:
        return _added_up(parts)
    except (OverflowError, ValueError):  # more digits than a float has, or than Python reads
        raise _refusal(value, option, "it is not a finite number of seconds") from None


def _added_up(parts: Sequence[tuple[str, str]]) -> float:
    """Return the sum of numbers with their units, in seconds: all are counted in the finest parts."""
    digits = max(len(number.partition(".")[2]) for number, _ in parts)
    finest = 0
    for number, unit in parts:
        whole, _, part = number.partition(".")
        finest += int(whole + part.ljust(digits, "0")) * UNIT_MS[unit]
    parts_a_second: int = 1000 * 10**digits
    return finest / parts_a_second  # exact but for one rounding at the end


def _hint(value: str) -> str:
    """Return what the author of a text that is no duration probably meant, or an empty text."""
    if _NUMBER.fullmatch(value):
        return f": it has no unit; did you mean '{value}s'?"
    strange = [unit for _, unit in _PART.findall(value) if unit not in UNIT_MS]
    if not strange:
        return ""
    if strange[0].lower() in UNIT_MS:
        return f": units are lower case; did you mean {strange[0].lower()!r} for {strange[0]!r}?"
    return f": {strange[0]!r} is no unit; there are {', '.join(map(repr, UNIT_MS))}"


def _refusal(value: object, option: str, reason: str) -> ConfigurationError:
    try:
        shown = repr(value)
    except ValueError:  # an int of more digits than Python writes
        shown = "<huge number>"
    if len(shown) > 80:
        shown = f"{shown[:77]}..."
    return ConfigurationError(f"{option}={shown}: {reason}; {_ALLOWED}")


def _choices() -> Iterator[tuple[str, ...]]:
    """Yield every choice of units, few before many and large before small."""
    for count in range(1, len(UNIT_MS) + 1):
        yield from combinations(UNIT_MS, count)


def _spelled(ms: int, units: tuple[str, ...]) -> str:
    """Return ``ms`` in exactly these units, or an empty text if they cannot say it."""
    words = ""
    for unit in units:
        count, ms = divmod(ms, UNIT_MS[unit])
        if count == 0:
            return ""
        words += f"{count}{unit}"
    return "" if ms else words


def _decimals(number: float) -> str:
    """Return the shortest decimal digits of ``number``, without an exponent."""
    digits, _, exponent = repr(float(number)).partition("e")
    if not exponent:
        return digits
    if int(exponent) > 0:
        return str(int(number))
    return "0." + "0" * (-int(exponent) - 1) + digits.replace(".", "")
