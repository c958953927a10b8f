"""The primary that has some of the buckets, as the readers of this process know it.

A coherence connection leads to one by the same way as theirs, and believes it no longer than they do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from redis.exceptions import ConnectionError as NoConnection

from ..redis.line import WHO_ANSWERS, replicas_in
from ..redis.met import Met
from ..redis.primary import Primary
from ..redis.scripts import Command


class Post(Protocol):
    """See ``ReadersPost``."""

    @property
    def longest_silence(self) -> float | None:
        """After how many seconds a silent primary may have been replaced, ``None`` for never."""
        ...

    def believed(self, bucket: int) -> bytes | None:
        """Return the fence of the primary that the readers have met for ``bucket``."""
        ...

    def meet(self, buckets: Sequence[int]) -> None:
        """Have the readers meet the primary of ``buckets``."""
        ...

    def greet(self, fence: bytes, ask: Callable[[Command], Any]) -> None:
        """Note how things stand with the primary of ``fence``, which a new connection leads to.

        Raises what a connection raises if it is not to be used.
        """
        ...

    def is_proven_by(self, info: bytes) -> bool:
        """Return whether a primary that says ``info`` was not superseded when it did."""
        ...

    def still_has(self, buckets: Sequence[int]) -> bool:
        """Return whether these are the buckets that the readers look for there."""
        ...


class ReadersPost:
    """``vouches`` asks others whether who has a fence is a primary there; ``meet`` has the readers
    meet one; ``homes`` tells which buckets they look for there.
    """

    def __init__(
        self,
        primary: Primary,
        met: Met,
        *,
        vouches: Callable[[bytes], bool],
        meet: Callable[[Sequence[int]], None],
        homes: Callable[[], Sequence[int]],
    ) -> None:
        self._primary = primary
        self._met = met
        self._vouches = vouches
        self._meet = meet
        self._homes = homes
        self._losses = 0

    @property
    def longest_silence(self) -> float | None:
        return self._primary.longest_silence

    def believed(self, bucket: int) -> bytes | None:
        return self._met.of(bucket)

    def meet(self, buckets: Sequence[int]) -> None:
        self._meet(buckets)

    def greet(self, fence: bytes, ask: Callable[[Command], Any]) -> None:
        if not self._primary.is_replaceable:
            return
        info = ask(WHO_ANSWERS)
        replid = fence.rpartition(b".")[2]
        if isinstance(info, Exception) or b"role:master\r" not in info or replid not in info:
            raise NoConnection("the server is not the primary that it was")
        if not self._vouches(fence) or not self._primary.greeted(fence, replicas_in(info)):
            raise NoConnection("the server may have been replaced")
        self._losses = self._primary.losses

    def is_proven_by(self, info: bytes) -> bool:
        # A replica that is promoted leaves its primary first, and only then is told of.
        if not self._primary.is_replaceable:
            return True
        self._primary.seen_with(replicas_in(info))
        return self._losses == self._primary.losses

    def still_has(self, buckets: Sequence[int]) -> bool:
        return self._homes() == buckets
