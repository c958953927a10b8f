"""One direction of a connection: bytes arrive late, in pieces, in order, or never."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Protocol

from .world import World


class Weather(Protocol):
    """How the network is doing."""

    def delay(self, chance: Random) -> float:
        """Return how many seconds a piece takes now."""
        ...


class Pipe:
    """Brings what is sent to ``deliver``. ``cut`` loses what is under way and all that comes."""

    def __init__(
        self, world: World, weather: Weather, chance: Random, deliver: Callable[[bytes], None]
    ) -> None:
        self._world = world
        self._weather = weather
        self._chance = chance
        self._deliver = deliver
        self._last = 0.0
        self._is_cut = self._is_ended = False

    def send(self, data: bytes) -> None:
        if self._is_ended:
            return
        chance = self._chance
        size = len(data)
        while size > 1 and chance.random() < 0.15:
            size = chance.randrange(1, size)
            self._bring(data[:size])
            data = data[size:]
            size = len(data)
        if data:
            self._bring(data)

    def after_all(self, act: Callable[[], None]) -> None:
        """Have ``act`` called when all that was sent has arrived."""
        self._last = max(self._last, self._world.now + self._weather.delay(self._chance))
        self._world.at(self._last, lambda: None if self._is_cut else act())

    def hold(self, seconds: float) -> None:
        """Let what is sent from now on arrive in ``seconds`` at the earliest."""
        self._last = max(self._last, self._world.now + seconds)

    def cut(self) -> None:
        self._is_cut = True

    def end(self) -> None:
        """Lose what is sent from now on; what is under way arrives."""
        self._is_ended = True

    def _bring(self, piece: bytes) -> None:
        arrives = self._world.now + self._weather.delay(self._chance)
        if arrives > self._last:
            self._last = arrives
        self._world.at(self._last, partial(self._arrive, piece))

    def _arrive(self, piece: bytes) -> None:
        if not self._is_cut:
            self._deliver(piece)
