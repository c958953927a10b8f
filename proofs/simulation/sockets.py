"""Sockets for threads of the simulation: what the blocking client of Redis uses of them."""

from __future__ import annotations

import socket as real
from collections.abc import Callable
from typing import Any

from .actors import here
from .network import Link


class ActorSocket:
    """A connection whose ``connect`` and ``recv_into`` wait on the simulation's time."""

    def __init__(self, *kind: Any) -> None:
        self._timeout: float | None = None
        self._link: Link | None = None
        self._data = b""
        self._error: Exception | None = None
        self._is_over = False
        self._wake: Callable[[], None] | None = None

    def setsockopt(self, *options: Any) -> None:
        return

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        return self._timeout

    def getpeername(self) -> tuple[str, int]:
        if self._link is None or self._is_over:
            raise OSError(107, "not connected")
        return self._link.node.name, 6379

    def connect(self, address: tuple[str, int]) -> None:
        home: Any = here().home
        link, delay = home.network.dial(home, address[0])
        if self._timeout is not None and delay > self._timeout:
            here().rest(self._timeout)
            raise TimeoutError("timed out")
        here().rest(delay)
        if link is None or link.is_over:
            raise ConnectionRefusedError(111, "connection refused")
        self._link, link.client = link, self

    def sendall(self, data: bytes) -> None:
        if self._error is not None:
            raise self._error
        if self._link is None or self._is_over:
            raise BrokenPipeError(32, "broken pipe")
        self._link.send(bytes(data))

    def recv(self, size: int) -> bytes:
        if not self._data and not self._is_over:
            here().wait(self._timeout, self._enlist)
        if self._data:
            came, self._data = self._data[:size], self._data[size:]
            return came
        if self._error is not None:
            raise self._error
        if self._is_over:
            return b""
        raise TimeoutError("timed out")

    def recv_into(self, buffer: Any) -> int:
        came = self.recv(len(buffer))
        buffer[: len(came)] = came
        return len(came)

    def shutdown(self, how: int) -> None:
        self._end()

    def close(self) -> None:
        self._end()

    def hear(self, data: bytes) -> None:
        self._data += data
        self._ring()

    def lose(self, error: Exception | None) -> None:
        self._error, self._is_over = error, True
        self._ring()

    def _end(self) -> None:
        if self._link is not None and not self._is_over:
            self._is_over = True
            self._link.hang_up()

    def _enlist(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def _ring(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()


class ActorSockets:
    """Stands in for the module ``socket``."""

    socket = ActorSocket

    def getaddrinfo(self, host: str, port: int, *kind: Any) -> list[Any]:
        return [(real.AF_INET, real.SOCK_STREAM, 6, "", (host, port))]

    def __getattr__(self, name: str) -> Any:
        return getattr(real, name)
