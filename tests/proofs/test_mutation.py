"""What mutation testing changes in the core, and that it does. The run itself: ``make mutation``."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import freshly.core.verdict
from proofs.mutation.player import swap
from proofs.mutation.sites import sites_of

SOURCE = '''
class Judge:
    def may(self, age, ttl):
        """Nobody changes this."""
        if not ttl:
            raise ValueError("nor this: 1 < 2")
        limit: int = 0
        return limit <= age < ttl and bool(ttl)
'''


@pytest.fixture
def judge(tmp_path: Path) -> ModuleType:
    path = tmp_path / "judging.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("judging", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answers(judge: Any) -> list[bool]:
    return [
        judge.Judge().may(age, ttl) for age, ttl in ((-1, 5), (0, 5), (1, 5), (4, 5), (5, 5), (6, 5))
    ]


def test_what_decides_is_changed_and_texts_are_left_alone(judge: ModuleType) -> None:
    assert judge.__file__ is not None
    said = {site.says for site in sites_of(Path(judge.__file__))}

    assert said == {
        "not ttl: not so",
        "not ttl: without not",
        "0: 1",
        "return limit <= age < ttl and bool(ttl): None",
        "limit <= age < ttl and bool(ttl): Or",
        "limit <= age < ttl: Lt",
        "limit <= age < ttl: LtE",
    }


def test_a_changed_function_does_something_else_for_all_who_hold_it(judge: ModuleType) -> None:
    assert judge.__file__ is not None
    held: Callable[..., bool] = judge.Judge().may
    before = answers(judge)
    (site,) = [
        site for site in sites_of(Path(judge.__file__)) if site.says == "limit <= age < ttl: LtE"
    ]

    assert swap(site) == 1

    assert held(5, 5)
    assert answers(judge) != before


def test_each_change_of_a_module_is_other_code() -> None:
    path = Path(sys.modules[freshly.core.verdict.__name__].__file__ or "")
    sites = sites_of(path)
    before = freshly.core.verdict.judge.__code__

    assert len(sites) > 5
    assert all(site.code() != before for site in sites if site.function == "judge")
