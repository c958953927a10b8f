"""What the protocol promises, as ghost bookkeeping: it watches the model and never steers it."""

from __future__ import annotations

from proofs.model.scenario import Model
from proofs.model.world import Value, World, put

TEXTS = {
    "G1": "a strict read begun after an invalidation has returned gets no value loaded before it",
    "G2": "a bounded read begun L after an invalidation has returned gets no value from before it",
    "OWN": "a read in the process whose invalidation has returned gets no value loaded before it",
    "ALL": 'after invalidate(wait="all") has returned, every read is as good as strict',
    "TOKEN": "a read that shows the token of an invalidation gets no value loaded before it",
    "HOLD": "once a transaction or its hold has ended, no read gets a value from before its commit",
    "AGE": "no read gets a value whose load began a ttl ago",
    "STEADY": "a bucket is made anew once for each loss or change of primary, not for ever",
    "FLOOR": "the floor of a bucket is never ahead of its sequence",
}


def joined(left: Value, right: Value) -> Value:
    """Return the newer of two versions, row by row."""
    return tuple(map(max, left, right))


def required(w: World, process: int, mode: str, token: int) -> Value:
    """Return the oldest versions that a read starting now may get."""
    base = w.returned if mode == "strict" else joined(w.bound, w.shared)
    need = joined(base, w.processes[process].own)
    if mode == "token":
        promise = w.tokens[token]
        assert promise is not None
        _tokens, row, version = promise
        need = put(need, row, max(need[row], version))
    return need


def older(value: Value, need: Value) -> bool:
    """Return whether some row of a value is older than needed."""
    return any(v < n for v, n in zip(value, need, strict=True))


def broken_by(m: Model, w: World, process: int, mode: str, value: Value, need: Value) -> str:
    """Return the property that serving ``value`` breaks, or an empty string."""
    if not older(value, need):
        return ""
    if mode == "strict":
        return "HOLD" if m.sc.hold else "G1"
    if older(value, w.processes[process].own):
        return "OWN"
    if older(value, w.shared):
        return "ALL"
    if older(value, w.bound):
        return "G2"
    return "TOKEN"


def promised(
    m: Model,
    w: World,
    process: int,
    row: int | None,
    everywhere: bool = False,
    superseded: bool = False,
) -> World:
    """Note that an invalidation of ``row`` has returned in ``process``."""
    if row is None:
        if m.sc.split and not superseded:
            w = w._replace(returned=joined(w.returned, w.processes[process].own))
        return w
    version = w.rows[row]
    mine = w.processes[process]
    mine = mine._replace(own=put(mine.own, row, max(mine.own[row], version)))
    w = w._replace(processes=put(w.processes, process, mine))
    if superseded:  # outside of the promise until this process has issued it again
        return w
    w = w._replace(
        returned=joined(w.returned, mine.own)
        if m.sc.split
        else put(w.returned, row, max(w.returned[row], version))
    )
    if everywhere:
        return w._replace(shared=put(w.shared, row, max(w.shared[row], version)))
    if not m.sc.ticks:
        return w
    return w._replace(due=tuple(sorted({*w.due, (w.now + m.sc.lease, row, version, False)})))


def come_due(w: World) -> World:
    """Turn promises whose instant has come into requirements."""
    for at, row, version, strict in w.due:
        if at <= w.now:
            if strict:
                w = w._replace(returned=put(w.returned, row, max(w.returned[row], version)))
            else:
                w = w._replace(bound=put(w.bound, row, max(w.bound[row], version)))
    return w._replace(due=tuple(d for d in w.due if d[0] > w.now))
