"""What goes wrong in a cluster while it is read and written: nodes, and slots that move."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from freshly.stores.redis.cluster import DEFAULT_BUCKETS
from freshly.stores.redis.layout import Layout
from tests.servers.cluster import Cluster, Node, slot_of
from tests.servers.waiting import wait_until

from .standstill import standing_still, wait

_LAYOUT = Layout("freshly", buckets=DEFAULT_BUCKETS)
BUCKETS = [_LAYOUT.bucket(number) for number in range(DEFAULT_BUCKETS)]

# Seconds for which a node writes what will be lost.
TAIL = 1.5

_turns = count()
# Where slots came from, so that they go back: a run leaves the cluster as it was.
_chance = random.Random("slots")


def _primary(group: Cluster) -> Node:
    """Return one primary that has buckets, each time another."""
    owners = list(dict.fromkeys(group.owners(BUCKETS).values()))
    return owners[next(_turns) % len(owners)]


def hand(group: Cluster) -> None:
    """Have a replica take over, as before maintenance, and hand back."""
    former = _primary(group)
    now = group.fail_over(former)
    wait(0.3)
    group.wait_until_whole()
    group.fail_over(now)
    group.wait_until_whole()


def takeover(group: Cluster) -> None:
    """Have a replica take over without asking anybody, as where half of the cluster is gone."""
    group.fail_over(_primary(group), "TAKEOVER")
    group.wait_until_whole()


def kill(group: Cluster) -> None:
    """Kill a primary, and start it again when its replica has taken its place."""
    former = _primary(group)
    slots = former.owned()
    former.kill()
    group.wait_for_successor(former, slots)
    former.start()
    group.wait_until_whole()


def stop(group: Cluster) -> None:
    """Stop a primary in its tracks until another one has its place, and let it go on."""
    former = _primary(group)
    slots = former.owned()
    former.stop()
    try:
        group.wait_for_successor(former, slots)
        wait(0.5)
    finally:
        former.resume()
    group.wait_until_whole()


def lose(group: Cluster, pids: Sequence[int]) -> None:
    """Have a replica take over that lacks what its primary has acknowledged last.

    Who invalidated it then hangs, and cannot tell the new one: one process goes on.
    """
    former = _primary(group)
    slots, replica = former.owned(), group.replica_of(former)
    replica.stop()
    # What was sent on a link that is up would be read after all.
    former.ask("CLIENT", "KILL", "TYPE", "replica")
    wait(TAIL)
    with standing_still(pids[1:]):
        former.kill()
        replica.resume()
        group.wait_for_successor(former, slots)
        wait(0.5)
    former.start()
    group.wait_until_whole()


def back(group: Cluster, pids: Sequence[int]) -> None:
    """Replace a primary without its last writes, and that one by the first, as the second has it.

    Meanwhile everybody hangs, so that nobody sees the one between.
    """
    former = _primary(group)
    replica = group.replica_of(former)
    replica.stop()
    former.ask("CLIENT", "KILL", "TYPE", "replica")
    wait(TAIL)
    with standing_still(pids):
        former.stop()
        replica.resume()
        replica.ask("CLUSTER", "FAILOVER", "TAKEOVER")
        wait_until(lambda: replica.is_primary and replica.owned(), "the replica does not take over")
        former.resume()
        group.wait_until_whole()
        group.promote(former)
    group.wait_until_whole()


def move(group: Cluster) -> None:
    """Move the slots of a few buckets and of some values to another primary, and back."""
    source, target = _chance.sample(group.primaries(), 2)
    mine = [name for name, owner in group.owners(BUCKETS).items() if owner is source]
    names = [*mine[:2], *source.admin.scan(match="fr:*:v", count=100)[1][:3]]
    slots = dict.fromkeys(slot_of(name) for name in names)
    for slot in slots:
        group.begin_to_migrate(slot, source, target)
        wait(0.05)
        group.send_keys(slot, source, target, keys_a_step=1)
        wait(0.05)
        group.end_to_migrate(slot, source, target)
    wait(0.2)
    for slot in slots:
        group.migrate(slot, target, source)
    group.wait_until_whole()


def flush(group: Cluster) -> None:
    _primary(group).ask("FLUSHALL")


def evict(group: Cluster) -> None:
    """Take away half of what a node has, stamps among it."""
    node = _primary(group)
    for number, name in enumerate(node.admin.scan_iter(match="fr:*")):
        if number % 2 or name in BUCKETS:
            node.ask("DEL", name)


OF_CLUSTERS: Mapping[str, Callable[..., None]] = {
    "hand": hand,
    "takeover": takeover,
    "kill": kill,
    "stop": stop,
    "lose": lose,
    "back": back,
    "move": move,
    "flush": flush,
    "evict": evict,
}
