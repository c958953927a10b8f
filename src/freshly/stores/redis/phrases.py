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
        for bucket, mine in self._by_bucket(names, buckets):
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
                call = STAMP.command([layout.bucket(bucket)], arguments)
                calls.append(Stamping(bucket, some, call))
        return calls

    def releasing(self, token: str, names: Sequence[bytes]) -> list[Call]:
        """Return the calls that end the holds of ``token`` on ``names``, and stamp nothing."""
        layout, calls = self._layout, []
        for bucket, mine in self._by_bucket(names, None):
            arguments: list[bytes | str | int] = [token_hex(9), layout.text, token, *mine]
            calls.append(RELEASE.command([layout.bucket(bucket)], arguments))
        return calls

    def leasing(self, key: str, token: str, ms: int) -> Call:
        """Return the call that prolongs a lease, or ends it if ``ms`` is 0."""
        return LEASE.command([self._layout.lease(key)], [token, ms])

    def clearing(self, buckets: Sequence[int] | None = None) -> list[Call]:
        layout = self._layout
        return [
            CLEAR.command([layout.bucket(bucket)], [token_hex(9), layout.text])
            for bucket in (range(layout.buckets) if buckets is None else buckets)
        ]

    def _by_bucket(
        self, names: Sequence[bytes], buckets: Sequence[int] | None
    ) -> list[tuple[int, list[bytes]]]:
        """Return ``names`` by the bucket that they lie in, for those of ``buckets`` that have some."""
        layout = self._layout
        found: dict[int, list[bytes]] = {bucket: [] for bucket in buckets or range(layout.buckets)}
        for name in names:
            # A pattern may mean keys of any bucket.
            homes = list(found) if name[:1] == b"*" else [layout.bucket_of_bytes(name[1:])]
            for bucket in homes:
                if bucket in found:
                    found[bucket].append(name)
        return [(bucket, mine) for bucket, mine in found.items() if mine]
