"""The blocks of locks, for both colours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from os import urandom
from threading import Thread, current_thread, get_ident
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, overload

from .blocks import check_filled, check_text, in_blocks
from .core.duration import Duration, seconds
from .core.locking import Locking
from .core.turns import Turn
from .errors import ConfigurationError, LockLost
from .home import Home
from .runtime.aio import to_the_end
from .runtime.threads import finish

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class _Lock:
    def __init__(
        self,
        home: Home,
        key: str,
        ttl: Duration,
        timeout: Duration | None,
        *,
        renew: bool,
        is_rendered: bool = False,
    ) -> None:
        check_text(key, "lock")
        self.key = key
        self._home = home
        self._is_rendered = is_rendered
        self._ttl = seconds(ttl, "ttl")
        self._timeout = _patience(timeout)
        self._renew = renew
        self._token = ""
        self._until: float | None = None
        self._turn: Turn | None = None
        # Those of the store in which the lease was taken: ``setup`` may come in between.
        self._taken_from: Locking | None = None

    @property
    def is_held(self) -> bool:
        """Whether the lock is this holder's now, as far as it can tell without asking the store."""
        until, locking = self._until, self._taken_from
        return until is not None and locking is not None and locking.now() < until

    def _locking(self) -> Locking:
        raise NotImplementedError

    def _awaited(self, key: str) -> AsyncLock:
        """Return a lock like this one, under ``key``."""
        ttl, timeout = self._ttl, self._timeout
        return AsyncLock(self._home, key, ttl, timeout, renew=self._renew, is_rendered=True)

    def _stepped(self, key: str) -> BlockingLock:
        ttl, timeout = self._ttl, self._timeout
        return BlockingLock(self._home, key, ttl, timeout, renew=self._renew, is_rendered=True)

    def _begin(self, owner: object, *, is_task: bool) -> tuple[Locking, Turn]:
        check_filled(self.key, "lock", is_rendered=self._is_rendered)
        if self._turn is not None:
            raise ConfigurationError(
                f"this lock of {self.key!r} is in use: call cache.lock({self.key!r}) for each block"
            )
        self._token = urandom(8).hex()
        self._turn = Turn(self.key, owner, get_ident(), is_task=is_task)
        self._taken_from = self._locking()
        return self._taken_from, self._turn

    def _renewed(self, until: float) -> None:
        self._until = until

    def _end(self) -> tuple[Locking, Turn, bool]:
        locking, turn, was_held = self._taken_from, self._turn, self.is_held
        assert locking is not None
        assert turn is not None
        self._until = self._turn = None
        return locking, turn, was_held

    def _judge(self, error: BaseException | None, *, was_held: bool) -> None:
        # An error of the block is worth more than this one.
        if not was_held and error is None:
            raise LockLost(self.key, self._ttl)


class AsyncLock(_Lock):
    """What ``async with cache.lock(key) as lock`` gives: ``lock.key`` and ``lock.is_held``.

    As a decorator it has one call at a time run, of an ``async def`` or a plain ``def``; ``key`` is a
    template over the arguments then.
    """

    _keeper: asyncio.Task[None] | None = None

    def __call__(self, function: F) -> F:
        locked: F = in_blocks(
            function, of="lock", key=self.key, awaited=self._awaited, stepped=self._stepped
        )
        return locked

    def _locking(self) -> Locking:
        return self._home.parts.awaited.locking

    async def __aenter__(self) -> AsyncLock:
        locking, turn = self._begin(asyncio.current_task(), is_task=True)
        try:
            self._until = await locking.acquire(turn, self._token, self._ttl, self._timeout)
        except BaseException:
            self._turn = None
            raise
        if self._renew:
            work = locking.keep(turn, turn.calls, self._token, self._ttl, self._renewed)
            self._keeper = asyncio.create_task(work, name=f"freshly keeps the lock {self.key}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        locking, turn, was_held = self._end()
        locking.end_keeping(turn)
        if self._keeper is not None:
            keeper, self._keeper = self._keeper, None
            await to_the_end(_ended(keeper))
        was_there = await to_the_end(locking.release(turn, self._token))
        self._judge(error, was_held=was_held and was_there)


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task])


class BlockingLock(_Lock):
    """What ``with cache.blocking.lock(key) as lock`` gives: ``lock.key`` and ``lock.is_held``.

    As a decorator it has one call at a time run, of a plain ``def``.
    """

    _keeper: Thread | None = None

    def __call__(self, function: F) -> F:
        locked: F = in_blocks(function, of="lock", key=self.key, awaited=None, stepped=self._stepped)
        return locked

    def _locking(self) -> Locking:
        return self._home.parts.stepped.locking

    def __enter__(self) -> BlockingLock:
        locking, turn = self._begin(current_thread(), is_task=False)
        try:
            self._until = finish(locking.acquire(turn, self._token, self._ttl, self._timeout))
        except BaseException:
            self._turn = None
            raise
        if self._renew:
            work = locking.keep(turn, turn.calls, self._token, self._ttl, self._renewed)
            name = f"freshly keeps the lock {self.key}"
            self._keeper = Thread(target=finish, args=(work,), name=name, daemon=True)
            self._keeper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        locking, turn, was_held = self._end()
        locking.end_keeping(turn)
        if self._keeper is not None:
            keeper, self._keeper = self._keeper, None
            keeper.join()
        was_there = finish(locking.release(turn, self._token))
        self._judge(error, was_held=was_held and was_there)


class _Once:
    def __init__(self, home: Home, key: str, ttl: Duration, *, is_rendered: bool = False) -> None:
        check_text(key, "once")
        self._home = home
        self._is_rendered = is_rendered
        self._key = key
        self._ttl = seconds(ttl, "ttl")
        self._token = urandom(8).hex()
        self._taken_from: Locking | None = None
        self._was_entered = False

    def _locking(self) -> Locking:
        raise NotImplementedError

    def _awaited(self, key: str) -> AsyncOnce:
        """Return one like this, under ``key``."""
        return AsyncOnce(self._home, key, self._ttl, is_rendered=True)

    def _stepped(self, key: str) -> BlockingOnce:
        return BlockingOnce(self._home, key, self._ttl, is_rendered=True)

    def _begin(self) -> Locking:
        check_filled(self._key, "once", is_rendered=self._is_rendered)
        if self._was_entered:
            raise ConfigurationError("once() was entered a second time: call it for each block")
        self._was_entered = True
        self._taken_from = self._locking()
        return self._taken_from


class AsyncOnce(_Once):
    """``async with cache.once(key, ttl) as is_first:``

    As a decorator it has one call run, of an ``async def`` or a plain ``def``; the others return
    ``None``. ``key`` is a template over the arguments then.
    """

    _is_first = False

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> Callable[P, Coroutine[Any, Any, R | None]]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, R | None]: ...
    def __call__(self, function: Any, /) -> Any:
        return in_blocks(
            function,
            of="once",
            key=self._key,
            awaited=self._awaited,
            stepped=self._stepped,
            may_skip=True,
        )

    def _locking(self) -> Locking:
        return self._home.parts.awaited.locking

    async def __aenter__(self) -> bool:
        self._is_first = await self._begin().take_once(self._key, self._token, self._ttl)
        return self._is_first

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_first and kind is not None and self._taken_from is not None:
            await to_the_end(self._taken_from.undo_once(self._key, self._token))


class BlockingOnce(_Once):
    """``with cache.blocking.once(key, ttl) as is_first:``

    As a decorator it has one call run, of a plain ``def``; the others return ``None``.
    """

    _is_first = False

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R | None]:
        once: Callable[P, R | None] = in_blocks(
            function, of="once", key=self._key, awaited=None, stepped=self._stepped, may_skip=True
        )
        return once

    def _locking(self) -> Locking:
        return self._home.parts.stepped.locking

    def __enter__(self) -> bool:
        self._is_first = finish(self._begin().take_once(self._key, self._token, self._ttl))
        return self._is_first

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_first and kind is not None and self._taken_from is not None:
            finish(self._taken_from.undo_once(self._key, self._token))


def _patience(timeout: Duration | None) -> float | None:
    if timeout is None:
        return None
    is_zero = isinstance(timeout, int | float) and not isinstance(timeout, bool) and timeout == 0
    return 0.0 if is_zero else seconds(timeout, "timeout")
