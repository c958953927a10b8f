"""The blocks of a transaction, for both colours: what stands between ``with`` and its end."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Token as ContextToken
from secrets import token_hex
from types import TracebackType

from .core.duration import Duration
from .core.transaction import Transaction, current_transaction
from .errors import ConfigurationError
from .home import Home
from .options import hold_seconds
from .runtime.aio import to_the_end
from .runtime.threads import finish
from .side import Side


class _Block:
    def __init__(self, home: Home, side: Callable[[], Side], hold: Duration | None) -> None:
        self._side = side
        seconds = None if hold is None else hold_seconds(hold, side().store.max_hold)
        self._transaction = Transaction(home, token_hex(8), seconds)
        self._former: ContextToken[Transaction | None] | None = None

    def _enter(self) -> Transaction:
        if not self._transaction.enter():
            raise ConfigurationError(
                "a transaction was entered a second time: call cache.transaction() for each block"
            )
        self._former = current_transaction.set(self._transaction)
        return self._transaction

    def _leave(self) -> None:
        assert self._former is not None
        try:
            current_transaction.reset(self._former)
        except ValueError:
            # Left in another context than entered, as fixtures of tests may be. Nobody finds it
            # there, since it is not open any more.
            return


class AsyncTransaction(_Block):
    """``async with cache.transaction():``"""

    async def __aenter__(self) -> Transaction:
        return self._enter()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()
        if kind is None:
            # The database has committed: whoever cancels this caller now comes too late.
            await to_the_end(self._side().commit(self._transaction))
        else:
            await self._side().roll_back(self._transaction)


class BlockingTransaction(_Block):
    """``with cache.blocking.transaction():``"""

    def __enter__(self) -> Transaction:
        return self._enter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()
        if kind is None:
            finish(self._side().commit(self._transaction))
        else:
            finish(self._side().roll_back(self._transaction))
