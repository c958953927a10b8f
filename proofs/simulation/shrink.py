"""Make a failing plan smaller: drop steps and faults while it still fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from .plan import Plan

T = TypeVar("T")
#: Runs that shrinking may take.
MOST = 400

Fails = Callable[[Plan], bool]


def shrink(plan: Plan, fails: Fails, most: int = MOST) -> Plan:
    """Return a plan that ``fails`` too, with as few steps and faults as were found in ``most`` runs.

    What is dropped changes what happens to the rest, so the result need not be the smallest.
    """
    budget = _Budget(fails, most)
    before = None
    while before != plan and budget.left:
        before = plan
        plan = _with_fewer(plan, "faults", budget)
        plan = _with_fewer(plan, "steps", budget)
    return plan


class _Budget:
    def __init__(self, fails: Fails, most: int) -> None:
        self._fails = fails
        self.left = most

    def __call__(self, plan: Plan) -> bool:
        if not self.left:
            return False
        self.left -= 1
        return self._fails(plan)


def _with_fewer(plan: Plan, name: str, fails: Fails) -> Plan:
    def still_fails(kept: tuple[Any, ...]) -> bool:
        return fails(_with(plan, name, kept))

    return _with(plan, name, _fewer(getattr(plan, name), still_fails))


def _with(plan: Plan, name: str, parts: tuple[Any, ...]) -> Plan:
    return replace(plan, **{name: parts})  # type: ignore[arg-type]


def _fewer(parts: Sequence[T], fails: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """Drop runs of ``parts``, long ones first."""
    kept, size = tuple(parts), max(1, len(parts) // 2)
    while size:
        start = 0
        while start < len(kept):
            fewer = kept[:start] + kept[start + size :]
            if fails(fewer):
                kept = fewer
            else:
                start += size
        size //= 2
    return kept
