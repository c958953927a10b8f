"""A checksum: it finds bytes that were damaged or got under another name, and stops nobody.

For frames that nothing else protects.
"""

from __future__ import annotations

from zlib import crc32

from .refusal import Refused

__all__ = ["CHECKSUM_BYTES", "put_checksum", "verify_checksum"]

CHECKSUM_BYTES = 4

# What the CRC-32 of anything is that ends in its own CRC-32, least byte first.
_RESIDUE = 0x2144DF1C


def put_checksum(data: bytes, name: bytes) -> bytes:
    """Return ``data`` with the CRC-32 of name and data behind it."""
    return data + crc32(data, crc32(name)).to_bytes(CHECKSUM_BYTES, "little")


def verify_checksum(data: bytes, name: bytes) -> None:
    """Return if ``data`` ends in its checksum.

    Raises:
        Refused: if it does not.
    """
    if crc32(data, crc32(name)) != _RESIDUE:
        raise Refused(Refused.DAMAGED)
