"""Write what happened to a logger of the standard library.

Each cache has such an observer from the start, at the levels of ``TROUBLE``: it says what no caller
could see. ``cache.observe(log, *log.kinds)`` adds another, for other events or another logger.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from threading import Lock

from ..core.duration import Duration, seconds
from ..core.events import (
    Event,
    HoldRanOut,
    Invalidated,
    InvalidationQueued,
    InvalidationsDelivered,
    InvalidationsLost,
    Loaded,
    LoadFailed,
    LoadTimedOut,
    MarkedStale,
    NearLost,
    NearReady,
    SequenceTooLong,
    ServedExpired,
    StoreDown,
    StoreFailed,
    StoreUp,
)
from ..errors import StoreUnreachableError

Levels = Mapping[type[Event], int]

#: What somebody has to know, and that it is over: an older value hides that its source fails, or is
#: slow; the store fails, or is down; invalidations wait for it; a hold was too short.
TROUBLE: Levels = {
    LoadFailed: logging.WARNING,
    LoadTimedOut: logging.WARNING,
    ServedExpired: logging.WARNING,
    SequenceTooLong: logging.WARNING,
    StoreFailed: logging.WARNING,
    StoreDown: logging.WARNING,
    StoreUp: logging.INFO,
    InvalidationQueued: logging.WARNING,
    InvalidationsDelivered: logging.INFO,
    InvalidationsLost: logging.ERROR,
    HoldRanOut: logging.WARNING,
    NearLost: logging.INFO,
    NearReady: logging.INFO,
}

#: That, and what goes as it should.
EVERYTHING: Levels = {
    **TROUBLE,
    Loaded: logging.DEBUG,
    Invalidated: logging.INFO,
    MarkedStale: logging.INFO,
}

# A store that is ill fails each read: the first is written, and then one a minute, with a count.
DEFAULT_EVERY = 60.0


class Log:
    """An observer that writes events to ``logger``, each kind at the level that ``levels`` gives it.

    A failed load that a caller saw is not written: it was raised there. Of the failures of the store
    that are alike, in operation and type of error, the first is written at once and then one
    ``every`` so often, which says how many were left out; so with the timeouts of a function.

    Each record has the fields of its event as attributes: ``freshly_event`` is its class's name,
    and ``freshly_key``, ``freshly_function``, ``freshly_seconds``, ``freshly_operation`` and so on
    are what they are called there. A key holds arguments: mind what may stand in your logs.
    """

    def __init__(
        self,
        logger: str | logging.Logger = "freshly",
        *,
        levels: Levels = TROUBLE,
        every: Duration = DEFAULT_EVERY,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logging.getLogger(logger) if isinstance(logger, str) else logger
        self._levels = levels
        self._repeats = _Repeats(seconds(every, "every"), now)

    @property
    def kinds(self) -> tuple[type[Event], ...]:
        """The events that it writes, for ``cache.observe(log, *log.kinds)``."""
        return tuple(self._levels)

    def __call__(self, event: object) -> None:
        match event:
            case LoadFailed(background=False):
                pass  # its caller saw it
            case LoadTimedOut(error=error) if error is not None:
                pass  # and so here
            case StoreFailed(error=StoreUnreachableError(was_asked=False)):
                pass  # one line for each read would say what StoreDown has said
            case StoreFailed():
                self._write_failure(event)
            case SequenceTooLong():
                self._write_length(event)
            case LoadTimedOut():
                self._write_timeout(event)
            case LoadFailed() | ServedExpired() | Loaded():
                self._write_load(event)
            case StoreDown() | StoreUp():
                self._write_state(event)
            case InvalidationQueued() | InvalidationsDelivered() | InvalidationsLost():
                self._write_delivery(event)
            case Invalidated():
                self._write(event, "invalidated %s", _reach(event))
            case HoldRanOut(seconds=over):
                self._write(event, "a transaction ended %.1f seconds after its hold", over)
            case NearLost(error=error):
                self._write(event, "near entries are asked about before they are served: %r", error)
            case NearReady(seconds=taken):
                self._write(event, "near entries are served unasked, after %.2f s", taken)
            case MarkedStale():
                self._write(event, "marked stale: %s", ", ".join(event.tags))
            case _:
                pass

    def _write_load(self, event: LoadFailed | ServedExpired | Loaded) -> None:
        match event:
            case LoadFailed(key=key, error=error):
                text = "the load of %s failed behind its readers: %r"
                self._write(event, text, key, error, cause=error)
            case ServedExpired(key=key, error=error):
                self._write(event, "the expired value of %s stands in: %r", key, error)
            case Loaded(key=key, seconds=taken, stored=stored, background=behind):
                verb, but = "refreshed" if behind else "loaded", "" if stored else ", not stored"
                self._write(event, "%s %s in %.3f s%s", verb, key, taken, but)

    def _write_state(self, event: StoreDown | StoreUp) -> None:
        match event:
            case StoreDown(error=error):
                self._write(event, "the store does not answer, reads go past it: %r", error)
            case StoreUp(seconds=taken):
                self._write(event, "the store answers again after %.1f s", taken)

    def _write_delivery(
        self, event: InvalidationQueued | InvalidationsDelivered | InvalidationsLost
    ) -> None:
        match event:
            case InvalidationQueued(waiting=waiting, error=error):
                text = "an invalidation failed and will be tried again, %d names wait: %r"
                self._write(event, text, waiting, error)
            case InvalidationsDelivered(seconds=taken):
                text = "all invalidations that waited are delivered after %.1f s"
                self._write(event, text, taken)
            case InvalidationsLost(waiting=waiting, error=error):
                text = "closed with %d names undelivered, other processes may serve what they name: %r"
                self._write(event, text, waiting, error)

    def _write_length(self, event: SequenceTooLong) -> None:
        left_out = self._repeats.left_out((SequenceTooLong, event.function))
        if left_out is None:
            return
        text = "%s has more than %d elements, which is never stored: raise max_length of %s"
        self._write(event, text, event.key, event.most, event.function)

    def _write_timeout(self, event: LoadTimedOut) -> None:
        left_out = self._repeats.left_out((LoadTimedOut, event.function))
        if left_out is not None:
            text = "the load of %s took longer than %.3g s, its expired value stands in%s"
            self._write(event, text, event.key, event.seconds, _also(left_out))

    def _write_failure(self, event: StoreFailed) -> None:
        left_out = self._repeats.left_out((event.operation, type(event.error)))
        if left_out is None:
            return
        text = "%s of %s failed: %r%s"
        self._write(event, text, event.operation, event.key, event.error, _also(left_out))

    def _write(
        self, event: Event, text: str, *args: object, cause: BaseException | None = None
    ) -> None:
        level = self._levels.get(type(event))
        if level is None or not self._logger.isEnabledFor(level):
            return
        fields = {f"freshly_{name}": getattr(event, name) for name in event.__dataclass_fields__}
        fields["freshly_event"] = type(event).__name__
        self._logger.log(level, text, *args, exc_info=cause, extra=fields)


class _Repeats:
    """What was said a moment ago, and how often it was not said again since."""

    def __init__(self, every: float, now: Callable[[], float]) -> None:
        self._every = every
        self._now = now
        self._lock = Lock()
        self._said: dict[object, tuple[float, int]] = {}

    def left_out(self, what: object) -> int | None:
        """Return how many like it went unsaid since the last, or ``None`` if this one does too."""
        now = self._now()
        with self._lock:
            said = self._said.get(what)
            if said is None or now - said[0] >= self._every:
                self._said[what] = (now, 0)
                return 0 if said is None else said[1]
            self._said[what] = (said[0], said[1] + 1)
            return None


def _also(left_out: int) -> str:
    return f" (and {left_out} more since this was last said)" if left_out else ""


def _reach(event: Invalidated) -> str:
    if event.everything:
        return "everything"
    if event.pattern is not None:
        return f"keys like {event.pattern}"
    return ", ".join([*(f"tag {tag}" for tag in event.tags), *(f"key {key}" for key in event.keys)])
