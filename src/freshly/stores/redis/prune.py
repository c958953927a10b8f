"""Stamps that are older than everything stored are dropped, and the floor rises in their place."""

from __future__ import annotations

from ...errors import StoreError
from .hub import Hub
from .layout import KEY, REPLACED, STALE, TAG
from .reading import Position
from .scans import Fields
from .scripts import PRUNE
from .talk import Talk


class Pruner:
    def __init__(self, hub: Hub, talk: Talk) -> None:
        self._hub = hub
        self._talk = talk

    async def tidy(self) -> None:
        """Do that for the buckets of which a stamp has told that it is to be done."""
        for bucket in list(self._hub.prunable):
            until = self._hub.prunable.pop(bucket, None)
            if until is None:
                # Another caller does it.
                continue
            try:
                await self._prune(bucket, until)
            except StoreError:
                # The next stamp finds that it is still to be done.
                return

    async def _prune(self, bucket: int, until: Position) -> None:
        name = self._hub.layout.bucket(bucket)
        async for fields in Fields(self._talk, name):
            old = [field for field, stamp in fields.items() if _is_old(field, stamp, until.sequence)]
            arguments: list[bytes | str | int] = [until.nonce, until.sequence, *old]
            await self._talk.write([PRUNE.command([name], arguments)])


def _is_old(field: bytes, stamp: bytes, until: int) -> bool:
    return field[:1] in (TAG, STALE, KEY, REPLACED) and stamp.isdigit() and int(stamp) <= until
