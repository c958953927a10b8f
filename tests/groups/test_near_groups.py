"""Near entries behind Sentinels and in a cluster: the promise within its bound, whatever happens there.

Four processes read and write real servers, which are replaced, killed, stopped, and exchange slots. The
long form is ``python -m tests.checker.processes --near bounded --group cluster --faults move``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.checker.processes.cluster_faults import OF_CLUSTERS
from tests.checker.processes.group_faults import OF_SENTINELS, GroupFaults
from tests.checker.processes.plan import Plan
from tests.checker.processes.run import Outcome, run
from tests.servers.cluster import Cluster
from tests.servers.fixtures import Groups
from tests.servers.kinds import REDIS_8, VALKEY_9, Kind
from tests.servers.sentinel import Sentinels

pytestmark = pytest.mark.real_time

FAULTS: dict[type[Any], Any] = {Sentinels: OF_SENTINELS, Cluster: OF_CLUSTERS}
# Runs that a mutant gets.
SEEDS = range(1, 4)


def judged(group: Any, folder: Path, *faults: str, near: str = "bounded", **told: Any) -> Outcome:
    plan = Plan(url=group.url, folder=str(folder), near=near, **told)

    def trouble_for(pids: Sequence[int]) -> GroupFaults[Any]:
        return GroupFaults(group, FAULTS[type(group)], faults, plan.seed, pids)

    outcome = run(plan, trouble_for=trouble_for)
    print(outcome.summary())
    return outcome


@pytest.mark.parametrize(
    ("kind", "what", "fault"),
    [
        pytest.param(VALKEY_9, Sentinels, "hand", id="the primary is replaced"),
        pytest.param(VALKEY_9, Cluster, "move", id="slots move"),
    ],
)
def test_no_read_trails_by_more_than_the_max_staleness(
    kind: Kind, what: type[Any], fault: str, groups: Groups, tmp_path: Path
) -> None:
    outcome = judged(groups.get(what, kind), tmp_path, fault, seconds=2.5)

    assert outcome.history.violations == []
    assert outcome.facts["errors"] == 0, "a read never raises"
    assert outcome.facts["heartbeats"] > 0
    assert outcome.faults


@pytest.mark.slow
@pytest.mark.parametrize("near", ["bounded", "strict"])
@pytest.mark.parametrize(
    ("what", "fault"),
    [
        *((Sentinels, fault) for fault in ("", *OF_SENTINELS)),
        *((Cluster, fault) for fault in ("", *OF_CLUSTERS)),
    ],
    ids=lambda one: one if isinstance(one, str) else one.__name__,
)
@pytest.mark.parametrize("kind", [VALKEY_9, REDIS_8], ids=lambda kind: kind.name)
def test_nor_in_twenty_seconds(
    kind: Kind, what: type[Any], fault: str, near: str, groups: Groups, tmp_path: Path
) -> None:
    faults = [fault] if fault else []
    outcome = judged(groups.get(what, kind), tmp_path, *faults, near=near, seconds=20.0)

    assert outcome.history.violations == []
    assert outcome.facts["errors"] == 0
    assert bool(outcome.faults) == bool(fault)


@pytest.mark.slow
@pytest.mark.parametrize("what", [Sentinels, Cluster])
def test_where_nobody_listens_the_same_runs_show_violations(
    what: type[Any], groups: Groups, tmp_path: Path
) -> None:
    for seed in SEEDS:
        outcome = judged(
            groups.get(what, VALKEY_9),
            tmp_path,
            "hand",
            seconds=8.0,
            seed=seed,
            mutant="deaf",
            max_staleness=0.3,
        )
        if outcome.history.violations:
            return
    pytest.fail("nobody noticed")
