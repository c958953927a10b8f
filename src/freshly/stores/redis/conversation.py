"""Talk with the primary: greet it, prove that it was it, and tell a new one what it may not know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from secrets import token_hex
from typing import Any, NamedTuple

from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import ResponseError

from ...errors import StoreError
from ..watch import Turn, Watch
from .failures import explained, is_not_primary
from .journal import Journal
from .layout import HEAD, Layout
from .line import WHO_ANSWERS, Line, Question
from .lines import Lines
from .reading import other_layout
from .scripts import CLEAR, OPEN, RELEASE, STAMP, Call

# A connection may turn out to be dead, or to lead to a server that is no primary any more; the next
# one is new. A third attempt would meet a server that changes faster than that.
ATTEMPTS = 3

# More names in one call would keep the server from everybody else for too long.
NAMES_A_CALL = 1000


class Answer(NamedTuple):
    replies: list[Any]
    fence: bytes


class Fence:
    """The primary that this process last met, and that has been told the journal."""

    def __init__(self, journal: Journal) -> None:
        self.now: bytes | None = None
        self.journal = journal


class Conversation:
    """Questions and answers over the connections of one colour.

    A connection counts while the server at its other end is the primary that this process last met.
    When another one shows itself, the journal is replayed to it before anything is read from it.
    """

    def __init__(
        self, server: str, lines: Lines, layout: Layout, fence: Fence, watch: Watch, max_ttl: float
    ) -> None:
        self._server = server
        self._lines = lines
        self._layout = layout
        self._fence = fence
        self._watch = watch
        self._max_ttl = int(max_ttl * 1000)

    async def read(self, questions: Sequence[Question]) -> Answer:
        """Return the replies, of which it is proven that the primary gave them."""
        answer = await self._ask([*questions, WHO_ANSWERS], proven=True)
        return Answer(answer.replies[:-1], answer.fence)

    async def write(self, questions: Sequence[Question], *, always: bool = False) -> Answer:
        """Return the replies. Scripts among the questions see to it that the primary runs them."""
        return await self._ask(questions, proven=False, always=always)

    async def _ask(
        self, questions: Sequence[Question], *, proven: bool, always: bool = False
    ) -> Answer:
        errand = partial(self._errand, questions, proven)
        return await self._watch.ask(partial(self._try, errand), always=always)

    async def _try(
        self, errand: Callable[[Turn, Line], Awaitable[Answer | None]], turn: Turn
    ) -> Answer:
        for _ in range(ATTEMPTS):
            answer = await self._lines.run(partial(errand, turn))
            if answer is not None:
                return answer
        raise StoreError(
            f"{self._server} is no primary, or changes its role faster than it can be asked"
        )

    async def _errand(
        self, questions: Sequence[Question], proven: bool, turn: Turn, line: Line
    ) -> Answer | None:
        """Ask on ``line``; return ``None`` if it is to be asked again on a new one."""
        turn.begin()
        is_new = line.fence is None
        if is_new:
            await self._lines.greeted(line, self._greet)
        elif line.fence != self._fence.now:
            await self._give_up(line)
            return None
        try:
            replies = await line.ask(questions)
        except NoConnection:
            if is_new and not line.is_over:
                raise
            # It was idle, and may have ended long ago; or another caller has given it up.
            await self._give_up(line)
            return None
        if self._is_outdated(line, replies, proven=proven):
            await self._give_up(line)
            return None
        for reply in replies:
            if not (proven and _is_foreign(reply)):
                self._check(reply)
        assert line.fence is not None
        return Answer(replies, line.fence)

    async def _give_up(self, line: Line) -> None:
        self._lines.forget_like(line)
        await line.hang_up()

    def _is_outdated(self, line: Line, replies: Sequence[Any], *, proven: bool) -> bool:
        """Return whether the server is another than it was, or no primary."""
        if proven and not line.proves(replies[-1]):
            return True
        if any(is_not_primary(reply) for reply in replies):
            return True
        # Another connection has met another primary meanwhile.
        return line.fence != self._fence.now

    def _check(self, reply: Any) -> None:
        if not isinstance(reply, ResponseError):
            return
        said = str(reply)
        if said.startswith("LAYOUT"):
            raise other_layout(self._layout, said.partition(" ")[2].encode())
        raise explained(self._server, reply)

    async def _greet(self, line: Line) -> None:
        """Learn who is at the other end, and make the bucket ready in which all processes meet."""
        (reply,) = await line.ask([self.opening(0, HEAD)])
        self._check(reply)
        line.fence, version = reply[0], reply[1]
        line.is_modern = int(version.split(b".")[0]) >= 7
        if line.fence != self._fence.now:
            await self._replay(line)
            self._fence.now = line.fence

    async def _replay(self, line: Line) -> None:
        everything, names = self._fence.journal.names()
        calls: list[Question] = list(self.clearing()) if everything else []
        for reply in await line.ask([*calls, *self.stamping(names)] or [("PING",)]):
            self._check(reply)

    # -- calls of scripts --------------------------------------------------------------------

    def opening(self, bucket: int, fields: Sequence[bytes]) -> Call:
        return OPEN.command([self._layout.bucket(bucket)], [token_hex(9), self._layout.text, *fields])

    def stamping(self, names: Sequence[bytes], *, token: str = "", hold: int = 0) -> list[Question]:
        """Return the calls that stamp ``names``, which have their kind in front."""
        return [call for _, _, call in self.stamping_by_bucket(names, token=token, hold=hold)]

    def stamping_by_bucket(
        self, names: Sequence[bytes], *, token: str = "", hold: int = 0
    ) -> list[tuple[int, Sequence[bytes], Call]]:
        """Return the same calls, each with its bucket and its names."""
        layout = self._layout
        calls: list[tuple[int, Sequence[bytes], Call]] = []
        for bucket in range(layout.buckets):
            mine = [name for name in names if _is_in(layout, bucket, name)]
            for start in range(0, len(mine), NAMES_A_CALL):
                some = mine[start : start + NAMES_A_CALL]
                arguments: list[bytes | str | int] = [
                    token_hex(9),
                    layout.text,
                    self._max_ttl,
                    token,
                    hold,
                    *some,
                ]
                keys = [layout.bucket(bucket), layout.channel(bucket)]
                calls.append((bucket, some, STAMP.command(keys, arguments)))
        return calls

    def releasing(self, token: str, names: Sequence[bytes]) -> list[Call]:
        """Return the calls that end the holds of ``token`` on ``names``, and stamp nothing."""
        layout, calls = self._layout, []
        for bucket in range(layout.buckets):
            if mine := [name for name in names if _is_in(layout, bucket, name)]:
                arguments: list[bytes | str | int] = [token_hex(9), layout.text, token, *mine]
                calls.append(RELEASE.command([layout.bucket(bucket)], arguments))
        return calls

    def clearing(self) -> list[Call]:
        layout = self._layout
        return [
            CLEAR.command([layout.bucket(bucket), layout.channel(bucket)], [token_hex(9), layout.text])
            for bucket in range(layout.buckets)
        ]


def _is_foreign(reply: Any) -> bool:
    """Return whether something of another type lies where a value would: no value, and no error."""
    return isinstance(reply, ResponseError) and str(reply).startswith("WRONGTYPE")


def _is_in(layout: Layout, bucket: int, name: bytes) -> bool:
    # A pattern may mean keys of any bucket.
    return name[:1] == b"*" or layout.bucket_of_bytes(name[1:]) == bucket
