"""A primary in whose place Sentinels promote another one, while it serves.

The promoted one leaves it first, and what it answers from then on says so: ``Primary.seen_with``.
But a primary that has not come to look at its connections answers a moment longer as if nothing had
happened. So nobody in this process uses the promoted one before the former has seen it go: no answer
of the former can miss an invalidation then that returned at the other.
"""

from __future__ import annotations

import asyncio
from time import monotonic, sleep
from typing import Any, NamedTuple

from redis.exceptions import TimeoutError as NoAnswer

from .failures import FAILURES
from .slots import Place

# Seconds between two looks at the former primary: it notices as soon as it runs.
PAUSE = 0.002
_QUESTION = ("INFO", "replication")


class Handover(NamedTuple):
    """Between two primaries; ``epoch`` tells it from those before it."""

    former: Place
    successor: Place
    epoch: int


class Handovers:
    """``longest_silence`` is how old an answer of a primary may be, in seconds, to be of use.

    So long after this process has first heard of a handover nobody has to be asked: who was silent
    meanwhile is not believed any more, and who was not has looked at its connections.
    """

    def __init__(self, longest_silence: float) -> None:
        self._longest_silence = longest_silence
        self._last: Handover | None = None
        self._heard_at = 0.0

    def is_over(self, handover: Handover) -> bool:
        now = monotonic()
        if handover != self._last:
            self._last, self._heard_at = handover, now
        return now - self._heard_at > self._longest_silence

    def see_through(self, handover: Handover, connection: Any) -> None:
        """Return when the former primary, where ``connection`` leads, has seen the other one leave.

        Or is gone. Raises what a connection raises that gets no answer.
        """
        try:
            while not self.is_over(handover):
                connection.connect()
                connection.send_command(*_QUESTION)
                if has_left(connection.read_response(), handover.successor):
                    return
                sleep(PAUSE)
        except FAILURES as error:
            _leave_or_raise(error)
        finally:
            connection.disconnect()

    async def see_through_awaited(self, handover: Handover, connection: Any) -> None:
        """Do the same in an event loop."""
        try:
            while not self.is_over(handover):
                await connection.connect()
                await connection.send_command(*_QUESTION)
                if has_left(await connection.read_response(), handover.successor):
                    return
                await asyncio.sleep(PAUSE)
        except FAILURES as error:
            _leave_or_raise(error)
        finally:
            await connection.disconnect()


def has_left(info: bytes | str, successor: Place) -> bool:
    """Return whether a server that says ``info`` is no primary, or ``successor`` no replica of it."""
    text = info.decode() if isinstance(info, bytes) else info
    if "role:master\r" not in text:
        return True
    host, port = successor
    return f":ip={host},port={port}," not in text


def _leave_or_raise(error: BaseException) -> None:
    # Who is silent may be heard again by others. Who refuses us is gone, or refuses all of this login.
    if isinstance(error, NoAnswer | TimeoutError):
        raise error
