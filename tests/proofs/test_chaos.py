"""``python -m proofs.chaos``: what it counts as kept, and that it runs to its table."""

from __future__ import annotations

import pytest

from freshly.testing import History
from proofs.chaos import TRIALS, Trial, Verdict, attempt, main, table
from tests.checker.processes.faults import FAULTS
from tests.checker.processes.group_faults import GROUPS
from tests.checker.processes.place import run_on
from tests.checker.processes.plan import Plan
from tests.checker.processes.run import Outcome
from tests.servers.kinds import VALKEY_9


def verdict(*, mutant: str = "", is_wrong: bool = False, errors: int = 0) -> Verdict:
    history = History()
    history.invalidated("row", 2)
    history.ends(history.begins("row"), 1 if is_wrong else 2)
    return Verdict(VALKEY_9, Trial("it", mutant=mutant), Outcome(history, {"errors": errors}, [], []))


class TestWhatIsAsPromised:
    def test_no_wrong_read(self) -> None:
        assert verdict().is_as_promised
        assert not verdict(is_wrong=True).is_as_promised

    def test_no_read_that_raised(self) -> None:
        assert not verdict(errors=1).is_as_promised

    def test_of_a_mutant_a_wrong_read(self) -> None:
        assert verdict(mutant="no_nonce", is_wrong=True).is_as_promised
        assert not verdict(mutant="no_nonce").is_as_promised

    def test_the_table_tells_them_apart(self) -> None:
        *_, right, wrong = table([verdict(mutant="no_nonce", is_wrong=True), verdict(is_wrong=True)])

        assert right.endswith("| 1 (has to) |")
        assert wrong.endswith("| 1 |")


def test_every_fault_there_is_has_a_trial() -> None:
    tried = {(trial.group, fault) for trial in TRIALS for fault in trial.faults}

    of_groups = {(group, fault) for group, (_, known) in GROUPS.items() for fault in known}
    assert tried == {("", fault) for fault in FAULTS} | of_groups


def test_a_word_that_no_title_has_is_answered_with_the_titles(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--only", "earthquake"]) == 2
    assert TRIALS[0].title in capsys.readouterr().out


@pytest.mark.real_time
def test_it_breaks_a_server_and_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--seconds", "1", "--processes", "2", "--server", VALKEY_9.name, "--only", "forgotten"]

    assert main(options) == 0
    assert "| Valkey 9 | the scripts: forgotten |" in capsys.readouterr().out


@pytest.mark.real_time
def test_a_trial_of_near_entries_has_some() -> None:
    (trial,) = (one for one in TRIALS if one.title == "near entries, bounded: nothing")

    verdict = attempt(VALKEY_9, trial, Plan(url="", folder="", seconds=1, processes=2))

    assert verdict.is_as_promised
    assert verdict.outcome.facts["heartbeats"] > 0


@pytest.mark.real_time
def test_a_trial_of_several_servers_does_its_faults_there() -> None:
    plan = Plan(url="", folder="", seconds=1, processes=2)

    outcome = run_on(VALKEY_9, plan, faults=["move"], group="cluster")

    assert outcome.faults
    assert outcome.history.violations == []
