"""Threads that are switched between any two instructions of the code under test, and at its locks.

Threads of the simulation give their turn away where they would wait. Those that are ``stepped`` do so
in the middle of anything as well, as often as chance says; the interpreter's own switches are a few of
these. Then locks are ours too: who would wait for one gives the turn away until it is free.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import freshly

from .actors import Actor, here, turn

#: Where threads are switched.
CODE = str(Path(freshly.__file__).parent)
#: Seconds for which the turn is away: as long as some instructions of others take, or whole calls.
AWAY = (1e-6, 1e-6, 1e-6, 1e-5)


class StepRLock:
    """Takes the place of ``threading.RLock``."""

    is_reentrant = True

    def __init__(self) -> None:
        self._owner: Actor | None = None
        self._depth = 0
        self._wakers: list[Callable[[], None]] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        me = turn.actor
        assert not self._depth or self._owner is not me or self.is_reentrant, "it waits for itself"
        while self._depth and self._owner is not me:
            if not blocking:
                return False
            here().wait(None, self._wakers.append)
        self._owner, self._depth = me, self._depth + 1
        return True

    def release(self) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = None
            wakers, self._wakers = self._wakers, []
            for wake in wakers:
                wake()

    def locked(self) -> bool:
        return bool(self._depth)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *what: object) -> None:
        self.release()


class StepLock(StepRLock):
    """Takes the place of ``threading.Lock``."""

    is_reentrant = False


def stepped(work: Callable[[], object], chance: Random, often: float) -> Callable[[], None]:
    """Return what does ``work`` and gives the turn away before ``often`` of all instructions."""

    def step(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "opcode" and chance.random() < often:
            here().rest(chance.random() * chance.choice(AWAY))
        return step

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(CODE):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return step

    def run() -> None:
        sys.settrace(enter)
        try:
            work()
        finally:
            sys.settrace(None)

    return run
