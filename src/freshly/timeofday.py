"""``until("06:00", tz="Europe/Paris")``: a ttl that ends at a time of day."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import time, tzinfo

from .core.until import EVERY_DAY, NAMES, Until
from .errors import ConfigurationError, did_you_mean

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


def until(*times: str | time, tz: str | tzinfo, on: str | Iterable[str] = ()) -> Until:
    """Return a ttl that ends when the clocks of ``tz`` show the next of ``times``.

    ``times`` are texts such as ``"06:00"`` or ``"18:30:15"``; ``tz`` is a name such as
    ``"Europe/Paris"`` or ``"UTC"``. ``on`` names the days of the week on which it counts, such as
    ``"monday"`` or ``["sat", "sun"]``; without it every day does.

    Takes the place of a duration in ``ttl``, ``soft_ttl`` and ``early_ttl``, also as what a
    function returns. It counts from the start of the load: a value whose load began before six is
    not served after six. A time that is skipped when clocks are put forward counts that much later,
    one that comes twice when they are put back counts the first time.

    Raises ``ConfigurationError`` for a text that is no time of day, and for a name that is no zone.
    """
    if not times:
        raise ConfigurationError("until() names no time of day: write until('06:00', tz='UTC')")
    return Until(tuple(sorted(map(_time, times))), _days(on), _zone(tz))


def _time(value: object) -> time:
    if isinstance(value, time) and value.tzinfo is None:
        return value
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ConfigurationError(
            f"until({value!r}) is no time of day: write '06:00' or '18:30:15', from 00:00 to 23:59:59, "
            f"and the zone as tz="
        )
    hour, minute, second = (int(part or 0) for part in found.groups())
    return time(hour, minute, second)


def _zone(tz: object) -> tzinfo:
    if isinstance(tz, tzinfo):
        return tz
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # who names no zone need not import them

    try:
        return ZoneInfo(tz if isinstance(tz, str) else repr(tz))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(
            f"tz={tz!r} is no time zone that this machine knows: give a name such as 'Europe/Paris' "
            f"or 'UTC'; if the machine has no zones at all, pip install tzdata"
        ) from None


def _days(on: str | Iterable[str]) -> frozenset[int]:
    names = [on] if isinstance(on, str) else list(on)
    return frozenset(map(_day, names)) or EVERY_DAY


def _day(name: object) -> int:
    text = name.lower() if isinstance(name, str) else ""
    for number, full in enumerate(NAMES):
        if text in (full, full[:3]):
            return number
    raise ConfigurationError(
        f"on={name!r} is no day of the week{did_you_mean(text, NAMES)}: give {', '.join(NAMES)}, or "
        f"their first three letters"
    )
