"""What this process knows of the server at one place, whichever connection asks it."""

from __future__ import annotations

from ..watch import Watch


class Primary:
    """Its fence, and whether it answers."""

    def __init__(self, server: str, watch: Watch, *, longest_silence: float | None = None) -> None:
        self.server = server
        self.watch = watch
        self.fence: bytes | None = None
        #: How often it was seen with fewer replicas than before.
        self.losses = 0
        self._replicas = 0
        #: Seconds after which a connection that has been silent leads to nobody knows whom.
        self.longest_silence = longest_silence

    @property
    def is_replaceable(self) -> bool:
        """Return whether a replica may be promoted in its place."""
        return self.longest_silence is not None

    def greeted(self, fence: bytes, replicas: int) -> bool:
        """Note who is at the end of a new connection; return whether that is to be used.

        Not if a replica left since the last answer: perhaps after this connection was led here.
        """
        if fence != self.fence:
            self.fence, self._replicas = fence, replicas
            return True
        losses = self.losses
        self.seen_with(replicas)
        return losses == self.losses or not self.is_replaceable

    def seen_with(self, replicas: int) -> None:
        """Note how many replicas it says that it has, on whatever connection.

        One that has left may have been promoted, so what it says on connections from before that is
        not to be used. They are opened anew, where Sentinels, or the cluster, say by then.
        """
        self.losses += replicas < self._replicas
        self._replicas = replicas

    def forget_parent(self) -> None:
        self.fence = None
