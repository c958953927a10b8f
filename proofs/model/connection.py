"""A client's connection to the primary, and what follows when that is another one."""

from __future__ import annotations

from collections.abc import Iterator

from proofs.model.frames import buckets_of, function_of, with_top
from proofs.model.scenario import Model
from proofs.model.server import fence_of, invalidate
from proofs.model.world import Command, Process, Reader, World, put

Step = tuple[str, str, World, str]


def primary(w: World) -> int:
    """Return the node that was promoted last."""
    masters = [(node.replid, n) for n, node in enumerate(w.nodes) if node.master]
    return max(masters)[1]


def trusted(m: Model, w: World, process: Process) -> bool:
    """Return what INFO on the process's connection proves at this moment."""
    node = w.nodes[process.node]
    role = node.master or not m.g.role_is_proven
    return role and fence_of(m, w, process.node) == process.belief


def drop(m: Model, w: World, p: int) -> World:
    """Connect to the present primary, and note what must be issued again there."""
    process, node = w.processes[p], primary(w)
    fence = fence_of(m, w, node)
    again = process.pending
    if fence != process.belief and m.g.replay:
        again = process.replay
    process = process._replace(node=node, belief=fence, pending=again)
    w = w._replace(processes=put(w.processes, p, process))
    return lost_batches(m, w, p) if m.g.batch_keeps_connection else w


def lost_batches(m: Model, w: World, p: int) -> World:
    """Make every batch that was on the dropped connection a miss."""
    for i, actor in enumerate(w.actors):
        if m.sc.tasks[i].process != p or not isinstance(actor, Reader) or not actor.frames:
            continue
        frame = actor.frames[-1]
        if frame.pc in ("batch", "open", "reply"):
            todo = buckets_of(m, p, function_of(m, frame))
            none = (None,) * m.sc.buckets
            w = with_top(
                w, i, frame._replace(pc="open", todo=todo, views=none, entry=None, result=None)
            )
    return w


def replay(m: Model, w: World, p: int) -> Iterator[Step]:
    """Issue the process's last invalidations again on a primary that is new to it."""
    process = w.processes[p]
    if not process.pending:
        return
    bucket, tags = process.pending[0]
    who = f"P{p}"
    if not w.nodes[process.node].master:
        yield who, "READONLY; reconnects", drop(m, w, p), ""
        return
    command = Command("invalidate", 0, None, bucket, tags, 700 + p, process.belief)
    w, _token = invalidate(m, w, process.node, command, m.sc.clients[p].layout)
    process = w.processes[p]._replace(pending=process.pending[1:])
    w = w._replace(processes=put(w.processes, p, process))
    yield who, f"new primary: issues invalidate({m.tags_text(tags)}) again", w, "replayed"
