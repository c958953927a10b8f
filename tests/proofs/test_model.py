"""The protocol's model: the smoke set holds, and each guard that the smoke set covers is needed.

The full set takes minutes (``python -m proofs.model``); these are its small scenarios.
"""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from proofs.model.catalogue import CATALOGUE, SPARE, Guard
from proofs.model.explorer import explore
from proofs.model.guards import Guards, names, without
from proofs.model.machine import Protocol
from proofs.model.properties import TEXTS
from proofs.model.scenario import Scenario
from proofs.model.scenarios import SCENARIOS
from proofs.model.table import (
    Job,
    guard_table,
    jobs,
    run,
    scenario_named,
    scenario_table,
    spare_table,
    story_of,
)

DOCS = Path(__file__).parents[2] / "docs" / "concepts" / "model.md"
SMOKE = [job for job in jobs(smoke=True) if not job.guard]
MUTANTS = [job for job in jobs(smoke=True) if job.guard]


@pytest.mark.parametrize("job", SMOKE, ids=lambda job: job.scenario)
def test_all_properties_hold_and_the_good_things_can_happen(job: Job) -> None:
    row = run(job)

    assert (row.result, row.missing) == ("holds", ())


@pytest.mark.parametrize("job", MUTANTS, ids=lambda job: job.guard)
def test_a_missing_guard_is_missed(job: Job) -> None:
    row = run(job)

    assert row.as_expected, row


def test_every_guard_has_one_description_and_one_known_scenario() -> None:
    assert sorted(guard.name for guard in (*CATALOGUE, *SPARE)) == sorted(names())
    assert {guard.scenario for guard in CATALOGUE} <= {scenario.name for scenario in SCENARIOS}
    assert {guard.breaks for guard in CATALOGUE} <= {*TEXTS, "LIVE"}


def test_a_counterexample_is_numbered_lines_that_say_who_does_what() -> None:
    story = story_of("batch_closes_when_sent").splitlines()

    assert story[0].startswith("Without batch_closes_when_sent")
    for number, line in enumerate(story[1:-1], 1):
        assert re.match(rf" *{number}\. [\w' -]+: \S", line), line
    assert "RETURNS" in story[-2]
    assert story[-1].startswith("G1: ")


@pytest.mark.parametrize("off", ["", "nonce_compared", "stamped_before_load", "join_is_provisional"])
def test_the_reductions_change_no_verdict(off: str) -> None:
    small = small_scenario()
    guards = without(off) if off else Guards()

    short = explore(Protocol(small, guards))
    long = explore(Protocol(replace(small, split_commit=True, split_load=True), guards))

    assert long.states > short.states
    assert long.broken == short.broken


def small_scenario() -> Scenario:
    """Return the result scenario with one writer and no prune."""
    result = scenario_named("result")
    return replace(
        result, tasks=(*result.tasks[:2], result.tasks[3]), faults=result.faults._replace(prune=0)
    )


@pytest.mark.parametrize("off", ["", "nonce_compared", "join_is_provisional"])
def test_twins_change_no_verdict(off: str) -> None:
    small = small_scenario()
    guards = without(off) if off else Guards()

    folded = explore(Protocol(small, guards))
    plain = explore(Protocol(replace(small, twins=()), guards))

    assert folded.states <= plain.states
    assert folded.broken == plain.broken
    assert len(folded.path) == len(plain.path)


def test_the_page_shows_the_tables_that_the_tool_prints() -> None:
    page = DOCS.read_text(encoding="utf-8")

    for line in (*guard_table(), *spare_table(), *scenario_table()):
        assert line in page, line


@pytest.mark.parametrize("guard", CATALOGUE, ids=lambda guard: guard.name)
def test_the_protocol_page_names_every_guard(guard: Guard) -> None:
    assert f"`{guard.name}`" in (DOCS.parent / "protocol.md").read_text(encoding="utf-8")
