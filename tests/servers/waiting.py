"""Wait for something outside of this process: look again and again, and give up with a reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

# Processes start and answer within milliseconds; this long only on a machine that is very busy.
LIMIT_SECONDS = 20.0
# Seconds between two looks.
INTERVAL = 0.005


def wait_until(condition: Callable[[], object], what: str, limit: float = LIMIT_SECONDS) -> None:
    """Return when ``condition()`` is true; fail with ``what`` if it is not within ``limit`` seconds."""
    deadline = time.monotonic() + limit
    pause = Event()
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit:g} s in vain: {what}")
        pause.wait(INTERVAL)
