"""The mirrors of all buckets, in front of one shelf.

An entry depends on the buckets of its key and of its tags, which may lie on several primaries. It is
served unasked while the leases of all of them run. A clear, and a pattern, reach all buckets, and so
that of its key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...core.counts import NearStats
from ..redis.layout import Layout
from ..redis.reading import Position
from .message import Names
from .mirror import Mirror
from .shelf import Shelf

_ONLY = (0,)


class Mirrors:
    """One ``Mirror`` for each bucket of ``layout``."""

    def __init__(self, shelf: Shelf, layout: Layout, max_staleness: float) -> None:
        self._shelf = shelf
        self._layout = layout
        self._all = [Mirror(shelf, max_staleness) for _ in range(layout.buckets)]
        # Asked for by every read that is served unasked: where there is one, it is all of them.
        self._only = self._all[0] if layout.buckets == 1 else None

    def of(self, buckets: Iterable[int]) -> Mapping[int, Mirror]:
        return {number: self._all[number] for number in buckets}

    # -- leases ------------------------------------------------------------------------------

    def buckets_of(self, key: str, tags: Iterable[str]) -> Sequence[int]:
        """Return the buckets that an entry depends on."""
        if self._only is not None:
            return _ONLY
        bucket_of = self._layout.bucket_of
        return tuple({bucket_of(key), *map(bucket_of, tags)})

    def leases(self) -> Sequence[float]:
        """Return until when the lease of each bucket runs, as it is now.

        Whoever serves by it looks for the entry, and at the marks, after it.
        """
        only = self._only
        return [mirror.until for mirror in self._all] if only is None else (only.until,)

    @property
    def ahead(self) -> float:
        """By how many seconds the far store's clock is ahead of this process's, and no less.

        Where several servers have clocks of their own it is the one that is furthest ahead.
        """
        only = self._only
        return max([mirror.ahead for mirror in self._all]) if only is None else only.ahead

    # -- invalidations of this process -------------------------------------------------------

    def invalidated(self, names: Names, positions: Mapping[int, Position] | None = None) -> None:
        """Take an invalidation of this process, before it returns, or fails.

        ``positions`` is what the servers said of it, if that is known.
        """
        if not positions:
            self._shelf.mark(names)
            return
        for number, part in self._by_bucket(names).items():
            self._all[number].invalidated(part, positions.get(number))

    def _by_bucket(self, names: Names) -> Mapping[int, Names]:
        if self._only is not None:
            return {0: names}
        if names.everything or names.patterns:
            # They concern all buckets.
            return dict.fromkeys(range(len(self._all)), names)
        found: dict[int, tuple[list[str], list[str], list[str]]] = {}
        for kind, some in enumerate(names[:3]):
            for name in some:
                found.setdefault(self._layout.bucket_of(name), ([], [], []))[kind].append(name)
        return {number: Names(*part) for number, part in found.items()}

    def announced(self, positions: Mapping[int, Position]) -> None:
        """Take an announcement of this process: it has what it announces."""
        for number, position in positions.items():
            self._all[number].announced(position)

    def reached(self, positions: Mapping[int, Position]) -> bool:
        """Return whether everything up to ``positions`` has been heard of."""
        return all(
            number < len(self._all) and self._all[number].reached(position)
            for number, position in positions.items()
        )

    # -- the end -----------------------------------------------------------------------------

    def forget_parent(self) -> None:
        """Begin anew in a forked child, which hears nothing."""
        for mirror in self._all:
            mirror.forget_parent()

    def close(self) -> None:
        """Serve nothing any more: nobody listens."""
        for mirror in self._all:
            mirror.close()
        self._shelf.empty()

    # -- counting ----------------------------------------------------------------------------

    def stats(self, now: float, revalidations: int) -> NearStats:
        tallies = [mirror.tally for mirror in self._all]
        return NearStats(
            lease_seconds=max(0.0, min(self.leases()) - now),
            lag=max(tally.lag for tally in tallies),
            heartbeats=sum(tally.beats for tally in tallies),
            renewals=sum(tally.renewals for tally in tallies),
            revalidations=revalidations,
            resyncs=sum(tally.resyncs for tally in tallies),
            messages=sum(tally.messages for tally in tallies),
            gaps=sum(tally.gaps for tally in tallies),
            losses=sum(tally.losses for tally in tallies),
        )
