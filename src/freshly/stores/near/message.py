"""What a bucket's channel says: one invalidation, with its place on the logical clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ..redis.layout import KEY, PATTERN, REPLACED, STALE, TAG

# Kinds of names as letters: the layout has them as bytes.
_TAG, _STALE, _KEY, _PATTERN, _REPLACED = (
    kind.decode() for kind in (TAG, STALE, KEY, PATTERN, REPLACED)
)


class Names(NamedTuple):
    """What one invalidation names. Under ``replaced`` keys lies something newer; nothing is invalid."""

    tags: Sequence[str] = ()
    stale: Sequence[str] = ()
    keys: Sequence[str] = ()
    patterns: Sequence[str] = ()
    everything: bool = False
    replaced: Sequence[str] = ()


class Message(NamedTuple):
    nonce: bytes
    sequence: int
    names: Names


def message_of(data: bytes) -> Message | None:
    """Return the message, or ``None`` if it is none of ours: then nobody knows what it said."""
    try:
        nonce, sequence, verb, *names = msgspec.msgpack.decode(data, type=list)
    except (ValueError, RecursionError):
        # msgspec's errors are ValueErrors; a list that is too short is one too. One that is in another,
        # and so on a thousand times, is deeper than it goes.
        return None
    if not (isinstance(nonce, str) and type(sequence) is int and verb in ("stamp", "clear")):
        return None
    if verb == "clear":
        return Message(nonce.encode(), sequence, Names(everything=True))
    if not all(isinstance(name, str) and name[:1] in _KINDS for name in names):
        return None
    return Message(nonce.encode(), sequence, _sorted(names))


_KINDS = (_TAG, _STALE, _KEY, _PATTERN, _REPLACED)


def _sorted(names: Sequence[str]) -> Names:
    tags, stale, keys, patterns, replaced = (
        [name[1:] for name in names if name[0] == kind] for kind in _KINDS
    )
    return Names(tags, stale, keys, patterns, replaced=replaced)
