"""The blocks of a transaction, for both colours: what stands between ``with`` and its end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from contextvars import Token as ContextToken
from os import urandom
from types import TracebackType
from typing import Any, TypeVar

from .blocks import in_blocks
from .core.duration import Duration, seconds
from .core.transaction import Transaction, current_transaction
from .errors import ConfigurationError
from .home import Home
from .options import hold_seconds
from .runtime.aio import to_the_end
from .runtime.threads import finish
from .side import Side

F = TypeVar("F", bound=Callable[..., Any])


class _Block:
    def __init__(self, home: Home, hold: Duration | None) -> None:
        if hold is not None:
            seconds(hold, "hold")
        self._home = home
        self._hold = hold
        self._transaction: Transaction | None = None
        self._former: ContextToken[Transaction | None] | None = None

    @property
    def _side(self) -> Side:
        raise NotImplementedError

    def _awaited(self, key: str) -> AsyncTransaction:
        """Return a block like this one, for one call of a function."""
        return AsyncTransaction(self._home, self._hold)

    def _stepped(self, key: str) -> BlockingTransaction:
        return BlockingTransaction(self._home, self._hold)

    def _enter(self) -> Transaction:
        if self._transaction is not None:
            raise ConfigurationError(
                "a transaction was entered a second time: call cache.transaction() for each block"
            )
        # Now, and not where it was made: a function may be decorated before ``setup``.
        longest = self._side.store.max_hold
        span = None if self._hold is None else hold_seconds(self._hold, longest)
        self._transaction = Transaction(self._home, urandom(8).hex(), span)
        self._transaction.enter()
        self._former = current_transaction.set(self._transaction)
        return self._transaction

    def _leave(self) -> Transaction:
        transaction, former = self._transaction, self._former
        assert transaction is not None
        assert former is not None
        # Left in another context than entered, as fixtures of tests may be, it cannot be reset.
        # Nobody finds it there, since it is not open any more.
        with suppress(ValueError):
            current_transaction.reset(former)
        return transaction


class AsyncTransaction(_Block):
    """``async with cache.transaction():``

    As a decorator it has each call of an ``async def`` or a plain ``def`` run in one of its own.
    """

    def __call__(self, function: F) -> F:
        inside: F = in_blocks(function, of="transaction", awaited=self._awaited, stepped=self._stepped)
        return inside

    @property
    def _side(self) -> Side:
        return self._home.parts.awaited

    async def __aenter__(self) -> Transaction:
        return self._enter()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        transaction = self._leave()
        if kind is None:
            # The database has committed: whoever cancels this caller now comes too late.
            await to_the_end(self._side.commit(transaction))
        else:
            await self._side.roll_back(transaction)


class BlockingTransaction(_Block):
    """``with cache.blocking.transaction():``

    As a decorator it has each call of a plain ``def`` run in one of its own.
    """

    def __call__(self, function: F) -> F:
        inside: F = in_blocks(function, of="transaction", awaited=None, stepped=self._stepped)
        return inside

    @property
    def _side(self) -> Side:
        return self._home.parts.stepped

    def __enter__(self) -> Transaction:
        return self._enter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        transaction = self._leave()
        if kind is None:
            finish(self._side.commit(transaction))
        else:
            finish(self._side.roll_back(transaction))
