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

    @property
    def answers(self) -> int:
        return self._breaker.answers

    async def ask(self, call: Callable[[Turn], Awaitable[T]], *, always: bool = False) -> T:
        """Return what ``call`` returns, or raise without calling while the store is down.

        ``call`` begins its turn when it has a connection, and raises ``StoreUnreachableError`` where
        there was no answer. An error reply is an answer, whatever it says. ``always`` asks a store
        that is down too, for callers that nobody waits for.
        """
        may_go_on = always or self._breaker.is_open
        admitted = self._breaker.admit(self._now())
        if admitted is None:
            if not always:
                raise self.unasked()
            admitted = self._breaker.answers
        turn = Turn(self, admitted, may_go_on=may_go_on)
        try:
            answer = await call(turn)
        except StoreUnreachableError as error:
            if error.was_asked and self._breaker.failed(turn.admitted, self._now()):
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

    def turned_away(self) -> StoreUnreachableError | None:
        """Return what ``ask`` would raise now without calling; ``None`` if it would call."""
        if self._breaker.is_open and self._breaker.seconds_to_try(self._now()):
            return self.unasked()
        return None

    def unasked(self) -> StoreUnreachableError:
        seconds = self._breaker.seconds_to_try(self._now())
        return StoreUnreachableError(
            f"{self._server} did not answer the last calls; it is tried again in {seconds:.1f} s",
            was_asked=False,
        )


class Turn:
    """The turn of one call: it may have waited for a connection while the store went down.

    ``may_go_on`` says that it asks a store that is down too: it is the one that tries.
    """

    __slots__ = ("_may_go_on", "_watch", "admitted")

    def __init__(self, watch: Watch, admitted: int, *, may_go_on: bool) -> None:
        self._watch = watch
        self._may_go_on = may_go_on
        self.admitted = admitted

    def begin(self) -> None:
        """Begin to ask, or raise if it was found meanwhile that nobody answers.

        What others were answered while this call waited for its turn says nothing about its own end.
        """
        if self._watch.is_down and not self._may_go_on:
            raise self._watch.unasked()
        self.admitted = self._watch.answers
