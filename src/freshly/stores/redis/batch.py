"""A batch of reads: what is asked together, and what the replies say.

the values, leases, HMGET of each bucket; and, of each server, TIME, and last INFO, which proves who
answered

Leases come before the buckets: what is loaded under one carries a stamp from when it was taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

from ...errors import StoreError
from .layout import Layout
from .line import Question
from .reading import Bucket, Reading, fields_of
from .scripts import BID, Call
from .talk import Answer

# More in one call would keep the server from everybody else for too long.
BIDS_A_CALL = 1000


class Batch:
    """Asks for the values of ``values`` and for what the buckets say of ``keys`` and ``tags``.

    Where a load may follow ``is_whole`` has every bucket asked, since a tag that only the result tells
    may lie in any of them. ``bids`` are tokens by key, for the leases of those under which nothing
    lies, which last ``lease_ms``. Of keys in ``near`` it is asked whether something newer was laid
    under them.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        values: Sequence[str] = (),
        keys: Iterable[str] = (),
        tags: Iterable[str] = (),
        bids: Mapping[str, str] | None = None,
        lease_ms: int = 0,
        is_whole: bool = True,
        near: Sequence[str] = (),
    ) -> None:
        self._layout = layout
        self._values = values
        self._fields = fields_of(
            layout, dict.fromkeys(keys), dict.fromkeys(tags), near, is_whole=is_whole
        )
        # One bucket stands for one server, which takes keys of all slots in one command.
        self._is_one = layout.buckets == 1 and len(values) > 1
        self._gets = 1 if self._is_one else len(values)
        bidders = list(bids or ())
        # Where slots are several, each key has its own.
        size = BIDS_A_CALL if layout.buckets == 1 else 1
        self._bidders = [bidders[start : start + size] for start in range(0, len(bidders), size)]
        self._bids = [self._bidding(keys, bids or {}, lease_ms) for keys in self._bidders]

    @property
    def questions(self) -> list[Question]:
        layout = self._layout
        asked: list[Question] = []
        if self._is_one:
            asked.append(("MGET", *map(layout.value, self._values)))
        else:
            asked += [("GET", layout.value(key)) for key in self._values]
        asked += self._bids
        for bucket, fields in self._fields.items():
            asked.append(("HMGET", layout.bucket(bucket), *fields))
        return asked

    def _bidding(self, keys: Sequence[str], bids: Mapping[str, str], lease_ms: int) -> Call:
        places = [place for key in keys for place in (self._layout.value(key), self._layout.lease(key))]
        return BID.command(places, [lease_ms, *(bids[key] for key in keys)])

    def fields(self, bucket: int) -> list[bytes]:
        return self._fields[bucket]

    def values(self, replies: Sequence[Any]) -> dict[str, bytes | None]:
        """Return the values by key. What is no string is foreign, and so no value."""
        found = replies[0] if self._is_one else replies[: self._gets]
        if isinstance(found, Exception):
            raise StoreError(f"the server does not tell the values: {found}") from found
        return {
            key: reply if isinstance(reply, bytes) else None
            for key, reply in zip(self._values, found, strict=True)
        }

    def holders(self, replies: Sequence[Any]) -> dict[str, bytes | None]:
        """Return by key who has its lease; ``None`` where none was given, since something lies there.

        A server that refuses the question gives none either.
        """
        told = replies[self._gets : self._gets + len(self._bids)]
        return {
            key: holder
            for keys, reply in zip(self._bidders, told, strict=True)
            for key, holder in zip(keys, _list_of(reply), strict=False)
        }

    def reading(self, answer: Answer, shift: float) -> Reading:
        """Return what the buckets say; ``shift`` is by how much the store's time is ahead."""
        start = self._gets + len(self._bids)
        told = answer.part(start, start + len(self._fields))
        buckets: dict[int, Bucket] = {}
        for (number, fields), reply, witness in zip(
            self._fields.items(), told.replies, told.witnesses, strict=True
        ):
            if isinstance(reply, Exception):
                raise StoreError(f"something else lies where a bucket would: {reply}")
            found = dict(zip(fields, reply, strict=True))
            buckets[number] = Bucket(found, witness.fence, witness.time)
        return Reading(self._layout, shift, buckets)


def _list_of(reply: Any) -> Iterable[Any]:
    return reply if isinstance(reply, list) else repeat(None)
