"""The promise over real processes on one server: judged, with faults, and with guards taken out.

``tests/checker/processes`` says how it is done, ``tests/checker/test_processes.py`` that the judge can
tell. What the operating system does is not seeded, so a mutant gets a few runs to show itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.checker.processes.plan import Plan
from tests.checker.processes.run import Outcome, run
from tests.servers.fixtures import Start
from tests.servers.kinds import REDIS_7, REDIS_8, VALKEY_9, Kind
from tests.servers.server import Server

pytestmark = pytest.mark.real_time

SHORT = 2.5
LONG = 10.0
# Runs that a mutant gets.
SEEDS = range(1, 7)

FAULTS = ("kill", "restart", "evict", "scripts", "stop")


def judged(
    server: Server,
    folder: Path,
    faults: Sequence[str] = (),
    *,
    processes: int = 3,
    seconds: float = SHORT,
    **options: Any,
) -> Outcome:
    plan = Plan(url=server.url, folder=str(folder), processes=processes, seconds=seconds, **options)
    return run(plan, faults=faults, server=server)


def keeps_the_promise(outcome: Outcome) -> None:
    print(outcome.summary())
    assert outcome.history.violations == []
    assert outcome.facts["errors"] == 0
    # A tenth of what a machine does that has nothing else to do: below that nothing was tried.
    assert outcome.history.reads > 60
    assert outcome.history.invalidations > 5


@pytest.mark.parametrize("kind", [VALKEY_9, REDIS_8, REDIS_7], ids=lambda kind: kind.name)
def test_no_read_in_any_process_gets_what_was_invalidated_before_it_started(
    kind: Kind, start_server: Start, tmp_path: Path
) -> None:
    outcome = judged(start_server(kind=kind), tmp_path)

    keeps_the_promise(outcome)
    # Far below what it is: a busy machine reads less often between two invalidations. The long run,
    # which is for a machine of its own, asks for more.
    assert outcome.hit_ratio > 0.4


def test_nor_with_tags_from_the_result_and_from_values_inside(
    private_server: Server, tmp_path: Path
) -> None:
    keeps_the_promise(judged(private_server, tmp_path, faces=("result", "nested")))


def test_nor_while_connections_server_stamps_scripts_and_processes_fail(
    private_server: Server, tmp_path: Path
) -> None:
    outcome = judged(private_server, tmp_path, FAULTS, seconds=4.0)

    keeps_the_promise(outcome)
    assert set(outcome.faults) == set(FAULTS)


@pytest.mark.parametrize("fault", ["rewind", "hang", "lose"])
def test_nor_when_the_server_hangs_or_loses_its_last_writes(
    fault: str, private_server: Server, tmp_path: Path
) -> None:
    """An invalidation that could not be delivered binds its own process, and is judged so."""
    outcome = judged(private_server, tmp_path, [fault], seconds=4.0)

    keeps_the_promise(outcome)
    assert outcome.facts["store errors"] > 0


def test_nor_while_the_network_breaks_and_the_memory_is_full(
    private_server: Server, tmp_path: Path
) -> None:
    faults = ("cut", "half", "freeze", "fill", "flush")
    faces = ("cache", "result", "nested")
    outcome = judged(private_server, tmp_path, faults, seconds=6.0, faces=faces)

    keeps_the_promise(outcome)
    assert set(outcome.faults) == set(faults)


NEAR_FAULTS = ("mute", "deafen", "stop", "block", "restart")


def test_near_entries_trail_by_no_more_than_they_may(private_server: Server, tmp_path: Path) -> None:
    """The lag of what trails is printed; a process never trails itself."""
    outcome = judged(private_server, tmp_path, near="bounded", faces=("soft", "nested", "result"))

    keeps_the_promise(outcome)
    assert outcome.facts["heartbeats"] > 0
    assert max(outcome.lags, default=0.0) < 1.0


def test_nor_while_their_stream_is_silent_or_cut_and_server_and_processes_fail(
    private_server: Server, tmp_path: Path
) -> None:
    outcome = judged(
        private_server, tmp_path, NEAR_FAULTS, near="bounded", max_staleness=0.4, seconds=5.0
    )

    keeps_the_promise(outcome)
    assert set(outcome.faults) == set(NEAR_FAULTS)


def test_strict_near_entries_trail_nobody(private_server: Server, tmp_path: Path) -> None:
    faults = ("kill", "stop", "evict")
    outcome = judged(private_server, tmp_path, faults, near="strict", faces=("cache", "nested"))

    keeps_the_promise(outcome)
    assert outcome.facts["heartbeats"] == 0
    assert outcome.facts["revalidations"] > 0


def test_without_the_lease_of_near_entries_the_same_runs_show_violations(
    private_server: Server, tmp_path: Path
) -> None:
    """The other guards of near entries are taken out in tests/stores/test_near_mutants.py."""
    for seed in SEEDS:
        outcome = judged(
            private_server,
            tmp_path,
            ["mute"],
            near="bounded",
            max_staleness=0.2,
            mutant="no_lease",
            seed=seed,
            faces=("cache",),
        )
        if outcome.history.violations:
            return
        private_server.reset()
    pytest.fail("the checker saw nothing")


MUTANTS = [("stamp_after_load", ()), ("no_nonce", ("evict",)), ("join_without_stamp", ())]
# Seconds that a load takes where a guard is missing: the longer it is, the more often it is overtaken.
# With 4 ms four of six runs showed nothing of join_without_stamp; with 50 ms each of six did.
OVERTAKEN = 0.05


@pytest.mark.parametrize(("mutant", "faults"), MUTANTS)
def test_with_a_guard_taken_out_the_same_runs_show_violations(
    mutant: str, faults: tuple[str, ...], private_server: Server, tmp_path: Path
) -> None:
    for seed in SEEDS:
        outcome = judged(
            private_server, tmp_path, faults, mutant=mutant, seed=seed, load_seconds=OVERTAKEN
        )
        if outcome.history.violations:
            return
        private_server.reset()
    pytest.fail("the checker saw nothing")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", [VALKEY_9, REDIS_8], ids=lambda kind: kind.name)
@pytest.mark.parametrize("faults", [(), FAULTS], ids=["calm", "faults"])
def test_four_processes_for_ten_seconds(
    kind: Kind, faults: tuple[str, ...], seed: int, start_server: Start, tmp_path: Path
) -> None:
    outcome = judged(start_server(kind=kind), tmp_path, faults, processes=4, seconds=LONG, seed=seed)

    keeps_the_promise(outcome)
    assert faults or outcome.hit_ratio > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("near", ["bounded", "strict"])
@pytest.mark.parametrize("faults", [(), (*FAULTS, *NEAR_FAULTS)], ids=["calm", "faults"])
def test_four_processes_with_near_entries_for_ten_seconds(
    near: str, faults: tuple[str, ...], private_server: Server, tmp_path: Path
) -> None:
    faults = tuple(dict.fromkeys(faults))
    options: dict[str, Any] = {"near": near, "max_staleness": 0.4 if faults else 1.0}

    keeps_the_promise(judged(private_server, tmp_path, faults, processes=4, seconds=LONG, **options))


@pytest.mark.slow
@pytest.mark.parametrize(("mutant", "faults"), MUTANTS)
def test_in_ten_seconds_each_mutant_is_caught(
    mutant: str, faults: tuple[str, ...], private_server: Server, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"mutant": mutant, "load_seconds": OVERTAKEN}
    outcome = judged(private_server, tmp_path, faults, processes=4, seconds=LONG, **options)

    assert outcome.history.violations != []
