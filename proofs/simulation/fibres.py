"""What threads of the simulation run on: each has a stack of its own, and one runs at a time.

A ``Fibre`` is a greenlet: to hand the turn over is a call. An ``OwnThread`` is a thread of the
operating system, where that takes two locks and a switch of the kernel. What is traced needs one:
``sys.settrace`` is about threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]


class Carrier(Protocol):
    """Runs ``work``, from the first ``go_on`` to its end."""

    def __init__(self, work: Callable[[], None], name: str) -> None: ...

    def go_on(self) -> None:
        """Have it run until it gives the turn back, or ends. The world calls this."""
        ...

    def give_back(self) -> None:
        """Wait for the next ``go_on``. What runs on it calls this."""
        ...


class Fibre:
    """Runs on the thread of who calls ``go_on``."""

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._greenlet: Any = greenlet(work)
        self._world: Any = None

    def go_on(self) -> None:
        if self._world is None:
            # Where it ends; the one that made it may be another fibre.
            self._world = self._greenlet.parent = getcurrent()
        self._greenlet.switch()

    def give_back(self) -> None:
        assert self._world is not None, "it does not run"
        self._world.switch()


class OwnThread:
    """Runs on a thread of its own."""

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._work = work
        self._mine, self._worlds = threading.Lock(), threading.Lock()
        self._mine.acquire()
        self._worlds.acquire()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._has_begun = self._is_over = False

    def go_on(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._thread.start()
        self._mine.release()
        self._worlds.acquire()
        if self._is_over:
            self._thread.join()

    def give_back(self) -> None:
        self._worlds.release()
        self._mine.acquire()

    def _run(self) -> None:
        self._mine.acquire()
        try:
            self._work()
        finally:
            self._is_over = True
            self._worlds.release()
