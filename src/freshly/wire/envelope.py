"""From a frame to the bytes that lie in a store, and back: the one door in either direction.

What comes out of a store is whatever somebody put there. ``unpack`` returns a frame that was packed
under the same name with one of our keys, or ``None``; it never raises, and never makes more bytes
than its limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..errors import ConfigurationError, EncodeError
from .checksum import CHECKSUM_BYTES, put_checksum, verify_checksum
from .compression import Compression
from .encryption import Cipher
from .frame import EXCEPTION, IDLE, MAGIC, PREFIX, VERSION, Frame, bodies
from .refusal import Refused
from .signing import TAIL_BYTES, Signer

__all__ = ["Head", "Wire"]

# Flags. The lowest bit is the kind: a value or an exception.
_COMPRESSED = 2
_SIGNED = 4
_ENCRYPTED = 8
_PROTECTED = _SIGNED | _ENCRYPTED
_CHANGED = _COMPRESSED | _ENCRYPTED

# Frame(...) takes twice as long: its fields pass through a Python function.
_make: Callable[[type[Frame], tuple[object, ...]], Frame] = tuple.__new__

_BEGINNINGS = [bytes([MAGIC, VERSION << 4 | flags]) for flags in range(16)]
_read_prefix = PREFIX.unpack_from
_LOW = 0xFFFFFFFF

#: 16 MiB. What a payload becomes in memory may be 70 times as large: a byte can say "empty dict".
DEFAULT_MAX_VALUE_BYTES = 16 * 2**20

# What a frame may take beside its payload: tags, above all. Who writes more under a name of ours would
# have it taken apart before anything is refused.
_MAX_HEAD_BYTES = 2**20

#: Below it zstd saves little, and a small value has to be read for each hit all the same.
DEFAULT_COMPRESS_ABOVE = 1024


class Head(NamedTuple):
    """What stands before a payload, and how many bytes there are in all."""

    begins: bytes
    size: int


class Wire:
    """Packs frames and unpacks them, as the options of ``setup`` say.

    ``compression`` is ``"zstd"`` or ``None``; payloads of ``compress_above`` bytes or more are
    compressed. ``signing_keys`` and ``encryption_keys`` are secrets of at least 16 bytes, or lists
    of them: the first one writes, each one reads. ``signature`` is ``"blake2b"`` or
    ``"hmac-sha256"``. With keys, bytes without their protection are refused, and without keys those
    that have one. ``max_value_bytes`` bounds the payload, before compression. ``on_refused`` is told
    the reason and the name of bytes that were not taken; it may be called from any thread.

    Safe to share between threads.

    Raises:
        ConfigurationError: if an option is wrong, or the package it needs is not installed.
    """

    def __init__(
        self,
        *,
        compression: str | None = None,
        compress_above: int = DEFAULT_COMPRESS_ABOVE,
        signing_keys: object = None,
        signature: str = "blake2b",
        encryption_keys: object = None,
        max_value_bytes: int = DEFAULT_MAX_VALUE_BYTES,
        on_refused: Callable[[str, bytes], object] | None = None,
    ) -> None:
        self._limit = _count(max_value_bytes, "max_value_bytes")
        self._most = self._limit + _MAX_HEAD_BYTES
        self._on_refused = on_refused
        self._encode, self._decode, self._decode_idle = bodies()
        self._compression = _compression(compression, compress_above, self._limit)
        self._expander = self._compression
        self._cipher = None if encryption_keys is None else Cipher(encryption_keys)
        # An encrypted payload is bound to name and head by its own tag.
        self._seal, self._verify, tail = _as_it_is, _believe, 0
        if signing_keys is not None:
            signer = Signer(signing_keys, signature)
            self._seal, self._verify, tail = signer.sign, signer.verify, TAIL_BYTES
        elif self._cipher is None:
            self._seal, self._verify, tail = put_checksum, verify_checksum, CHECKSUM_BYTES
        self._tail = tail
        self._body = slice(PREFIX.size, -tail or None)
        # How frames of ours begin is the configuration's, not the bytes': else who writes there
        # would choose how they are checked.
        signed = 0 if signing_keys is None else _SIGNED
        self._protection = signed | (_ENCRYPTED if self._cipher else 0)
        self._flags = {
            beginning: flags
            for flags, beginning in enumerate(_BEGINNINGS)
            if flags & _PROTECTED == self._protection
        }

    @property
    def is_authentic(self) -> bool:
        """Whether nobody without a key makes bytes that ``unpack`` takes."""
        return self._protection != 0

    def pack(self, frame: Frame, name: bytes) -> bytes:
        """Return the bytes of ``frame``, to lie under ``name``: namespace and key, whole.

        Raises:
            EncodeError: if the payload is larger than ``max_value_bytes``, or what stands beside it
                takes more than a mebibyte or has no bytes.
        """
        schema, born, early, stale, expires, dead, load_ms, marks, etag, payload, kind, idle, read = (
            frame
        )
        flags = self._protection | kind
        if len(payload) > self._limit:
            raise self._too_large(payload)
        if self._compression is not None:
            packed = self._compression.compress(payload)
            if packed is not None:
                payload, flags = packed, flags | _COMPRESSED
        prefix = PREFIX.pack(_BEGINNINGS[flags], schema, born >> 32, born & _LOW)
        to_stale, to_expires, to_dead = stale - early, expires - stale, dead - expires
        head: tuple[object, ...] = (early, to_stale, to_expires, to_dead, load_ms, marks, etag)
        if idle:
            head = (*head, idle, read)
        if self._cipher is not None:
            clear = prefix + self._bytes_of((*head, b""))[: -_written(b"")]
            payload = self._cipher.encrypt(payload, clear, name)
        data = prefix + self._bytes_of((*head, payload))
        if len(data) - len(payload) > _MAX_HEAD_BYTES:
            raise EncodeError(
                f"the tags of the entry take {len(data) - len(payload)} bytes, and there is room for "
                f"{_MAX_HEAD_BYTES}: give it fewer, broader ones"
            )
        return self._seal(data, name)

    def _bytes_of(self, body: tuple[object, ...]) -> bytes:
        try:
            return self._encode(body)
        except (UnicodeEncodeError, OverflowError) as error:
            raise EncodeError(f"the etag or a tag of the entry has no bytes: {error}") from None

    def unpack(self, data: bytes, name: bytes) -> Frame | None:
        """Return the frame that ``pack`` made ``data`` of under ``name``, or ``None``."""
        try:
            flags = self._flags.get(data[:2])
            if flags is None:
                raise Refused(_strangeness(data))
            if len(data) > self._most:
                raise Refused(Refused.TOO_LARGE)
            self._verify(data, name)
            _, schema, high, low = _read_prefix(data)
            body = data[self._body]
            idle = read = 0
            if body[0] == IDLE:
                *head, idle, read, payload = self._decode_idle(body)
                early, to_stale, to_expires, to_dead, load_ms, marks, etag = head
            else:
                early, to_stale, to_expires, to_dead, load_ms, marks, etag, payload = self._decode(body)
            if flags & _CHANGED:
                payload = self._restored(payload, flags, data[: PREFIX.size] + body, name)
            if len(payload) > self._limit:
                raise Refused(Refused.TOO_LARGE)
        except Refused as refused:
            self._refuse(refused.reason, name)
            return None
        except Exception:  # msgspec, zstandard and struct each have their own for bytes that are none
            self._refuse(Refused.DAMAGED, name)
            return None
        born, kind = high << 32 | low, flags & EXCEPTION
        stale = early + to_stale
        expires = stale + to_expires
        dead = expires + to_dead
        life = (born, early, stale, expires, dead, load_ms)
        return _make(Frame, (schema, *life, marks, etag, payload, kind, idle, read))

    def head_of(self, data: bytes, frame: Frame) -> Head | None:
        """Return how ``data`` begins, which ``unpack`` made ``frame`` of.

        ``None`` where the payload does not stand in it as it is.
        """
        flags = self._flags.get(data[:2], _CHANGED)
        if flags & _CHANGED:
            return None
        return Head(data[: len(data) - self._tail - len(frame.payload)], len(data))

    def payload_behind(self, head: Head, data: bytes, name: bytes) -> bytes | None:
        """Return the payload of ``data`` if all that stands before it is ``head``: the frame is that of
        before then, but for the payload. ``None`` if not, or if ``unpack`` would refuse it.
        """
        begins, size = head
        if len(data) != size or not data.startswith(begins):
            return None
        try:
            self._verify(data, name)
        except Refused:
            return None
        return data[len(begins) : size - self._tail]

    def _restored(self, payload: bytes, flags: int, data: bytes, name: bytes) -> bytes:
        """Return the payload as it was given to ``pack``."""
        if self._cipher is not None:
            payload = self._cipher.decrypt(payload, data[: -_written(payload)], name)
        if not flags & _COMPRESSED:
            return payload
        # The option says how to write. Whoever can read zstd reads it: this is no protection.
        if self._expander is None:
            self._expander = Compression(0, self._limit)
        return self._expander.decompress(payload)

    def _refuse(self, reason: str, name: bytes) -> None:
        if self._on_refused is not None:
            self._on_refused(reason, name)

    def _too_large(self, payload: bytes) -> EncodeError:
        return EncodeError(
            f"the value takes {len(payload)} bytes, and max_value_bytes={self._limit}: store less "
            f"under one key, or raise max_value_bytes for all who read it"
        )


def _strangeness(data: bytes) -> str:
    """Return why data does not begin as the configuration says."""
    if data[:1] != _BEGINNINGS[0][:1]:
        return Refused.FOREIGN
    return Refused.UNPROTECTED if data[:2] in _BEGINNINGS else Refused.NEWER


def _as_it_is(data: bytes, name: bytes) -> bytes:
    return data


def _believe(data: bytes, name: bytes) -> None:
    return None


def _written(payload: bytes) -> int:
    """Return how many bytes msgpack takes for ``payload``, in its shortest form."""
    size = len(payload)
    return size + (2 if size < 2**8 else 3 if size < 2**16 else 5)


def _compression(name: Any, above: int, limit: int) -> Compression | None:
    if name is None:
        return None
    if name != "zstd":
        raise ConfigurationError(f"compression={name!r}: there is 'zstd', or None for none")
    return Compression(_count(above, "compress_above"), limit)


def _count(value: Any, option: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(
            f"{option}={value!r} is no number of bytes: give a whole number from 1"
        )
    return value
