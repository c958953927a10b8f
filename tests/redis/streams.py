"""The coherence stream of a cache, taken step by step: nothing is heard before the test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freshly import Cache
from freshly.stores.near.store import NearStore
from tests.servers.waiting import wait_until


def near_of(cache: Cache) -> NearStore:
    store = cache._home.parts.store
    assert isinstance(store, NearStore)
    return store


class Stream:
    """A session on a real connection whose turns the test takes, in place of the thread."""

    def __init__(self, cache: Cache) -> None:
        self.near = near_of(cache)
        coherence = self.near.tier.coherence
        assert coherence is not None
        coherence.begin = _nobody  # type: ignore[method-assign]
        self._coherence = coherence
        self.session: Any = None
        self._close: Callable[[], None] = _nobody

    def open(self) -> Stream:
        self.session, _, self._close = self._coherence._make()
        self.session.open()
        return self

    def beat(self) -> Stream:
        """Send a heartbeat, and take what comes until it is answered."""
        waiting = self.session._waiting
        self.session._due = 0.0
        self.session.turn()
        self._until(lambda: not waiting, "a heartbeat was answered")
        return self

    def begin(self) -> Stream:
        return self.open().beat()

    def hear(self, messages: int = 1) -> None:
        """Take messages until so many more have come."""
        tally = self.near.tier.mirrors.of([0])[0].tally
        wanted = tally.messages + messages
        self._until(lambda: tally.messages >= wanted, f"{messages} messages came")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        def turned() -> bool:
            if not condition():
                self.session._due = self.session._pace.pace() + 0.05
                self.session.turn()
            return condition()

        wait_until(turned, what)

    def close(self) -> None:
        self._close()


def _nobody() -> None: ...
