"""What this process has served to functions lately: the next read of it knows what to ask.

It has no value: a read asks the server for that, and for all stamps, each time. What is spared is to
work out the key, the tags and the bytes of the question once more, and to take apart how an entry
begins that begins as it did before.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from ...core.entry import Entry
from ...core.rows import Rows
from ...wire.codec import PayloadCodec
from ...wire.envelope import Head
from .layout import KEY, STALE, TAG, Layout, encoded
from .packed import bulk

# Rows that came lately, and as many that came before those: some 20 MB if all are in use. Who reads
# more than that in turn works out each question anew.
REMEMBERED = 8_192
# Bytes of a question that is remembered: some thirty tags. Longer ones are worked out each time.
LONGEST = 2_000


class Seen(NamedTuple):
    """An entry that was plainly a hit. While its bytes begin with ``head`` this is true of it.

    Without one, that of a protected payload, it is taken apart each time.
    """

    head: Head | None
    early_at: float
    nonce: bytes
    sequence: int
    codec: PayloadCodec


class Known:
    """An entry by its key and the tags that it carried when it was found.

    ``value`` and ``fields`` are the words of the question, packed: the name of the value, and
    ``count`` stamps of key and tags. Holds are not among them: who finds its entry has no use for one.
    """

    __slots__ = ("count", "fields", "key", "name", "seen", "tags", "value")

    def __init__(self, layout: Layout, key: str, tags: tuple[str, ...]) -> None:
        self.key = key
        self.tags = tags
        self.name = layout.value(key)
        self.value = bulk(self.name)
        names = self.names()
        self.fields = b"".join(map(bulk, names))
        self.count = len(names)
        self.seen: Seen | None = None

    def names(self) -> list[bytes]:
        """Return the names of the fields, in the order in which they are asked for."""
        names = [KEY + encoded(self.key)]
        for tag in map(encoded, self.tags):
            names += (TAG + tag, STALE + tag)
        return names


class KnownRows:
    """Known entries by the row under which a function finds them."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._late: dict[tuple[Rows, Hashable], Known] = {}
        self._early: dict[tuple[Rows, Hashable], Known] = {}

    def get(self, rows: Rows, row: Hashable) -> Known | None:
        found = self._late.get((rows, row))
        if found is None and (found := self._early.get((rows, row))) is not None:
            self._add(rows, row, found)
        return found

    def note(self, entry: Entry[object], rows: Rows, row: Hashable) -> None:
        """Note that ``entry`` was served under ``row``."""
        known = self.get(rows, row)
        if known is None or known.tags != entry.tags or known.key != entry.key:
            known = Known(self._layout, entry.key, entry.tags)
            if len(known.value) + len(known.fields) <= LONGEST:
                self._add(rows, row, known)

    def _add(self, rows: Rows, row: Hashable, known: Known) -> None:
        if len(self._late) >= REMEMBERED:
            self._early, self._late = self._late, {}
        self._late[rows, row] = known
