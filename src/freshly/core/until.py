"""A life that ends at a time of day: the daily report at six, whenever it was loaded.

What people mean is what the clock on their wall shows, so a zone belongs to it. Where the clocks are
put forward, a time that they skip counts as late as they are put forward: 2:30 becomes 3:30. Where
they are put back, a time that comes twice counts the first time. (Python reads both so: PEP 495.)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

# From yesterday, since a skipped time may move into the next day, to the same weekday of next week.
DAYS = range(-1, 9)


@dataclass(frozen=True, slots=True, repr=False)
class Until:
    """The next of some times of day, on some days of the week, as the clocks of ``zone`` show them.

    ``days`` counts from Monday, 0.
    """

    times: tuple[time, ...]
    days: frozenset[int]
    zone: tzinfo

    def seconds_after(self, wall: float) -> float:
        """Return how long it is until then from ``wall``, seconds since the epoch: above zero.

        At that time itself it is the whole way to the next.
        """
        today = datetime.fromtimestamp(wall, self.zone).date()
        days = [day for offset in DAYS if (day := today + timedelta(offset)).weekday() in self.days]
        ends = [datetime.combine(day, at, self.zone).timestamp() for day in days for at in self.times]
        return min(end for end in ends if end > wall) - wall

    def __repr__(self) -> str:
        times = ", ".join(repr(at.isoformat("auto").removesuffix(":00")) for at in self.times)
        days = [NAMES[day] for day in sorted(self.days)]
        on = "" if len(days) == len(NAMES) else f", on={days!r}"
        return f"until({times}, tz={str(self.zone)!r}{on})"


NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EVERY_DAY = frozenset(range(7))
