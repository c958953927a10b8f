"""The questions of one call to a cluster: where each is to be asked, and what has come back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from redis.exceptions import AskError, ClusterDownError, MovedError

from ...errors import StoreError
from .failures import is_elsewhere, no_answer
from .line import Question, name_in
from .nodes import Nodes
from .slots import Place, slot_of
from .talk import Answer, Witness


class Target(NamedTuple):
    """Where questions go; ``asking`` where another node has sent them there for once."""

    place: Place
    asking: bool = False


class Routing:
    """The questions of one call, what came back, and what is left to be asked."""

    def __init__(self, questions: Sequence[Question], buckets: Mapping[bytes, int]) -> None:
        names = [name_in(question) for question in questions]
        self.questions = questions
        self.homes = [None if name is None else buckets.get(name) for name in names]
        self.left = list(range(len(questions)))
        self.failures: dict[int, StoreError] = {}
        self.has_to_wait = False
        self._slots = [slot_of(name or b"") for name in names]
        self._sent_to: dict[int, Place] = {}
        self._replies: list[Any] = [None] * len(questions)
        self._witnesses = [Witness(b"", 0.0)] * len(questions)

    def groups(self, nodes: Nodes) -> list[tuple[Target, list[int]]]:
        """Return what is left by where it is to be asked, in the order of places."""
        found: dict[Target, list[int]] = {}
        for place in self.left:
            slot = self._slots[place]
            if (sent_to := self._sent_to.pop(place, None)) is not None:
                found.setdefault(Target(sent_to, asking=True), []).append(place)
            elif (owner := nodes.map.owner(slot)) is not None:
                found.setdefault(Target(owner), []).append(place)
            else:
                self.failures[place] = no_answer(nodes.name, f"nobody serves slot {slot}")
        self._drop(self.failures)
        return sorted(found.items())

    def take(self, target: Target, places: Sequence[int], answer: Answer, nodes: Nodes) -> list[int]:
        """Keep the replies to the questions at ``places``, and what they say of other nodes.

        Return those places of which the node says that the cluster is down, as far as it knows.
        """
        done: list[int] = []
        down: list[int] = []
        for place, reply, witness in zip(places, answer.replies, answer.witnesses, strict=True):
            self._replies[place] = reply
            if not is_elsewhere(reply):
                self._witnesses[place] = witness
                done.append(place)
            elif isinstance(reply, AskError):
                there = (reply.host or target.place[0], int(reply.port))
                if isinstance(reply, MovedError):
                    nodes.map.move(self._slots[place], there)
                else:
                    nodes.name_heir(there)
                    self._sent_to[place] = there
            elif isinstance(reply, ClusterDownError):
                down.append(place)
            else:
                self.has_to_wait = True
        self._drop(done)
        return down

    def said(self, place: int) -> object:
        """Return the last reply to the question at ``place``."""
        return self._replies[place]

    def fail(self, places: Sequence[int], error: StoreError) -> None:
        self.failures |= dict.fromkeys(places, error)
        self._drop(places)

    def lose(self, places: Sequence[int], at: Place, error: StoreError, nodes: Nodes) -> None:
        """Give up what the node ``at`` did not answer, but for what another one has by now."""
        self.fail([one for one in places if nodes.map.owner(self._slots[one]) == at], error)

    def give_up(self, name: str) -> None:
        """Give up what nobody could answer."""
        for place in self.left:
            said = self._replies[place] or "its nodes change faster than they can be asked"
            self.failures[place] = no_answer(name, f"it is not whole, or slots are moving: {said}")
        self.left = []

    def answer(self) -> Answer:
        return Answer(self._replies, self._witnesses, self.failures)

    def _drop(self, places: Iterable[int]) -> None:
        gone = set(places)
        self.left = [place for place in self.left if place not in gone]
