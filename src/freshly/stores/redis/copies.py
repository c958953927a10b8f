"""Copies of an invalidation on replicas, for whom it is not enough that the primary has it.

A replica that is promoted may lack what its primary acknowledged last. Who made it tells it again, but
not if it has died meanwhile. ``WAIT`` goes out behind the scripts, on the same connection, and is
answered when so many replicas have them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ...errors import UnconfirmedError
from .scripts import Command


class Copies(NamedTuple):
    """How many replicas have to confirm it, and how many milliseconds they have."""

    replicas: int
    ms: int

    @property
    def question(self) -> Command:
        return ("WAIT", self.replicas, self.ms)

    def check(self, confirmed: Any, server: str) -> None:
        """Raise ``UnconfirmedError`` if fewer have confirmed it."""
        if int(confirmed) < self.replicas:
            raise UnconfirmedError(server, int(confirmed), self.replicas, self.ms / 1000)
