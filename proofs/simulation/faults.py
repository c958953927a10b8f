"""What goes wrong, by name: on connections, at the servers, and with the processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from .network import Link
from .plan import Fault
from .process import Process
from .site import Site


class Faults:
    """Does the faults of one history. ``end`` ends a process, and begins another in its place."""

    def __init__(
        self,
        site: Site,
        processes: list[Process],
        end: Callable[[int, bool], None],
    ) -> None:
        self._site = site
        self._processes = processes
        self._end = end
        #: How many of each kind came to pass.
        self.done: Counter[str] = Counter()

    def do(self, fault: Fault) -> None:
        getattr(self, "_" + fault.kind.replace(" ", "_"))(fault, Random(fault.chance))
        self.done[fault.kind] += 1

    # -- connections -------------------------------------------------------------------------

    def _some(self, fault: Fault, chance: Random) -> list[Link]:
        """Return one connection, all of a process, or all."""
        network = self._site.network
        links = list(network.links)
        match chance.randrange(3):
            case 0:
                return chance.sample(links, min(1, len(links)))
            case 1:
                return network.links_of(self._processes[fault.process])
            case _:
                return links

    def _reset(self, fault: Fault, chance: Random) -> None:
        for link in self._some(fault, chance):
            link.reset()

    def _half_open(self, fault: Fault, chance: Random) -> None:
        for link in self._some(fault, chance):
            link.go_silent()

    def _lose_replies(self, fault: Fault, chance: Random) -> None:
        """What is under way is done and never answered; the client learns of it, or does not."""
        for link in self._some(fault, chance):
            link.lose_replies()
            if chance.random() < 0.7:
                self._site.after(chance.random() * fault.seconds, link.reset)

    def _lose_requests(self, fault: Fault, chance: Random) -> None:
        """What is under way up never arrives; the client learns of it a little later."""
        for link in self._some(fault, chance):
            link.lose_requests()
            self._site.after(chance.random() * fault.seconds, link.reset)

    def _freeze(self, fault: Fault, chance: Random) -> None:
        self._site.network.freeze(self._site.primary, fault.seconds)

    # -- servers -----------------------------------------------------------------------------

    def _evict(self, fault: Fault, chance: Random) -> None:
        self._site.evict(chance.choice(self._site.primary.data.names() or [b""]))

    def _evict_bucket(self, fault: Fault, chance: Random) -> None:
        for name in self._site.primary.data.names():
            if name.endswith(b":t"):
                self._site.evict(name)

    def _forget_scripts(self, fault: Fault, chance: Random) -> None:
        self._site.primary.forget_scripts()

    def _flush(self, fault: Fault, chance: Random) -> None:
        for name in self._site.primary.data.names():
            self._site.evict(name)

    def _refuse_writes(self, fault: Fault, chance: Random) -> None:
        """As with ``min-replicas-to-write``, while a replica is missing."""
        self._site.refuse_writes(fault.seconds)

    def _restart_empty(self, fault: Fault, chance: Random) -> None:
        self._site.restart(None, fault.seconds, chance.random() * fault.seconds)

    def _restart_old(self, fault: Fault, chance: Random) -> None:
        lost = chance.choice((0.0, 0.02, 0.1, 0.1)) * chance.random() * 2
        self._site.restart(
            lost, fault.seconds, chance.random() * fault.seconds, keeps_replid=chance.random() < 0.5
        )

    def _fail_over(self, fault: Fault, chance: Random) -> None:
        self._site.fail_over(chance.random() * fault.seconds, keeps_links=False)

    def _fail_over_quietly(self, fault: Fault, chance: Random) -> None:
        self._site.fail_over(chance.random() * fault.seconds, keeps_links=True)

    def _fail_over_and_back(self, fault: Fault, chance: Random) -> None:
        self._site.fail_over(chance.random() * fault.seconds, keeps_links=True)
        lag = chance.random() * fault.seconds
        self._site.after(
            chance.random() * fault.seconds, lambda: self._site.fail_over(lag, keeps_links=True)
        )

    def _split(self, fault: Fault, chance: Random) -> None:
        self._site.split(
            chance.random() * fault.seconds,
            fault.seconds,
            self._processes[fault.process],
            keeps_links=chance.random() < 0.5,
        )

    def _mute(self, fault: Fault, chance: Random) -> None:
        """Publish to nobody for a while, as where the user lost the right to."""
        self._site.mute(fault.seconds)

    def _lose_messages(self, fault: Fault, chance: Random) -> None:
        """Let nobody hear the next one, or two."""
        self._site.primary.unheard += chance.choice((1, 1, 2))

    def _deafen(self, fault: Fault, chance: Random) -> None:
        """End what a process hears, and the answers to its heartbeats, without a word.

        The last of it comes late.
        """
        for link in self._site.network.links_of(self._processes[fault.process]):
            if link.hears:
                link.stall(fault.seconds)
                self._site.after(chance.random() * fault.seconds, link.fall_silent)

    # -- processes ---------------------------------------------------------------------------

    def _pause(self, fault: Fault, chance: Random) -> None:
        self._processes[fault.process].pause(fault.seconds)

    def _crash(self, fault: Fault, chance: Random) -> None:
        self._end(fault.process, True)

    def _vanish(self, fault: Fault, chance: Random) -> None:
        """Die with the machine: no server learns of it."""
        self._end(fault.process, False)
