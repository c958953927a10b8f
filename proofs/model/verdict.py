"""Decide what an entry is worth against what the buckets say."""

from __future__ import annotations

from collections.abc import Iterable

from proofs.model.scenario import Function, Model
from proofs.model.world import Header, View

VALID, INVALID, ASK = "valid", "invalid", "ask"


def earliest(deadlines: Iterable[int]) -> int:
    """Return the earliest deadline; 0 stands for none."""
    return min((d for d in deadlines if d), default=0)


def own_tags(m: Model, function: Function) -> tuple[int, ...]:
    """Return the tags a function knows before its load: its key and its tags."""
    key = (function.tag,) if m.g.key_is_a_tag else ()
    return (*key, *function.tags)


def foreign(m: Model, view: View | None, belief: tuple[int, int]) -> bool:
    """Return whether a bucket is absent or belongs to another primary."""
    return view is None or (m.g.fence and view.fence != belief)


def judge(
    m: Model,
    process: int,
    function: Function,
    header: Header,
    views: tuple[View | None, ...],
    use_floor: bool = True,
) -> str:
    """Return whether a header is valid against the views, or that more must be asked."""
    own = own_tags(m, function)
    if m.g.missing_tag_is_a_miss and not {tag for tag, _, _ in header}.issuperset(own):
        return INVALID
    answer = VALID
    for tag, nonce, seq in header:
        if not m.g.header_tags_judged and tag not in own:
            continue
        view = views[m.bucket_of(tag, process)]
        if view is None:
            answer = ASK
            continue
        if m.g.nonce_compared and view.nonce != nonce:
            return INVALID
        if use_floor and seq < view.floor:
            return INVALID
        last = view.stamps[tag]
        if last is None:
            answer = ASK
        elif last > seq:
            return INVALID
    return answer


def unknown(m: Model, process: int, header: Header, views: tuple[View | None, ...]) -> tuple[int, ...]:
    """Return the tags of a header that no view tells about."""
    missing = []
    for tag, _nonce, _seq in header:
        view = views[m.bucket_of(tag, process)]
        if view is None or view.stamps[tag] is None:
            missing.append(tag)
    return tuple(missing)
