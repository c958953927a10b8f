"""Reads of one tick travel together, until the first byte of their batch is handed over."""

from __future__ import annotations

from collections.abc import Iterator

from proofs.model.frames import Step, buckets_of, function_of, with_top
from proofs.model.scenario import Model
from proofs.model.server import look
from proofs.model.world import Batch, Frame, World, put


def closed(w: World, p: int) -> bool:
    """Return whether the process's batch has been handed over: later reads send their own."""
    batch = w.processes[p].batch
    return batch is not None and batch.sent


def begin(m: Model, w: World, i: int, frame: Frame, p: int, who: str) -> Iterator[Step]:
    """Open the batch of this tick or join it."""
    name, process = function_of(m, frame).name, w.processes[p]
    mine = with_top(w, i, frame._replace(pc="member"))
    if process.batch is None:
        empty = Batch(False, False, None, (None,) * m.sc.buckets)
        opened = put(w.processes, p, process._replace(batch=empty))
        yield who, f"starts to read {name}: opens a batch", mine._replace(processes=opened), ""
    elif not process.batch.sent or not m.g.batch_closes_when_sent:
        yield who, f"starts to read {name}: joins the batch", mine, "batch joined"


def steps(m: Model, w: World, p: int) -> Iterator[Step]:
    """Hand the batch to the transport; let the server run it."""
    process, function = w.processes[p], m.sc.functions[0]
    batch = process.batch
    if batch is None or batch.done:
        return
    if not batch.sent:
        after, text = batch._replace(sent=True), "hands the batch to the transport"
    else:
        views = batch.views
        for b in buckets_of(m, p, function):
            views = put(views, b, look(m, w, process.node, b, (function.tag, *function.tags), False))
        after = batch._replace(done=True, entry=w.entries[function.key], views=views)
        text = "the server runs the batch"
    yield (
        f"P{p}",
        text,
        w._replace(processes=put(w.processes, p, process._replace(batch=after))),
        "",
    )
