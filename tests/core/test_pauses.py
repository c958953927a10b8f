"""For how long a key whose load failed is spared another one."""

from __future__ import annotations

from freshly.core.pauses import MANY, Pauses


def test_a_pause_is_on_until_its_end_and_of_its_key_only() -> None:
    pauses = Pauses()
    assert pauses.is_on("a", 100.0) is False

    pauses.begin("a", 100.0, 105.0)

    assert pauses.is_on("a", 104.0)
    assert not pauses.is_on("a", 105.0)
    assert not pauses.is_on("b", 104.0)


def test_a_load_that_went_well_ends_it() -> None:
    pauses = Pauses()
    pauses.begin("a", 100.0, 105.0)

    pauses.end("a")
    pauses.end("b")

    assert not pauses.is_on("a", 101.0)


def test_those_that_are_over_are_dropped_when_there_are_many() -> None:
    pauses = Pauses()
    for number in range(MANY):
        pauses.begin(f"{number}", 100.0, 105.0 if number < 10 else 106.0)
    assert len(pauses._until) == MANY

    pauses.begin("one more", 105.0, 110.0)

    assert len(pauses._until) == MANY - 10 + 1
    assert pauses.is_on("10", 105.0)
