"""Ask again about what was valid before: for the near tier, which has the values itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...core.holds import Held
from .asking import Asking, Want
from .held import HeldInReading
from .hub import Hub
from .layout import STALE, encoded
from .reading import Moment, Reading


class Again:
    """Questions of one colour about names, without a value.

    ``since`` is what ``delivered`` was before.
    """

    def __init__(self, hub: Hub, asking: Asking) -> None:
        self._hub = hub
        self._asking = asking

    @property
    def delivered(self) -> int:
        return self._hub.undelivered.deliveries

    async def names(
        self, keys: Sequence[str], tags: Sequence[str], *, is_whole: bool = True
    ) -> Reading:
        """Return what the buckets say of ``keys`` and ``tags``, in one round trip.

        All of them, or those of the names: for whom asks again before a load.
        """
        want = Want((), keys, tags, is_whole=is_whole, near=keys)
        return (await self._asking.ask(want)).reading

    def held(self, reading: Reading) -> Held:
        return HeldInReading(self._hub.layout, reading)

    def overtakes(
        self, reading: Reading, stamp: Moment, tags: Iterable[str], key: str | None, since: int
    ) -> bool:
        """Return whether, by ``reading``, one of ``tags`` or ``key`` was invalidated after ``stamp``.

        What this process could not deliver was invalidated all the same.
        """
        tags, undelivered = tuple(tags), self._hub.undelivered
        return undelivered.covers(key or "", tags, since) or reading.overtakes(stamp, tags, key)

    def makes_stale(self, reading: Reading, stamp: Moment, tags: Iterable[str]) -> bool:
        """Return whether one of ``tags``, which are valid, was marked stale after ``stamp``."""
        tags = tuple(tags)
        return self._hub.undelivered.makes_stale(tags) or any(
            self._is_marked(reading, stamp, tag) for tag in tags
        )

    def _is_marked(self, reading: Reading, stamp: Moment, tag: str) -> bool:
        number = self._hub.layout.bucket_of(tag)
        position = stamp.position(tag, number)
        marked = reading.buckets[number].number(STALE + encoded(tag))
        return position is None or marked > position.sequence
