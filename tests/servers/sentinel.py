"""A primary, two replicas and three sentinels, which are real: they watch, vote and promote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import redis

from .kinds import Kind
from .server import Server
from .waiting import wait_until

SERVICE = "freshly-test"
# Seconds after which a failover by hand is begun again, and how often.
PATIENCE = 10.0
ATTEMPTS = 6
# After so long without an answer a server counts as down.
DOWN_AFTER_MS = 1000
# Milliseconds between two looks of a sentinel at each server: by default it is ten seconds until it has
# heard of a new replica.
QUICK = ("info-period", "200", "publish-period", "300", "ping-period", "200")


class Watcher(Server):
    """One sentinel. What it knows it writes into its configuration, so a restart brings it back."""

    def __init__(self, kind: Kind, folder: Path, primary: Server, name: str) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(kind, folder)
        self._file = folder / "sentinel.conf"
        self._file.write_text(
            f"port {self.port}\n"
            f"bind 127.0.0.1\n"
            f"unixsocket {self.socket}\n"
            f"dir {folder}\n"
            f"logfile {folder / 'log'}\n"
            f"sentinel monitor {name} 127.0.0.1 {primary.port} 2\n"
            f"sentinel down-after-milliseconds {name} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {name} 3000\n"
        )

    def start(self, *, until_ready: bool = True) -> None:
        super().start(until_ready=until_ready)
        self.ask("DEBUG", *QUICK)

    def _arguments(self) -> list[str]:
        return [str(self._file), "--sentinel"]

    def ask(self, *command: str) -> Any:
        return self.send("SENTINEL", *command)

    def primary_port(self) -> int:
        _, port = self.ask("GET-MASTER-ADDR-BY-NAME", SERVICE)
        return int(port)


class Sentinels:
    """The set-up, in folders of its own below ``folder``."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind = kind
        self.servers = [Server(kind, _made(folder / f"{number}")) for number in range(3)]
        self.watchers = [
            Watcher(kind, folder / f"s{number}", self.servers[0], SERVICE) for number in range(3)
        ]
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{one.port}" for one in self.watchers)
        return f"redis+sentinel://{places}/{SERVICE}"

    def __enter__(self) -> Sentinels:
        with ExitStack() as stack:
            for server in self.servers:
                stack.enter_context(server)
            for replica in self.servers[1:]:
                replica.send("REPLICAOF", "127.0.0.1", self.servers[0].port)
            wait_until(self._is_replicated, "the replicas have no link to the primary")
            for watcher in self.watchers:
                stack.enter_context(watcher)
            self.wait_until_whole()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def reset(self) -> None:
        """Empty it, make it whole, and forget the counts."""
        for server in [*self.servers, *self.watchers]:
            if server._process is None:
                server.start()
            server.resume()
        self.wait_until_whole()
        self.primary().reset()

    def wait_until_whole(self) -> None:
        """Wait until all sentinels name the same primary, and two replicas follow it."""
        wait_until(self._is_whole, "the sentinels do not agree", limit=60.0)

    def _is_whole(self) -> bool:
        try:
            ports = {watcher.primary_port() for watcher in self.watchers}
            states = self._told("SENTINEL MASTER")
            return (
                len(ports) == 1
                and all(state["num-slaves"] == 2 for state in states)
                and all(state["num-other-sentinels"] == 2 for state in states)
                and all(state["flags"] == "master" for state in states)
                and self._is_replicated()
            )
        except redis.RedisError:
            return False

    def _told(self, command: str) -> list[Any]:
        """Return the answer of each sentinel. redis-py 6 fails in its own methods for them."""
        return [one.send(command, SERVICE) for one in self.watchers]

    def _is_replicated(self) -> bool:
        told = [server.admin.info("replication") for server in self.servers]
        links = [one for one in told if one["role"] == "slave" and one["master_link_status"] == "up"]
        return len(links) == 2

    def primary(self) -> Server:
        """Return the server that the sentinels name."""
        port = next(one.primary_port() for one in self.watchers if one._process is not None)
        return next(server for server in self.servers if server.port == port)

    def fail_over(self, successor: Server | None = None) -> Server:
        """Have the sentinels promote a replica by hand, this one if given; return it when they have."""
        former = self.primary()
        others = [one for one in self.servers if successor not in (None, one)]
        with self._passed_over(others):
            for _ in range(ATTEMPTS):
                wait_until(self._began, "the sentinels do not begin a failover")
                # They give one up that does not get on.
                with suppress(AssertionError):
                    return self.wait_for_successor(former, limit=PATIENCE)
        raise AssertionError(f"the sentinels began {ATTEMPTS} failovers and ended none")

    @contextmanager
    def _passed_over(self, servers: Sequence[Server]) -> Iterator[None]:
        """Have the sentinels promote none of ``servers``, once all of them have heard of it."""
        self._set_priority(servers, 0)
        yield
        self._set_priority(servers, 100)

    def _set_priority(self, servers: Sequence[Server], priority: int) -> None:
        if not servers:
            return
        for server in servers:
            server.admin.config_set("replica-priority", priority)
        ports = {server.port for server in servers}

        def is_known() -> bool:
            told = self._told("SENTINEL SLAVES")
            return all(
                one["slave-priority"] == priority
                for some in told
                for one in some
                if one["port"] in ports
            )

        wait_until(is_known, "the sentinels do not hear of a priority")

    @contextmanager
    def cut_off(self, server: Server) -> Iterator[None]:
        """Let no replica follow ``server``: what is written to it now is on it alone."""
        rule: Any = server.admin.execute_command
        rule("ACL", "SETUSER", "default", "-psync", "-sync")
        rule("CLIENT", "KILL", "TYPE", "replica")
        yield
        if server._process is not None:
            rule("ACL", "SETUSER", "default", "+psync", "+sync")

    def _began(self) -> bool:
        # Refused while another one is not over, and soon after it.
        with suppress(redis.ResponseError):
            return bool(self.watchers[0].ask("FAILOVER", SERVICE))
        return False

    def wait_for_successor(self, former: Server, *, limit: float = 60.0) -> Server:
        def found() -> bool:
            with suppress(redis.RedisError):
                now = self.primary()
                return now is not former and bool(now.admin.info("replication")["role"] == "master")
            return False

        wait_until(found, "the sentinels promote nobody", limit=limit)
        return self.primary()


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
