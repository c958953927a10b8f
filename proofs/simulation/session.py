"""One client's connection at the server's end: bytes in, commands, bytes out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import hiredis

from .node import Node, unknown
from .reply import OK, Failure, Push, write, written

_KINDS = {b"SUBSCRIBE": b"message", b"SSUBSCRIBE": b"smessage"}
_ENDS = {b"UNSUBSCRIBE": b"message", b"SUNSUBSCRIBE": b"smessage"}
#: What concerns the connection, and not the data.
_OWN = frozenset((*_KINDS, *_ENDS, b"HELLO", b"CLIENT"))


class Session:
    """Executes what comes in the order of its coming. ``send`` takes the bytes of replies."""

    def __init__(self, node: Node, send: Callable[[bytes], None]) -> None:
        self._node = node
        self._send = send
        self._reader = hiredis.Reader()
        self._protocol = 2
        self._channels: dict[tuple[bytes, bytes], None] = {}

    @property
    def hears(self) -> bool:
        return bool(self._channels)

    def receive(self, data: bytes) -> None:
        reader, node = self._reader, self._node
        reader.feed(data)
        parts: list[bytes] = []
        while (words := reader.gets()) is not False:
            name = words[0].upper()
            if name in _OWN:
                for reply in self._concerning_it(name, words):
                    write(reply, self._protocol, parts.append)
            else:
                write(node.execute(name, words), self._protocol, parts.append)
        if parts:
            self._send(b"".join(parts))

    def end(self) -> None:
        for kind, channel in list(self._channels):
            self._leave(kind, channel)

    def _concerning_it(self, name: bytes, words: Sequence[bytes]) -> list[Any]:
        if name in (b"SSUBSCRIBE", b"SUNSUBSCRIBE") and not self._node.is_modern:
            return [unknown(name)]
        if name in _KINDS:
            return [self._join(_KINDS[name], name, channel) for channel in words[1:]]
        if name in _ENDS:
            return [self._part(_ENDS[name], name, channel) for channel in words[1:]]
        if name == b"HELLO":
            if len(words) > 1:
                self._protocol = int(words[1])
            return [self._node.hello(self._protocol)]
        known = words[1].upper() in (b"SETINFO", b"SETNAME")
        return [OK if known else Failure("ERR unknown subcommand")]

    def _join(self, kind: bytes, name: bytes, channel: bytes) -> Push:
        self._channels[kind, channel] = None
        self._node.subscribers.setdefault((kind, channel), {})[self._hear] = None
        return Push([name.lower(), channel, len(self._channels)])

    def _part(self, kind: bytes, name: bytes, channel: bytes) -> Push:
        self._leave(kind, channel)
        return Push([name.lower(), channel, len(self._channels)])

    def _leave(self, kind: bytes, channel: bytes) -> None:
        self._channels.pop((kind, channel), None)
        self._node.subscribers.get((kind, channel), {}).pop(self._hear, None)

    def _hear(self, kind: bytes, channel: bytes, message: bytes) -> None:
        self._send(written(Push([kind, channel, message]), self._protocol))
