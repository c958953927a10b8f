"""A server in a process of its own: no persistence, loopback only, ended by its process id."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import redis

from .kinds import Kind
from .waiting import LIMIT_SECONDS, wait_until

# Ports below 10,000 are often taken by servers. Those from 32,768 on the system gives to outgoing
# connections: one of them could be gone when a server that was killed wants it back, and a client that
# knocks at one while nobody listens may be given the same, and find itself connected to itself.
PORTS = range(10_000, 32_000)
# Names are chosen by chance of their own: a test that seeds `random` must not meet taken ports.
_chance = random.SystemRandom()

QUIET = {
    "save": "",
    "appendonly": "no",
    "bind": "127.0.0.1",
    "loglevel": "notice",
    "repl-diskless-sync-delay": "0",
}


_given: set[int] = set()


def free_port() -> int:
    """Return a port on loopback that nobody listens on now."""
    for port in _chance.sample(PORTS, 100):
        # One that was given out is not listened on yet, but will be.
        if port in _given:
            continue
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            _given.add(port)
            return port
    raise OSError("found no free port")


class Server:
    """A running server, reachable by TCP and by a unix socket in ``folder``.

    ``config`` are directives of its configuration. Values stand in memory only: a restart loses
    them, unless ``save`` wrote them before.
    """

    def __init__(
        self,
        kind: Kind,
        folder: Path,
        *,
        password: str | None = None,
        config: Mapping[str, str] | None = None,
    ) -> None:
        executable = kind.executable()
        if executable is None:
            raise FileNotFoundError(kind.why_not())
        self.kind = kind
        self.folder = folder
        self.password = password
        self.port = free_port()
        self.socket = folder / "socket"
        self._executable = executable
        #: Of its configuration, for the next start.
        self.directives = {**QUIET, **(config or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._admin: redis.Redis | None = None

    # -- how to reach it ---------------------------------------------------------------------

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    @property
    def url(self) -> str:
        """Where it is, by TCP."""
        return f"redis://{self._login}127.0.0.1:{self.port}"

    @property
    def unix_url(self) -> str:
        return f"unix://{self._login}{self.socket}"

    @property
    def _login(self) -> str:
        return f":{self.password}@" if self.password else ""

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server does not run"
        return self._process.pid

    @property
    def admin(self) -> redis.Redis:
        """A client for the test itself: it neither retries nor decodes."""
        if self._admin is None:
            self._admin = redis.Redis(
                unix_socket_path=str(self.socket),
                password=self.password,
                socket_timeout=LIMIT_SECONDS,
                protocol=2,
            )
        return self._admin

    # -- life --------------------------------------------------------------------------------

    def start(self, *, until_ready: bool = True) -> None:
        """Start the server, and return when it answers: with ``until_ready`` also when it has data."""
        assert self._process is None, "the server runs already"
        self._process = subprocess.Popen(
            [str(self._executable), *self._arguments()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(
            lambda: self._answers(until_ready=until_ready),
            f"{self.kind.name} does not answer; {self.folder / 'log'}",
        )

    def _arguments(self) -> list[str]:
        directives = {
            **self.directives,
            "port": str(self.port),
            "unixsocket": str(self.socket),
            "dir": str(self.folder),
            "logfile": str(self.folder / "log"),
        }
        if self.password:
            directives["requirepass"] = self.password
        return [part for name, value in directives.items() for part in (f"--{name}", value)]

    def _answers(self, *, until_ready: bool) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(
                f"{self.kind.name} ended with {self._process.returncode}:\n{self.log()[-2000:]}"
            )
        try:
            return bool(self.admin.ping())
        except redis.exceptions.BusyLoadingError:
            return not until_ready
        except redis.exceptions.ConnectionError:
            return False

    def log(self) -> str:
        log = self.folder / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def kill(self) -> None:
        """End the server at once with SIGKILL, as a machine that loses its power would."""
        if self._process is None:
            return
        self.resume()
        self._process.kill()
        self._process.wait(LIMIT_SECONDS)
        self._process = None
        if self._admin is not None:
            self._admin.close()
            self._admin = None
        self.socket.unlink(missing_ok=True)

    def restart(self) -> None:
        """Kill the server and start it with what ``save`` last wrote: with nothing, if it never did."""
        self.kill()
        self.start()

    def save(self) -> None:
        """Write all values down. A ``restart`` brings this state back, and loses what came later."""
        self.admin.save()

    def stop(self) -> None:
        """Have the server stop in its tracks (SIGSTOP): its connections stay open and silent."""
        os.kill(self.pid, signal.SIGSTOP)
        self._stopped = True

    def resume(self) -> None:
        if self._stopped:
            os.kill(self.pid, signal.SIGCONT)
            self._stopped = False

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    # -- what tests do to it -----------------------------------------------------------------

    def reset(self) -> None:
        """Empty it: no values, no scripts, no counts. Users and settings stay; see ``start_server``."""
        self.resume()
        self.admin.flushall()
        self.admin.script_flush()
        self.admin.config_resetstat()

    def configure(self, **directives: str | int) -> None:
        """Set directives of a running server; underscores stand for hyphens."""
        for name, value in directives.items():
            self.admin.config_set(name.replace("_", "-"), value)

    def user(self, name: str, password: str, *rules: str) -> str:
        """Make an ACL user with ``rules`` and nothing else; return the URL that logs it in."""
        self.send("ACL", "SETUSER", name, "reset", "on", f">{password}", *rules)
        return f"redis://{name}:{password}@127.0.0.1:{self.port}"

    def cut_connections(self) -> int:
        """Close every connection but the test's own; return how many there were."""
        cut: int = self.send("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        return cut

    def send(self, *command: str | int) -> Any:
        """Return what the server answers to a command that the client has no method for."""
        send: Any = self.admin.execute_command
        return send(*command)

    def calls(self) -> dict[str, int]:
        """Return how often each command was carried out since ``reset``, scripts' own included."""
        stats: dict[str, Any] = self.admin.info("commandstats")
        return {name.removeprefix("cmdstat_"): one["calls"] for name, one in stats.items()}
