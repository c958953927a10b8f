"""Holds: for a while nothing that is loaded for a tag, or a key, is stored.

A stamp orders a load and an invalidation. It does not help a writer whose change loaders cannot see
yet: its transaction is not committed, or the replica trails. A load that starts now is later than
the invalidation and reads the old row all the same. So the writer holds: loads that start before
the hold's end answer their callers, and nobody else.

Each hold has a token, so that two transactions on one tag do not end each other's. Holds end by the
clock of the store, also when nobody ends them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

# Names that were held once are forgotten in passes: when there are twice as many as the last pass
# left, and this many more. So a pass costs each hold O(1).
SPARE_NAMES = 64


@dataclass(frozen=True, slots=True)
class Hold:
    """What a writer asks for: a hold of so many ``seconds``, which ``token`` may end earlier."""

    token: str
    seconds: float


class Held(Protocol):
    """What was held at one moment."""

    def until(self, tags: Iterable[str], key: str | None = None) -> float | None:
        """Return when the first hold of one of ``tags``, or of ``key``, ends; ``None`` if none is on.

        The instant is on the clock of the store. What a store cannot tell apart it calls held.
        """
        ...


class _Free:
    def until(self, tags: Iterable[str], key: str | None = None) -> float | None:
        return None


#: The end of a hold for values that nobody may share: no read begins before it.
NO_ONE: Final = float("-inf")

#: Nothing is held.
FREE: Final[Held] = _Free()

# A name is a tag or a key: ("tag", "user:7").
Name = tuple[str, str]
Ends = Mapping[str, float]


class _HeldAt:
    """The holds that were on at ``now``, but those of the tokens in ``besides``."""

    __slots__ = ("_besides", "_ends", "_now")

    def __init__(self, ends: Mapping[Name, Ends], now: float, besides: Collection[str]) -> None:
        self._ends = ends
        self._now = now
        self._besides = besides

    def until(self, tags: Iterable[str], key: str | None = None) -> float | None:
        names = _names(tags, () if key is None else (key,))
        return min((end for name in names for end in self._running(name)), default=None)

    def _running(self, name: Name) -> Iterable[float]:
        for token, end in self._ends.get(name, {}).items():
            # At its end a hold is over.
            if end > self._now and token not in self._besides:
                yield end


class Holds:
    """The holds of a store in this process. Whoever writes has to hold the store's lock.

    Readers take none. What they saw stays as it was when holds end, and may only gain new ones: a
    new hold stamps its names, so a load that began before it is overtaken in any case.
    """

    def __init__(self) -> None:
        self._ends: dict[Name, Ends] = {}
        self._names_allowed = SPARE_NAMES

    def add(self, hold: Hold, now: float, tags: Iterable[str], keys: Iterable[str]) -> None:
        if len(self._ends) > self._names_allowed:
            self._keep(lambda token, end: end > now)
            self._names_allowed = 2 * len(self._ends) + SPARE_NAMES
        for name in _names(tags, keys):
            self._ends[name] = {**self._ends.get(name, {}), hold.token: now + hold.seconds}

    def release(self, token: str) -> None:
        """End the holds of ``token``, and of no other."""
        self._keep(lambda other, end: other != token)

    def at(self, now: float, besides: Collection[str] = ()) -> Held:
        """Return what is held at ``now``."""
        return _HeldAt(self._ends, now, besides) if self._ends else FREE

    def __len__(self) -> int:
        """How many names are remembered."""
        return len(self._ends)

    def _keep(self, stays: _Stays) -> None:
        left: dict[Name, Ends] = {}
        for name, ends in self._ends.items():
            kept = {token: end for token, end in ends.items() if stays(token, end)}
            if kept:
                left[name] = kept
        self._ends = left


class _Stays(Protocol):
    def __call__(self, token: str, end: float, /) -> bool: ...


def _names(tags: Iterable[str], keys: Iterable[str]) -> Iterable[Name]:
    yield from (("tag", tag) for tag in tags)
    yield from (("key", key) for key in keys)


def earliest(*ends: float | None) -> float | None:
    """Return the first of some ends, ``None`` if there is none."""
    return min([end for end in ends if end is not None], default=None)
