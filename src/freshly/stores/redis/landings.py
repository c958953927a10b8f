"""Entries are stored: those of loads unless they were overtaken, those set by hand in any case."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...core.entry import Entry
from ...core.shape import LOCAL, Shape
from .batch import Batch
from .held import HeldInReading
from .hub import Hub
from .landing import Landing
from .layout import KEY, encoded
from .looks import Looks
from .placing import AfterALook, AtOnce, Placing
from .reading import Moment
from .stamps import Stamps
from .talk import Talk
from .values import Values


class Landings:
    """Stores entries for one colour of caller."""

    def __init__(self, hub: Hub, talk: Talk, looks: Looks, stamps: Stamps, values: Values) -> None:
        self._hub = hub
        self._talk = talk
        self._looks = looks
        self._stamps = stamps
        self._values = values
        self._layout = hub.layout
        # One bucket stands for one server, which has all of a namespace.
        self._placing: Placing = (
            AtOnce(hub, talk) if hub.layout.buckets == 1 else AfterALook(hub, talk, looks)
        )

    async def land_many(
        self, landings: Sequence[tuple[Entry[Any], Callable[[], bool]]], shape: Shape
    ) -> list[bool]:
        if shape is LOCAL:
            return [self._keep(entry, unless) for entry, unless in landings]
        sent: list[Landing] = []
        for place, (entry, unless) in enumerate(landings):
            moment: Moment = entry.seen
            data = self._hub.codecs.pack(entry, shape) if moment.is_storable else None
            if data is not None and not unless():
                at = moment.positions[self._layout.bucket_of(entry.key)]
                until = self._hub.on_server(entry.dead_at)
                lease = self._hub.keeper.token(entry.key) or ""
                sent.append(Landing(place, entry, data, at, until, lease))
        return await self._placing.place(sent, len(landings))

    def _keep(self, entry: Entry[Any], unless: Callable[[], bool]) -> bool:
        """Keep an entry in the process. Whoever reads it asks the server whether it is valid."""
        if unless() or not entry.seen.is_storable:
            return False
        value = entry.value if entry.raised is None else entry.raised
        self._hub.kept.put(entry.key, self._hub.codecs.frame(entry, b"", b""), value)
        return True

    async def put_many(
        self, entries: Sequence[Entry[Any]], *, is_stamped: bool, shape: Shape
    ) -> list[bool]:
        if is_stamped:
            keys, tags = [entry.key for entry in entries], [t for e in entries for t in e.tags]
            reading = await self._looks.names(keys, tags, is_whole=False)
            fits = [not reading.overtakes(entry.seen, entry.tags, entry.key) for entry in entries]
        else:
            fits = [True] * len(entries)
        chosen = [entry for entry, fit in zip(entries, fits, strict=True) if fit]
        stored = iter(await self._put(chosen, shape, is_stamped=is_stamped) if chosen else ())
        return [fit and next(stored) for fit in fits]

    async def _put(
        self, entries: Sequence[Entry[Any]], shape: Shape, *, is_stamped: bool
    ) -> list[bool]:
        # What the buckets say is read before the stamp is written: tags are valid from then on.
        keys, tags = [entry.key for entry in entries], [t for e in entries for t in e.tags]
        batch = Batch(self._layout, keys=keys, tags=tags, is_whole=False)
        stamped = await self._stamps.stamp([KEY + encoded(key) for key in keys], first=batch.questions)
        reading = batch.reading(stamped.first, self._hub.shift)
        if not is_stamped:
            for entry in entries:
                entry.seen = reading.moment
        held = HeldInReading(self._layout, reading)
        sent: list[Landing] = []
        replaced: list[str] = []
        for place, entry in enumerate(entries):
            if not is_stamped and held.until(entry.tags, entry.key) is not None:
                replaced.append(entry.key)
                continue
            position, former = stamped.names[KEY + encoded(entry.key)]
            taken = entry.seen.positions.get(self._layout.bucket_of(entry.key))
            if taken is None or taken.nonce != position.nonce:
                continue
            if is_stamped and former > taken.sequence:
                # It was deleted while the value was being made.
                continue
            data = self._hub.codecs.pack(entry, shape, position)
            if data is not None:
                until = self._hub.on_server(entry.dead_at)
                since = taken.sequence if is_stamped else None
                sent.append(Landing(place, entry, data, position, until, since=since))
        await self._values.drop(replaced)
        return await self._placing.place(sent, len(entries))
