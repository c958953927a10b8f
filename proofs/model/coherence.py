"""The coherence connection: messages and heartbeats in one queue, in the server's order."""

from __future__ import annotations

from collections.abc import Iterator

from proofs.model.connection import primary
from proofs.model.frames import Step
from proofs.model.near import clock, with_near
from proofs.model.scenario import Model
from proofs.model.server import fence_of
from proofs.model.world import Mirror, Near, World, put


def steps(m: Model, w: World, p: int) -> Iterator[Step]:
    """Yield what the coherence connection of a process may do."""
    near = w.processes[p].near
    if near is None:
        return
    who = f"P{p}"
    if near.writes:
        yield write_one(m, w, p, near)
    elif near.inbox:
        yield deliver(m, w, p, near)
    if w.faults.beats and not any(message[0] == "beat" for message in near.inbox):
        for b in range(m.sc.buckets if m.sc.apart else 1):
            only = b if m.sc.apart else None
            where = f" to the primary of bucket {b}" if m.sc.apart else ""
            yield who, f"sends a heartbeat{where}; it is answered", beat(m, w, p, near, only), ""
    if not near.subscribed:
        near = near._replace(subscribed=True, node=primary(w))
        yield who, "subscribes again; the server confirms", with_near(w, p, near), ""
    elif not w.nodes[near.node].master or w.faults.cut:
        faults = w.faults._replace(cut=w.faults.cut - bool(w.nodes[near.node].master))
        mirrors = tuple(mirror._replace(deaf=False) for mirror in near.mirrors)
        near = near._replace(subscribed=False, inbox=(), mirrors=mirrors)
        yield (
            who,
            "loses the coherence connection",
            with_near(w._replace(faults=faults), p, near),
            "",
        )
    if w.faults.drift and not near.lag:
        slow = with_near(
            w._replace(faults=w.faults._replace(drift=w.faults.drift - 1)), p, near._replace(lag=1)
        )
        yield who, "its clock misses a tick", slow, ""


def beat(m: Model, w: World, p: int, near: Near, only: int | None) -> World:
    """Run the heartbeat's HMGETs and INFO on the server; the reply queues behind the messages."""
    node = w.nodes[near.node]
    role = node.master or not m.g.role_is_proven
    told = tuple(
        b and (b.nonce, b.fence == fence_of(m, w, near.node) or not m.g.fence, b.seq)
        for b in node.buckets
    )
    if only is not None:
        told = tuple(fact if b == only else None for b, fact in enumerate(told))
    reply = ("beat", clock(w, near), role, near.subscribed, told)
    faults = w.faults._replace(beats=w.faults.beats - 1)
    return with_near(w._replace(faults=faults), p, near._replace(inbox=(*near.inbox, reply)))


def deliver(m: Model, w: World, p: int, near: Near) -> Step:
    """Handle the oldest reply or message."""
    message, near = near.inbox[0], near._replace(inbox=near.inbox[1:])
    if message[0] == "push":
        _kind, b, nonce, seq, tags = message
        return push(m, w, p, near, b, nonce, seq, tags)  # type: ignore[arg-type]
    _kind, sent, role, confirmed, told = message
    return renew(m, w, p, near, sent, role, confirmed, told)  # type: ignore[arg-type]


def push(
    m: Model, w: World, p: int, near: Near, b: int, nonce: int, seq: int, tags: tuple[int, ...]
) -> Step:
    """Apply a message if it is the next one; else drop the mirror of this bucket."""
    mirror, who = near.mirrors[b], f"P{p}"
    text = f"receives: bucket {b} nonce {nonce} # {seq} ({m.tags_text(tags)})"
    if seq <= mirror.pos and mirror.nonce == nonce:
        return who, text + ", already known", with_near(w, p, near), ""
    gap = seq != mirror.pos + 1 and m.g.gap_is_noticed
    if mirror.nonce != nonce or gap:
        lost = Mirror(0, 0, 0, (0,) * len(m.sc.tags), 0, mirror.deaf)
        near = near._replace(mirrors=put(near.mirrors, b, lost), changes=near.changes + 1)
        return who, text + ", out of order: bucket lost", with_near(w, p, near), "gap"
    if m.sc.fine:
        marks = tuple(("tag", b, k, seq) for k in tags)
        pos, count = ("pos", b, 0, seq), ("count", b, 0, 0)
        order = (*marks, pos, count) if m.g.mirror_tag_before_count else (pos, count, *marks)
        return who, text, with_near(w, p, near._replace(writes=order)), ""
    stamps = tuple(max(s, seq) if k in tags else s for k, s in enumerate(mirror.stamps))
    near = near._replace(
        mirrors=put(near.mirrors, b, mirror._replace(stamps=stamps, pos=seq)),
        changes=near.changes + 1,
    )
    return who, text, with_near(w, p, near), "applied"


def write_one(m: Model, w: World, p: int, near: Near) -> Step:
    """Do one memory write of an application to the mirror."""
    (kind, b, tag, seq), rest = near.writes[0], near.writes[1:]
    mirror = near.mirrors[b]
    if kind == "tag":
        mirror = mirror._replace(stamps=put(mirror.stamps, tag, max(mirror.stamps[tag], seq)))
        text = f"mirror[{m.sc.tags[tag].name}] = {seq}"
    elif kind == "pos":
        mirror, text = mirror._replace(pos=max(mirror.pos, seq)), f"mirror.pos = {seq}"
    else:
        near, text = (
            near._replace(changes=near.changes + 1),
            f"count of changes = {near.changes + 1}",
        )
    near = near._replace(mirrors=put(near.mirrors, b, mirror), writes=rest)
    return f"P{p}'s mirror", text, with_near(w, p, near), "applied"


def renew(
    m: Model,
    w: World,
    p: int,
    near: Near,
    sent: int,
    role: bool,
    confirmed: bool,
    told: tuple[tuple[int, bool, int] | None, ...],
) -> Step:
    """Renew the lease of each bucket that the mirror is not behind; take the others anew."""
    since = sent if m.g.lease_from_send else clock(w, near)
    until = since + m.sc.lease - (1 if m.sc.drifts and m.g.lease_margin else 0)
    notes = []
    for b, fact in enumerate(told):
        mirror = near.mirrors[b]
        if mirror.deaf:
            near = near._replace(mirrors=put(near.mirrors, b, mirror._replace(deaf=False)))
            continue
        if fact is None or not fact[1] or not role:
            continue
        nonce, _fence, seq = fact
        same = mirror.nonce == nonce or not m.g.renew_compares_nonce
        if same and (mirror.pos >= seq or not m.g.renew_compares_position):
            mirror = mirror._replace(lease=max(mirror.lease, until))
            notes.append(f"lease {b} until {until}")
        elif confirmed or not m.g.resync_after_confirmation:
            floor = seq if m.g.resync_raises_floor else 0
            mirror = Mirror(nonce, seq, floor, (0,) * len(m.sc.tags), until)
            near = near._replace(changes=near.changes + 1)
            notes.append(f"bucket {b} taken anew at {seq}, lease until {until}")
        near = near._replace(mirrors=put(near.mirrors, b, mirror))
    if role:
        near = near._replace(proven=max(near.proven, until))
    event = "renewed" if notes else "not renewed"
    return (
        f"P{p}",
        "handles the heartbeat's reply: " + (", ".join(notes) or "no lease"),
        with_near(w, p, near),
        event,
    )
