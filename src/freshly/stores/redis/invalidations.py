"""Everything that makes entries invalid, by tag, key or pattern, or all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import translate
from itertools import islice
from re import compile as compile_pattern

from ...core.holds import Hold
from ...core.undelivered import Parcel
from ...errors import PartlyInvalidatedError
from .hub import Hub
from .layout import KEY, PATTERN, STALE, TAG, encoded
from .reading import Moment, Position
from .scans import SCANNED, Matching
from .stamps import Stamps
from .talk import Talk
from .values import Values


class Invalidations:
    """The invalidations of one colour of caller. One that fails is kept, and obeyed here until then."""

    def __init__(self, hub: Hub, talk: Talk, stamps: Stamps, values: Values) -> None:
        self._hub = hub
        self._talk = talk
        self._stamps = stamps
        self._values = values
        self._layout = hub.layout

    async def invalidate(self, tags: Iterable[str], hold: Hold | None = None) -> Moment:
        tags = tuple(tags)
        self._hub.invalidations += 1
        names = [TAG + encoded(tag) for tag in tags]
        with self._hub.owing(tags=tags):
            stamped = await self._stamps.stamp(names, hold=hold)
        return stamped.moment

    async def mark_stale(self, tags: Iterable[str]) -> Moment:
        tags = tuple(tags)
        names = [STALE + encoded(tag) for tag in tags]
        with self._hub.owing(stale=tags):
            stamped = await self._stamps.stamp(names)
        return stamped.moment

    async def delete(self, keys: Iterable[str], hold: Hold | None = None) -> int:
        keys = tuple(dict.fromkeys(keys))
        self._hub.invalidations += 1
        names = [KEY + encoded(key) for key in keys]
        with self._hub.owing(keys=keys):
            count = await self._values.count(keys)
            await self._stamps.stamp(names, hold=hold)
        await self._values.drop(keys)
        return count

    async def delete_match(self, pattern: str) -> int:
        self._hub.invalidations += 1
        names = [PATTERN + encoded(pattern)]
        count = 0
        found: list[str] = []
        matches = compile_pattern(translate(pattern)).match
        with self._hub.owing(pattern=pattern):
            async for keys in Matching(self._talk, self._layout, matches):
                count += await self._values.count(keys)
                found += keys
            local = [key for key in self._hub.kept.names() if matches(key)]
            count += await self._values.count(local)
            found += local
            # Entries that come between the scan and this are older than it, and match the pattern too.
            await self._stamps.stamp(names)
        for some in _chunks(found, SCANNED):
            await self._values.drop(some)
        return count

    async def clear(self) -> Moment:
        self._hub.invalidations += 1
        self._hub.journal.note(None)
        with self._hub.owing(everything=True):
            answer = await self._talk.write(self._talk.clearing(), partly=True, copies=self._hub.copies)
            if answer.failures:
                cause = next(iter(answer.failures.values()))
                raise PartlyInvalidatedError((), (), str(cause)) from cause
        positions = {
            bucket: Position(nonce, int(sequence))
            for bucket, (_, nonce, sequence) in enumerate(answer.replies)
        }
        self._hub.kept.clear()
        self._hub.moment = Moment(positions)
        return self._hub.moment

    async def deliver(self, parcel: Parcel) -> None:
        """Do what a parcel of undelivered invalidations says, whether or not the store seems down."""
        if parcel.everything:
            self._hub.journal.note(None)
            await self._talk.write(self._talk.clearing(), always=True, copies=self._hub.copies)
            return
        groups = (
            (TAG, parcel.tags),
            (STALE, parcel.stale),
            (KEY, parcel.keys),
            (PATTERN, parcel.patterns),
        )
        await self._stamps.stamp(
            [kind + encoded(name) for kind, names in groups for name in names], always=True
        )


def _chunks(names: Iterable[str], size: int) -> Iterator[list[str]]:
    names = iter(names)
    while some := list(islice(names, size)):
        yield some
