"""One server: its data, who it is, what role it has, and what it answers.

It executes one command, or one script, at a time, in the order in which they come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha1
from random import Random
from typing import Any

from .commands import READING, WRITING, execute
from .database import Database
from .lua import scripts
from .reply import OK, Failure, Pairs, Status, Verbatim

READ_ONLY = Failure("READONLY You can't write against a read only replica.")
LOADING = Failure("LOADING Redis is loading the dataset in memory")
NO_REPLICAS = Failure("NOREPLICAS Not enough good replicas to write.")
NO_SCRIPT = Failure("NOSCRIPT No matching script. Please use EVAL.")
#: What a server that loads its data answers all the same.
ALWAYS = frozenset((b"HELLO", b"AUTH", b"CLIENT", b"SELECT", b"INFO", b"ROLE"))

Hear = Callable[[bytes, bytes, bytes], None]


def random_id(chance: Random) -> str:
    """Return 40 hexadecimal digits, as a server calls itself."""
    return f"{chance.getrandbits(160):040x}"


def unknown(name: bytes) -> Failure:
    return Failure(f"ERR unknown command '{name.decode()}'")


@lru_cache(maxsize=64)
def _information(version: str, run_id: str, replid: str, is_master: bool, *sections: bytes) -> Verbatim:
    server = f"# Server\r\nredis_version:{version}\r\nrun_id:{run_id}\r\n"
    role = "master" if is_master else "slave"
    replication = f"# Replication\r\nrole:{role}\r\nconnected_slaves:0\r\nmaster_replid:{replid}\r\n"
    match [section.lower() for section in sections]:
        case [b"server"]:
            return Verbatim(server.encode())
        case [b"replication"]:
            return Verbatim(replication.encode())
        case _:
            return Verbatim((server + "\r\n" + replication).encode())


class Node:
    """A server. ``now`` gives its time, in seconds since the epoch; ``at`` the world's."""

    def __init__(
        self,
        name: str,
        chance: Random,
        now: Callable[[], float],
        at: Callable[[], float],
        *,
        version: str = "7.4.0",
    ) -> None:
        self.name = name
        self.version = version
        self.data = Database()
        self.is_master = True
        self.is_loading = False
        #: It takes itself for the primary, and another one is.
        self.is_superseded = False
        #: How many reasons there are to take no writes now.
        self.refusals = 0
        #: The same for what is published, which nobody hears.
        self.silences = 0
        #: How many of the next messages nobody hears.
        self.unheard = 0
        self.run_id = random_id(chance)
        self.replid = random_id(chance)
        #: The channels of each kind: PUBLISH and SPUBLISH do not meet.
        self.subscribers: dict[tuple[bytes, bytes], dict[Hear, None]] = {}
        self._now = now
        self._at = at
        self._known: dict[bytes, bytes] = {}
        self._own: dict[bytes, Callable[[Sequence[bytes]], Any]] = {
            b"PING": lambda words: words[0] if words else Status(b"PONG"),
            b"TIME": self._time,
            b"INFO": self._info,
            b"ROLE": self._role,
            b"PUBLISH": lambda words: self._publish(b"message", *words),
            b"SPUBLISH": lambda words: self._publish(b"smessage", *words),
            b"SELECT": lambda words: OK,
        }

    @property
    def is_modern(self) -> bool:
        """Whether it has channels of shards."""
        return int(self.version.partition(".")[0]) >= 7

    # -- the life of a server ----------------------------------------------------------------

    def restart(self, data: Database, chance: Random, *, keeps_replid: bool = False) -> None:
        """Begin anew with ``data``: another run, which knows no scripts, and of its past nothing.

        Its replication is another one as well, unless it finds the former in its file.
        """
        self.data = data
        self.run_id, replid = random_id(chance), random_id(chance)
        self.replid = self.replid if keeps_replid else replid
        self.is_master, self.is_loading, self.is_superseded = True, False, False
        self._known.clear()
        self.subscribers.clear()

    def promote(self, data: Database, chance: Random) -> None:
        self.data = data
        self.is_master, self.is_superseded, self.replid = True, False, random_id(chance)

    def follow(self, other: Node) -> None:
        """Become a replica of ``other``, and have its data."""
        self.is_master, self.is_superseded, self.replid = False, False, other.replid
        self.data = other.data.as_of(self._at())

    def forget_scripts(self) -> None:
        self._known.clear()

    # -- commands ----------------------------------------------------------------------------

    def execute(self, name: bytes, words: Sequence[bytes]) -> Any:
        """Execute a command that a client sent, and return the reply. ``name`` is its first word."""
        if self.is_loading and name not in ALWAYS:
            return LOADING
        data = self.data
        data.now, data.at = int(self._now() * 1000), self._at()
        match name:
            case b"EVAL":
                reply = self._script(words[1], words[2:])
                self._known[sha1(words[1]).hexdigest().encode()] = words[1]
            case b"EVALSHA":
                source = self._known.get(words[1].lower())
                reply = NO_SCRIPT if source is None else self._script(source, words[2:])
            case b"SCRIPT":
                self.forget_scripts()
                reply = OK
            case _:
                reply = self._plain(words)
        data.commit()
        return reply

    def _script(self, source: bytes, words: Sequence[bytes]) -> Any:
        if self.refusals and source.startswith(b"#!"):
            # A script that says nothing else in its first line may write.
            return NO_REPLICAS
        count = int(words[0])
        keys, arguments = words[1 : count + 1], words[count + 1 :]
        return scripts().run(source, keys, arguments, self._plain)

    def _plain(self, words: Sequence[bytes]) -> Any:
        name = words[0].upper()
        if (command := READING.get(name)) is not None:
            return execute(command, self.data, words[1:])
        if (own := self._own.get(name)) is not None:
            return unknown(name) if name == b"SPUBLISH" and not self.is_modern else own(words[1:])
        if (command := WRITING.get(name)) is not None:
            if not self.is_master:
                return READ_ONLY
            return NO_REPLICAS if self.refusals else execute(command, self.data, words[1:])
        return unknown(name)

    def _time(self, words: Sequence[bytes]) -> Any:
        microseconds = int(self._now() * 1_000_000)
        return [b"%d" % (microseconds // 1_000_000), b"%d" % (microseconds % 1_000_000)]

    def _info(self, words: Sequence[bytes]) -> Any:
        return _information(self.version, self.run_id, self.replid, self.is_master, *words)

    def _role(self, words: Sequence[bytes]) -> Any:
        if self.is_master:
            return [b"master", 0, []]
        return [b"slave", b"other", 6379, b"connected", 0]

    def _publish(self, kind: bytes, channel: bytes, message: bytes) -> int:
        hearing = list(self.subscribers.get((kind, channel), ()))
        if hearing and (self.silences or self.unheard):
            self.unheard -= bool(self.unheard)
            return 0
        for hear in hearing:
            hear(kind, channel, message)
        return len(hearing)

    def hello(self, protocol: int) -> Any:
        role = b"master" if self.is_master else b"replica"
        said = [b"server", b"redis", b"version", self.version.encode(), b"proto", protocol, b"id", 1]
        return Pairs([*said, b"mode", b"standalone", b"role", role, b"modules", []])
