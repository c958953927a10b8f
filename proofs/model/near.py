"""The near tier's hit: what a process may serve without asking anybody.

The mirror keeps two numbers that are never mixed. ``pos`` is the server's sequence: only contiguous
messages and a resync move it. ``changes`` is this process's own count of changes to the mirror: an
entry that was looked at under the present count need not be looked at again.
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs.model import flight
from proofs.model.frames import Step, function_of, with_top
from proofs.model.scenario import Model
from proofs.model.world import Frame, Header, Mirror, Near, NearEntry, Value, World, put


def clock(w: World, near: Near) -> int:
    """Return the process's monotonic clock."""
    return w.now - near.lag


def with_near(w: World, p: int, near: Near) -> World:
    """Return the world with the near tier of a process replaced."""
    return w._replace(processes=put(w.processes, p, w.processes[p]._replace(near=near)))


def leased(m: Model, w: World, near: Near, p: int, entry: NearEntry) -> bool:
    """Return whether the lease of each bucket of the entry still runs."""
    if not m.g.lease:
        return True
    buckets = sorted({m.bucket_of(k, p) for k, _n, _s in entry.valid})
    if not m.g.lease_of_each_bucket:
        buckets = buckets[-1:]
    return all(clock(w, near) < near.mirrors[b].lease for b in buckets)


def current(m: Model, near: Near, p: int, entry: NearEntry) -> bool:
    """Return whether nothing in the mirror is newer than what the entry is known to be valid at."""
    for tag, nonce, seq in entry.valid:
        mirror = near.mirrors[m.bucket_of(tag, p)]
        if mirror.nonce != nonce and m.g.near_compares_nonce:
            return False
        if seq < mirror.floor or mirror.stamps[tag] > seq:
            return False
    return True


def reaches(m: Model, near: Near, frame: Frame) -> bool:
    """Return whether the mirror has seen everything that the read must not be older than."""
    for b, nonce, seq in frame.at_least:
        mirror = near.mirrors[b]
        if (mirror.nonce != nonce and m.g.token_compares_nonce) or mirror.pos < seq:
            return False
    return True


def holds(m: Model, w: World, p: int, frame: Frame) -> bool:
    """Return whether the near tier may be asked at all."""
    near = w.processes[p].near
    if near is None or frame.mode == "strict" or near.entries[function_of(m, frame).key] is None:
        return False
    return reaches(m, near, frame)


def serve(m: Model, w: World, p: int, frame: Frame) -> tuple[World, Value, Header] | None:
    """Return a near hit, or None."""
    near = w.processes[p].near
    if near is None or not holds(m, w, p, frame):
        return None
    key = function_of(m, frame).key
    entry = near.entries[key]
    assert entry is not None
    if not leased(m, w, near, p, entry):
        return None
    if entry.checked != near.changes:
        if not current(m, near, p, entry):
            return None
        entry = entry._replace(checked=near.changes)
        w = with_near(w, p, near._replace(entries=put(near.entries, key, entry)))
    return w, entry.value, entry.valid


def keep(m: Model, w: World, p: int, key: int, value: Value, header: Header) -> World:
    """Put an entry into the near tier; no count is noted: the first hit looks at its tags."""
    near = w.processes[p].near
    if near is None:
        return w
    checked = 0 if m.g.near_put_is_judged else near.changes
    entry = NearEntry(value, header, checked)
    return with_near(w, p, near._replace(entries=put(near.entries, key, entry)))


def apply(
    m: Model, w: World, p: int, tokens: tuple[tuple[int, int, int], ...], tags: tuple[int, ...]
) -> World:
    """Apply the replies of this process's own invalidation, before it returns."""
    near = w.processes[p].near
    if near is None:
        return w
    if not m.g.local_apply_writes_mirror:
        return with_near(w, p, near._replace(entries=(None,) * m.sc.keys))
    mirrors = near.mirrors
    if m.sc.fine:
        writes = [("tag", b, k, seq) for b, _n, seq in tokens for k in tags if m.bucket_of(k, p) == b]
        count = (("count", 0, 0, 0),) if m.g.local_apply_is_counted else ()
        order = (*writes, *count) if m.g.mirror_tag_before_count else (*count, *writes)
        return with_near(w, p, near._replace(writes=order))
    for b, nonce, seq in tokens:
        mirror = mirrors[b]
        if mirror.nonce != nonce:
            if m.g.other_nonce_drops_bucket:
                busy = any(message[0] == "beat" for message in near.inbox)
                mirror = Mirror(
                    0, 0, 0, (0,) * len(m.sc.tags), 0, busy and m.g.other_nonce_outlives_beat
                )
        else:
            here = [k for k in tags if m.bucket_of(k, p) == b]
            stamps = tuple(max(s, seq) if k in here else s for k, s in enumerate(mirror.stamps))
            mirror = mirror._replace(stamps=stamps)
            if not m.g.local_apply_keeps_pos:
                mirror = mirror._replace(pos=max(mirror.pos, seq))
        mirrors = put(mirrors, b, mirror)
    changes = near.changes + 1 if m.g.local_apply_is_counted else near.changes
    return with_near(w, p, near._replace(mirrors=mirrors, changes=changes))


# Below, the hit of one thread beside others, one memory access a step. A frame remembers the
# count in ``held_until``.


def begin_fine(m: Model, w: World, i: int, frame: Frame, p: int, who: str) -> Iterator[Step]:
    """Read the count of changes and the lease."""
    near, name = w.processes[p].near, function_of(m, frame).name
    assert near is not None
    entry = near.entries[function_of(m, frame).key]
    assert entry is not None
    if not leased(m, w, near, p, entry):
        return
    if entry.checked == near.changes:
        w, text, event = flight.deliver(
            m, w, i, frame, entry.value, entry.valid, "near hit", "near hit"
        )
        yield who, f"starts to read {name}: count {near.changes} as noted; {text}", w, event
        return
    w = with_top(w, i, frame._replace(pc="look", held_until=near.changes))
    yield who, f"starts to read {name}: count {near.changes}, noted {entry.checked}", w, ""


def look_fine(m: Model, w: World, i: int, frame: Frame, p: int, who: str) -> Iterator[Step]:
    """Look at the tags in the mirror."""
    near = w.processes[p].near
    assert near is not None
    entry = near.entries[function_of(m, frame).key]
    assert entry is not None
    if not current(m, near, p, entry):
        yield (
            who,
            "sees a newer tag in the mirror: no near hit",
            flight.give_up(w, i),
            "near refused",
        )
        return
    yield who, "looks at the tags: nothing newer", with_top(w, i, frame._replace(pc="remember")), ""


def remember_fine(m: Model, w: World, i: int, frame: Frame, p: int, who: str) -> Iterator[Step]:
    """Note the count that was read first, and return."""
    near, key = w.processes[p].near, function_of(m, frame).key
    assert near is not None
    entry = near.entries[key]
    assert entry is not None
    noted = frame.held_until if m.g.hit_notes_first_count else near.changes
    w = with_near(w, p, near._replace(entries=put(near.entries, key, entry._replace(checked=noted))))
    w, text, event = flight.deliver(m, w, i, frame, entry.value, entry.valid, "near hit", "near hit")
    yield who, f"notes count {noted}; {text}", w, event
