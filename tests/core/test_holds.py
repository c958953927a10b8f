"""How many names of holds a process remembers, when nobody ends them."""

from __future__ import annotations

from freshly.core.holds import SPARE_NAMES, Hold, Holds


def add(holds: Holds, now: float, *tags: str, seconds: float = 1.0) -> None:
    holds.add(Hold("token", seconds), now, tags, ())


def test_what_has_run_out_is_forgotten_in_passes_when_there_are_twice_as_many_and_some() -> None:
    holds = Holds()
    add(holds, 0.0, "lasts 1", "lasts 2", seconds=100.0)
    add(holds, 0.0, *(f"early {number}" for number in range(SPARE_NAMES + 1)))
    assert len(holds) == SPARE_NAMES + 3

    add(holds, 1.0, "late")
    assert len(holds) == 3

    # Two were left, and the next pass comes when there are more than twice two and some.
    add(holds, 1.0, *(f"later {number}" for number in range(SPARE_NAMES + 1)))
    add(holds, 9.0, "last")
    assert len(holds) == SPARE_NAMES + 5
    add(holds, 9.0, "very last")
    assert len(holds) == 4
