"""What lies in a store for one entry: its instants, stamps and tags, and the payload.

All but the payload stands in clear, as msgpack behind a prefix of fixed length, so that a script on
the server, or a program in another language, reads stamps and tags without knowing the value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from struct import Struct
from typing import Any, Final, NamedTuple

from .extras import need

__all__ = ["EXCEPTION", "MAGIC", "PREFIX", "VALUE", "VERSION", "Frame", "Mark", "bodies"]

#: Kinds of frames: the value of a load, or the exception that it raised.
VALUE: Final = 0
EXCEPTION: Final = 1

# No text in UTF-8 begins with this byte, no pickle, no JSON, and none of zstd's or gzip's frames.
MAGIC = 0xF5
VERSION = 1

#: How a body of ten parts begins; one of eight is that of an entry which reads do not renew.
IDLE: Final = 0x9A

# A read is written down if it moves the end by this part of the idle time, or more.
PARTS: Final = 10

#: Magic; version and flags, four bits each; schema; born, 16 and 32 bits. Big-endian.
PREFIX = Struct(">2s8sHI")


class Mark(NamedTuple):
    """A stamp, and the tags of the entry that it serves.

    ``bucket``, ``nonce`` and ``sequence`` are those of docs/concepts/protocol.md. ``is_own`` is
    False for what an inner cached call handed on. The key of the entry is a tag too; it needs no
    text here, since whoever reads the frame knows it: its stamp is the first own mark whose bucket
    is the key's.
    """

    bucket: int
    nonce: bytes
    sequence: int
    tags: tuple[str, ...]
    is_own: bool = True


class Frame(NamedTuple):
    """An entry on the wire.

    ``born`` is in milliseconds of the server's clock, from 0 up to 2**48; ``early``, ``stale``,
    ``expires`` and ``dead`` are milliseconds after it, none before the one to its left. ``schema``
    is the fingerprint of the codec that made ``payload``: eight bytes. All tags of the entry stand
    in ``marks``, in order. ``load_ms`` is how long the load took.

    With ``idle`` the entry ends so many milliseconds after ``read``, which counts from the birth: the
    last read that was written down. The four instants are then the latest that they may become.
    """

    schema: bytes
    born: int
    early: int
    stale: int
    expires: int
    dead: int
    load_ms: int
    marks: tuple[Mark, ...]
    etag: str | None
    payload: bytes
    kind: int = VALUE
    idle: int = 0
    read: int = 0

    @property
    def ends(self) -> int:
        """When the entry is dead, in milliseconds after its birth."""
        if not self.idle:
            return self.dead
        return min(self.read + self.idle + self.dead - self.expires, self.dead)

    def read_at(self, now: float) -> Frame | None:
        """Return the frame of the entry as it is once read at ``now``, in milliseconds.

        ``None`` if that keeps it for less than a tenth of the idle time longer: so an entry is written
        ten times in it at most, however often it is read. ``None``, too, if its end has come.
        """
        read = round(now) - self.born
        end, longer = min(self.read + self.idle, self.expires), min(read + self.idle, self.expires)
        if not self.idle or read >= end or (longer - end) * PARTS < self.idle:
            return None
        return self._replace(read=read)


class Bodies(NamedTuple):
    """How what is behind the prefix becomes bytes, and is read back.

    A body is early, to stale, to expires, to dead, load_ms, marks, etag, payload. One of an entry that
    reads renew begins with ``IDLE`` and has idle and read before its payload.
    """

    encode: Callable[[Any], bytes]
    decode: Callable[[Any], Any]
    decode_idle: Callable[[Any], Any]


@cache
def bodies() -> Bodies:
    """Return the coder of bodies.

    Raises:
        ConfigurationError: without msgspec.
    """
    msgpack = need("msgspec", "a store outside of the process").msgpack
    # Instants are written as steps from one to the next: most of these are 0, and take one byte.
    body = tuple[int, int, int, int, int, tuple[Mark, ...], str | None, bytes]
    with_idle = tuple[int, int, int, int, int, tuple[Mark, ...], str | None, int, int, bytes]
    return Bodies(
        msgpack.Encoder().encode, msgpack.Decoder(body).decode, msgpack.Decoder(with_idle).decode
    )
