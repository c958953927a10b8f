"""A batch of reads: what is asked together on one connection, and what the replies say.

GET of each value, HMGET of each bucket, TIME, and last INFO, which proves who answered
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...errors import StoreError
from .layout import Layout
from .line import Question
from .reading import Bucket, Reading, fields_of


class Batch:
    """Asks for the values of ``values`` and for what the buckets say of ``keys`` and ``tags``.

    Every bucket is asked, since a tag that only the result tells may lie in any of them.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        values: Sequence[str] = (),
        keys: Iterable[str] = (),
        tags: Iterable[str] = (),
    ) -> None:
        self._layout = layout
        self._values = values
        keys, tags = list(dict.fromkeys(keys)), list(dict.fromkeys(tags))
        self._fields = {
            bucket: fields_of(layout, bucket, keys, tags) for bucket in range(layout.buckets)
        }
        self.keys = keys
        self.tags = tags

    @property
    def questions(self) -> list[Question]:
        layout = self._layout
        asked: list[Question] = [("GET", layout.value(key)) for key in self._values]
        for bucket, fields in self._fields.items():
            asked.append(("HMGET", layout.bucket(bucket), *fields))
        asked.append(("TIME",))
        return asked

    def fields(self, bucket: int) -> list[bytes]:
        return self._fields[bucket]

    def values(self, replies: Sequence[Any]) -> list[bytes | None]:
        """Return the values in their order. What is no string is foreign, and so no value."""
        return [reply if isinstance(reply, bytes) else None for reply in replies[: len(self._values)]]

    def reading(self, replies: Sequence[Any], fence: bytes, shift: float) -> Reading:
        """Return what the buckets say; ``shift`` is by how much the store's time is ahead."""
        told = replies[len(self._values) :]
        for reply in told:
            if isinstance(reply, Exception):
                raise StoreError(f"something else lies where a bucket would: {reply}")
        buckets = {
            bucket: Bucket(dict(zip(fields, reply, strict=True)), fence)
            for (bucket, fields), reply in zip(self._fields.items(), told, strict=False)
        }
        time = told[len(self._fields)]
        return Reading(self._layout, int(time[0]) * 1000 + int(time[1]) / 1000, shift, buckets)
