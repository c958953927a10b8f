"""What mutation testing changes in the core, and that it does. The run itself: ``make mutation``."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import freshly.core.verdict
from proofs.mutation.argued import ARGUED
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


def test_a_condition_is_reached_where_it_is_asked_and_not_where_it_holds(judge: ModuleType) -> None:
    assert judge.__file__ is not None
    lines = {site.says: list(site.lines) for site in sites_of(Path(judge.__file__))}

    assert lines["not ttl: not so"] == [5]
    assert lines["limit <= age < ttl: Lt"] == [8]


def test_what_is_argued_is_a_change_that_there_is() -> None:
    core = Path(freshly.core.verdict.__file__).parent
    names = {site.name for path in core.glob("*.py") for site in sites_of(path)}

    assert set(ARGUED) <= names


CORE = """
def may(age, ttl):
    if ttl is None:
        return 1
    if ttl < 0:
        return 0
    return age < ttl
"""
TESTS = """
from core.judging import may

def test_an_age_beyond_is_too_old():
    assert not may(6, 5)

def test_no_end_is_never_reached():
    assert may(6, None) == 1

def test_what_fails_anyway_says_nothing():
    assert may(1, 5) == 3
"""
RUN = """
import sys
from pathlib import Path
import pytest
import core.judging
from proofs.mutation.player import Player
from proofs.mutation.sites import sites_of

path = Path(core.judging.__file__)
heard = lambda site, outcome, seconds: print(f"{site.line} {site.says} -> {outcome}")
player = Player(path.parent, sites_of(path), heard, kept=Path("kept.json"), jobs=2)
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "test_judging.py"], plugins=[player]))
"""


def test_each_change_is_played_to_the_tests_that_reach_it(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "judging.py").write_text(CORE)
    (tmp_path / "test_judging.py").write_text(TESTS)
    command = [sys.executable, "-c", RUN]
    root = Path(__file__).parents[2]

    first, second = (
        subprocess.run(
            command,
            cwd=tmp_path,
            env={"PYTHONPATH": f"{tmp_path}:{root}", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(2)
    )

    told = dict(line.split(" -> ") for line in first.stdout.splitlines() if " -> " in line)
    assert told["3 ttl is None: not so"].startswith("noticed by test_judging.py::test_no_end")
    assert told["4 return 1: None"].startswith("noticed by")
    # Both tests that pass, and the second of two answers to what they reach.
    assert told["5 ttl < 0: LtE"] == "SURVIVES 1 tests"
    assert told["6 return 0: None"] == "SURVIVES: reached by no test"
    assert told["7 age < ttl: LtE"] == "SURVIVES 1 tests"
    assert "3 of 3 tests noted" in first.stderr
    # The one that fails is tried again, the others are known.
    assert "1 of 1 tests noted" in second.stderr
    assert sorted(first.stdout.splitlines()) == sorted(second.stdout.splitlines())


ONE = """
import sys
from pathlib import Path
import pytest
import core.judging
from proofs.mutation.player import Swapped
from proofs.mutation.sites import sites_of

(site,) = [site for site in sites_of(Path(core.judging.__file__)) if sys.argv[1] in site.says]
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "test_judging.py"], plugins=[Swapped(site)]))
"""


def test_one_change_alone_is_shown_as_the_tests_see_it(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "judging.py").write_text(CORE)
    (tmp_path / "test_judging.py").write_text(TESTS.partition("def test_what_fails")[0])
    root = Path(__file__).parents[2]

    run = subprocess.run(
        [sys.executable, "-c", ONE, "return 1: None"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{root}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == pytest.ExitCode.TESTS_FAILED
    assert "assert None == 1" in run.stdout
