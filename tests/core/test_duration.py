"""Durations: what may be written, what it means, and how it is written again."""

from __future__ import annotations

import math
from datetime import timedelta
from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from freshly.core.duration import seconds, text
from freshly.errors import ConfigurationError

UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1, "ms": Fraction(1, 1000)}
CHOICES = [units for count in range(1, 7) for units in combinations(UNITS, count)]


# -- in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        (80, 80.0),
        (0.5, 0.5),
        (timedelta(minutes=5), 300.0),
        ("500ms", 0.5),
        ("80s", 80.0),
        ("5m", 300.0),
        ("1h45m", 6300.0),
        ("1.5h", 5400.0),
        ("1d", 86_400.0),
        ("2w", 1_209_600.0),
        ("1w1d1h1m1s1ms", 694_861.001),
        ("  5m\n", 300.0),
        ("007m", 420.0),
    ],
)
def test_a_duration_means_what_people_read(value: Any, meaning: float) -> None:
    assert seconds(value, "ttl") == meaning
    assert type(seconds(value, "ttl")) is float


@given(st.sampled_from(CHOICES), st.data())
def test_units_add_up_exactly(units: tuple[str, ...], data: st.DataObject) -> None:
    counts = [data.draw(st.integers(1, 10**6)) for _ in units]
    words = "".join(f"{count}{unit}" for count, unit in zip(counts, units, strict=True))

    total = sum(Fraction(count) * UNITS[unit] for count, unit in zip(counts, units, strict=True))
    assert seconds(words, "ttl") == float(total)


@given(st.decimals(min_value="0.001", max_value=10**6, places=3), st.sampled_from([*UNITS]))
def test_decimals_of_a_unit_are_exact(number: Any, unit: str) -> None:
    assert seconds(f"{number}{unit}", "ttl") == float(Fraction(number) * UNITS[unit])


# -- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "m", "5", "1h30", "30 1h", "5 m", "1h 30m", "5m!", "-5m", "+5m", "1e3s", "1_0s"),
        *("1.h", ".5s", "1,5h", "5min", "5M", "5MS", "45m1h", "1h1h", "1s1m", "٣s", "5m5", "nan"),
        *("0s", "0h0m", 0, 0.0, -1, -0.5, math.nan, math.inf, -math.inf, timedelta(0)),
        *(timedelta(seconds=-1), True, False, None, b"5m", 1j, [5], Fraction(1, 2), object()),
        *(10**400, 10**5000, "9" * 400 + "w", "9" * 5000 + "s", "0." + "0" * 400 + "1s"),
    ],
    ids=lambda value: (
        repr(value)[:20]
        if not isinstance(value, int)
        else str(value)[:20]
        if abs(value) < 10**400
        else "huge"
    ),
)
def test_anything_else_is_refused_with_the_option_and_what_is_allowed(value: Any) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        seconds(value, "soft_ttl")

    message = str(refusal.value)
    assert message.startswith("soft_ttl=")
    assert "'1h45m'" in message
    assert len(message) < 400


@given(st.text(alphabet="0159.smhdwMx -"))
def test_a_text_is_refused_unless_it_is_numbers_with_falling_units(words: str) -> None:
    rest = words.strip()
    for unit in UNITS:
        number = rest[: len(rest) - len(rest.lstrip("0159."))]
        tail = rest[len(number) :]
        is_ours = tail.startswith(unit) and not (unit == "m" and tail.startswith("ms"))
        if is_ours and number.replace(".", "", 1).isdigit() and number[0] != "." != number[-1]:
            rest = tail[len(unit) :]
    is_duration = words.strip() != "" and rest == ""
    assume(not is_duration)

    with pytest.raises(ConfigurationError):
        seconds(words, "ttl")


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("80", "did you mean '80s'?"),
        ("1.5", "did you mean '1.5s'?"),
        ("5M", "did you mean 'm' for 'M'?"),
        ("1H30m", "did you mean 'h' for 'H'?"),
        ("5min", "'min' is no unit"),
        ("1m1h", "from large to small"),
    ],
)
def test_a_slip_gets_a_hint(value: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        seconds(value, "ttl")

    assert hint in str(refusal.value)
    assert str(refusal.value).startswith(f"ttl={value!r}: ")


# -- out ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "words"),
    [
        *((0.001, "1ms"), (0.5, "500ms"), (1, "1s"), (90, "90s"), (300, "5m"), (3600, "1h")),
        *((6300, "105m"), (86_400, "1d"), (2_592_000, "30d"), (1_209_600, "2w")),
        *((604_800.001, "1w1ms"), (86_461, "1d61s"), (0.0015, "0.0015s"), (1e-7, "0.0000001s")),
    ],
)
def test_the_shortest_text_is_written(number: float, words: str) -> None:
    assert text(number) == words


@given(st.integers(1, 10**15))
def test_whole_milliseconds_are_written_in_whole_numbers_and_read_back(ms: int) -> None:
    assert seconds(text(ms / 1000), "ttl") == ms / 1000
    assert "." not in text(ms / 1000)


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_every_duration_is_read_back_as_it_was_written(number: float) -> None:
    assert seconds(text(number), "ttl") == number


@given(st.sampled_from(CHOICES), st.data())
def test_nobody_can_write_it_shorter_in_whole_numbers(
    units: tuple[str, ...], data: st.DataObject
) -> None:
    words = "".join(f"{data.draw(st.integers(1, 2000))}{unit}" for unit in units)

    assert len(text(seconds(words, "ttl"))) <= len(words)
