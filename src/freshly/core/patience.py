"""How long a read waits for a load: two instants, counted from the read's own start.

Past the soft one an expired value is served to it, as long as one may be; past the hard one it gets
an error if there is none. The load is not touched by either: whose it is says ``flight.py``.
"""

from __future__ import annotations

from dataclasses import dataclass


class Patience:
    """What one read still gives to loads. ``is_late`` and ``is_over`` say which instants have come."""

    __slots__ = ("_hard_at", "_soft_at", "is_late", "is_over")

    def __init__(self, soft_at: float | None, hard_at: float | None) -> None:
        self._soft_at = soft_at
        self._hard_at = hard_at
        self.is_late = False
        self.is_over = False

    def until(self, *, may_stand_in: bool) -> float | None:
        """Return when to stop waiting; ``may_stand_in`` says that an older value could be served."""
        soft_at = self._soft_at if may_stand_in and not self.is_late else None
        return self._hard_at if soft_at is None else soft_at

    def run_out(self, instant: float | None) -> None:
        """Note that ``instant`` came before the load had ended."""
        self.is_late = True
        self.is_over = instant == self._hard_at


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The options of a function, in seconds; ``None`` waits for ever."""

    soft: float | None
    hard: float | None

    def begin(self, now: float) -> Patience:
        soft = None if self.soft is None else now + self.soft
        hard = None if self.hard is None else now + self.hard
        return Patience(soft, hard)


#: Of a read without timeouts. Its instants never come, so all such reads may share it.
ENDLESS = Patience(None, None)
