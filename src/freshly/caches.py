"""The cache: what users hold. It puts the parts together and does nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from .blocking import Blocking
from .core.clocks import Clock
from .core.counts import Stats
from .core.duration import Duration
from .core.events import Event, Observer
from .core.load import running_load
from .core.tags import check_named
from .core.token import Token
from .current import CurrentLoad
from .decorating import Decorating
from .errors import ConfigurationError
from .home import Home
from .locks import AsyncLock, AsyncOnce
from .runtime.clock import SystemClock
from .transactions import AsyncTransaction


class Cache(Decorating):
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
        ``codec`` there is the codec of all functions that ask for none, see ``cache(...)``.
        Functions whose values cannot be stored there are told of by a ``FreshlyWarning``.

        ``near=True`` keeps entries of a server in the process too (``near="mem://?max_entries=10000"``
        says how many): hits cost no round trip, and a read that begins ``max_staleness`` (1 second)
        after an invalidation has returned, in whatever process, sees nothing older. With
        ``consistency="strict"`` a near entry is asked about each time, and its value is not sent.
        All processes of a namespace need the same ``max_staleness``: docs/guide/near.md.

        Options stand in the query of the URL or beside it; those of ``mem://`` are ``max_entries``
        (100,000), ``max_ttl`` (30 days), ``max_hold`` (1 minute: see ``delete_tags``) and
        ``namespace``. ``max_bytes``, a number or a text such as ``"64MB"``, bounds the memory of the
        entries too; their values are measured, or weighed by ``weigh``, a function of a value.
        Unknown options are errors.

        ``max_refreshes`` (64) bounds the loads that run behind their readers, of each colour and
        whatever the store; those of plain functions run on four threads at most. What finds no
        place waits for one, the stale before the early, what is read most often first.
        """
        self._home.setup(url, options)

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

        ``@cache.transaction()`` above a function, async or plain, runs each of its calls in a
        transaction of its own.
        """
        return AsyncTransaction(self._home, hold)

    def at_least(self, token: Token | str) -> AbstractContextManager[None]:
        """Have reads in the block be no older than the invalidation that returned ``token``.

        For who was told of a change by another process: it hands ``token.text`` on, and here reads see
        what it did, whatever ``max_staleness`` allows. Asks nobody when the block begins; what near
        entries are not known to be as new as that are asked about when they are read next. Where each
        read asks the server, or there is one process, that is so without it.

        Raises ``ConfigurationError`` if it is no token of this kind of store.
        """
        return self._home.at_least(token)

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

        ``@cache.lock("report:{day}")`` above a function, async or plain, runs one call at a time; the
        key is a template over its arguments then.
        """
        return AsyncLock(self._home, key, ttl, timeout, renew=renew)

    def once(self, key: str, ttl: Duration) -> AsyncOnce:
        """Have one of many run its block within ``ttl``: it gets ``True``, the others ``False``.

        Nobody waits. If the block raises, the next caller may run it; if its process dies, nobody
        does before the ``ttl`` is over. The ``ttl`` counts from the start, so give it more time than
        the block takes. Raises ``StoreError`` if the store does not answer: then nobody knows.

        ``@cache.once("welcome:{user_id}", "1d")`` above a function, async or plain, has one call run
        it, and the others return ``None``.
        """
        return AsyncOnce(self._home, key, ttl)

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
