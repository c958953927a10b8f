"""From a frame to the bytes that lie in a store, and back: the one door in either direction.

What comes out of a store is whatever somebody put there. ``unpack`` returns a frame that was packed
under the same name with one of our keys, or ``None``; it never raises, and never makes more bytes
than its limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ConfigurationError, EncodeError
from .compression import Compression
from .encryption import Cipher
from .frame import EXCEPTION, MAGIC, PREFIX, VERSION, Frame, heads
from .refusal import Refused
from .signing import Signer

__all__ = ["Wire"]

_EXCEPTION = 1
_COMPRESSED = 2
_SIGNED = 4
_ENCRYPTED = 8
_PROTECTED = _SIGNED | _ENCRYPTED
_KNOWN = _EXCEPTION | _COMPRESSED | _PROTECTED

#: 16 MiB. What a payload becomes in memory may be 70 times as large: a byte can say "empty dict".
DEFAULT_MAX_VALUE_BYTES = 16 * 2**20

#: Below it zstd saves little, and a small value has to be read for each hit all the same.
DEFAULT_COMPRESS_ABOVE = 1024


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
        self._on_refused = on_refused
        self._encode, self._decode = heads()
        self._compression = _compression(compression, compress_above, self._limit)
        self._expander = self._compression
        self._signer = None if signing_keys is None else Signer(signing_keys, signature)
        self._cipher = None if encryption_keys is None else Cipher(encryption_keys)
        self._protection = (_SIGNED if self._signer else 0) | (_ENCRYPTED if self._cipher else 0)

    @property
    def is_authentic(self) -> bool:
        """Whether nobody without a key makes bytes that ``unpack`` takes."""
        return bool(self._protection)

    def pack(self, frame: Frame, name: bytes) -> bytes:
        """Return the bytes of ``frame``, to lie under ``name``: namespace and key, whole.

        Raises:
            EncodeError: if the payload is larger than ``max_value_bytes``.
        """
        payload, flags = frame.payload, self._protection
        if len(payload) > self._limit:
            raise EncodeError(
                f"the value takes {len(payload)} bytes, and max_value_bytes={self._limit}: store less "
                f"under one key, or raise max_value_bytes for all who read it"
            )
        if frame.kind == EXCEPTION:
            flags |= _EXCEPTION
        if self._compression is not None:
            packed = self._compression.compress(payload)
            if packed is not None:
                payload, flags = packed, flags | _COMPRESSED
        head = self._head(frame, flags)
        if self._cipher is not None:
            payload = self._cipher.encrypt(payload, head, name)
        data = head + payload
        return data if self._signer is None else self._signer.sign(data, name)

    def unpack(self, data: bytes, name: bytes) -> Frame | None:
        """Return the frame that ``pack`` made ``data`` of under ``name``, or ``None``."""
        try:
            return self._unpack(data, name)
        except Refused as refused:
            reason = refused.reason
        except Exception:  # msgspec, zstandard and struct each have their own for bytes that are none
            reason = Refused.DAMAGED
        if self._on_refused is not None:
            self._on_refused(reason, name)
        return None

    def _head(self, frame: Frame, flags: int) -> bytes:
        schema, born, early, stale, expires, dead, load_ms, marks, etag, *_ = frame
        steps = (early, stale - early, expires - stale, dead - expires, load_ms, marks)
        head = self._encode(steps if etag is None else (*steps, etag))
        prefix = PREFIX.pack(MAGIC, VERSION, flags, len(head), born >> 32, born & 0xFFFFFFFF, schema)
        return prefix + head

    def _unpack(self, data: bytes, name: bytes) -> Frame:
        flags = self._flags(data)
        if self._signer is not None:
            data = self._signer.verify(data, name)
        _, _, _, length, high, low, schema = PREFIX.unpack_from(data)
        end = PREFIX.size + length
        if len(data) < end:
            raise Refused(Refused.DAMAGED)
        payload = data[end:]
        if self._cipher is not None:
            payload = self._cipher.decrypt(payload, data[:end], name)
        if flags & _COMPRESSED:
            payload = self._decompressed(payload)
        if len(payload) > self._limit:
            raise Refused(Refused.TOO_LARGE)
        head = self._decode(data[PREFIX.size : end])
        stale = head.early + head.to_stale
        expires = stale + head.to_expires
        return Frame(
            schema,
            high << 32 | low,
            head.early,
            stale,
            expires,
            expires + head.to_dead,
            head.load_ms,
            head.marks,
            head.etag,
            payload,
            flags & _EXCEPTION,
        )

    def _flags(self, data: bytes) -> int:
        """Return the flags, if data begins as it would have been packed here."""
        if len(data) < PREFIX.size or data[0] != MAGIC:
            raise Refused(Refused.FOREIGN)
        version, flags = data[1], data[2]
        if version != VERSION or flags & ~_KNOWN:
            raise Refused(Refused.NEWER)
        # Asked of the configuration, not of the bytes: else who writes there would choose.
        if flags & _PROTECTED != self._protection:
            raise Refused(Refused.UNPROTECTED)
        return flags

    def _decompressed(self, payload: bytes) -> bytes:
        # The option says how to write. Whoever can read zstd reads it: this is no protection.
        if self._expander is None:
            self._expander = Compression(0, self._limit)
        return self._expander.decompress(payload)


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
