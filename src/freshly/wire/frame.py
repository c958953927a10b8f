"""What lies in a store for one entry: a head that says what it is, and the payload.

The head stands in clear and is msgpack behind a prefix of fixed length, so that a script on the
server, or a program in another language, reads stamps and tags without knowing the value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from struct import Struct
from typing import Any, Final, NamedTuple

from .extras import need

__all__ = ["EXCEPTION", "MAGIC", "PREFIX", "VALUE", "VERSION", "Frame", "Mark", "heads"]

#: Kinds of frames: the value of a load, or the exception that it raised.
VALUE: Final = 0
EXCEPTION: Final = 1

# No text in UTF-8 begins with this byte, no pickle, no JSON, and none of zstd's or gzip's frames.
MAGIC = 0xF5
VERSION = 1

#: Magic, version, flags, bytes of the head, born (16 + 32 bits), schema. Big-endian.
PREFIX = Struct(">BBBIHI8s")


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


class Heads(NamedTuple):
    """How heads become bytes and are read back."""

    encode: Callable[[Any], bytes]
    decode: Callable[[Any], Any]


@cache
def heads() -> Heads:
    """Return the coder of heads.

    Raises:
        ConfigurationError: without msgspec.
    """
    msgspec = need("msgspec", "a store outside of the process")
    # Instants are written as steps from one to the next: most are 0, one byte each. A later
    # version may add elements at the end, which this one does not see.
    fields = [
        ("early", int),
        ("to_stale", int),
        ("to_expires", int),
        ("to_dead", int),
        ("load_ms", int),
        ("marks", tuple[Mark, ...]),
        ("etag", str | None, None),
    ]
    head = msgspec.defstruct("Head", fields, array_like=True, gc=False)
    return Heads(msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(head).decode)
