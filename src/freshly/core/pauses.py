"""Which keys are spared another load because the last one failed a moment ago.

A pause counts only while an older value can be served: who has nothing to serve tries again.
"""

from __future__ import annotations

# Pauses are few: one for each key whose load failed a moment ago. Past this many, those that are
# over are dropped.
MANY = 1_000


class Pauses:
    """Instants by key, on the clock of the store."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def begin(self, key: str, now: float, until: float) -> None:
        if len(self._until) >= MANY:
            for old in [old for old, end in self._until.items() if end <= now]:
                self._until.pop(old, None)
        self._until[key] = until

    def end(self, key: str) -> None:
        self._until.pop(key, None)

    def is_on(self, key: str, now: float) -> bool:
        return bool(self._until) and now < self._until.get(key, now)
