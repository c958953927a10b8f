"""The coherence streams of a cache with a cluster, one for each primary, taken step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from freshly import Cache
from freshly.stores.near.coherences import Coherences
from freshly.stores.redis.reading import positions_of
from freshly.stores.redis.slots import Place
from tests.redis.streams import near_of
from tests.servers.waiting import wait_until


class Streams:
    """Sessions on real connections whose turns the test takes, in place of the threads."""

    def __init__(self, cache: Cache) -> None:
        self.near = near_of(cache)
        coherence = self.near.tier.coherence
        assert isinstance(coherence, Coherences)
        coherence.begin = _nobody  # type: ignore[method-assign]
        self._coherences = coherence
        self.sessions: dict[Place, Any] = {}
        self._closes: list[Callable[[], None]] = []

    def begin(self, *places: Place) -> Streams:
        """Open the streams of ``places``, or of all primaries that have buckets, and beat once."""
        for place in places or {one for one in self._coherences._homes() if one is not None}:
            made = self._coherences._make(place)._make()
            assert made is not None
            session, _, close = made
            self.sessions[place] = session
            self._closes.append(close)
            session.open()
        self.beat(*places)
        return self

    def beat(self, *places: Place) -> None:
        """Send heartbeats to ``places``, or to all, and take what comes until they are answered."""
        for session in self._at(places):
            session._due = 0.0
            session.turn()
            self._until(session, lambda session=session: not session._waiting)

    def hear(self, place: Place, messages: int = 1) -> None:
        """Take messages of the stream at ``place`` until so many more have come."""
        session = self.sessions[place]
        tallies = [mirror.tally for mirror in session._mirrors.values()]

        def heard() -> int:
            return sum(tally.messages for tally in tallies)

        wanted = heard() + messages
        self._until(session, lambda: heard() >= wanted)

    def catch_up(self, moment: str) -> None:
        """Take messages until all up to ``moment``, of a token's text, was heard of."""
        mirrors, positions = self.near.tier.mirrors, positions_of(moment)
        for session in self.sessions.values():
            mine = {number: positions[number] for number in session._mirrors if number in positions}
            self._until(session, lambda mine=mine: mirrors.reached(mine))

    def _at(self, places: Iterable[Place]) -> list[Any]:
        return [self.sessions[place] for place in places or self.sessions]

    def _until(self, session: Any, condition: Callable[[], bool]) -> None:
        def turned() -> bool:
            if not condition():
                session._due = session._pace.pace() + 0.05
                session.turn()
            return condition()

        wait_until(turned, "nothing came")

    def close(self) -> None:
        for close in self._closes:
            close()


def _nobody() -> None: ...
