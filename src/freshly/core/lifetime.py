"""How long a value lives: five options, five instants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .entry import Instants
from .until import Until

# Seconds from the birth, a time of day after it, or as long as the store keeps anything.
Span = float | Until | None


# A refresh that is to end before the value turns stale has to begin at least one load time
# earlier. Two leave room for a load slower than the last one; the third is spread by chance so
# that processes which loaded together do not refresh together (after XFetch: Vattani, Chierichetti,
# Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015).
LOADS_AHEAD = 2.0


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The life of a value, in seconds from its birth: ``early_ttl <= soft_ttl <= ttl``.

    ``None`` for ``soft_ttl`` or ``early_ttl`` means the next one; ``ttl=None`` means as long as
    the store keeps anything. Each of the three may be a time of day. ``grace`` is added to ``ttl``.
    ``jitter`` is the greatest part of the whole life, from 0 to 1, by which chance may shorten it.
    With ``idle`` a value lives that long from its last read, and ``ttl`` at the longest.
    """

    ttl: Span
    soft_ttl: Span = None
    early_ttl: Span = None
    grace: float = 0.0
    jitter: float = 0.0
    idle: float | None = None
    # The ttl, where nothing else moves the end: most lifetimes are such, and are soon counted.
    _alone: float | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        others = self.soft_ttl, self.early_ttl, self.grace or None, self.jitter or None
        if others == (None,) * 4 and isinstance(self.ttl, int | float):
            object.__setattr__(self, "_alone", self.ttl)

    def idle_seconds(self, dice: float) -> float | None:
        """Return how long a value lives from its last read, or ``None`` if reads are nothing to it."""
        return None if self.idle is None else self.idle * (1.0 - self.jitter * dice)

    def instants(
        self,
        born: float,
        *,
        load_seconds: float,
        dice: float,
        longest: float,
        wall: Callable[[], float],
    ) -> Instants:
        """Return ``(born, early_at, stale_at, expires_at, dead_at)``.

        ``dice`` is a number from 0 to 1; ``longest`` the store's own limit for a whole life;
        ``wall`` tells what the time was at the birth, in seconds since the epoch.
        """
        if self._alone is not None:
            end = born + min(self._alone, longest)
            return born, end, end, end, end
        scale = 1.0 - self.jitter * dice
        ttl = min(_seconds(self.ttl, longest, scale, wall), longest)
        soft = min(_seconds(self.soft_ttl, ttl, scale, wall), ttl)
        expires_at = born + ttl
        # One object for instants that are one instant: entries are many.
        stale_at = expires_at if soft == ttl else born + soft
        early_at = stale_at
        if self.early_ttl is not None:
            early = min(_seconds(self.early_ttl, soft, scale, wall), soft)
            early_at = born + _ahead_of_slow_loads(early, soft, load_seconds, dice)
        dead_at = expires_at if self.grace == 0 else born + min(ttl + self.grace, longest)
        return born, early_at, stale_at, expires_at, dead_at


def _seconds(span: Span, otherwise: float, scale: float, wall: Callable[[], float]) -> float:
    if span is None:
        return otherwise
    return scale * (span.seconds_after(wall()) if isinstance(span, Until) else span)


def _ahead_of_slow_loads(early: float, soft: float, load_seconds: float, dice: float) -> float:
    ahead = soft - (LOADS_AHEAD + dice) * load_seconds
    return min(early, max(ahead, soft / 2))
