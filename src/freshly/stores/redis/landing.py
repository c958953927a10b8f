"""One entry on its way to the server."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...core.entry import Entry
from .layout import KEY, TAG, Layout, encoded
from .reading import Moment, Position, Reading, patterns_of
from .scripts import LAND, Call


class Landing(NamedTuple):
    """An entry as bytes, to be kept ``until`` an instant on the server's clock.

    ``lease`` is the token of the lease under which it was loaded; it ends when the entry is stored.
    ``key_at`` is the stamp of its key. ``since`` is an older one, for a value that was set with a
    stamp: patterns deleted between the two are older than its key's stamp and newer than the value.
    ``compared`` tells up to which sequence it was compared with deleted patterns, if not up to that.
    """

    place: int
    entry: Entry[Any]
    data: bytes
    key_at: Position
    until: float
    lease: str = ""
    since: int | None = None
    compared: int | None = None

    def call(self, layout: Layout) -> Call:
        entry, home = self.entry, layout.bucket_of(self.entry.key)
        moment: Moment = entry.seen
        stamps: list[bytes | str | int] = [KEY + encoded(entry.key), self.key_at.sequence]
        for tag in entry.tags:
            position = moment.position(tag, layout.bucket_of(tag))
            assert position is not None, f"nobody asked the bucket of {tag!r}"
            stamps += (TAG + encoded(tag), position.sequence)
        if self.since is not None:
            # No field: only that no pattern is forgotten which would have to be compared.
            stamps += ("", self.since)
        compared = self._oldest if self.compared is None else self.compared
        return LAND.command(
            [layout.bucket(home), layout.value(entry.key), layout.lease(entry.key)],
            [self.data, round(self.until * 1000), self.key_at.nonce, compared, self.lease, *stamps],
        )

    def is_overtaken(self, layout: Layout, reading: Reading) -> bool:
        """Return whether its key or one of its tags was invalidated since, by ``reading``."""
        moment, key = self.entry.seen, self.entry.key
        tags_hold = all(
            reading.is_tag_valid(tag, moment.position(tag, layout.bucket_of(tag)))
            for tag in self.entry.tags
        )
        if not (tags_hold and reading.is_key_valid(key, self.key_at)):
            return True
        oldest, home = Position(self.key_at.nonce, self._oldest), reading.buckets[layout.bucket_of(key)]
        return oldest.sequence < home.floor or not home.spares(oldest, key)

    @property
    def _oldest(self) -> int:
        return self.key_at.sequence if self.since is None else self.since

    def after(self, packed: bytes) -> Landing | None:
        """Return the same, compared with all of ``packed``.

        ``None`` if its key matches one of them, or nobody can say.
        """
        patterns = patterns_of(packed)
        if not patterns:
            return None
        for sequence, pattern in patterns:
            if sequence > self._oldest and pattern.match(self.entry.key):
                return None
        return self._replace(compared=patterns[-1][0])
