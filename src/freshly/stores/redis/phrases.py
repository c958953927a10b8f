"""The calls of scripts, for the names and the buckets of one namespace."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex
from typing import NamedTuple

from .layout import Layout
from .line import Question
from .scripts import CLEAR, LEASE, OPEN, RELEASE, STAMP, Call

# More names in one call would keep the server from everybody else for too long.
NAMES_A_CALL = 1000


class Stamping(NamedTuple):
    """The call that stamps ``names``, which have their kind in front, in one bucket."""

    bucket: int
    names: Sequence[bytes]
    call: Call


class Phrases:
    """``max_ttl`` is in seconds."""

    def __init__(self, layout: Layout, max_ttl: float) -> None:
        self._layout = layout
        self._max_ttl = int(max_ttl * 1000)

    def opening(self, bucket: int, fields: Sequence[bytes]) -> Call:
        return OPEN.command([self._layout.bucket(bucket)], [token_hex(9), self._layout.text, *fields])

    def stamping(self, names: Sequence[bytes], *, buckets: Sequence[int]) -> list[Question]:
        """Return the calls that stamp those of ``names`` that lie in ``buckets``."""
        return [one.call for one in self.stamping_by_bucket(names, buckets=buckets)]

    def stamping_by_bucket(
        self,
        names: Sequence[bytes],
        *,
        buckets: Sequence[int] | None = None,
        token: str = "",
        hold: int = 0,
    ) -> list[Stamping]:
        """Return the same calls, each with its bucket and its names; of all buckets by default."""
        layout = self._layout
        calls: list[Stamping] = []
        for bucket in range(layout.buckets) if buckets is None else buckets:
            mine = [name for name in names if _is_in(layout, bucket, name)]
            for start in range(0, len(mine), NAMES_A_CALL):
                some = mine[start : start + NAMES_A_CALL]
                arguments: list[bytes | str | int] = [
                    token_hex(9),
                    layout.text,
                    self._max_ttl,
                    token,
                    hold,
                    *some,
                ]
                keys = [layout.bucket(bucket), layout.channel(bucket)]
                calls.append(Stamping(bucket, some, STAMP.command(keys, arguments)))
        return calls

    def releasing(self, token: str, names: Sequence[bytes]) -> list[Call]:
        """Return the calls that end the holds of ``token`` on ``names``, and stamp nothing."""
        layout, calls = self._layout, []
        for bucket in range(layout.buckets):
            if mine := [name for name in names if _is_in(layout, bucket, name)]:
                arguments: list[bytes | str | int] = [token_hex(9), layout.text, token, *mine]
                calls.append(RELEASE.command([layout.bucket(bucket)], arguments))
        return calls

    def leasing(self, key: str, token: str, ms: int) -> Call:
        """Return the call that prolongs a lease, or ends it if ``ms`` is 0."""
        return LEASE.command([self._layout.lease(key)], [token, ms])

    def clearing(self, buckets: Sequence[int] | None = None) -> list[Call]:
        layout = self._layout
        return [
            CLEAR.command([layout.bucket(bucket), layout.channel(bucket)], [token_hex(9), layout.text])
            for bucket in (range(layout.buckets) if buckets is None else buckets)
        ]


def _is_in(layout: Layout, bucket: int, name: bytes) -> bool:
    # A pattern may mean keys of any bucket.
    return name[:1] == b"*" or layout.bucket_of_bytes(name[1:]) == bucket
