"""The table of leases in one process: who has one, until when, and what is forgotten."""

from __future__ import annotations

import pytest

from freshly.core.lease import SPARE, LeaseTable


@pytest.fixture
def table() -> LeaseTable:
    table = LeaseTable()
    assert table.take("name", "mine", 10.0, 100.0) is None
    return table


def test_who_comes_second_hears_how_long_it_takes(table: LeaseTable) -> None:
    assert table.take("name", "other", 10.0, 103.0) == 7.0
    assert table.take("another name", "other", 10.0, 103.0) is None


def test_at_its_end_a_lease_is_over(table: LeaseTable) -> None:
    assert table.renew("name", "mine", 10.0, 110.0) is False
    assert not table.release("name", "mine", 110.0)
    assert table.take("name", "other", 10.0, 110.0) is None


def test_who_takes_its_own_again_has_it_for_longer(table: LeaseTable) -> None:
    assert table.take("name", "mine", 10.0, 105.0) is None
    assert table.take("name", "other", 10.0, 112.0) == 3.0


def test_who_renews_has_it_for_longer(table: LeaseTable) -> None:
    assert table.renew("name", "mine", 10.0, 109.0)
    assert table.take("name", "other", 10.0, 112.0) == 7.0


def test_nobody_renews_or_releases_what_another_has(table: LeaseTable) -> None:
    assert not table.renew("name", "other", 99.0, 101.0)
    assert not table.release("name", "other", 101.0)
    assert not table.renew("no name", "mine", 10.0, 101.0)
    assert table.take("name", "other", 10.0, 101.0) == 9.0


def test_what_is_released_is_free(table: LeaseTable) -> None:
    assert table.release("name", "mine", 101.0)
    assert len(table) == 0
    assert not table.release("name", "mine", 101.0)
    assert table.take("name", "other", 10.0, 101.0) is None


def test_what_has_run_out_is_forgotten_when_there_is_much_of_it() -> None:
    table = LeaseTable()
    for number in range(SPARE + 1):
        table.take(f"{number}", "mine", float(number < SPARE - 9), 0.0)
    assert len(table) == SPARE + 1

    # Of those that are there ten are over, at the very instant of their end; the others have a second.
    table.take("one", "mine", 10.0, 0.0)
    assert len(table) == SPARE - 9 + 1


def test_the_next_pass_comes_when_there_are_twice_as_many_and_some_more() -> None:
    table = LeaseTable()
    for number in range(SPARE + 1):
        table.take(f"{number}", "mine", 10.0, 0.0)

    # Nothing is over in the first pass, and all of it is from now on.
    table.take("first pass", "mine", 10.0, 0.0)
    allowed = 2 * (SPARE + 1) + SPARE
    for number in range(SPARE + 2, allowed):
        table.take(f"{number}", "mine", 10.0, 0.0)
    assert len(table) == allowed

    table.take("one more", "mine", 10.0, 20.0)
    assert len(table) == allowed + 1
    table.take("second pass", "mine", 10.0, 20.0)
    assert len(table) == 2
