"""Entries are laid under their keys, unless something that they carry was invalidated meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .hub import Hub
from .landing import Landing
from .line import Question
from .looks import Looks
from .talk import Talk


class Placing(Protocol):
    """Lays entries under their keys, for one colour of caller."""

    async def place(self, sent: Sequence[Landing], count: int) -> list[bool]:
        """Store what was not overtaken; say which of ``count`` entries that are."""
        ...


class AtOnce:
    """On one server the question and the answer are one step, by a script."""

    def __init__(self, hub: Hub, talk: Talk) -> None:
        self._hub = hub
        self._talk = talk

    async def place(self, sent: Sequence[Landing], count: int) -> list[bool]:
        stored = [False] * count
        while sent:
            answer = await self._talk.write([one.call(self._hub.layout) for one in sent])
            newer: list[Landing] = []
            for one, reply in zip(sent, answer.replies, strict=True):
                if not isinstance(reply, bytes):
                    stored[one.place] = reply == 1
                    if reply == 1:
                        _note_stored(self._hub, one)
                elif (again := one.after(reply)) is not None:
                    newer.append(again)
            sent = newer
        return stored


class AfterALook:
    """In a cluster a value and its buckets lie apart: the buckets are read, and then it is stored.

    Between the two it may be overtaken. Then it lies there with its old stamps and is valid for nobody;
    and where a newer value was, set by hand in that moment, it takes its place, which costs a load.
    """

    def __init__(self, hub: Hub, talk: Talk, looks: Looks) -> None:
        self._hub = hub
        self._talk = talk
        self._looks = looks

    async def place(self, sent: Sequence[Landing], count: int) -> list[bool]:
        stored = [False] * count
        if not sent:
            return stored
        keys = [one.entry.key for one in sent]
        tags = [tag for one in sent for tag in one.entry.tags]
        reading = await self._looks.names(keys, tags, is_whole=False)
        layout, questions, chosen = self._hub.layout, list[Question](), dict[int, Landing]()
        for one in sent:
            entry = one.entry
            left = round((entry.dead_at - reading.now) * 1000)
            if left > 0 and not one.is_overtaken(layout, reading):
                chosen[len(questions)] = one
                questions.append(("SET", layout.value(entry.key), one.data, "PX", left))
                if one.lease:
                    questions.append(self._talk.leasing(entry.key, one.lease, 0))
        if not chosen:
            return stored
        answer = await self._talk.write(questions, partly=True)
        for asked, one in chosen.items():
            stored[one.place] = asked not in answer.failures
            if stored[one.place]:
                _note_stored(self._hub, one)
        return stored


def _note_stored(hub: Hub, landing: Landing) -> None:
    entry = landing.entry
    hub.presence.note(entry.key, entry.dead_at - entry.born - entry.load_seconds)
    if landing.lease:
        hub.keeper.drop(entry.key)
