"""What the parts of a store speak to: one server, or a cluster of them.

Questions of one call may have to go to several servers. Each reply has its witness, so that what is
said of a bucket is judged by the server that has it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...errors import StoreError
from .copies import Copies
from .line import Line, Question
from .phrases import Phrases
from .primary import Primary
from .slots import Place


class Witness(NamedTuple):
    """Who gave a reply, and what time it was there in milliseconds; 0.0 if nobody asked for that."""

    fence: bytes
    time: float


class Answer(NamedTuple):
    """Replies, each with its witness; ``failures`` has what kept some from being given, by place."""

    replies: list[Any]
    witnesses: Sequence[Witness]
    failures: Mapping[int, StoreError] = {}

    def part(self, start: int, stop: int | None = None) -> Answer:
        """Return some of the replies, with their witnesses."""
        return Answer(self.replies[start:stop], self.witnesses[start:stop])


class Talk(Phrases):
    """Questions and answers of one colour of caller."""

    @abstractmethod
    async def read(self, questions: Sequence[Question]) -> Answer:
        """Return the replies, of which it is proven that primaries gave them, and their time."""

    @abstractmethod
    async def write(
        self,
        questions: Sequence[Question],
        *,
        always: bool = False,
        timed: bool = False,
        partly: bool = False,
        copies: Copies | None = None,
    ) -> Answer:
        """Return the replies. Scripts among the questions see to it that a primary runs them.

        ``always`` asks a server that seems down, too. ``partly`` is for callers who can tell which of
        their questions were answered: while one was, the others are among the failures. ``copies`` are
        waited for, where replicas have to have what was written.
        """

    @abstractmethod
    async def primaries(self) -> Sequence[Place | None]:
        """Return all primaries; ``None`` stands for the only one."""

    @abstractmethod
    async def tell(self, place: Place | None, question: Question) -> Any:
        """Return the reply of one of ``primaries``, whatever it is asked."""

    @abstractmethod
    def homes(self) -> Sequence[Place | None]:
        """Return the place of each bucket's primary, as far as is known without asking."""

    @abstractmethod
    def primary_at(self, place: Place | None) -> Primary:
        """Return what is known of the primary at one of ``homes``."""

    @abstractmethod
    async def vouches(self, place: Place | None, line: Line, fence: bytes | None) -> bool:
        """Return whether who was greeted on ``line``, at one of ``homes``, is to be asked.

        Raises:
            StoreError: if nobody tells who would have to.
        """

    def spares(self) -> StoreError | None:
        """Return what readers are told who need not ask, as one tries for all; ``None`` if all ask."""
        return None

    def turned_away(self) -> StoreError | None:
        """Return what who asks now is told at once; ``None`` if somebody is asked."""
        return None

    async def ping(self) -> None:
        for place in await self.primaries():
            await self.tell(place, ("PING",))
