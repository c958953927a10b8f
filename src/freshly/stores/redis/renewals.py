"""Reads that renew: that an entry was read is written to the server, in what lies there of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.entry import Entry
from ...wire.frame import PREFIX, Frame
from .hub import Hub
from .scripts import RENEW, Call
from .sliding import SlidingEntry
from .talk import Talk


class Renewals:
    """Renews entries for one colour of caller.

    Only what is still there is renewed: a newer value has a life of its own. Stamps stay what they
    were, so what was invalidated is invalid however often it is renewed.
    """

    def __init__(self, hub: Hub, talk: Talk) -> None:
        self._hub = hub
        self._talk = talk

    async def renew(self, entries: Sequence[Entry[Any]], now: float) -> None:
        calls, names = [], []
        for entry in entries:
            # One reader of a process writes for all who read meanwhile.
            if not isinstance(entry, SlidingEntry) or entry.key in self._hub.renewing:
                continue
            frame = entry.frame.read_at(now * 1000)
            if frame is not None and not self._is_kept_here(entry, frame):
                calls.append(self._call(entry, frame))
                names.append(entry.key)
        if not calls:
            return
        self._hub.renewing.update(names)
        try:
            await self._talk.write(calls)
        finally:
            self._hub.renewing.difference_update(names)

    def _is_kept_here(self, entry: SlidingEntry[Any], frame: Frame) -> bool:
        kept = self._hub.kept.get(entry.key)
        if kept is None or kept[0] is not entry.frame:
            return False
        self._hub.kept.put(entry.key, frame, kept[1])
        return True

    def _call(self, entry: SlidingEntry[Any], frame: Frame) -> Call:
        data = self._hub.codecs.sealed(frame, entry.key)
        until = self._hub.on_server((frame.born + frame.ends) / 1000)
        return RENEW.command(
            [self._hub.layout.value(entry.key)], [data[: PREFIX.size], data, round(until * 1000)]
        )
