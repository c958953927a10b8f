"""What the server does in one step: each function is one command or one script, run to its end.

A script first makes sure that the bucket is its own: absent, or marked with the fence of another
primary, it is made anew, with a nonce that never was before.
"""

from __future__ import annotations

from proofs.model.scenario import Model
from proofs.model.world import Bucket, Command, Token, View, World, put

DEAD = 0  # the nonce that stands for "no bucket"


def fence_of(m: Model, w: World, node: int) -> tuple[int, int]:
    """Return the fence that INFO on this node spells."""
    one = w.nodes[node]
    run_id = one.run_id if m.g.fence_has_run_id else 0
    return run_id, one.replid if m.g.fence_has_replid else 0


def new_nonce(m: Model, w: World, call: int) -> tuple[World, int]:
    """Return a nonce for this execution (the mutant: for this call)."""
    if m.g.nonce_per_execution:
        return w._replace(nonces=w.nonces + 1), w.nonces
    return w, 1000 + call


def save(w: World, node: int, bucket: int, value: Bucket | None) -> World:
    """Return the world with one bucket written."""
    one = w.nodes[node]
    return w._replace(nodes=put(w.nodes, node, one._replace(buckets=put(one.buckets, bucket, value))))


def own_bucket(
    m: Model, w: World, node: int, b: int, call: int, belief: tuple[int, int], layout: int
) -> tuple[World, Bucket]:
    """Return the bucket as this primary's own, made anew if it is not."""
    fence = fence_of(m, w, node) if m.g.fence_by_server else belief
    old = w.nodes[node].buckets[b]
    if old is not None and (old.fence == fence or not m.g.fence):
        return w, old
    w, nonce = new_nonce(m, w, call)
    quiet = w.now + m.sc.max_hold if m.sc.max_hold and m.g.quarantine else 0
    fresh = Bucket(nonce, fence, 0, 0, (0,) * len(m.sc.tags), (), quiet, 0, layout)
    return save(w, node, b, fresh), fresh


def stamp(m: Model, bucket: Bucket, tags: tuple[int, ...]) -> Bucket:
    """Return the bucket with its sequence advanced and written at the tags."""
    seq = bucket.seq + 1
    stamps = tuple(seq if i in tags else old for i, old in enumerate(bucket.stamps))
    return bucket._replace(seq=seq, stamps=stamps)


def publish(m: Model, w: World, node: int, b: int, token: Token, tags: tuple[int, ...]) -> World:
    """Return the world with the message on the way to every subscriber of this node."""
    if not m.g.publishes:
        return w
    for p, process in enumerate(w.processes):
        near = process.near
        if near is not None and near.subscribed and near.node == node:
            near = near._replace(inbox=(*near.inbox, ("push", *token, tags)))
            w = w._replace(processes=put(w.processes, p, process._replace(near=near)))
    return w


def invalidate(m: Model, w: World, node: int, command: Command, layout: int) -> tuple[World, Token]:
    """Run invalidate.lua."""
    b = command.bucket
    w, bucket = own_bucket(m, w, node, b, command.call, command.belief, layout)
    bucket = stamp(m, bucket, command.tags)
    token = (b, bucket.nonce, bucket.seq)
    return publish(m, save(w, node, b, bucket), node, b, token, command.tags), token


def clear(m: Model, w: World, node: int, command: Command, layout: int) -> tuple[World, Token]:
    """Run clear.lua: another nonce, the sequence one further, the holds kept."""
    b = command.bucket
    w, bucket = own_bucket(m, w, node, b, command.call, command.belief, layout)
    w, nonce = new_nonce(m, w, command.call)
    bucket = stamp(m, bucket, ())._replace(nonce=nonce, stamps=(0,) * len(m.sc.tags), floor=0)
    if not m.g.clear_keeps_holds:
        bucket = bucket._replace(holds=(), longest=0, quarantine=0)
    token = (b, bucket.nonce, bucket.seq)
    w = save(w, node, b, bucket)
    return publish(m, w, node, b, token, ()), token


def hold(
    m: Model, w: World, node: int, command: Command, transaction: int, deadline: int
) -> tuple[World, Token]:
    """Run prepare.lua: an invalidation that also forbids storing the tags until ``deadline``."""
    w, token = invalidate(m, w, node, command, 0)
    bucket = w.nodes[node].buckets[command.bucket]
    assert bucket is not None
    kept = bucket.holds if m.g.hold_map else tuple(h for h in bucket.holds if h[0] not in command.tags)
    mine = tuple((tag, transaction, deadline) for tag in command.tags)
    bucket = bucket._replace(holds=tuple(sorted((*kept, *mine))), longest=max(bucket.longest, deadline))
    return save(w, node, command.bucket, bucket), token


def release(m: Model, w: World, node: int, command: Command, transaction: int) -> World:
    """Take a transaction's holds away (the second half of finalize.lua, all of rollback.lua)."""
    bucket = w.nodes[node].buckets[command.bucket]
    if bucket is None:
        return w
    gone = [
        h for h in bucket.holds if h[0] in command.tags and (h[1] == transaction or not m.g.hold_map)
    ]
    kept = tuple(h for h in bucket.holds if h not in gone)
    return save(w, node, command.bucket, bucket._replace(holds=kept))


def look(
    m: Model, w: World, node: int, b: int, asked: tuple[int, ...], whole: bool, holds: bool = True
) -> View | None:
    """Run HMGET on a bucket, with the TIME of the batch.

    ``whole``: also the longest hold of the bucket, for loads whose tags come from the result.
    """
    bucket = w.nodes[node].buckets[b]
    if bucket is None:
        return None
    clock = w.now if m.g.hold_by_server_clock else w.now + 2
    live: list[int] = []
    if m.g.hold and holds:
        unknown = bucket.quarantine
        if whole and m.g.hold_covers_result_tags:
            unknown = max(unknown, bucket.longest)
        live = [until for tag, _who, until in bucket.holds if tag in asked and until > clock]
        if (
            unknown > clock
        ):  # whose holds these are is not known, so each of them may end at any instant
            live.append(max(w.now, 1) if m.g.join_refuses_unknown_hold else unknown)
    stamps = tuple(s if i in asked else None for i, s in enumerate(bucket.stamps))
    return View(
        bucket.nonce,
        bucket.fence,
        bucket.seq,
        bucket.floor,
        stamps,
        min(live, default=0),
        bucket.layout,
        w.now,
    )


def open_bucket(
    m: Model,
    w: World,
    node: int,
    b: int,
    call: int,
    belief: tuple[int, int],
    asked: tuple[int, ...],
    whole: bool,
    layout: int,
) -> tuple[World, View]:
    """Run open.lua: make the bucket if it is not this primary's own; answer like HMGET."""
    w, _bucket = own_bucket(m, w, node, b, call, belief, layout)
    view = look(m, w, node, b, asked, whole, holds=m.g.open_tells_holds)
    assert view is not None
    return w, view


def prune(m: Model, w: World, node: int, b: int, nonce: int, floor: int) -> World:
    """Run prune.lua: drop stamps up to ``floor`` and raise the floor to it."""
    bucket = w.nodes[node].buckets[b]
    if bucket is None:
        return w
    stale = bucket.nonce != nonce or bucket.fence != fence_of(m, w, node) or floor > bucket.seq
    if stale and m.g.prune_checks_nonce:
        return w
    stamps = tuple(0 if s <= floor else s for s in bucket.stamps)
    raised = max(bucket.floor, floor) if m.g.prune_raises_floor else bucket.floor
    return save(w, node, b, bucket._replace(stamps=stamps, floor=raised))
