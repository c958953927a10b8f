"""Threads for loads that their callers do not run themselves.

Unlike the pool of the standard library this one never keeps the program from ending: a load that
hangs for ever is what a timeout was given for. A thread ends when there is nothing left to do, so
an idle pool is nothing at all, and needs no closing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread

Job = Callable[[], object]


class Pool:
    """At most ``most`` threads; jobs past that wait in the order of their coming."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._lock = Lock()
        self._threads = 0
        self._queue: deque[tuple[Future[None], Job]] = deque()

    def submit(self, future: Future[None], job: Job) -> bool:
        """Run ``job`` in a thread; its end is that of ``future``. A future that is cancelled before
        it has begun is not run.

        Return False if no thread can be started: the interpreter is shutting down.
        """
        with self._lock:
            if self._threads >= self._most:
                self._queue.append((future, job))
                return True
            self._threads += 1
        try:
            Thread(target=self._work, args=(future, job), name=self._name, daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._threads -= 1
            return False
        return True

    def _work(self, future: Future[None], job: Job) -> None:
        ready: tuple[Future[None], Job] | None = (future, job)
        while ready is not None:
            _run(*ready)
            with self._lock:
                ready = self._queue.popleft() if self._queue else None
                self._threads -= ready is None


def _run(future: Future[None], job: Job) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        job()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(None)
