"""The coherence connection: questions and pushes on one socket, in the server's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import InvalidResponse, ResponseError

from ..redis.failures import FAILURES
from ..redis.replies import NOTHING, PlainReader, Push
from ..redis.scripts import Call, Command
from ..redis.slots import Place

RECEIVED = 65_536


class Link:
    """A connection of the client, once it has logged in, read by ourselves.

    ``dial`` makes one that is not connected yet. Everything that goes wrong with it is one of
    ``FAILURES``; then it is of no use any more.
    """

    def __init__(self, dial: Callable[[], Any], timeout: float) -> None:
        self._dial = dial
        self._timeout = timeout
        self._reader = PlainReader(ResponseError)
        self._inbox: list[Any] = []
        self._connection: Any = None

    def open(self) -> None:
        self._connection = self._dial()
        self._connection.connect()

    @property
    def place(self) -> Place:
        """Where it leads, if that is a host and a port."""
        return self._connection.host, int(self._connection.port)

    @property
    def _socket(self) -> Any:
        return self._connection._sock

    def send(self, commands: Sequence[Command]) -> None:
        self._socket.settimeout(self._timeout)
        for part in self._connection.pack_commands(commands):
            self._socket.sendall(part)

    def receive(self, seconds: float) -> list[Any]:
        """Return what has come within ``seconds``: replies and pushes in their order, or nothing."""
        if self._inbox:
            items, self._inbox = self._inbox, []
            return items
        # 0 would mean not to wait at all, which a socket with TLS tells in another way.
        self._socket.settimeout(max(seconds, 0.001))
        try:
            data = self._socket.recv(RECEIVED)
        except TimeoutError:
            return []
        if not data:
            raise NoConnection("the server has ended the coherence connection")
        try:
            self._reader.feed(data)
            return list(iter(self._reader.gets, NOTHING))
        except (InvalidResponse, ValueError) as error:
            raise NoConnection(f"the coherence connection is out of step: {error}") from None

    def ask(self, command: Command) -> Any:
        """Send one command, and return the next reply."""
        self.send([command])
        return self.reply()

    def reply(self) -> Any:
        """Wait for the next reply. What is heard before it is dropped: nothing was heard of yet."""
        ends_at = monotonic() + self._timeout
        while (left := ends_at - monotonic()) > 0:
            items = self.receive(left)
            for place, item in enumerate(items):
                if not isinstance(item, Push):
                    self._inbox = items[place + 1 :]
                    return item
        raise NoConnection(f"no answer within {self._timeout:g} s")

    def call(self, call: Call) -> Any:
        """Return the reply to a script."""
        reply = self.ask(call.short(is_modern=False))
        if isinstance(reply, ResponseError) and str(reply).startswith("NOSCRIPT"):
            reply = self.ask(call.whole(is_modern=False))
        return reply

    def wake(self) -> None:
        """End a ``receive`` that another thread waits in; the connection is of no use after it."""
        with suppress(*FAILURES, AttributeError):
            self._socket.shutdown(2)

    def close(self) -> None:
        if self._connection is not None:
            with suppress(*FAILURES):
                self._connection.disconnect()
