"""The process of the service: ``python -m examples.demo.serve PORT``.

It prints the port that it listens on, serves until its standard input ends, and so never outlives
the process that started it, however that one ended.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import threading

import uvicorn

from .service import app

# Ports below 20,000 are often taken by servers, those above 50,000 by outgoing connections.
PORTS = range(20_000, 50_000)


def listening(port: int | None) -> socket.socket:
    """Return a socket that listens on ``port``, or on a free one."""
    for number in random.sample(PORTS, 100) if port is None else [port]:
        # asyncio turns Nagle's algorithm off only for a socket that says it is TCP; with it, an
        # answer in two packets waits 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name == "posix":  # there it lets a port be taken again at once after its last user
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", number))
        except OSError:
            listener.close()
            continue
        listener.listen(1024)
        return listener
    sys.exit(f"port {port} is taken" if port is not None else "found no free port")


def main(port: int | None) -> None:
    listener = listening(port)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))

    def stop_with_the_parent() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=stop_with_the_parent, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    server.run([listener])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
