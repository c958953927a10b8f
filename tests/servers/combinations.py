"""Server x protocol x parser x colour: every pair of choices at least once, not every combination."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from .kinds import KINDS, Kind


@dataclass(frozen=True)
class Combination:
    """One way to talk to one server. ``protocol`` is that of RESP."""

    kind: Kind
    protocol: int
    has_hiredis: bool
    is_async: bool

    @property
    def id(self) -> str:
        parser = "hiredis" if self.has_hiredis else "python"
        colour = "async" if self.is_async else "blocking"
        name = self.kind.name.lower().replace(" ", "")
        return f"{name}-resp{self.protocol}-{parser}-{colour}"


def pairwise(*choices: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield few combinations in which each two choices meet: greedily, the one with most new pairs."""

    def pairs(row: tuple[Any, ...]) -> set[tuple[int, Any, int, Any]]:
        return {(i, row[i], j, row[j]) for i, j in combinations(range(len(row)), 2)}

    rows = list(product(*choices))
    missing = set().union(*map(pairs, rows))
    while missing:
        best = max(rows, key=lambda row: len(pairs(row) & missing))
        missing -= pairs(best)
        yield best


COMBINATIONS = [Combination(*row) for row in pairwise(KINDS, (2, 3), (True, False), (True, False))]
