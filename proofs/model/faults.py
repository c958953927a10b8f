"""What goes wrong on its own: eviction, pruning, restarts, failovers, late commands, and time."""

from __future__ import annotations

from collections.abc import Iterator

from proofs.model.connection import drop, primary
from proofs.model.frames import Step
from proofs.model.properties import come_due
from proofs.model.scenario import Model
from proofs.model.server import clear, invalidate, prune
from proofs.model.world import Command, World, put


def steps(m: Model, w: World) -> Iterator[Step]:
    """Yield everything that nobody asked for."""
    if w.late:
        for index in range(len(w.late)):
            yield late(m, w, index)
    if w.faults.evict:
        yield from evict(w)
    if w.faults.prune or w.pruner:
        yield from pruning(m, w)
    if len(w.nodes) > 1:
        yield from nodes(m, w)
    if w.now < m.sc.ticks:
        yield "clock", f"tick {w.now + 1}", come_due(w._replace(now=w.now + 1)), ""


def late(m: Model, w: World, index: int) -> Step:
    """Run a command whose client gave up on it, or a copy of one."""
    command: Command = w.late[index]
    w = w._replace(late=(*w.late[:index], *w.late[index + 1 :]))
    if command.name == "SET":
        entry = command.entry
        function = next(f for f in m.sc.functions if f.key == command.key)
        if entry is not None and function.ttl:
            entry = entry._replace(dies=w.now + function.ttl)
        return (
            "server",
            "the late SET lands",
            w._replace(entries=put(w.entries, command.key, entry)),
            "late SET",
        )
    node = primary(w)
    script = clear if command.name == "clear" else invalidate
    w, token = script(m, w, node, command, 0)
    text = f"the late {command.name}.lua ({m.tags_text(command.tags)}) runs -> {token[1:]}"
    return "server", text, w, "late script"


def evict(w: World) -> Iterator[Step]:
    """Lose one bucket."""
    node = primary(w)
    for b, bucket in enumerate(w.nodes[node].buckets):
        if bucket is not None:
            one = w.nodes[node]
            nodes = put(w.nodes, node, one._replace(buckets=put(one.buckets, b, None)))
            less = w.faults._replace(evict=w.faults.evict - 1)
            yield "server", f"evicts bucket {b}", w._replace(nodes=nodes, faults=less), "evicted"


def pruning(m: Model, w: World) -> Iterator[Step]:
    """Choose a floor (no other is higher), and later run prune.lua with it."""
    node = primary(w)
    if w.pruner is not None:
        b, nonce, floor = w.pruner
        after = prune(m, w._replace(pruner=None), node, b, nonce, floor)
        bucket = after.nodes[node].buckets[b]
        if bucket is not None and bucket.floor > bucket.seq:
            after = after._replace(wrong="FLOOR")
        yield "pruner", f"prune.lua on bucket {b} up to {floor}", after, "pruned"
        return
    for b, bucket in enumerate(w.nodes[node].buckets):
        if bucket is not None and bucket.seq > bucket.floor:
            less = w.faults._replace(prune=w.faults.prune - 1)
            after = w._replace(pruner=(b, bucket.nonce, bucket.seq), faults=less)
            yield (
                "pruner",
                f"chooses floor {bucket.seq} for bucket {b} nonce {bucket.nonce}",
                after,
                "",
            )


def nodes(m: Model, w: World) -> Iterator[Step]:
    """Replicate, promote the replica, let the old primary join again, restart the primary."""
    chief = primary(w)
    other = 1 - chief
    one, two = w.nodes[chief], w.nodes[other]
    names = "AB"
    if two.linked and two.buckets != one.buckets:
        copy = two._replace(buckets=one.buckets)
        yield (
            "server",
            f"{names[other]} has replicated",
            w._replace(nodes=put(w.nodes, other, copy)),
            "",
        )
    if two.linked and w.faults.failover:
        up = two._replace(master=True, linked=False, replid=w.replids)
        down = one._replace(master=m.sc.split, linked=False)
        after = put(put(w.nodes, other, up), chief, down)
        less = w.faults._replace(failover=w.faults.failover - 1)
        text = f"{names[other]} is promoted" + (f"; {names[chief]} does not know" if m.sc.split else "")
        promoted = w._replace(nodes=after, faults=less, replids=w.replids + 1)
        if m.sc.split:  # everybody but process 0 is on the side of the new primary
            for p in range(1, len(w.processes)):
                promoted = drop(m, promoted, p)
        yield "server", text, promoted, "promoted"
    if w.faults.attach:
        other_id = w._replace(
            nodes=put(w.nodes, chief, one._replace(replid=w.replids)), replids=w.replids + 1
        )
        less = w.faults._replace(attach=w.faults.attach - 1)
        yield (
            "server",
            f"a replica attaches: {names[chief]} changes its replid",
            other_id._replace(faults=less),
            "",
        )
    if not two.linked:
        back = two._replace(master=False, linked=True, replid=one.replid, buckets=one.buckets)
        yield (
            "server",
            f"{names[other]} follows {names[chief]}",
            w._replace(nodes=put(w.nodes, other, back)),
            "",
        )
    if w.faults.restart and two.linked:
        again = one._replace(run_id=10 + w.replids, replid=w.replids, buckets=two.buckets)
        less = w.faults._replace(restart=w.faults.restart - 1)
        restarted = w._replace(nodes=put(w.nodes, chief, again), faults=less, replids=w.replids + 1)
        yield "server", f"{names[chief]} restarts with its last snapshot", restarted, "restarted"
