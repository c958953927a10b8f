"""What both colours of a near store share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.clocks import Clock
from ...core.ports import Gate
from ..redis.gate import ShutGate
from .coherences import Keeper
from .mirrors import Mirrors
from .shelf import Shelf

if TYPE_CHECKING:
    from .store import NearStore


class Tier:
    """Entries, leases and marks.

    ``coherence`` is ``None`` where each read asks the server (strict).
    """

    def __init__(self, clock: Clock, shelf: Shelf, mirrors: Mirrors, coherence: Keeper | None) -> None:
        self.clock = clock
        self.shelf = shelf
        self.mirrors = mirrors
        self.coherence = coherence
        self.gate: Gate = ShutGate() if coherence is None else shelf.logical
        self.revalidations = 0
        #: The awaited side, which stands behind functions of both colours.
        self.origin: NearStore | None = None

    def begin(self) -> None:
        if self.coherence is not None:
            self.coherence.begin()

    def forget_parent(self) -> None:
        """Serve nothing of the parent's in a forked child."""
        self.mirrors.forget_parent()
        if self.coherence is not None:
            self.coherence.begin_anew()
