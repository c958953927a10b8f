"""Read replies and pushes of RESP2 and RESP3 from bytes as they come.

The coherence connection reads by itself: clients hand pushes over in their own ways, which differ by
version and parser, and here their order among the replies is what counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from redis.exceptions import ResponseError


class Push(list[Any]):
    """What the server says unasked."""


class _More(Exception):
    """The rest has not come yet."""


class Reader:
    """Takes bytes, and yields what is complete. Texts stay bytes; an error is returned, not raised."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._place = 0

    def feed(self, data: bytes) -> Iterator[Any]:
        """Yield what ``data`` completes.

        Raises:
            ValueError: if that is no RESP: then nobody knows where the next reply begins.
        """
        self._data += data
        while self._data:
            self._place = 0
            try:
                found = self._item()
            except _More:
                return
            del self._data[: self._place]
            yield found

    def _item(self) -> Any:
        line = self._line()
        kind, rest = line[:1], line[1:]
        match kind:
            case b"+" | b"(" | b",":
                return rest
            case b"-":
                return ResponseError(rest.decode(errors="replace"))
            case b":":
                return int(rest)
            case b"#":
                return rest == b"t"
            case b"_":
                return None
            case b"$" | b"=" | b"!":
                return self._text(kind, int(rest))
            case b"*" | b"~" | b">" | b"%" | b"|":
                return self._many(kind, int(rest))
            case _:
                raise ValueError(f"{line[:20]!r} begins no reply")

    def _many(self, kind: bytes, count: int) -> Any:
        if count < 0:
            return None
        if kind == b"%":
            return {_hashable(self._item()): self._item() for _ in range(count)}
        if kind == b"|":
            # Attributes of the reply that follows; nobody asked for them.
            for _ in range(2 * count):
                self._item()
            return self._item()
        items = [self._item() for _ in range(count)]
        return Push(items) if kind == b">" else items

    def _text(self, kind: bytes, size: int) -> Any:
        if size < 0:
            return None
        end = self._place + size
        if len(self._data) < end + 2:
            raise _More
        text = bytes(self._data[self._place : end])
        self._place = end + 2
        if kind == b"!":
            return ResponseError(text.decode(errors="replace"))
        return text[4:] if kind == b"=" else text

    def _line(self) -> bytes:
        end = self._data.find(b"\r\n", self._place)
        if end < 0:
            raise _More
        line = bytes(self._data[self._place : end])
        self._place = end + 2
        return line


def _hashable(key: Any) -> Any:
    return bytes(repr(key), "utf-8") if isinstance(key, list | dict) else key
