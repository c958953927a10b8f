"""What goes wrong during a run, at seeded moments: to the connections, the server, the processes."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Sequence
from functools import cached_property

import redis

from tests.servers.proxy import Mode, Proxy
from tests.servers.server import Server

from .standstill import standing_still, wait

# Seconds between two faults, on average, how long a process is stopped, and how long a server or the
# way to it does not answer: longer than a time-out.
RHYTHM = 0.35
STOPPED = 0.3
SILENT = 1.0
# Seconds for which an event loop, or the main thread, is kept from everything.
BLOCKED = 0.6


class Faults:
    """Does the faults of ``names`` to ``server`` and ``pids`` until it is told to end.

    Those that begin or end processes need a server of the run's own, those of the network a ``proxy``
    that the processes reach it by; ``stream`` is one that only their coherence connections take.
    """

    def __init__(
        self,
        names: Sequence[str],
        url: str,
        server: Server | None,
        pids: Sequence[int],
        seed: int,
        proxy: Proxy | None = None,
        stream: Proxy | None = None,
    ) -> None:
        self.done: list[str] = []
        self._names = names
        self._server = server
        self._proxy = proxy
        self._stream = stream
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
        self._client.client_kill_filter(_type="normal", skipme=True)

    def restart(self) -> None:
        """Kill the server and start it empty."""
        assert self._server is not None
        self._server.restart()
        self.__dict__.pop("_client", None)

    def rewind(self) -> None:
        """Kill the server and start it as it was a moment ago: what came after is lost."""
        assert self._server is not None
        self._server.save()
        wait(0.1)
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
        with standing_still([self._chance.choice(self._pids)]):
            wait(STOPPED)

    def block(self) -> None:
        """Have the main thread of one process do nothing else for a while, its event loop included."""
        os.kill(self._chance.choice(self._pids), signal.SIGUSR1)

    def deafen(self) -> None:
        """Cut the connections that hear messages."""
        self._client.execute_command("CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes")  # type: ignore[no-untyped-call]

    def hang(self) -> None:
        """Stop the server in its tracks, for longer than a time-out."""
        assert self._server is not None
        self._server.stop()
        try:
            wait(SILENT)
        finally:
            self._server.resume()

    def flush(self) -> None:
        """Take everything away: stamps and entries alike."""
        self._client.flushall()

    def fill(self) -> None:
        """Leave too little memory, so that the server evicts stamps and entries as they come."""
        self._client.config_set("maxmemory-policy", "allkeys-random")
        self._client.config_set("maxmemory", int(self._client.info("memory")["used_memory"]) - 1)
        wait(STOPPED)
        self._client.config_set("maxmemory", 0)

    def cut(self) -> None:
        """End all connections in the middle of whatever they carry."""
        assert self._proxy is not None
        self._proxy.cut()

    def freeze(self) -> None:
        """Let nothing through for a while. What was sent meanwhile arrives after all, too late."""
        self._through("freeze")

    def lose(self) -> None:
        """Have the server carry out what it is told, and lose its answers."""
        self._through("lose")
        self.cut()

    def half(self) -> None:
        """Let half of an answer through, and then nothing more."""
        self._through("half")
        self.cut()

    def mute(self) -> None:
        """Have nothing come to near entries for longer than their lease, while all else goes on."""
        assert self._stream is not None
        self._stream.mode = "freeze"
        try:
            wait(SILENT)
        finally:
            self._stream.mode = "pass"

    def _through(self, mode: Mode) -> None:
        assert self._proxy is not None
        self._proxy.mode = mode
        try:
            wait(SILENT)
        finally:
            self._proxy.mode = "pass"


FAULTS: dict[str, Callable[[Faults], None]] = {
    "kill": Faults.kill,
    "restart": Faults.restart,
    "rewind": Faults.rewind,
    "evict": Faults.evict,
    "scripts": Faults.scripts,
    "stop": Faults.stop,
    "block": Faults.block,
    "deafen": Faults.deafen,
    "hang": Faults.hang,
    "flush": Faults.flush,
    "fill": Faults.fill,
    "cut": Faults.cut,
    "freeze": Faults.freeze,
    "lose": Faults.lose,
    "half": Faults.half,
    "mute": Faults.mute,
}

# These need a way to the server on which things go wrong.
ON_THE_WAY = ("cut", "freeze", "lose", "half")
# These need a server that the run may kill, fill up, or put a proxy before.
OF_THE_STREAM = ("mute",)
OWN_SERVER = ("restart", "rewind", "hang", "fill", *ON_THE_WAY, *OF_THE_STREAM)
