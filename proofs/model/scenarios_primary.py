"""More than one server: failover and back, restarts, a superseded primary."""

from __future__ import annotations

from proofs.model.building import F_SINGLE, SINGLE, TWO, T, does, reads, stamps
from proofs.model.scenario import Function, Scenario, Tag
from proofs.model.world import Faults

PRIMARY = (
    Scenario(
        "failover",
        "A to B and back; the tail of invalidations is lost",
        (reads("R1", times=2), reads("R2", 1), does("W1", stamps(0, 0), process=1)),
        clients=TWO,
        nodes=2,
        faults=Faults(failover=2),
        tags=SINGLE,
        functions=F_SINGLE,
        rows=1,
        steady=True,
        good=("far hit", "batch refused", "opened", "promoted"),
    ),
    Scenario(
        "restart",
        "a restart from an old snapshot beside a failover, eviction",
        (reads("R1"), reads("R2", 1), does("W1", stamps(0, 0), process=1)),
        clients=TWO,
        nodes=2,
        faults=Faults(failover=1, restart=1, evict=1),
        tags=SINGLE,
        functions=F_SINGLE,
        rows=1,
        steady=True,
        good=("far hit", "batch refused", "opened", "restarted"),
    ),
    Scenario(
        "attach",
        "the replid changes under live connections; a failover, two writers",
        (reads("R1", times=2), does("W1", stamps(0, 0), process=1), does("W2", stamps(None, 0))),
        clients=TWO,
        nodes=2,
        faults=Faults(attach=1, failover=1),
        tags=SINGLE,
        functions=F_SINGLE,
        rows=1,
        steady=True,
        good=("far hit", "batch refused"),
    ),
    Scenario(
        "split",
        "the old primary goes on serving one process; invalidations are issued again",
        (reads("R1"), reads("R2", 1, times=2), does("W1", stamps(0, 0), stamps(None, 1))),
        clients=TWO,
        nodes=2,
        split=True,
        faults=Faults(failover=1),
        tags=(T, Tag("u", 0), Tag("k", 0)),
        rows=1,
        functions=(Function("f", 2, 0, (0,), (), (0,)),),
        good=("far hit", "replayed"),
    ),
)
