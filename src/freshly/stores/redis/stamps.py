"""Names are stamped: the clock of their bucket advances, and its reading is written at each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...core.holds import Hold
from ...errors import PartlyInvalidatedError, StoreError
from .hub import Hub
from .line import Question
from .reading import Moment, Position, number_of
from .talk import Answer, Talk


class Stamped(NamedTuple):
    """The answer to what was asked first, the moment of the stamps, and for each name its new
    position and the sequence of its former stamp.
    """

    first: Answer
    moment: Moment
    names: dict[bytes, tuple[Position, int]]


class Stamps:
    """Stamps names of one colour of caller."""

    def __init__(self, hub: Hub, talk: Talk) -> None:
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
        """Stamp ``names``, kinds in front. ``first`` is asked before, in the same batch.

        Raises:
            PartlyInvalidatedError: if some of them were stamped, and others not.
        """
        self._hub.journal.note(names)
        token, span = ("", 0) if hold is None else (hold.token, round(hold.seconds * 1000))
        calls = self._talk.stamping_by_bucket(names, token=token, hold=span)
        positions: dict[int, Position] = {}
        found: dict[bytes, tuple[Position, int]] = {}
        if not calls:
            return Stamped(Answer([], []), Moment(positions), found)
        questions = [*first, *(call for _, _, call in calls)]
        answer = await self._talk.write(
            questions,
            always=always,
            timed=bool(first),
            partly=not first,
            # A value that is set by hand is nothing that has to be known after a failover.
            copies=None if first else self._hub.copies,
        )
        failed: dict[bytes, StoreError] = {}
        for place, (bucket, some, _) in enumerate(calls, len(first)):
            if place in answer.failures:
                failed |= dict.fromkeys(some, answer.failures[place])
                continue
            _, nonce, sequence, floor, prunable, _, before = answer.replies[place]
            position = positions[bucket] = Position(nonce, int(sequence))
            for name, former in zip(some, before, strict=True):
                found[name] = position, max(number_of(former or b"0"), int(floor))
            if int(prunable) > int(floor):
                self._hub.prunable[bucket] = Position(nonce, int(prunable))
        if failed:
            raise _in_part(names, failed)
        moment = self._hub.moment = Moment(positions)
        return Stamped(answer.part(0, len(first)), moment, found)


def _in_part(names: Sequence[bytes], failed: Mapping[bytes, StoreError]) -> PartlyInvalidatedError:
    done = [name[1:].decode() for name in names if name not in failed]
    cause = next(iter(failed.values()))
    error = PartlyInvalidatedError(done, [name[1:].decode() for name in failed], str(cause))
    error.__cause__ = cause
    return error
