"""Strict reads through the far store: tags, buckets, lost replies, pruning, eviction."""

from __future__ import annotations

from proofs.model.building import TWO, K, T, does, reads, stamps
from proofs.model.scenario import Do, Function, Scenario, Tag
from proofs.model.world import Faults

FAR = (
    Scenario(
        "core",
        "two tags in two buckets, two writers, a join, eviction, prune",
        (
            reads("R1"),
            reads("R2"),
            does("W1", stamps(0, 0), process=1),
            does("W2", Do("delete", (2,), 1), process=1),
        ),
        clients=TWO,
        faults=Faults(evict=1, prune=1),
        twins=((0, 1),),
        steady=True,
        good=("far hit", "join served", "join refused", "opened", "pruned", "delete returned"),
    ),
    Scenario(
        "late",
        "two nodes of readers, any order of commands, lost replies, late copies, eviction",
        (reads("R1"), reads("R2", 1), does("W1", stamps(0, 0, 1), process=1)),
        clients=TWO,
        faults=Faults(evict=1, late=1),
        free_order=True,
        rows=1,
        functions=(Function("f", 2, 0, (0,), (), (0,)),),
        good=("far hit", "late SET", "late script", "opened"),
    ),
    Scenario(
        "race",
        "the buckets do not exist: two clients make them at once; eviction, lost replies",
        (
            reads("R1"),
            reads("R2", 1),
            does("W1", stamps(0, 0), process=1),
            does("W2", stamps(None, 1), process=0),
        ),
        clients=TWO,
        faults=Faults(evict=1, late=1),
        created=False,
        tags=(T, Tag("u", 0), Tag("k", 0)),
        functions=(Function("f", 2, 0, (0, 1), (), (0,)),),
        rows=1,
        good=("far hit", "opened", "late script"),
    ),
    Scenario(
        "hand",
        "set by hand with a stamp, delete, a load in flight, late copies",
        (
            reads("R1"),
            reads("R2"),
            does("W1", Do("set", (2,), 0)),
            does("W2", Do("delete", (2,), 1), process=1),
        ),
        clients=TWO,
        faults=Faults(late=1),
        twins=((0, 1),),
        tags=(T, Tag("u", 0), K),
        good=("far hit", "set by hand", "set yields", "late SET"),
    ),
    Scenario(
        "clear",
        "an entry without tags, clear, delete, late copies, eviction",
        (
            reads("R1"),
            reads("R2"),
            does("W1", Do("clear", (), 0), process=1),
            does("W2", Do("delete", (0,), 1), process=1),
        ),
        clients=TWO,
        faults=Faults(evict=1, late=1),
        twins=((0, 1),),
        tags=(Tag("k", 0),),
        functions=(Function("f", 0, 0, (), (), (0, 1)),),
        good=("far hit", "clear returned", "late script"),
    ),
    Scenario(
        "deploy",
        "two versions of a function with different tags share a key; late copies, prune",
        (
            reads("R1"),
            reads("R2", 1, function=1),
            does("W1", stamps(0, 0)),
            does("W2", stamps(1, 1)),
        ),
        clients=TWO,
        faults=Faults(prune=1, late=1),
        tag_rows=((0, 0), (1, 1)),
        functions=(Function("f", 2, 0, (0,), (), (0, 1)), Function("f'", 2, 0, (0, 1), (), (0, 1))),
        good=("far hit", "asked again", "late SET"),
    ),
)
