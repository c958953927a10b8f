"""Keys under which a newer value was laid are announced, for processes that keep the older one near.

A key has a stamp of its own kind for that, which makes nothing invalid: who reads the server finds the
newer value anyway. Who has the older one near hears of the key, or finds the stamp when asking whether
it is valid.
"""

from __future__ import annotations

from collections.abc import Iterable

from .hub import Hub
from .layout import REPLACED, encoded
from .reading import Moment, Position
from .talk import Talk


class Announcements:
    """Announces for one colour of caller."""

    def __init__(self, hub: Hub, talk: Talk) -> None:
        self._hub = hub
        self._talk = talk

    async def announce(self, keys: Iterable[str]) -> Moment:
        """Announce ``keys``, and return the positions of that.

        It is not tried again, and not told to a primary that was promoted: there everything is asked
        about anew.
        """
        calls = self._talk.stamping_by_bucket([REPLACED + encoded(key) for key in keys])
        positions: dict[int, Position] = {}
        if calls:
            answer = await self._talk.write([call for _, _, call in calls])
            for (bucket, _, _), reply in zip(calls, answer.replies, strict=True):
                _, nonce, sequence, floor, prunable, *_ = reply
                positions[bucket] = Position(nonce, int(sequence))
                if int(prunable) > int(floor):
                    self._hub.prunable[bucket] = Position(nonce, int(prunable))
        return Moment(positions)
