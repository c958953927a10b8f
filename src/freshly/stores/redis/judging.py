"""Whether what lies under a key is an entry that may be served."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...core.entry import Entry
from ...core.ports import Look
from ...core.shape import LOCAL, UNREAD, Shape
from ...wire.codec import Undecodable
from ...wire.frame import Frame
from .codecs import entry_of, tags_of
from .held import HeldInReading
from .hub import Hub
from .reading import Moment, Reading


class Judge:
    """Makes looks of frames and readings."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._layout = hub.layout

    def look(
        self,
        key: str,
        tags: tuple[str, ...],
        frame: Frame | None,
        shape: Shape,
        judged: Reading,
        reading: Reading,
        since: int,
    ) -> Look:
        undelivered = self._hub.undelivered

        def overtakes(stamp: Moment, some: Iterable[str], name: str | None) -> bool:
            # What could not be delivered was invalidated all the same, for this process.
            some = tuple(some)
            return undelivered.covers(name or "", some, since) or reading.overtakes(stamp, some, name)

        entry = None if frame is None else self._entry(key, tags, frame, shape, judged)
        if entry is not None and undelivered.covers(key, entry.tags, since):
            entry = None
        if entry is not None and undelivered.makes_stale(entry.tags):
            entry.mark_stale()
        held = HeldInReading(self._layout, reading)
        return Look(entry, reading.moment, reading.now, overtakes, held)

    def _entry(
        self, key: str, tags: tuple[str, ...], frame: Frame, shape: Shape, reading: Reading
    ) -> Entry[Any] | None:
        """Return the entry of ``frame`` if it is valid, carries ``tags``, and is no longer dead."""
        carried = tags_of(frame)
        if frame.born + frame.ends <= reading.now * 1000 or not _has_all(carried, tags):
            return None
        is_stale = reading.is_stale(key, frame.marks)
        if is_stale is None:
            return None
        try:
            value = self._value(key, frame, shape)
        except Undecodable:
            return None
        entry = entry_of(key, value, frame, carried, reading.moment)
        if is_stale:
            entry.mark_stale()
        return entry

    def _value(self, key: str, frame: Frame, shape: Shape) -> Any:
        if shape is UNREAD:
            return None
        if shape is not LOCAL:
            return self._hub.codecs.value(key, frame, shape)
        kept = self._hub.kept.get(key)
        if kept is None or kept[0] is not frame:
            # Another one has come since, or it was dropped.
            raise Undecodable("it is no longer there")
        return kept[1]


def _has_all(carried: tuple[str, ...], tags: tuple[str, ...]) -> bool:
    return carried == tags or set(tags).issubset(carried)
