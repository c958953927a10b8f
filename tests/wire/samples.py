"""Frames and keys that the tests of the wire share."""

from __future__ import annotations

from typing import Any

from freshly.wire.envelope import Wire
from freshly.wire.frame import Frame, Mark

OLD_KEY = "an old key that nobody can guess"
KEY = "a new key that nobody can guess "
OTHER_KEY = "the key of quite another program"
NAME = b"fr:{shop:user:7}:v"
NONCE = b"0123456789abcdef01.1764000000123456"


def frame(**changes: Any) -> Frame:
    """Return a frame as a store writes it: an hour, stale after half of it, three tags."""
    whole = Frame(
        schema=b"\x01schema8",
        born=1_764_000_000_123,
        early=1_800_000,
        stale=1_800_000,
        expires=3_600_000,
        dead=7_200_000,
        load_ms=12,
        marks=(Mark(0, NONCE, 41, ("users", "user:7", "posts")),),
        etag=None,
        payload=b"\x82\xa2id\x07\xa4name\xa3Ada" * 20,
    )
    return whole._replace(**changes)


#: Each way of protecting frames, by name.
WIRES = {
    "bare": lambda **more: Wire(**more),
    "compressed": lambda **more: Wire(compression="zstd", compress_above=64, **more),
    "signed": lambda **more: Wire(signing_keys=KEY, **more),
    "signed by hmac": lambda **more: Wire(signing_keys=KEY, signature="hmac-sha256", **more),
    "encrypted": lambda **more: Wire(encryption_keys=KEY, **more),
    "all": lambda **more: Wire(
        signing_keys=KEY, encryption_keys=KEY, compression="zstd", compress_above=64, **more
    ),
}
KEYED = [name for name in WIRES if name not in ("bare", "compressed")]
