"""What still runs, waits or is remembered for a cache when nothing should."""

from __future__ import annotations

from .. import cache as default_cache
from ..caches import Cache
from ..core.flight import Flight
from ..parts import Parts
from ..stores.memory import SPARE_MARKS, MemoryStore
from .clock import ManualClock
from .subject import INDENT


def assert_no_leaks(*caches: Cache) -> None:
    """Assert that nothing runs or waits for ``caches``, by default ``freshly.cache``, at this moment.

    That is: no load or refresh in a task or a thread, nobody who waits for one, no caller who waits
    on a manual clock, no store that ``setup`` replaced and nobody closed yet, and no more marks of
    invalidations than the entries need. The message names each.

    A refresh that a read has just begun runs until the loop has had its turns: await what you wait
    for, or ``cache.close()``, before you ask.
    """
    lines = [line for cache in caches or (default_cache,) for line in leaks_of(cache)]
    if lines:
        raise AssertionError(INDENT.join([f"{len(lines)} left over:", *lines]))


def leaks_of(cache: Cache) -> list[str]:
    """Return a line for each thing that is left over."""
    home = cache._home
    retired = home.retired
    lines = [line for parts in [*retired, home.parts] for line in _of_parts(parts)]
    if isinstance(home.clock, ManualClock) and home.clock.alarms:
        lines.append(f"{home.clock.alarms} callers wait on the clock of the cache")
    lines += ["a store that setup() replaced is not closed: await cache.close()"] * len(retired)
    return lines


def _of_parts(parts: Parts) -> list[str]:
    running = [f"{what} still runs, {_waiting(flight)}" for what, flight in parts.running()]
    return running + _marks(parts)


def _waiting(flight: Flight) -> str:
    if flight.has_ended:
        return "though its load was given up: it does not let itself be cancelled"
    return f"{flight.passengers} callers wait for it" if flight.passengers else "nobody waits for it"


def _marks(parts: Parts) -> list[str]:
    store = parts.store
    if not isinstance(store, MemoryStore):
        return []
    # Twice as many as there are entries may be there before the next pass, and some to spare.
    allowed = 2 * len(store.living()) + SPARE_MARKS
    marks = store.logical.marks
    if marks <= allowed or parts.flights.oldest_stamp() is None:
        return []  # those that nobody needs go with the next pass
    return [
        f"{marks} marks of invalidations are remembered for {len(store.living())} entries: a load "
        f"that does not end keeps all since it began"
    ]
