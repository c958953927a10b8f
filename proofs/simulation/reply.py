"""Replies of a server, and how they are written in RESP 2 and RESP 3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Failure:
    """An error reply; its first word is its code."""

    text: str


@dataclass(frozen=True, slots=True)
class Status:
    text: bytes


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A text for people, which RESP 3 marks as such."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Pairs:
    """A map in RESP 3, a flat list in RESP 2."""

    flat: list[Any]


@dataclass(frozen=True, slots=True)
class Push:
    """A message that nobody asked for: of a channel."""

    parts: list[Any]


#: Texts that are shorter have their first line ready.
_FEW = 512
_HEADS = [b"$%d\r\n" % size for size in range(_FEW)]

OK = Status(b"OK")
WRONG_TYPE = Failure("WRONGTYPE Operation against a key holding the wrong kind of value")


def written(reply: Any, protocol: int) -> bytes:
    """Return the bytes of ``reply``."""
    parts: list[bytes] = []
    write(reply, protocol, parts.append)
    return b"".join(parts)


def write(reply: Any, protocol: int, put: Callable[[bytes], object]) -> None:
    """Have ``put`` take the bytes of ``reply``, one piece after another."""
    # Asked for in the order of how often they come.
    kind = type(reply)
    if kind is bytes:
        put(_text(reply))
    elif reply is None:
        put(b"_\r\n" if protocol == 3 else b"$-1\r\n")
    elif kind is list:
        put(b"*%d\r\n" % len(reply))
        for part in reply:
            if type(part) is bytes:
                put(_text(part))
            else:
                write(part, protocol, put)
    elif kind is int or kind is bool:
        put(b":%d\r\n" % reply)
    elif kind is Verbatim:
        text = reply.text
        put(b"=%d\r\ntxt:%b\r\n" % (len(text) + 4, text) if protocol == 3 else _text(text))
    else:
        _write_marked(reply, protocol, put)


def _write_marked(reply: Any, protocol: int, put: Callable[[bytes], object]) -> None:
    match reply:
        case Status(text):
            put(b"+%b\r\n" % text)
        case Failure(said):
            put(b"-%b\r\n" % said.replace("\r\n", " ").encode())
        case Pairs(flat):
            put(b"%%%d\r\n" % (len(flat) // 2) if protocol == 3 else b"*%d\r\n" % len(flat))
            for part in flat:
                write(part, protocol, put)
        case Push(parts):
            put((b">%d\r\n" if protocol == 3 else b"*%d\r\n") % len(parts))
            for part in parts:
                write(part, protocol, put)
        case _:
            raise TypeError(f"{reply!r} is no reply")


def _text(text: bytes) -> bytes:
    size = len(text)
    return (_HEADS[size] if size < _FEW else b"$%d\r\n" % size) + text + b"\r\n"
