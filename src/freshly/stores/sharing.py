"""One object for equal texts: a thousand entries with one tag need the tag once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

#: So many things are remembered that came lately, and as many that came before those. More would
#: share more of what is rare, and hold on to more that no entry has any longer.
REMEMBERED = 1_024


class Shared(Generic[T]):
    """Gives one object for equal ones, as long as they come again soon."""

    def __init__(self) -> None:
        self._late: dict[T, T] = {}
        self._early: dict[T, T] = {}

    def get(self, thing: T) -> T | None:
        """Return what was remembered and equals ``thing``."""
        found = self._late.get(thing)
        if found is None and (found := self._early.get(thing)) is not None:
            self.add(found)
        return found

    def add(self, thing: T) -> T:
        """Remember ``thing``, and return it."""
        if len(self._late) >= REMEMBERED:
            self._early, self._late = self._late, {}
        self._late[thing] = thing
        return thing

    def one_for(self, thing: T) -> T:
        """Return what was remembered and equals ``thing``, or else remember it."""
        found = self._late.get(thing)
        return self.add(self._early.get(thing, thing)) if found is None else found


class SharedTags:
    """Tags shared between entries: each text, and each combination of them."""

    def __init__(self) -> None:
        self._texts: Shared[str] = Shared()
        self._combinations: Shared[tuple[str, ...]] = Shared()

    def one_for(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        """Return a tuple that equals ``tags``: one that came before, or else one of shared texts."""
        if len(tags) == 1:
            return self._combinations.one_for(tags)
        known = self._combinations.get(tags)
        if known is not None:
            return known
        return self._combinations.add(tuple([self._texts.one_for(tag) for tag in tags]))
