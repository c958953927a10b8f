"""Commands as bytes, and replies read from bytes as they come: by hiredis where the client uses it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from typing import Any, Protocol

from redis.exceptions import InvalidResponse

from .scripts import Command

Error = Callable[[str], Exception]


class _Nothing:
    """Stands for a reply that has not come whole yet."""


NOTHING = _Nothing()


class Push(list[Any]):
    """What the server says unasked (RESP3)."""


class Reader(Protocol):
    """``feed`` it, then call ``gets`` until it returns ``NOTHING``.

    An error reply is returned as the exception that it is.

    Raises:
        InvalidResponse: if the bytes are no replies.
    """

    def feed(self, data: bytes, /) -> object: ...

    def gets(self) -> Any: ...


def reader_for(connection: Any) -> tuple[Reader, type[list[Any]]]:
    """Return a reader like the one of ``connection``, and the type of what comes unasked."""
    parser = connection._parser
    if "Hiredis" not in type(parser).__name__:
        return PlainReader(parser.parse_error), Push
    import hiredis

    reader = hiredis.Reader(
        protocolError=InvalidResponse, replyError=parser.parse_error, notEnoughData=NOTHING
    )
    return reader, getattr(hiredis, "PushNotification", Push)


def packer_for(connection: Any) -> Callable[[Sequence[Command]], Sequence[bytes]]:
    """Return what makes bytes of commands, which are tuples of bytes, texts and integers."""
    if "Hiredis" in type(connection._parser).__name__:
        # The client packs in Python for awaited callers, which takes ten times as long.
        with suppress(ImportError, AttributeError):
            import hiredis

            pack: Any = hiredis.pack_command
            return lambda commands: [pack(tuple(command)) for command in commands]
    packed: Callable[[Sequence[Command]], Sequence[bytes]] = connection.pack_commands
    return packed


_Steps = Generator[None, None, Any]


class PlainReader:
    """Reads RESP2 and RESP3. What is read already is not read again when more has come."""

    def __init__(self, error: Error) -> None:
        self._error = error
        self._buffer = bytearray()
        self._place = 0
        self._steps: _Steps | None = None

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def gets(self) -> Any:
        if self._steps is None:
            if self._place == len(self._buffer):
                return NOTHING
            self._steps = self._reply()
        try:
            next(self._steps)
        except StopIteration as done:
            self._steps = None
            del self._buffer[: self._place]
            self._place = 0
            return done.value
        return NOTHING

    def _reply(self) -> _Steps:
        line = yield from self._line()
        kind, rest = line[:1], line[1:]
        match kind:
            case b"+":
                return rest
            case b"-":
                return self._error(rest.decode(errors="replace"))
            case b":" | b"(":
                return int(rest)
            case b"$" | b"=" | b"!":
                return (yield from self._text(kind, int(rest)))
            case b"*" | b"~" | b">" | b"%":
                count = int(rest) * (2 if kind == b"%" else 1)
                return (yield from self._list(kind, count))
            case b"_":
                return None
            case b"#":
                return rest == b"t"
            case b",":
                return float(rest)
            case _:
                raise InvalidResponse(f"no reply begins with {kind!r}")

    def _line(self) -> _Steps:
        while (end := self._buffer.find(b"\r\n", self._place)) < 0:
            yield
        line = bytes(self._buffer[self._place : end])
        self._place = end + 2
        return line

    def _text(self, kind: bytes, size: int) -> _Steps:
        if size < 0:
            return None
        while len(self._buffer) < self._place + size + 2:
            yield
        text = bytes(self._buffer[self._place : self._place + size])
        self._place += size + 2
        if kind == b"!":
            return self._error(text.decode(errors="replace"))
        # Three letters say what a verbatim text is.
        return text[4:] if kind == b"=" else text

    def _list(self, kind: bytes, count: int) -> _Steps:
        if count < 0:
            return None
        found = Push() if kind == b">" else []
        for _ in range(count):
            found.append((yield from self._reply()))
        return found
