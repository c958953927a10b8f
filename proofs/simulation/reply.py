"""Replies of a server, and how they are written in RESP 2 and RESP 3."""

from __future__ import annotations

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


OK = Status(b"OK")
WRONG_TYPE = Failure("WRONGTYPE Operation against a key holding the wrong kind of value")


def written(reply: Any, protocol: int) -> bytes:
    """Return the bytes of ``reply``."""
    match reply:
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case bool() | int():
            return b":%d\r\n" % reply
        case None:
            return b"_\r\n" if protocol == 3 else b"$-1\r\n"
        case list():
            return b"*%d\r\n%b" % (len(reply), _all_written(reply, protocol))
        case Status(text):
            return b"+%b\r\n" % text
        case Failure(said):
            return b"-%b\r\n" % said.replace("\r\n", " ").encode()
        case Verbatim(text):
            if protocol == 3:
                return b"=%d\r\ntxt:%b\r\n" % (len(text) + 4, text)
            return written(text, protocol)
        case Pairs(flat):
            head = b"%%%d\r\n" % (len(flat) // 2) if protocol == 3 else b"*%d\r\n" % len(flat)
            return head + _all_written(flat, protocol)
        case Push(parts):
            head = b">%d\r\n" if protocol == 3 else b"*%d\r\n"
            return head % len(parts) + _all_written(parts, protocol)
        case _:
            raise TypeError(f"{reply!r} is no reply")


def _all_written(parts: list[Any], protocol: int) -> bytes:
    return b"".join([written(part, protocol) for part in parts])
