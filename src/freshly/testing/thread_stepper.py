"""Step threads by hand: as ``Stepper``, for blocking callers.

Nothing waits for time to pass. The limit below only turns a test that would hang into one that
fails.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Condition
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")

LIMIT_SECONDS = 20.0


class ThreadStepper:
    """Named points at which threads stand until they are let go, first come first gone."""

    def __init__(self, threads: int = 16) -> None:
        self._changed = Condition()
        self._arrived: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        self._pool = ThreadPoolExecutor(threads, "stepped")

    def start(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> Future[T]:
        """Call ``function`` in a thread of its own; its outcome is the future's."""
        return self._pool.submit(function, *args, **kwargs)

    def stop(self, point: str) -> None:
        """Stand at ``point`` until the test says ``go``."""
        with self._changed:
            mine = self._arrived[point] = self._arrived.get(point, 0) + 1
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._gone.get(point, 0) >= mine, LIMIT_SECONDS):
                raise AssertionError(f"nobody said go({point!r})")

    def reached(self, point: str) -> None:
        """Wait until somebody stands at ``point``."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.is_standing(point), LIMIT_SECONDS):
                raise AssertionError(f"nobody came to {point!r}")

    def is_standing(self, point: str) -> bool:
        return self._arrived.get(point, 0) > self._gone.get(point, 0)

    def visits(self, point: str) -> int:
        """Return how many have come to ``point`` so far."""
        return self._arrived.get(point, 0)

    def go(self, point: str) -> None:
        """Let the one go who has stood longest at ``point``."""
        with self._changed:
            if not self.is_standing(point):
                raise AssertionError(f"nobody stands at {point!r}")
            self._gone[point] = self._gone.get(point, 0) + 1
            self._changed.notify_all()

    def __enter__(self) -> ThreadStepper:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            # Whoever still stands somewhere may go, or the pool would never end.
            self._gone = dict.fromkeys(self._arrived, 1 << 30)
            self._changed.notify_all()
        self._pool.shutdown(wait=error is None, cancel_futures=True)
