"""An entry keeps its instants in one number, or in a tuple of all."""

from __future__ import annotations

from typing import Any

import pytest

from freshly.core.counts import Counts
from freshly.core.entry import Entry, Instants

ONE_END: Instants = (1.0, 5.0, 5.0, 5.0, 5.0)
ALL: Instants = (1.0, 2.0, 3.0, 4.0, 5.0)


def entry(instants: Instants) -> Entry[Any]:
    return Entry("k", 1, instants=instants, tags=(), stamp=1, counts=Counts("f"), load_seconds=0.5)


@pytest.mark.parametrize("instants", [ONE_END, ALL])
def test_it_gives_back_the_instants_that_it_was_made_with(instants: Instants) -> None:
    one = entry(instants)

    assert one.instants == instants
    assert (one.born, one.early_at, one.stale_at, one.expires_at, one.dead_at) == instants
    assert one.load_seconds == 0.5


@pytest.mark.parametrize("instants", [ONE_END, ALL])
def test_one_that_is_diverted_has_every_read_think_and_comes_back_as_it_was(
    instants: Instants,
) -> None:
    one = entry(instants)
    before = one.next_at

    one.divert()
    assert one.next_at < instants[0]
    assert one.instants == instants

    one.rejoin()
    assert one.next_at == before
    assert one.instants == instants
