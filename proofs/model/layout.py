"""The layout of a namespace: every client looks at bucket 0 before its first use of it."""

from __future__ import annotations

from proofs.model.frames import Step
from proofs.model.scenario import Model
from proofs.model.server import own_bucket
from proofs.model.world import Reader, World, put


def open_first(m: Model, w: World, i: int, p: int, who: str) -> Step:
    """Look at the layout that bucket 0 was made with, before the first use of the namespace."""
    process, layout = w.processes[p], m.sc.clients[p].layout
    w, bucket = own_bucket(m, w, process.node, 0, 600 + i, process.belief, layout)
    if bucket.layout != layout:
        return who, "open.lua on bucket 0: raises LAYOUT", stopped(m, w, i), "layout refused"
    process = process._replace(opened=True)
    return (
        who,
        "open.lua on bucket 0: same layout",
        w._replace(processes=put(w.processes, p, process)),
        "",
    )


def stopped(m: Model, w: World, i: int) -> World:
    """End the task: its call has raised."""
    actor, task = w.actors[i], m.sc.tasks[i]
    if isinstance(actor, Reader):
        return w._replace(actors=put(w.actors, i, Reader(len(task.reads), ())))
    ended = actor._replace(turn=len(task.does), stage="", todo=(), replies=())
    return w._replace(actors=put(w.actors, i, ended))
