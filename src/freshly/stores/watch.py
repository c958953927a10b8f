"""Ask a store through its breaker, and tell when it goes down and when it is back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..core.breaker import Breaker
from ..core.events import Emit, StoreDown, StoreUp
from ..errors import StoreError, StoreUnreachableError

T = TypeVar("T")


class Watch:
    """One breaker for all connections to a server, of both colours.

    ``now`` gives seconds that only grow; ``server`` is its name in errors, without a password.
    """

    def __init__(
        self,
        server: str,
        breaker: Breaker,
        now: Callable[[], float],
        emit: Emit,
    ) -> None:
        self._server = server
        self._breaker = breaker
        self._now = now
        self._emit = emit

    @property
    def is_down(self) -> bool:
        return self._breaker.is_open

    async def ask(self, call: Callable[[], Awaitable[T]], *, always: bool = False) -> T:
        """Return what ``call`` returns, or raise without calling while the store is down.

        ``call`` raises ``StoreUnreachableError`` where there was no answer. An error reply is an
        answer, whatever it says. ``always`` asks a store that is down too, for callers that nobody
        waits for.
        """
        admitted = self._breaker.admit(self._now())
        if admitted is None:
            if not always:
                raise self._unasked()
            admitted = self._breaker.answers
        try:
            answer = await call()
        except StoreUnreachableError as error:
            if self._breaker.failed(admitted, self._now()):
                self._emit(StoreDown, error)
            raise
        except StoreError:
            self._answered()
            raise
        self._answered()
        return answer

    def _answered(self) -> None:
        seconds = self._breaker.answered(self._now())
        if seconds is not None:
            self._emit(StoreUp, seconds)

    def _unasked(self) -> StoreUnreachableError:
        seconds = self._breaker.seconds_to_try(self._now())
        return StoreUnreachableError(
            f"{self._server} did not answer the last calls; it is tried again in {seconds:.1f} s",
            was_asked=False,
        )
