"""One process of a run: ``python -m tests.checker.processes.worker NUMBER PLAN``.

It says "ready" when it could begin, begins when it is told to, and ends by writing its journal.
It never outlives the process that started it: when its standard input ends, so does it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from .faults import BLOCKED
from .mutants import MUTANTS
from .plan import Plan
from .source import Source
from .tasks import Tasks
from .threads import Threads


def begin() -> None:
    """Say that this process could begin, and wait until it is told to."""
    print("ready", flush=True)
    if not sys.stdin.readline():
        sys.exit("told to end before the beginning")
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    sys.stdin.read()
    os._exit(3)


def _lead_streams_to(url: str) -> None:
    """Have coherence connections go to ``url``, and all others where they go."""
    from freshly.stores.near import keeping
    from freshly.stores.redis.address import address_of

    original = keeping.Link
    keeping.Link = lambda _, timeout: original(address_of(url, {}, timeout).dial, timeout)  # type: ignore[misc,assignment]


def main(number: int, plan: Plan) -> None:
    # What fails here fails on purpose; the journal has it.
    logging.getLogger("freshly").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGUSR1, lambda *_: time.sleep(BLOCKED))
    if plan.stream:
        _lead_streams_to(plan.stream)
    if plan.mutant:
        MUTANTS[plan.mutant]()
    with Source(Path(plan.folder) / "source", plan.subjects) as source:
        crowd = Tasks if number % 2 == 0 else Threads
        crowd(plan, number, source, begin).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), Plan.from_text(sys.argv[2]))
