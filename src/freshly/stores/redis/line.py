"""One connection to the server, of either colour, and what is known of who answers on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from redis.exceptions import NoScriptError

from .scripts import Call, Command
from .slots import Place

Question = Command | Call


class Wire(Protocol):
    """A connection that sends commands together and reads their replies; opened when first used.

    An error reply is returned in its place. Whatever else goes wrong is raised, and then nobody may
    use the connection again: a reply that is still under way would answer another question.
    """

    @property
    def place(self) -> Place:
        """Where it leads, if that is a host and a port."""
        ...

    async def exchange(self, commands: Sequence[Command]) -> list[Any]: ...

    async def hang_up(self) -> None: ...


class Line:
    """A connection, with the fence of the primary at its other end.

    ``fence`` is what the server said of itself when the connection was opened. An answer counts only
    while it is still so. Lines of a later ``generation`` were opened after one of an earlier one had
    ended, or had led to another server. ``opening`` is what makes it ready, where several wait for it.
    """

    __slots__ = (
        "answered_at",
        "fence",
        "generation",
        "is_modern",
        "is_over",
        "losses",
        "opening",
        "replicas",
        "wire",
    )

    def __init__(self, wire: Wire, generation: int) -> None:
        self.wire = wire
        self.generation = generation
        self.opening: Any = None
        self.fence: bytes | None = None
        self.is_modern = False
        self.is_over = False
        #: When it last answered, on the clock of ``monotonic``.
        self.answered_at = 0.0
        #: How many replicas the primary had when the connection was opened, and how many times it had
        #: been seen to lose one by then.
        self.replicas = self.losses = 0

    async def ask(self, questions: Sequence[Question], *, asking: bool = False) -> list[Any]:
        """Send ``questions`` together and return the replies, errors among them.

        With ``asking`` a node of a cluster answers also what it has not taken over yet.
        """
        replies = await self._exchange([self._short(question) for question in questions], asking)
        unknown = [place for place, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:
            again = await self._exchange([self._whole(questions[place]) for place in unknown], asking)
            for place, reply in zip(unknown, again, strict=True):
                replies[place] = reply
        return replies

    async def _exchange(self, commands: Sequence[Command], asking: bool) -> list[Any]:
        if not asking:
            return await self.wire.exchange(commands)
        replies = await self.wire.exchange([one for each in commands for one in (ASKING, each)])
        return replies[1::2]

    def _short(self, question: Question) -> Command:
        return question.short(is_modern=self.is_modern) if isinstance(question, Call) else question

    def _whole(self, question: Question) -> Command:
        return question.whole(is_modern=self.is_modern) if isinstance(question, Call) else question

    async def hang_up(self) -> None:
        self.is_over = True
        await self.wire.hang_up()

    def greeted(self, server: bytes | str, replication: bytes | str) -> bytes | None:
        """Note who gave these replies to INFO; return its fence, ``None`` if it is no primary."""
        told = _told(server) | _told(replication)
        self.is_modern = int(told["redis_version"].split(".")[0]) >= 7
        if told["role"] != "master":
            return None
        self.replicas = int(told["connected_slaves"])
        return f"{told['run_id']}.{told['master_replid']}".encode()

    def proves(self, info: Any) -> bool:
        """Return whether ``info``, the last reply of a batch, says that the same primary answered."""
        if not isinstance(info, (bytes, str)) or self.fence is None:
            return False
        text = info.encode() if isinstance(info, str) else info
        replid = self.fence.rpartition(b".")[2]
        return b"role:master\r" in text and b"master_replid:" + replid in text


def replicas_in(info: bytes | str) -> int:
    """Return how many replicas a primary has that says ``info``."""
    text = info.encode() if isinstance(info, str) else info
    return int(text.partition(b"connected_slaves:")[2].partition(b"\r")[0])


def _told(info: bytes | str) -> dict[str, str]:
    text = info if isinstance(info, str) else info.decode()
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value for name, _, value in pairs}


#: Said before a question to a node that is about to take over what it is about.
ASKING: Command = ("ASKING",)
#: What a new connection is asked first.
WHO_ARE_YOU: Sequence[Command] = (("INFO", "server"), ("INFO", "replication"))
WHAT_TIME: Command = ("TIME",)
#: The last question of a batch whose answers have to be those of the primary.
WHO_ANSWERS: Command = ("INFO", "replication")


_KEYLESS = frozenset(("INFO", "PING", "SCAN", "TIME"))


def name_in(question: Question) -> bytes | None:
    """Return the name whose place a question is to be asked at, ``None`` where any would do."""
    if isinstance(question, Call):
        return question.keys[0]
    name = None if question[0] in _KEYLESS else question[1]
    assert name is None or isinstance(name, bytes)
    return name
