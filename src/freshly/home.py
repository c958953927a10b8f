"""What the faces of one cache share: the parts behind it now, its functions, and its switches."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, ParamSpec, get_args
from weakref import WeakSet

from .core.clocks import Clock
from .core.counts import Stats, summarise
from .core.definition import Definitions
from .core.events import Event, Observer
from .core.token import Token
from .errors import ConfigurationError, FreshlyWarning
from .handle import Handle
from .observe.log import Log
from .options import by_hand
from .parts import Instrument, Parts
from .runtime.threads import finish
from .stores.url import count, open_store, split_options
from .stores.world import World

# Refreshes behind the callers' backs, of one cache and one colour, unless ``setup`` says otherwise.
# More would be a second load on the source beside the one that people wait for; past it a value
# stays stale a little longer.
DEFAULT_MAX_REFRESHES = 64

#: Set to 1, true, yes or on, it makes every cached function run as if it were not decorated.
KILL_SWITCH = "FRESHLY_DISABLED"


P = ParamSpec("P")

Kinds = Iterable[type[Event]]

#: What can be listened for.
KINDS: frozenset[type[Event]] = frozenset(get_args(Event))


@dataclass(frozen=True, eq=False, slots=True)
class _Observing:
    """One subscription: an observer that subscribed twice is called twice, and stopped one by one."""

    call: Observer
    kinds: frozenset[object]


Dice = Callable[[], float]


#: What puts something around a store: the testing kit's way in.
Around = Callable[[Any], Any]


_homes: WeakSet[Home] = WeakSet()


def _forget_parent() -> None:
    for home in list(_homes):
        home.forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)


class Home:
    def __init__(self, url: str, options: Mapping[str, Any], clock: Clock, dice: Dice) -> None:
        self.clock = clock
        self._dice = dice
        self.by_hand = by_hand("by hand")
        self._functions: WeakSet[Handle] = WeakSet()
        self.definitions = Definitions()
        self._observers: tuple[_Observing, ...] = (self._log(),)
        self._lock = Lock()
        self._disabled = 0
        self._retired: list[Parts] = []
        self._is_killed = False
        self._max_refreshes = DEFAULT_MAX_REFRESHES
        self.instruments: list[Instrument] = []
        self._around: Around = _as_it_is
        self._setup = (url, dict(options))
        self._parents: list[Parts] = []
        self.parts = self._open(url, options)
        _homes.add(self)

    # -- stores ------------------------------------------------------------------------------

    def setup(self, url: str, options: Mapping[str, Any]) -> None:
        """Put another store behind the cache. The former one is closed at the next await."""
        parts = self._open(url, options)
        with self._lock:
            self._check_functions(parts)
            self._retired.append(self.parts)
            self._setup = (url, dict(options))
            self._wire(parts)

    def forget_parent(self) -> None:
        """Open the store anew in a forked child.

        Of the parent's parts nothing can be used: another thread may have held any lock and have been
        in the middle of any change, threads and tasks did not come along, and a flight that was in
        the air will never land here.
        """
        self._lock = Lock()
        # Kept, so that the child's garbage collector closes nothing that the parent still uses.
        self._parents.append(self.parts)
        self._retired = []
        self._wire(self._open(*self._setup))

    def _wire(self, parts: Parts) -> None:
        self.parts = parts
        for cached in list(self._functions):
            cached.wire(parts)

    def _open(self, url: str, options: Mapping[str, Any]) -> Parts:
        place, rest, ours = split_options(url, options)
        max_refreshes = count(ours.get("max_refreshes", DEFAULT_MAX_REFRESHES), "max_refreshes")
        store = open_store(place, rest, World(self.clock, self._dice, self.emit, finish))
        self._is_killed = os.environ.get(KILL_SWITCH, "").lower() in ("1", "true", "yes", "on")
        self._max_refreshes = max_refreshes
        return self._parts_of(self._around(store))

    def _parts_of(self, store: Any) -> Parts:
        parts = Parts(
            store,
            self.clock,
            self._dice,
            self.emit,
            self._max_refreshes,
            self.instruments,
            self.disabled,
            owner=self,
        )
        if self.is_disabled():
            parts.close_gate()
        return parts

    def take_retired(self) -> list[Parts]:
        """Return the parts that ``setup`` has replaced since the last call."""
        if not self._retired:
            return []
        with self._lock:
            retired, self._retired = self._retired, []
            return retired

    @property
    def retired(self) -> tuple[Parts, ...]:
        """What ``setup`` has replaced and nobody has closed yet."""
        return tuple(self._retired)

    def register(self, cached: Handle) -> None:
        with self._lock:
            self._check_values(cached, self.parts)
            cached.wire(self.parts)
            self._functions.add(cached)

    def _check_functions(self, parts: Parts) -> None:
        # Before anything is changed: what is wrong with a function leaves the former store in place.
        try:
            for cached in list(self._functions):
                self._check_values(cached, parts)
        except BaseException:
            parts.retire()
            raise

    def _check_values(self, cached: Handle, parts: Parts) -> None:
        """Say it where nothing that the function returns can be stored: it would load each time."""
        why = parts.store.refuses(cached.recipe.shape)
        if why is not None:
            name = cached.recipe.counts.name
            warnings.warn(f"what {name} returns: {why}", FreshlyWarning, stacklevel=2)

    # -- switches ----------------------------------------------------------------------------

    def is_disabled(self) -> bool:
        return self._is_killed or self._disabled > 0

    @contextmanager
    def disabled(self) -> Iterator[None]:
        with self._lock:
            self._disabled += 1
            self.parts.close_gate()
        try:
            yield
        finally:
            with self._lock:
                self._disabled -= 1
                if not self.is_disabled():
                    self.parts.open_gate()

    @contextmanager
    def at_least(self, token: object) -> Iterator[None]:
        if isinstance(token, Token) and token.is_pending:
            raise ConfigurationError(
                "at_least() was given the token of a transaction that has not ended, which means no "
                "moment: take its .token after the block"
            )
        moment = token.text if isinstance(token, Token) else token
        if not isinstance(moment, str):
            raise ConfigurationError(
                f"at_least({token!r}) is no token: give what delete_tags returned, or its .text"
            )
        self.parts.store.reach(moment)
        yield

    # -- in tests ----------------------------------------------------------------------------

    @contextmanager
    def isolated(self, clock: Clock) -> Iterator[None]:
        """Put an empty memory store on ``clock`` behind this cache, while the ``with`` block lasts.

        Afterwards everything is as it was: parts, counts, observers, and what ``setup`` had chosen.
        """
        with self._state_put_back(), self._counts_put_back():
            self.clock = clock
            self._around = _as_it_is
            self._observers = (self._log(), *self._observers[1:])
            with self._lock:
                self._wire(self._open("mem://", {}))
            try:
                yield
            finally:
                for parts in [*self.take_retired(), self.parts]:
                    parts.close_blocking(drain=0)

    @contextmanager
    def surrounded(self, around: Around) -> Iterator[Any]:
        """Have every call of the store go through ``around(store)``, while the ``with`` block lasts."""
        with self._state_put_back():
            outer = self._around
            self._around = lambda store: around(outer(store))
            ours = around(self.parts.store)
            with self._lock:
                self._wire(self._parts_of(ours))
            try:
                yield ours
            finally:
                for parts in [*self.take_retired(), self.parts]:
                    if parts.store is ours:
                        parts.retire()  # the store itself goes on
                    else:
                        parts.close_blocking(drain=0)

    @contextmanager
    def _state_put_back(self) -> Iterator[None]:
        state = {name: getattr(self, name) for name in _STATE}
        self._retired, self.instruments = [], [*self.instruments]
        try:
            yield
        finally:
            with self._lock:
                vars(self).update(state)
                self._wire(self.parts)

    @contextmanager
    def _counts_put_back(self) -> Iterator[None]:
        counts = [self.by_hand.counts, *(cached.recipe.counts for cached in self._functions)]
        kept = [(count, count.set_aside()) for count in counts]
        try:
            yield
        finally:
            for count, former in kept:
                count.put_back(former)

    # -- what happened -----------------------------------------------------------------------

    def _log(self) -> _Observing:
        log = Log(now=lambda: self.clock.now())
        return _Observing(log, frozenset(log.kinds))

    def observe(self, observer: Observer, kinds: Kinds = ()) -> Callable[[], None]:
        # A tuple of its own each time: an observer may come or go while an event is on its way.
        one = _Observing(observer, _checked(kinds) or KINDS)
        self._observers = (*self._observers, one)

        def stop() -> None:
            self._observers = tuple(other for other in self._observers if other is not one)

        return stop

    def emit(self, kind: Callable[P, Event], /, *args: P.args, **kwargs: P.kwargs) -> None:
        event: Event | None = None
        for one in self._observers:
            if kind in one.kinds:
                # One event for all, and none if nobody listens.
                event = event or kind(*args, **kwargs)
                try:
                    one.call(event)
                except Exception:
                    logging.getLogger("freshly").exception("an observer failed on %r", event)

    def stats(self) -> Stats:
        store = self.parts.store
        counts = [cached.recipe.counts for cached in list(self._functions)]
        return summarise(
            [*counts, self.by_hand.counts],
            store.living(),
            evictions=store.evictions,
            invalidations=store.invalidations,
            refused=store.refused,
            near=store.near_stats,
        )


# What ``isolated`` and ``surrounded`` change, and put back.
_STATE = (
    "_around",
    "instruments",
    "_is_killed",
    "_max_refreshes",
    "_observers",
    "_retired",
    "clock",
    "parts",
)


def _as_it_is(store: Any) -> Any:
    return store


def _checked(kinds: Kinds) -> frozenset[type[Event]]:
    asked = frozenset(kinds)
    for kind in asked - KINDS:
        raise ConfigurationError(
            f"observe() was asked for {kind!r}, which is no kind of event: name classes of "
            f"freshly.observe, {', '.join(sorted(each.__name__ for each in KINDS))}"
        )
    return asked
