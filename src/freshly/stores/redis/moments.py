"""Two readings compared, and many made one."""

from __future__ import annotations

from collections.abc import Iterable

from .layout import Layout
from .reading import Moment


def follows(earlier: Moment, later: Moment, advances: int) -> bool:
    """Return whether the clocks of all buckets moved ``advances`` times in all, and no more."""
    pairs = [(earlier.positions.get(b), position) for b, position in later.positions.items()]
    moved = 0
    for before, after in pairs:
        if before is None or before.nonce != after.nonce:
            return False
        moved += after.sequence - before.sequence
    return len(pairs) == len(earlier.positions) and moved == advances


def inherited(
    layout: Layout, stamp: Moment, handed_on: Iterable[tuple[tuple[str, ...], Moment | None]]
) -> Moment:
    """Return the stamp of a value whose load began at ``stamp``, and that is made from others."""
    older = dict(stamp.inherited)
    is_storable = stamp.is_storable
    for tags, at in handed_on:
        is_storable = is_storable and at is not None and at.is_storable
        for tag in tags if at is not None else ():
            bucket = layout.bucket_of(tag)
            mine = older.get(tag) or stamp.positions.get(bucket)
            theirs = at.position(tag, bucket) if at is not None else None
            if mine is None or theirs is None or mine.nonce != theirs.nonce:
                # A bucket that was made anew meanwhile, or that one of them did not ask.
                is_storable = False
            elif theirs.sequence < mine.sequence:
                older[tag] = theirs
    if is_storable and not older:
        return stamp
    return Moment(stamp.positions, older, is_storable)
