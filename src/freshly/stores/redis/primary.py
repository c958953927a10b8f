"""What this process knows of the server at one place, whichever connection asks it."""

from __future__ import annotations

from ..watch import Watch


class Primary:
    """Its fence, and whether it answers."""

    def __init__(self, server: str, watch: Watch, *, longest_silence: float | None = None) -> None:
        self.server = server
        self.watch = watch
        self.fence: bytes | None = None
        #: Seconds after which a connection that has been silent leads to nobody knows whom.
        self.longest_silence = longest_silence

    @property
    def is_replaceable(self) -> bool:
        """Return whether a replica may be promoted in its place."""
        return self.longest_silence is not None

    def forget_parent(self) -> None:
        self.fence = None
