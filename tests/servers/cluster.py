"""A cluster of real servers: three primaries with a replica each, by ports of their own for the bus.

The time after which a node counts as gone is a second here, and fifteen where nobody has said so: a
failover takes two or three seconds in a test.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot

from .kinds import Kind
from .server import Server, free_port
from .waiting import wait_until

SLOTS = 16384
NODE_TIMEOUT_MS = 1000


class Node(Server):
    """A server that is a node of a cluster. Who it is stands in its folder, and outlives a restart."""

    def __init__(self, kind: Kind, folder: Path, config: Mapping[str, str]) -> None:
        self.bus_port = free_port()
        directives = {
            "cluster-enabled": "yes",
            "cluster-config-file": "nodes.conf",
            "cluster-node-timeout": str(NODE_TIMEOUT_MS),
            "cluster-port": str(self.bus_port),
            # A replica whose link is down for long is promoted all the same.
            "cluster-replica-validity-factor": "0",
            "cluster-allow-replica-migration": "no",
            "repl-diskless-load": "swapdb",
            **config,
        }
        folder.mkdir(exist_ok=True)
        super().__init__(kind, folder, config=directives)

    def ask(self, *command: str | int) -> Any:
        return self.send(*command)

    @property
    def is_running(self) -> bool:
        return self._process is not None and not self._stopped

    @property
    def id(self) -> str:
        return str(self.ask("CLUSTER", "MYID").decode())

    def info(self) -> dict[str, str]:
        text: bytes = self.ask("CLUSTER", "INFO")
        pairs = (line.partition(":") for line in text.decode().split("\r\n"))
        return {name: value for name, _, value in pairs}

    @property
    def is_primary(self) -> bool:
        return bool(self.admin.info("replication")["role"] == "master")

    @property
    def is_in_step(self) -> bool:
        """Return whether it is a replica that has all its primary has."""
        told = self.admin.info("replication")
        return bool(told["role"] == "slave" and told["master_link_status"] == "up")

    def owned(self) -> list[tuple[int, int]]:
        """Return the ranges of slots that this node says it has."""
        mine = self.id.encode()
        return [
            (first, last)
            for first, last, primary, *_ in self.ask("CLUSTER", "SLOTS")
            if primary[2] == mine
        ]


class Cluster:
    """Three primaries and three replicas of one kind, in folders of their own below ``folder``."""

    def __init__(
        self,
        kind: Kind,
        folder: Path,
        *,
        primaries: int = 3,
        has_replicas: bool = True,
        config: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = kind
        count = 2 * primaries if has_replicas else primaries
        self.nodes = [Node(kind, folder / f"{number}", config or {}) for number in range(count)]
        self._first = primaries
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """Where it is; one node that runs would be enough."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    # -- life --------------------------------------------------------------------------------

    def __enter__(self) -> Cluster:
        with ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node)
            self._join()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _join(self) -> None:
        primaries, replicas = self.nodes[: self._first], self.nodes[self._first :]
        share = SLOTS // self._first
        for number, node in enumerate(primaries):
            last = SLOTS - 1 if number == self._first - 1 else (number + 1) * share - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", number * share, last)
        for number, node in enumerate(self.nodes):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            for other in self.nodes[:number]:
                node.ask("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus_port)
        for node in self.nodes:
            wait_until(partial(self._is_known_to, node), "the nodes do not know each other")
        for primary, replica in zip(primaries, replicas, strict=bool(replicas)):
            wait_until(partial(_replicates, replica, primary.id), "a replica does not know its primary")
        self.wait_until_whole()

    def _is_known_to(self, node: Node) -> bool:
        return node.info()["cluster_known_nodes"] == str(len(self.nodes))

    def wait_until_whole(self) -> None:
        """Wait until every slot is served, each primary has a replica, and all nodes say the same."""
        wait_until(self.is_whole, "the cluster does not become whole", limit=40.0)

    def is_whole(self) -> bool:
        try:
            primaries = self.primaries()
            replicas = [node for node in self.nodes if node not in primaries]
            # One that was just replaced may have found no place yet, or that of another one's replica.
            followed = {_primary_id(node) for node in replicas}
            return (
                len(primaries) == self._first
                and (not replicas or followed == {node.id for node in primaries})
                and all(node.info()["cluster_state"] == "ok" for node in self.nodes)
                and len({_map_of(node) for node in self.nodes}) == 1
                and all(node.is_in_step for node in replicas)
                and sum(last - first + 1 for node in primaries for first, last in node.owned()) == SLOTS
            )
        except redis.RedisError:
            return False

    def reset(self) -> None:
        """Empty it, make it whole, and forget the counts."""
        for node in self.nodes:
            if node._process is None:
                node.start()
            node.resume()
        self.wait_until_whole()
        for node in self.primaries():
            node.ask("FLUSHALL")
        for node in self.nodes:
            node.admin.script_flush()
            node.admin.config_resetstat()

    # -- who is what -------------------------------------------------------------------------

    def primaries(self) -> list[Node]:
        """Return the nodes that run and say that they are primaries with slots."""
        return [node for node in self.nodes if node.is_running and node.is_primary and node.owned()]

    def owner(self, name: bytes | str) -> Node:
        """Return the primary of the slot that ``name`` lies in."""
        return self.owner_of_slot(slot_of(name))

    def owners(self, names: Iterable[bytes]) -> dict[bytes, Node]:
        """Return the primary of the slot of each of ``names``."""
        ranges = [(node, *some) for node in self.primaries() for some in node.owned()]
        return {
            name: node
            for name in names
            for node, first, last in ranges
            if first <= slot_of(name) <= last
        }

    def owner_of_slot(self, slot: int) -> Node:
        for node in self.primaries():
            if any(first <= slot <= last for first, last in node.owned()):
                return node
        raise LookupError(f"nobody has slot {slot}")

    def replica_of(self, primary: Node) -> Node:
        mine = primary.id
        for node in self._replicas():
            if _primary_id(node) == mine:
                return node
        raise LookupError(f"{primary} has no replica")

    def _replicas(self) -> Iterator[Node]:
        return (node for node in self.nodes if node.is_running and not node.is_primary)

    def calls(self) -> dict[str, int]:
        """Return how often each command was carried out since ``reset``, on primaries."""
        sums: dict[str, int] = {}
        for node in self.primaries():
            for name, count in node.calls().items():
                sums[name] = sums.get(name, 0) + count
        return sums

    def names(self, pattern: str) -> list[bytes]:
        return [name for node in self.primaries() for name in node.admin.scan_iter(match=pattern)]

    # -- what happens to clusters ------------------------------------------------------------

    def fail_over(self, primary: Node, *how: str) -> Node:
        """Have the replica of ``primary`` take its place by hand, and return it."""
        replica = self.replica_of(primary)
        wait_until(lambda: replica.is_in_step, "the replica has no link to its primary")
        self.promote(replica, *how)
        return replica

    def promote(self, node: Node, *how: str) -> None:
        """Have ``node``, which is a replica, take the place of its primary, until it has."""
        patient_until = 0.0

        def is_promoted() -> bool:
            nonlocal patient_until
            if node.is_primary and node.owned():
                return True
            if time.monotonic() > patient_until:
                # It says no while it has not heard yet whose replica it is. And when the others have
                # voted just now, or are busy, it gives up after five seconds.
                with suppress(redis.ResponseError):
                    node.ask("CLUSTER", "FAILOVER", *how)
                    patient_until = time.monotonic() + 6.0
            return False

        wait_until(is_promoted, "the replica does not take over", limit=40.0)

    def wait_for_successor(self, primary: Node, slots: Sequence[tuple[int, int]]) -> Node:
        """Wait until another node has the first of ``slots``, which ``primary`` had; return it."""
        first = slots[0][0]

        def found() -> bool:
            try:
                return self.owner_of_slot(first) is not primary
            except (LookupError, redis.RedisError):
                return False

        wait_until(found, "nobody takes over from the primary", limit=40.0)
        return self.owner_of_slot(first)

    def migrate(self, slot: int, source: Node, target: Node, *, keys_a_step: int = 10) -> None:
        """Move ``slot`` with its keys, as a rebalancing does: clients see ASK, TRYAGAIN and MOVED."""
        self.begin_to_migrate(slot, source, target)
        self.send_keys(slot, source, target, keys_a_step=keys_a_step)
        self.end_to_migrate(slot, source, target)

    def begin_to_migrate(self, slot: int, source: Node, target: Node) -> None:
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)

    def send_keys(self, slot: int, source: Node, target: Node, *, keys_a_step: int = 10) -> None:
        while names := source.ask("CLUSTER", "GETKEYSINSLOT", slot, keys_a_step):
            source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "REPLACE", "KEYS", *names)

    def end_to_migrate(self, slot: int, source: Node, target: Node) -> None:
        target.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        source.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)


def slot_of(name: bytes | str) -> int:
    return int(key_slot(name.encode() if isinstance(name, str) else name))


def _map_of(node: Node) -> frozenset[tuple[int, int, bytes]]:
    return frozenset(
        (first, last, primary[2]) for first, last, primary, *_ in node.ask("CLUSTER", "SLOTS")
    )


def _replicates(replica: Node, primary: str) -> bool:
    try:
        return bool(replica.ask("CLUSTER", "REPLICATE", primary))
    except redis.ResponseError:
        # It has not heard of it yet.
        return False


def _primary_id(replica: Node) -> str:
    for line in replica.ask("CLUSTER", "NODES").decode().splitlines():
        parts = line.split()
        if "myself" in parts[2]:
            return str(parts[3])
    raise LookupError("a node does not know itself")
