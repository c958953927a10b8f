"""A node of a cluster that takes over slots from another one, while that one serves.

It answers as soon as it has taken them. But the former one has to hear of it, by the replica that is
gone or by the bus of the cluster, and one that has not come to look answers a moment longer as if
nothing had happened. So nobody in this process uses the successor before those who may have been the
former say that they serve none of its slots: no answer of theirs can miss an invalidation then that
returned at the successor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import monotonic
from typing import NamedTuple

from redis.exceptions import TimeoutError as NoAnswer

from .slots import Claim, Member, Place, SlotMap, View

# Seconds between two looks at those who have not let go: they notice as soon as they run.
PAUSE = 0.002


class Word(NamedTuple):
    """What came of asking a node, begun at an instant of ``monotonic``.

    It serves its ``own`` slots by itself. It told nothing if it was silent, or refused to be connected
    to: then there is nobody.
    """

    at: float
    own: Sequence[Claim] = ()
    is_silent: bool = False


class Succession:
    """The last word of each node, and what follows from it for who succeeds whom.

    ``longest_silence`` is how old an answer of a primary may be, in seconds, to be of use. So long
    after this process has first heard who has a bucket nobody has to be asked: who was silent meanwhile
    is not believed any more, and who was not has looked at its connections.
    """

    def __init__(self, slots: SlotMap, longest_silence: float) -> None:
        self._slots = slots
        self._longest_silence = longest_silence
        self._words: dict[Place, Word] = {}
        # What was told of all the members, when they were asked last.
        self._views: tuple[float, Sequence[View]] = (float("-inf"), ())
        # By bucket: who has it, and when that was heard first. And who is known to have it alone.
        self._heard: dict[int, tuple[bytes, float]] = {}
        self._settled: dict[int, bytes] = {}

    def note(self, at: float, told: Mapping[Place, View | Exception]) -> None:
        """Note what nodes told that were asked from ``at`` on, or what was raised instead."""
        for place, one in told.items():
            if place not in self._words or self._words[place].at <= at:
                self._words[place] = _word(at, one)
        views = [one for one in told.values() if isinstance(one, View)]
        if views and self._views[0] <= at:
            self._views = at, views

    def is_old(self, fence: bytes, buckets: Iterable[int]) -> bool:
        """Return whether the primary of ``fence`` has had ``buckets`` for so long that nobody asks."""
        now, is_old = monotonic(), True
        for bucket in buckets:
            if self._heard.get(bucket, (b"", now))[0] != fence:
                self._heard[bucket] = fence, now
            is_old &= now - self._heard[bucket][1] > self._longest_silence
        return is_old

    def settle(self, fence: bytes, buckets: Iterable[int]) -> None:
        """Note that nobody serves ``buckets`` any more but the primary of ``fence``."""
        self._settled.update(dict.fromkeys(buckets, fence))

    def is_settled(self, fence: bytes, buckets: Iterable[int]) -> bool:
        return all(self._settled.get(bucket) == fence for bucket in buckets)

    def formers(self, place: Place) -> list[Place]:
        """Return those who may serve slots of ``place`` as far as they know.

        Its replicas, whom it followed itself, primaries that have lost all of theirs, and who says so.
        """
        found: dict[Place, None] = {}
        for view in self._views[1]:
            found |= dict.fromkeys(_related(view, place))
        for other, word in list(self._words.items()):
            if self._claims(word, place):
                found[other] = None
        found.pop(place, None)
        return list(found)

    def has_asked(self, place: Place, instant: float) -> bool:
        """Return whether ``place`` and its ``formers`` were asked after ``instant``."""
        asked = self._words
        return all(one in asked and asked[one].at >= instant for one in (place, *self.formers(place)))

    def lets_go(self, place: Place, instant: float) -> bool:
        """Return whether nobody serves slots of ``place`` besides, by words from after ``instant``."""
        return not any(self._may_serve(other, place, instant) for other in self.formers(place))

    def _may_serve(self, other: Place, place: Place, instant: float) -> bool:
        word = self._words.get(other)
        if word is None or word.at < instant:
            return True
        return not self._is_gone(other, word.at) if word.is_silent else self._claims(word, place)

    def _claims(self, word: Word, place: Place) -> bool:
        """Return whether who gave ``word`` says that it serves itself what ``place`` has."""
        return any(claim.place != place and self._slots.has_part_of(claim, place) for claim in word.own)

    def _is_gone(self, place: Place, instant: float) -> bool:
        """Return whether the cluster has given it up: it was silent for longer than is believed."""
        at, views = self._views
        return at >= instant and any(
            member.place == place and member.is_gone for view in views for member in view.members
        )


def _word(at: float, told: View | Exception) -> Word:
    if isinstance(told, View):
        return Word(at, told.own)
    # Who refuses us is gone, or refuses all of this login. Who is silent may be heard by others.
    return Word(at, is_silent=isinstance(told, NoAnswer | TimeoutError))


def _related(view: View, place: Place) -> Iterator[Place]:
    mine = next((member for member in view.members if member.place == place), None)
    for member in view.members:
        is_of_its_shard = mine is not None and (mine.id == member.primary or mine.primary == member.id)
        if is_of_its_shard or _is_idle(member):
            yield member.place


def _is_idle(member: Member) -> bool:
    return member.primary == b"-" and not member.has_slots
