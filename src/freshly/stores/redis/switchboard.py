"""Talk with a cluster: each question goes to the node that has what it is about.

Nodes are asked side by side. One that has handed over a slot says where to, and what failed at a node
that was replaced is asked again at its successor; the caller sees an error when there is none yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from time import monotonic
from typing import Any

from ...errors import StoreError, StoreUnreachableError
from .chorus import Chorus
from .conversation import Conversation, Request
from .copies import Copies
from .discovery import Discovery
from .failures import no_answer
from .layout import HEAD, Layout
from .line import Line, Question
from .lines import Lines
from .met import Met
from .nodes import Nodes
from .primary import Primary
from .routing import Routing, Target
from .slots import Place, slot_of
from .talk import Answer, Talk
from .vetting import NodeVetting

# Turns that one call takes at most. A slot that moves takes two or three.
TURNS = 8
# Seconds before what nobody can answer just now is asked again, at first and at most.
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.1
# Seconds between two discoveries while a node does not answer and nobody has taken its place.
RHYTHM = 0.2


class Switchboard(Talk):
    """The talk of one colour with all nodes."""

    def __init__(
        self,
        layout: Layout,
        max_ttl: float,
        met: Met,
        nodes: Nodes,
        chorus: Chorus,
        discovery: Discovery,
        lines_to: Callable[[Place], Lines],
        *,
        timeout: float,
    ) -> None:
        super().__init__(layout, max_ttl)
        self.nodes = nodes
        self._met = met
        self._chorus = chorus
        self._discovery = discovery
        self._lines_to = lines_to
        self._timeout = timeout
        self._lines: dict[Place, Lines] = {}
        self._conversations: dict[Place, Conversation] = {}
        self._buckets = {layout.bucket(number): number for number in range(layout.buckets)}
        self._slots = [slot_of(name) for name in self._buckets]

    async def read(self, questions: Sequence[Question]) -> Answer:
        return await self._ask(questions, Request((), (), proven=True, tolerant=True, timed=True))

    async def write(
        self,
        questions: Sequence[Question],
        *,
        always: bool = False,
        timed: bool = False,
        partly: bool = False,
        copies: Copies | None = None,
    ) -> Answer:
        request = Request((), (), proven=True, always=always, timed=timed, copies=copies)
        return await self._ask(questions, request, partly=partly)

    async def primaries(self) -> Sequence[Place | None]:
        if not self.nodes.map.places():
            await self._discovery.begun_after(monotonic())
        return self.nodes.map.places()

    async def tell(self, place: Place | None, question: Question) -> Any:
        assert place is not None
        conversation = self._conversation(place)
        for _ in range(TURNS):
            (answer,) = await self._chorus.all([conversation.attempt(Request([question], ()))])
            if isinstance(answer, Exception):
                raise answer
            if answer is not None:
                return answer.replies[0]
        raise no_answer(conversation.primary.server, "it is no primary")

    def homes(self) -> Sequence[Place | None]:
        return [self.nodes.map.owner(slot) for slot in self._slots]

    def primary_at(self, place: Place | None) -> Primary:
        assert place is not None
        return self.nodes.primary(place)

    async def vouches(self, place: Place | None, line: Line, fence: bytes | None) -> bool:
        assert place is not None
        asked = self._conversation(place).vouches(place, line, fence)
        (known,) = await self._chorus.all([asked])
        if isinstance(known, Exception):
            raise known
        return known

    # -- connections -----------------------------------------------------------------------------

    def _conversation(self, place: Place) -> Conversation:
        known = self._conversations.get(place)
        if known is not None:
            return known
        lines = self._lines.setdefault(place, self._lines_to(place))

        vetting = NodeVetting(
            place,
            self.nodes,
            self._chorus,
            self._discovery,
            self._layout,
            timeout=self._timeout,
        )
        made = Conversation(
            self.nodes.primary(place), lines, self._layout, self._met, self._max_ttl / 1000, vetting
        )
        return self._conversations.setdefault(place, made)

    async def wait(self, job: Future[None]) -> None:
        """Return when ``job`` has ended, or a time-out is over."""
        seed = self.nodes.seeds[0]
        await self._lines.setdefault(seed, self._lines_to(seed)).wait(job)

    async def close(self) -> None:
        for lines in list(self._lines.values()):
            await lines.close()

    def forget_parent(self) -> None:
        for lines in self._lines.values():
            lines.forget_parent()
        self._chorus.forget_parent()
        # Their primaries are new ones.
        self._conversations = {}

    # -- one call ----------------------------------------------------------------------------------

    async def _ask(
        self, questions: Sequence[Question], request: Request, *, partly: bool = False
    ) -> Answer:
        if not self.nodes.map.places():
            await self._discovery.begun_after(monotonic())
        call = Routing(questions, self._buckets)
        if self._met.of(0) is None and 0 not in call.homes:
            # All processes meet in the first bucket, however many they lay out: who counts others is
            # told so.
            await self._ask([self.opening(0, HEAD)], request._replace(tolerant=False))
        until = monotonic() + self._timeout
        for turn in range(TURNS):
            await self._turn(call, request)
            if not call.left:
                break
            if call.has_to_wait:
                if monotonic() > until:
                    break
                await self._chorus.pause(min(FIRST_PAUSE * 2**turn, LONGEST_PAUSE))
        call.give_up(self.nodes.name)
        if call.failures and (not partly or len(call.failures) == len(questions)):
            raise next(iter(call.failures.values()))
        return call.answer()

    async def _turn(self, call: Routing, request: Request) -> None:
        """Ask all that is left, where it is now."""
        groups = call.groups(self.nodes)
        parts = [self._part(call, request, target, places) for target, places in groups]
        outcomes = await self._chorus.all(parts)
        call.has_to_wait = False
        lost: list[tuple[Place, Sequence[int], StoreError]] = []
        for (target, places), outcome in zip(groups, outcomes, strict=True):
            match outcome:
                case Answer():
                    if down := call.take(target, places, outcome, self.nodes):
                        said = no_answer(self.nodes.name, str(call.said(down[0])))
                        lost.append((target.place, down, said))
                case StoreUnreachableError():
                    lost.append((target.place, places, outcome))
                case StoreError():
                    call.fail(places, outcome)
                case Exception():
                    raise outcome
                case None:
                    # It is not what it was. Who asks on a new connection finds out what it is now.
                    continue
        if lost or call.failures or call.has_to_wait:
            await self._look_around()
        for at, some, error in lost:
            call.lose(some, at, error, self.nodes)

    async def _part(
        self, call: Routing, request: Request, target: Target, places: Sequence[int]
    ) -> Answer | None:
        homes = [call.homes[place] for place in places]
        return await self._conversation(target.place).attempt(
            request._replace(
                questions=[call.questions[place] for place in places],
                buckets={home for home in homes if home is not None},
                homes=homes,
                asking=target.asking,
            )
        )

    async def _look_around(self) -> None:
        """See whether somebody has taken the place of a node that does not answer as it should."""
        try:
            await self._discovery.at_most_every(RHYTHM)
        except StoreError:
            # What is known stays: the error of the node says more.
            return
