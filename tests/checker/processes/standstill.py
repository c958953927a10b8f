"""Time that passes while something is out of order, and processes that stand still meanwhile."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


def wait(seconds: float) -> None:
    threading.Event().wait(seconds)


@contextmanager
def standing_still(pids: Sequence[int]) -> Iterator[None]:
    """Have processes stop in their tracks meanwhile."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
