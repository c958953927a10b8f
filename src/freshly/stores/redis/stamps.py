"""Names are stamped: the clock of their bucket advances, and its reading is written at each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...core.holds import Hold
from .conversation import Conversation
from .hub import Hub
from .line import Question
from .reading import Moment, Position, number_of


class Stamped(NamedTuple):
    """The replies to what was asked first, the moment of the stamps, and for each name its new
    position and the sequence of its former stamp.
    """

    replies: Sequence[Any]
    fence: bytes
    moment: Moment
    names: dict[bytes, tuple[Position, int]]


class Stamps:
    """Stamps names of one colour of caller."""

    def __init__(self, hub: Hub, talk: Conversation) -> None:
        self._hub = hub
        self._talk = talk

    async def stamp(
        self,
        names: Sequence[bytes],
        *,
        first: Sequence[Question] = (),
        hold: Hold | None = None,
        always: bool = False,
    ) -> Stamped:
        """Stamp ``names``, kinds in front. ``first`` is asked before, in the same batch."""
        self._hub.journal.note(names)
        token, span = ("", 0) if hold is None else (hold.token, round(hold.seconds * 1000))
        calls = self._talk.stamping_by_bucket(names, token=token, hold=span)
        positions: dict[int, Position] = {}
        found: dict[bytes, tuple[Position, int]] = {}
        if not calls:
            return Stamped([], b"", Moment(positions), found)
        questions = [*first, *(call for _, _, call in calls)]
        answer = await self._talk.write(questions, always=always)
        told = answer.replies[len(first) :]
        for (bucket, some, _), reply in zip(calls, told, strict=True):
            _, nonce, sequence, floor, prunable, _, before = reply
            position = positions[bucket] = Position(nonce, int(sequence))
            for name, former in zip(some, before, strict=True):
                found[name] = position, max(number_of(former or b"0"), int(floor))
            if int(prunable) > int(floor):
                self._hub.prunable[bucket] = Position(nonce, int(prunable))
        moment = self._hub.moment = Moment(positions)
        return Stamped(answer.replies[: len(first)], answer.fence, moment, found)
