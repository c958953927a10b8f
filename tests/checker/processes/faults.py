"""What goes wrong during a run, at seeded moments: to the connections, the server, the processes."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Sequence
from functools import cached_property

import redis

from tests.servers.server import Server

# Seconds between two faults, on average, and how long a process is stopped.
RHYTHM = 0.35
STOPPED = 0.3


class Faults:
    """Does the faults of ``names`` to ``server`` and ``pids`` until it is told to end.

    Those that begin or end processes need a server of the run's own.
    """

    def __init__(
        self, names: Sequence[str], url: str, server: Server | None, pids: Sequence[int], seed: int
    ) -> None:
        self.done: list[str] = []
        self._names = names
        self._server = server
        self._pids = pids
        self._chance = random.Random(f"{seed} faults")
        self._url = url

    @cached_property
    def _client(self) -> redis.Redis:
        if self._server is not None:
            return self._server.admin
        return redis.Redis.from_url(self._url, protocol=2)

    def run(self, over: threading.Event) -> None:
        """Do one after another until ``over`` is set; each of them once before one comes again."""
        while self._names:
            for name in self._chance.sample(self._names, len(self._names)):
                if over.wait(self._chance.uniform(0.5, 1.5) * RHYTHM):
                    return
                FAULTS[name](self)
                self.done.append(name)

    def kill(self) -> None:
        """Cut every connection to the server but this one."""
        self._client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def restart(self) -> None:
        """Kill the server and start it empty."""
        assert self._server is not None
        self._server.restart()
        self.__dict__.pop("_client", None)

    def rewind(self) -> None:
        """Kill the server and start it as it was a moment ago: what came after is lost."""
        assert self._server is not None
        self._server.save()
        threading.Event().wait(0.1)
        self.restart()

    def evict(self) -> None:
        """Take the stamps away, and leave the entries."""
        for key in self._client.scan_iter(match="fr:*:t"):
            self._client.delete(key)

    def scripts(self) -> None:
        """Have the server forget all scripts."""
        self._client.script_flush()

    def stop(self) -> None:
        """Stop one process in its tracks, for a while."""
        pid = self._chance.choice(self._pids)
        os.kill(pid, signal.SIGSTOP)
        try:
            threading.Event().wait(STOPPED)
        finally:
            os.kill(pid, signal.SIGCONT)

    def hang(self) -> None:
        """Stop the server in its tracks, for longer than a time-out."""
        assert self._server is not None
        self._server.stop()
        try:
            threading.Event().wait(1.0)
        finally:
            self._server.resume()


FAULTS: dict[str, Callable[[Faults], None]] = {
    "kill": Faults.kill,
    "restart": Faults.restart,
    "rewind": Faults.rewind,
    "evict": Faults.evict,
    "scripts": Faults.scripts,
    "stop": Faults.stop,
    "hang": Faults.hang,
}

# These need a server that the run may kill.
OWN_SERVER = ("restart", "rewind", "hang")
