"""Talk with one primary: greet it, prove that it was it, and tell it what it may not know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import ResponseError

from ...errors import StoreError
from ..watch import Turn, Watch
from .copies import Copies
from .failures import FAILURES, explained, is_elsewhere, is_not_primary
from .layout import HEAD, Layout
from .line import WHAT_TIME, WHO_ANSWERS, WHO_ARE_YOU, Line, Question, replicas_in
from .lines import Lines
from .met import Met
from .primary import Primary
from .reading import other_layout
from .slots import Place
from .talk import Answer, Talk, Witness
from .vetting import Vetting

# A connection may turn out to be dead, or to lead to a server that is no primary any more; the next
# one is new. A third attempt would meet a server that changes faster than that.
ATTEMPTS = 3


class Request(NamedTuple):
    """What one primary is asked, and which buckets that touches.

    ``homes`` has the bucket of each question that is about one. The replies of a ``proven`` request
    count only if the primary gave them. ``tolerant`` leaves the error of a value of another type among
    them. ``timed`` asks for the time as well. ``always`` asks a server that seems down, too. ``asking``
    is for one that has been told of these questions by the node that is about to hand them over.
    ``copies`` have to be confirmed.
    """

    questions: Sequence[Question]
    buckets: Collection[int]
    proven: bool = False
    tolerant: bool = False
    timed: bool = False
    always: bool = False
    asking: bool = False
    homes: Sequence[int | None] = ()
    copies: Copies | None = None

    @property
    def extras(self) -> list[Question]:
        extras: list[Question] = [WHAT_TIME] * self.timed
        if self.copies is not None:
            extras.append(self.copies.question)
        return extras + [WHO_ANSWERS] * self.proven


class Conversation(Talk):
    """Questions and answers over the connections of one colour to one place.

    A connection counts while the server at its other end is the primary that this process last met
    there. When another one shows itself, the journal is replayed to it, for each bucket that it has
    taken over, before that bucket is read from it.
    """

    def __init__(
        self,
        primary: Primary,
        lines: Lines,
        layout: Layout,
        met: Met,
        max_ttl: float,
        vetting: Vetting | None = None,
    ) -> None:
        super().__init__(layout, max_ttl)
        self.primary = primary
        self.lines = lines
        self._met = met
        self._vetting = vetting
        # Where there is one place there is one primary, and it has all buckets.
        self._all = range(layout.buckets)

    async def read(self, questions: Sequence[Question]) -> Answer:
        return await self._ask(Request(questions, self._all, proven=True, tolerant=True, timed=True))

    async def write(
        self,
        questions: Sequence[Question],
        *,
        always: bool = False,
        timed: bool = False,
        partly: bool = False,
        copies: Copies | None = None,
    ) -> Answer:
        # Where another one may replace it, that it has still its replicas says that it was not
        # superseded when it answered.
        proven = self.primary.is_replaceable
        request = Request(
            questions, self._all, proven=proven, always=always, timed=timed, copies=copies
        )
        return await self._ask(request)

    async def primaries(self) -> Sequence[Place | None]:
        return [None]

    async def tell(self, place: Place | None, question: Question) -> Any:
        return (await self.write([question])).replies[0]

    async def _ask(self, request: Request) -> Answer:
        work = partial(self._try, partial(self._errand, request))
        answer = await self.watch.ask(work, always=request.always)
        if any(map(is_elsewhere, answer.replies)):
            raise StoreError(
                f"{self.primary.server} is a node of a cluster, and another one has a part of what was "
                f"asked: write redis+cluster:// and a few of its nodes"
            )
        return answer

    def homes(self) -> Sequence[Place | None]:
        return [None] * len(self._all)

    def primary_at(self, place: Place | None) -> Primary:
        return self.primary

    async def vouches(self, place: Place | None, line: Line, fence: bytes | None) -> bool:
        return self._vetting is None or await self._vetting.knows(line, fence)

    def spares(self) -> StoreError | None:
        return self.watch.unasked() if self.watch.is_down else None

    def turned_away(self) -> StoreError | None:
        return self.watch.turned_away()

    @property
    def watch(self) -> Watch:
        return self.primary.watch

    async def attempt(self, request: Request) -> Answer | None:
        """Ask once; return ``None`` if the server is not what it was, and is to be found anew.

        Replies that say that something is elsewhere are left among the others.
        """
        return await self.watch.ask(partial(self._attempt, request), always=request.always)

    async def _try(
        self, errand: Callable[[Turn, Line], Awaitable[Answer | None]], turn: Turn
    ) -> Answer:
        for _ in range(ATTEMPTS):
            answer = await self.lines.run(partial(errand, turn))
            if answer is not None:
                return answer
        raise StoreError(
            f"{self.primary.server} is no primary, or changes its role faster than it can be asked"
        )

    async def _attempt(self, request: Request, turn: Turn) -> Answer | None:
        return await self.lines.run(partial(self._errand, request, turn))

    async def _errand(self, request: Request, turn: Turn, line: Line) -> Answer | None:
        """Ask on ``line``; return ``None`` if it is to be asked again on a new one."""
        turn.begin()
        try:
            replies = await self._replies(request, line)
        except FAILURES:
            # What ended one of them has probably ended all, and another server may be primary soon.
            self.lines.forget_like(line)
            raise
        if replies is None:
            self.lines.forget_like(line)
            await line.hang_up()
            return None
        line.answered_at = monotonic()
        for refusal in [reply for reply in replies if isinstance(reply, Exception)]:
            if not (request.tolerant and _is_foreign(refusal)) and not is_elsewhere(refusal):
                self._check(refusal)
        assert line.fence is not None
        count = len(request.questions)
        time = _milliseconds(replies[count]) if request.timed else 0.0
        if request.copies is not None and not all(map(is_elsewhere, replies[:count])):
            request.copies.check(replies[count + request.timed], self.primary.server)
        return Answer(replies[:count], [Witness(line.fence, time)] * count)

    async def _replies(self, request: Request, line: Line) -> list[Any] | None:
        """Return what the primary says on ``line``, ``None`` if nobody can say that it is it."""
        is_new = line.fence is None
        if is_new:
            await self.lines.greeted(line, self._greet)
        if line.fence != self.primary.fence or line.is_over or self._is_too_old(line):
            return None
        try:
            gone = await self._meet(line, request)
            if gone is None:
                return None
            replies = await line.ask([*request.questions, *request.extras], asking=request.asking)
        except NoConnection:
            if is_new and not line.is_over:
                raise
            # It was idle, and may have ended long ago; or another caller has given it up.
            return None
        if self._is_outdated(request, line, replies, gone):
            return None
        # What it says of a bucket that it has been told nothing about is not to be used.
        for place, home in enumerate(request.homes if gone else ()):
            if home is not None and home in gone:
                replies[place] = gone[home]
        return replies

    def _is_too_old(self, line: Line) -> bool:
        longest = self.primary.longest_silence
        return longest is not None and monotonic() - line.answered_at > longest

    def _is_outdated(
        self, request: Request, line: Line, replies: Sequence[Any], gone: Collection[int]
    ) -> bool:
        """Return whether the server is another than it was, or no primary."""
        if request.proven and not self._is_proof(line, replies[-1]):
            return True
        if any(map(is_not_primary, replies)):
            return True
        # Another connection has met another primary meanwhile.
        there = [one for one in request.buckets if one not in gone] if gone else request.buckets
        return line.fence != self.primary.fence or not self._met.all_at(line.fence, there)

    def _is_proof(self, line: Line, info: Any) -> bool:
        if not line.proves(info):
            return False
        if not self.primary.is_replaceable:
            return True
        # A replica that is promoted leaves its primary first, and only then is told of.
        self.primary.seen_with(replicas_in(info))
        return line.losses == self.primary.losses

    def _check(self, reply: Any) -> None:
        # Not all that a server says no by is a ResponseError: that it still loads its data is none.
        if not isinstance(reply, Exception):
            return
        said = str(reply)
        if said.startswith("LAYOUT"):
            raise other_layout(self._layout, said.partition(" ")[2].encode())
        raise explained(self.primary.server, reply)

    async def _greet(self, line: Line) -> None:
        """Learn who is at the other end; hang up if it is no primary."""
        replies = await line.ask(WHO_ARE_YOU)
        for reply in replies:
            self._check(reply)
        line.answered_at = monotonic()
        fence = line.greeted(*replies)
        is_known = await self.vouches(None, line, fence)
        if fence is not None and is_known and self.primary.greeted(fence, line.replicas):
            # Nobody else uses it before it has a fence.
            line.fence, line.losses = fence, self.primary.losses
        else:
            await line.hang_up()

    async def _meet(self, line: Line, request: Request) -> Mapping[int, Exception] | None:
        """Make sure of all buckets that the server at the other end knows what it may have to know.

        They are opened, so that two layouts meet in them, and told the journal. Returns those that
        it does not have, with what it says of them; ``None`` if it is not to be asked.
        """
        assert line.fence is not None
        unknown = self._met.not_at(line.fence, request.buckets)
        if not unknown:
            return {}
        everything, names = self._met.journal.names()
        told: list[tuple[int, Question]] = [(one, self.opening(one, HEAD)) for one in unknown]
        if everything:
            told += zip(unknown, self.clearing(unknown), strict=True)
        told += [(one.bucket, one.call) for one in self.stamping_by_bucket(names, buckets=unknown)]
        replies = await line.ask([call for _, call in told], asking=request.asking)
        if any(is_not_primary(reply) for reply in replies):
            # What follows is answered in the same way.
            return {}
        gone: dict[int, Exception] = {}
        for (bucket, _), reply in zip(told, replies, strict=True):
            if is_elsewhere(reply):
                gone.setdefault(bucket, reply)
            else:
                self._check(reply)
        here = [bucket for bucket in unknown if bucket not in gone]
        if self._vetting is not None and not await self._vetting.has(line.fence, here):
            return None
        self._met.note(line.fence, here)
        return gone


def _is_foreign(reply: Any) -> bool:
    """Return whether something of another type lies where a value would: no value, and no error."""
    return isinstance(reply, ResponseError) and str(reply).startswith("WRONGTYPE")


def _milliseconds(time: Sequence[Any]) -> float:
    """Return the reply to TIME in milliseconds."""
    return int(time[0]) * 1000 + int(time[1]) / 1000
