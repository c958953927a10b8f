"""The service in a process of its own, so that the traffic does not take its time from it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

__all__ = ["running_service", "running_services"]

ROOT = Path(__file__).parents[2]

# Seconds for the service to finish its last requests.
STOP_TIMEOUT = 10.0


@contextmanager
def running_service(
    cache: str, database: Path, *, url: str = "mem://", port: int | None = None
) -> Iterator[int]:
    """Start the service on loopback and yield its port; stop it at the end of the block.

    Args:
        cache: One of ``settings.CACHES``.
        database: The SQLite file, which the service will change.
        url: Where freshly keeps its entries.
        port: The port, or ``None`` for a free one.

    Raises:
        RuntimeError: if it did not start. Why, it has written to the standard error.
    """
    environment = os.environ | {
        "DEMO_CACHE": cache,
        "DEMO_DATABASE": str(database),
        "DEMO_URL": url,
    }
    if cache == "none":
        environment["FRESHLY_DISABLED"] = "1"
    command = [sys.executable, "-m", "examples.demo.serve", *([str(port)] if port else [])]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process, which then stops that one
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the service ended with exit status {process.wait()}")
            yield int(line)
        finally:
            process.stdin.close()  # the service stops when its standard input ends
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def running_services(cache: str, database: Path, *, url: str, processes: int) -> Iterator[list[int]]:
    """Start the service in several processes over one database, and yield their ports."""
    with ExitStack() as stack:
        yield [stack.enter_context(running_service(cache, database, url=url)) for _ in range(processes)]
