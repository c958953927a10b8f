"""The cache: what users hold. It puts the parts together and does nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from inspect import iscoroutinefunction
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, Unpack, cast

from .blocking import Blocking
from .bulkcommands import BulkCommands
from .core.counts import Stats
from .core.duration import Duration, seconds
from .core.events import Event
from .core.holds import Hold
from .core.load import running_load
from .core.ports import Clock, Observer
from .core.tags import check_named
from .core.until import Until
from .current import CurrentLoad
from .decorators import decorate, decorate_writer
from .errors import ConfigurationError
from .functions import can_be_decorated
from .handles import Decorator
from .home import Home
from .iterator import decorate_iterator
from .iteratorhandles import IteratorDecorator
from .lifetimes import TTL
from .locks import AsyncLock, AsyncOnce
from .many import decorate_many
from .manyhandles import ManyDecorator
from .options import (
    CacheOptions,
    EarlyOptions,
    IteratorOptions,
    ManyOptions,
    SoftOptions,
    check_names,
    given_hold,
)
from .runtime.clock import SystemClock, wall_of
from .runtime.threads import finish
from .side import Side
from .transactions import AsyncTransaction

P = ParamSpec("P")
R = TypeVar("R")


class Cache(BulkCommands):
    """A cache for functions, with tags that invalidate.

    It works at once, in memory; ``setup`` puts another store behind it. Safe for event loops and
    threads, together. ``clock`` and ``dice`` (numbers from 0 up to 1) are there for tests.
    """

    def __init__(
        self,
        url: str = "mem://",
        *,
        clock: Clock | None = None,
        dice: Callable[[], float] = random.random,
        **options: Any,
    ) -> None:
        super().__init__(Home(url, options, clock or SystemClock(), dice))
        #: The same commands as plain calls.
        self.blocking = Blocking(self._home)

    def setup(self, url: str = "mem://", **options: Any) -> None:
        """Put the store that ``url`` names behind this cache, for all its functions.

        Connects to nothing and may be called before or after functions are decorated, and again.
        Entries of the former store are gone; its running loads are stored nowhere, and it is
        closed at the next awaited command. ``redis://``, ``rediss://``, ``valkey://``, ``valkeys://``
        and ``unix://`` name a server that processes share: docs/guide/redis.md has their options.
        Functions whose values cannot be stored there are told of by a ``FreshlyWarning``.

        Options stand in the query of the URL or beside it; those of ``mem://`` are ``max_entries``
        (100,000), ``max_ttl`` (30 days), ``max_hold`` (1 minute: see ``delete_tags``) and
        ``namespace``. ``max_bytes``, a number or a text such as ``"64MB"``, bounds the memory of the
        entries too; their values are measured, or weighed by ``weigh``, a function of a value.
        Unknown options are errors.

        ``max_refreshes`` (64), which stands beside the URL only, bounds the loads that run behind
        their readers, of each colour; those of plain functions run on four threads at most. What
        finds no place waits for one, the stale before the early, what is read most often first.
        """
        self._home.setup(url, options)

    # -- decorators --------------------------------------------------------------------------

    def __call__(self, ttl: TTL, **options: Unpack[CacheOptions]) -> Decorator:
        """Cache what the decorated function returns.

        Durations are seconds, a ``timedelta``, or a text such as ``"500ms"``, ``"5m"`` or
        ``"1h45m"``. ``ttl``, ``soft_ttl`` and ``early_ttl`` may be ``until("06:00", tz=...)``, a
        time of day, or functions: they get the arguments they declare by name, and ``result``, and
        return one of these. A ttl function that returns 0 or less says that the value is not kept.

        How long a value lives:

        - ``ttl``: the end of normal service; ``None`` is the store's ``max_ttl``. It counts from
          the start of the load, since the value may be as old as that.
        - ``soft_ttl``: after it the value is stale: served at once, and refreshed behind.
        - ``early_ttl``: after it one caller's read starts a refresh though the value is fresh;
          sooner for loads so slow that they would not end in time.
        - ``grace``: how long after ``ttl`` the value may stand in for a loader that raises.
        - ``sliding``: ``True`` counts ``ttl`` from the last read: what nobody asks for goes soon, what
          is asked for stays, ``max_age`` from its birth at the longest. ``soft_ttl`` and ``early_ttl``
          count from the birth, as always. A store outside of the process does not renew.
        - ``jitter``: from 0 to 1, the greatest part of the life that chance takes off.

        How it is loaded, and what is kept:

        - ``soft_timeout``: how long a read waits for a load while an expired value could stand in;
          then it gets that one, and the load goes on behind. Needs ``grace``.
        - ``hard_timeout``: how long a read waits at all; then it gets an expired value if one can
          stand in, and ``LoadTimeout`` if not. The load goes on behind, others wait on. A plain
          function with a timeout is run in another thread, in a copy of its caller's context.
        - ``retry_after``: the pause after a failed load while an older value can be served (1 s).
        - ``condition``: a function of ``result`` and arguments by name; what it refuses is
          returned and not stored.
        - ``cache_exceptions``: exceptions of the loader that are answers, such as ``NotFound``: kept
          for ``ttl``, or for a ttl of their own (``{NotFound: "1m"}``), and raised anew to each reader.
        - ``copy``: give each caller a deep copy. Without it a hit returns the stored object.

        What it is found by:

        - ``key``: a template that is the whole key, ``"user:{user_id}"``. Without it the key
          names the function and each argument.
        - ``tags``: templates over arguments and ``{result...}``, or a function.
        - ``exclude``: parameters that do not decide the value.
        - ``vary``: context variables that do.

        Raises ``ConfigurationError`` for an option that does not exist, and at decoration for
        options that do not fit.
        """
        check_names(options, CacheOptions, "cache")
        self._check_ends(ttl, options)
        return cast("Decorator", self._decorator(decorate, ttl, options))

    def _check_ends(self, ttl: TTL, options: Mapping[str, object]) -> None:
        if any(isinstance(end, Until) for end in (ttl, *options.values())):
            wall_of(self._home.clock)
        if iscoroutinefunction(ttl):
            raise _without_ttl(ttl)

    def _decorator(self, decorate: Any, ttl: TTL, options: Mapping[str, Any]) -> Any:
        def decorator(*args: Any, **kwargs: Any) -> Any:
            is_function = len(args) == 1 and not kwargs and can_be_decorated(args[0])
            if not is_function and callable(ttl):
                raise _without_ttl(ttl)
            if kwargs or len(args) != 1:
                raise _not_one_function(args, kwargs)
            return decorate(
                args[0],
                register=self._home.register,
                number_of=self._home.definitions.number_of,
                is_bypassed=self._home.is_disabled,
                ttl=ttl,
                options=options,
            )

        return decorator

    def soft(self, ttl: TTL, *, soft_ttl: TTL, **options: Unpack[SoftOptions]) -> Decorator:
        """``cache`` with a ``soft_ttl``: past it the stale value is served while one refresh runs."""
        _require(soft_ttl, "soft", "soft_ttl")
        return self(ttl, soft_ttl=soft_ttl, **options)

    def early(self, ttl: TTL, *, early_ttl: TTL, **options: Unpack[EarlyOptions]) -> Decorator:
        """``cache`` with an ``early_ttl``: past it one read refreshes a value that is still fresh."""
        _require(early_ttl, "early", "early_ttl")
        return self(ttl, early_ttl=early_ttl, **options)

    def many(self, ttl: TTL, **options: Unpack[ManyOptions]) -> ManyDecorator:
        """Cache the values of a function of many ids, each in an entry of its own.

        The function takes a list (or another collection) of ids, and returns a dict from id to value
        or a list of values in their order; so does a call. The function is called with those ids
        that are missing, once. Two calls that overlap share what both want: each loads what the
        other does not. Templates and functions of options name one id in the singular: ``user_id``
        for a parameter ``user_ids``. The options of ``cache`` hold for each entry by itself, and:

        - ``of``: the parameter that takes the ids; without it the first one for a collection.
        - ``each``: what one id is called, if that is not the parameter without its ``s``.
        - ``missing``: what stands for an id that the function leaves out of its dict. It is stored
          and returned as any value, for ``missing_ttl`` if that is given. Without it such an id is
          in nothing that is returned, and asked for again the next time.
        - ``on_error``: an exception in place of a value is the error of that id. ``"raise"`` raises
          those of a call as one ``ExceptionGroup``; ``"return"`` returns each in its place. What
          the function raises is raised as it is, and is of all ids that it was called with.
        - ``max_batch``: how many ids it is called with at once; more calls follow one another.

        The promise is each entry's own: an invalidation of one of them during the load keeps that one
        from being stored, and no other. ``key``, ``tags``, ``peek`` and ``delete`` of the decorated
        function take one id, ``refresh`` takes many.
        """
        check_names(options, ManyOptions, "cache.many")
        self._check_ends(ttl, options)
        return cast("ManyDecorator", self._decorator(decorate_many, ttl, options))

    def iterator(self, ttl: TTL, **options: Unpack[IteratorOptions]) -> IteratorDecorator:
        """Cache what a generator yields, plain or async, as one sequence.

        It stays a generator. On a hit the elements come from the cache. Else they come as the
        generator yields them, which goes on only when its consumer asks for more, and are stored
        when it has come to its end; what is left before (by ``break``, an error, cancelling,
        ``aclose``) stores nothing. On an event loop another caller of the same sequence waits for
        the whole of it; then the generator runs on by itself, also without its first consumer. On
        threads each caller runs a generator of its own.

        The options are those of ``cache`` but for the timeouts, and ``max_length`` (1000): a longer
        sequence passes through and is not stored; observers hear of it. ``{result[].id}`` in tags
        stands for each element. ``peek`` and ``refresh`` of the decorated function give a tuple.
        """
        check_names(options, IteratorOptions, "cache.iterator")
        self._check_ends(ttl, options)
        return cast("IteratorDecorator", self._decorator(decorate_iterator, ttl, options))

    def invalidates(
        self, *tags: str, keys: Iterable[str] = (), hold: Duration | None = None
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Invalidate ``tags`` and ``keys`` when the decorated writer has returned.

        They are templates over its arguments and ``{result...}``. A writer that raises
        invalidates nothing. When the call returns the promise of ``delete_tags`` holds. ``hold`` is
        that of ``delete_tags``.
        """
        if hold is not None:
            seconds(hold, "hold")
        for tag in tags:
            if callable(tag):
                raise ConfigurationError(
                    f"@cache.invalidates was put on {tag!r} without tags: write "
                    f"@cache.invalidates('user:{{user_id}}') above it"
                )

        def decorator(function: Callable[P, R]) -> Callable[P, R]:
            written: Callable[P, R] = decorate_writer(
                function,
                tags=tags,
                keys=keys,
                done=partial(self._invalidate, hold),
                done_blocking=partial(self._invalidate_blocking, hold),
            )
            return written

        return decorator

    async def _invalidate(
        self, hold: Duration | None, tags: tuple[str, ...], keys: tuple[str, ...]
    ) -> None:
        await _invalidate_on(self._home.parts.awaited, tags, keys, hold)

    def _invalidate_blocking(
        self, hold: Duration | None, tags: tuple[str, ...], keys: tuple[str, ...]
    ) -> None:
        finish(_invalidate_on(self._home.parts.stepped, tags, keys, hold))

    def tag(self, *tags: str) -> None:
        """Add ``tags`` to the entry that the running loader makes.

        Call it inside a cached function. Where nothing is cached, it does nothing.
        """
        named = check_named(tags, "tag")
        load = running_load(self._home.parts.flights)
        if load is not None:
            load.add(named)

    def transaction(self, *, hold: Duration | None = None) -> AsyncTransaction:
        """Collect what is invalidated and set in the block, and do it when the block has ended well.

        Nest the database's transaction inside, so that it has committed by then:
        ``async with cache.transaction(), session.begin():``. If the block raises, everything is
        dropped. A transaction inside of another joins it; if it raises, its own part is dropped.

        Inside, commands return what has been done so far, which is nothing: 0, ``False``, and a
        token that ``is_pending``. Reads see what the transaction has set, and load what it has
        invalidated. What is loaded inside is stored nowhere and shared with nobody, since it may
        show what is not committed. Tasks that are started inside belong to the transaction.

        With a ``hold`` each tag and key is invalidated and held at once, and again at the end. That
        covers a writer that dies between the database's commit and the end of the block. Give it
        more time than the database gives its transaction, and no more than the store's ``max_hold``.

        At the end the block raises ``StoreError`` if something could not be invalidated: the
        database has committed then. Nothing is dropped when the caller is cancelled at the end.
        """
        return AsyncTransaction(self._home, lambda: self._home.parts.awaited, hold)

    # -- locks -------------------------------------------------------------------------------

    def lock(
        self,
        key: str,
        *,
        ttl: Duration = "30s",
        timeout: Duration | None = None,
        renew: bool = False,
    ) -> AsyncLock:
        """Have one block at a time run under ``key``, among all who share the store.

        Owned: only its holder gives it back. Expiring: after ``ttl`` another may have it, so that a
        holder that died is in nobody's way for longer. ``renew=True`` has it renewed while the block
        runs, so that ``ttl`` is only about those that died. Fair in this process: first come, first
        served; among processes chance decides. ``timeout`` is how long to wait: ``None`` is for
        ever, 0 not at all.

        Not reentrant: a task or thread that has it and asks again gets a ``DeadlockError``. Raises
        ``LockTimeout`` if it was not to be had; ``LockLost`` at the end if the block took longer than
        the ttl, so that another may have run beside it (``lock.is_held`` tells inside);
        ``StoreError`` if the store does not answer. Its names are apart from the keys of entries.
        """
        return AsyncLock(lambda: self._home.parts.awaited.locking, key, ttl, timeout, renew=renew)

    def once(self, key: str, ttl: Duration) -> AsyncOnce:
        """Have one of many run its block within ``ttl``: it gets ``True``, the others ``False``.

        Nobody waits. If the block raises, the next caller may run it; if its process dies, nobody
        does before the ``ttl`` is over. The ``ttl`` counts from the start, so give it more time than
        the block takes. Raises ``StoreError`` if the store does not answer: then nobody knows.
        """
        return AsyncOnce(lambda: self._home.parts.awaited.locking, key, ttl)

    @property
    def current(self) -> CurrentLoad:
        """The load of this cache that the code runs inside: the innermost of several.

        In a loader ``cache.current`` has the older value and its etag, takes a ttl and tags for the
        entry, and can refuse to have one. Where nothing is loaded it has nothing, and what is said to
        it has no effect.
        """
        return CurrentLoad(running_load(self._home.parts.flights))

    # -- life --------------------------------------------------------------------------------

    def disabled(self) -> AbstractContextManager[None]:
        """Run every cached function as if it were not decorated, while the ``with`` block lasts.

        Holds for all tasks and threads. Nothing is read or stored; invalidations are carried out.
        """
        return self._home.disabled()

    def stats(self) -> Stats:
        """Return what happened since the cache was made. Takes time in proportion to the entries."""
        return self._home.stats()

    def observe(self, observer: Observer, *kinds: type[Event]) -> Callable[[], None]:
        """Have ``observer`` called with each event of ``kinds``, by default all; return what stops it.

        The kinds are the classes in ``freshly.observe``. A hit is none of them, and an event that
        nobody listens for is not made. The observer is called where the thing happens, in that
        thread or task, so it must be quick. What it raises is logged.
        """
        return self._home.observe(observer, kinds)

    async def close(self, drain: float = 5.0) -> None:
        """End everything that runs for this cache, and drop its entries.

        Refreshes are cancelled. Loads that somebody waits for get ``drain`` seconds to end; then
        they are cancelled, and who waits runs the loader on its own. No task outlives this call.
        The cache opens again by itself when it is used.
        """
        if drain < 0:
            raise ConfigurationError(f"drain={drain!r} is below zero: give seconds, 0 for at once")
        await self._settle_in()
        await self._home.parts.close(drain)

    async def __aenter__(self) -> Cache:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


async def _invalidate_on(
    side: Side, tags: tuple[str, ...], keys: tuple[str, ...], hold: Duration | None
) -> None:
    # What is written is written: a hold that is too long for this store does not keep it from being
    # invalidated, and is told after that.
    refusal: ConfigurationError | None = None
    given: Hold | None = None
    try:
        given = given_hold(hold, side.store.max_hold)
    except ConfigurationError as error:
        refusal = error
    if tags:
        await side.invalidate(tags, given)
    if keys:
        await side.delete(keys, given)
    if refusal is not None:
        raise refusal


def _without_ttl(function: object) -> ConfigurationError:
    name = getattr(function, "__qualname__", repr(function))
    return ConfigurationError(
        f"ttl={function!r}: @cache was put on {name} without a ttl: write @cache(ttl='5m') above it "
        f"(a ttl= that is computed has to be a plain function)"
    )


def _not_one_function(args: tuple[Any, ...], kwargs: dict[str, Any]) -> ConfigurationError:
    return ConfigurationError(
        f"cache(...) gives a decorator, which takes one function; it got {(*args, *kwargs.items())!r}"
    )


def _require(value: object, decorator: str, option: str) -> None:
    if value is None:
        raise ConfigurationError(
            f"{option}=None: cache.{decorator} is cache with a {option}; give one, or use cache(...)"
        )
