"""How often the first of a queue asks a store that other processes share for its lease."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from freshly.core.locking import FIRST_POLL, LAST_POLL, Locking
from freshly.core.turns import Turn, Turns
from freshly.errors import LockTimeout, StoreError

from .claiming import Runtime, finish


def locked_after(
    refusals: int,
    *,
    left: float = 100.0,
    is_shared: bool = True,
    dice: float = 0.5,
    timeout: float | None = None,
) -> Any:
    """Return the waits of a caller whose lease was refused so often, with ``left`` seconds to go."""
    answers = iter([left] * refusals + [None])

    async def take_lease(name: str, token: str, seconds: float) -> float | None:
        return next(answers)

    runtime = Runtime(chance=dice)
    locking = Locking(
        cast(Any, SimpleNamespace(take_lease=take_lease)),
        cast(Any, runtime),
        Turns(),
        is_shared=is_shared,
    )
    turn = Turn("k", "me", 1, is_task=True)

    until = finish(locking.acquire(turn, "token", 10.0, timeout))

    assert until == runtime.time + 10.0
    return runtime.waits


def test_the_intervals_double_up_to_the_last_one() -> None:
    intervals = [FIRST_POLL * 2**number for number in range(5)] + [LAST_POLL] * 3

    assert locked_after(8) == pytest.approx(intervals)


@pytest.mark.parametrize(("dice", "part"), [(0.0, 0.5), (1.0, 1.5)])
def test_up_to_half_of_each_is_taken_off_or_put_on_by_chance(dice: float, part: float) -> None:
    assert locked_after(2, dice=dice) == pytest.approx([FIRST_POLL * part, 2 * FIRST_POLL * part])


def test_nobody_waits_longer_than_the_lease_of_another_lasts() -> None:
    assert locked_after(1, left=0.001) == pytest.approx([0.001])


def test_of_one_process_alone_the_end_of_the_lease_is_known() -> None:
    assert locked_after(1, is_shared=False) == pytest.approx([100.0])


def test_at_its_deadline_a_caller_has_waited_long_enough() -> None:
    with pytest.raises(LockTimeout):
        locked_after(100, timeout=0.0)


def test_of_a_lease_that_the_store_did_not_take_back_nobody_knows_that_it_was_lost() -> None:
    async def release_lease(name: str, token: str) -> bool:
        raise StoreError("down")

    locking = Locking(
        cast(Any, SimpleNamespace(release_lease=release_lease)),
        cast(Any, Runtime()),
        Turns(),
        is_shared=True,
    )

    assert finish(locking.release(Turn("k", "me", 1, is_task=True), "token")) is True
