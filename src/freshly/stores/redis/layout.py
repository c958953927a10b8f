"""What lies where on the server: the names of keys and fields for one namespace."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

from ...errors import StoreError

VERSION = 1

# The fields of a bucket. docs/concepts/protocol.md, section 2, says what each is.
NONCE, FENCE, SEQUENCE, FLOOR, LAYOUT, QUARANTINE, LATEST_HOLD, PATTERNS = (
    b"!", b"@", b"#", b"_", b"%", b"^", b"D", b"*"
)  # fmt: skip
HEAD = (NONCE, FENCE, SEQUENCE, FLOOR, LAYOUT, QUARANTINE, LATEST_HOLD, PATTERNS)

# Fields of names begin with one of these. Stamps:
TAG, STALE, KEY, PATTERN = b"h", b"s", b"k", b"*"
# A key under which a newer value was laid, for who keeps the older one near:
REPLACED = b"r"
# Holds of a tag and of a key:
TAG_HOLD, KEY_HOLD = b"d", b"e"


def encoded(name: str) -> bytes:
    """Return the bytes of a tag or a key.

    Raises:
        StoreError: if it has half of a surrogate pair in it, which has no bytes in UTF-8.
    """
    try:
        return name.encode()
    except UnicodeEncodeError as error:
        raise StoreError(
            f"{name!r} is no text that a server can be told: half of a surrogate pair stands at place "
            f"{error.start}"
        ) from None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a namespace keeps what. All processes of a namespace have to use the same.

    ``max_staleness`` and ``max_hold`` are milliseconds: how long a near tier may trail, and how long
    a transaction may hold a tag.
    """

    namespace: str
    buckets: int = 1
    max_staleness: int = 1000
    max_hold: int = 0
    _name: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Escaped, since ":" and "#" end it, "}" ends the part that a cluster gives slots by, and others
        # mean something in a pattern.
        object.__setattr__(self, "_name", quote(self.namespace, safe="").encode())

    @property
    def text(self) -> bytes:
        """The layout as each bucket states it."""
        return b"%d:%d:%d:on:%d" % (VERSION, self.buckets, self.max_staleness, self.max_hold)

    def bucket_of(self, name: str) -> int:
        """Return the bucket that a tag, or a key, lies in."""
        return 0 if self.buckets == 1 else self.bucket_of_bytes(encoded(name))

    def bucket_of_bytes(self, name: bytes) -> int:
        # CRC-16/XMODEM, which is what a cluster gives slots by.
        return 0 if self.buckets == 1 else crc_hqx(name, 0) % self.buckets

    def buckets_of(self, names: Iterable[str]) -> set[int]:
        return {0} if self.buckets == 1 else {self.bucket_of(name) for name in names}

    def bucket(self, number: int) -> bytes:
        return b"fr:{%s#%d}:t" % (self._name, number)

    def channel(self, number: int) -> bytes:
        return b"fr:{%s#%d}:c" % (self._name, number)

    def value(self, key: str) -> bytes:
        return b"fr:{%s:%s}:v" % (self._name, encoded(key))

    def lease(self, key: str) -> bytes:
        return b"fr:{%s:%s}:l" % (self._name, encoded(key))

    def right(self, name: str) -> bytes:
        """Return where the lease of ``name`` lies: apart from those of keys, which are ``lease``."""
        return b"fr:{%s:%s}:r" % (self._name, encoded(name))

    def key_of(self, value: bytes) -> str:
        """Return the key whose value lies under the name ``value``."""
        return value[len(self._name) + len(b"fr:{:") : -len(b"}:v")].decode()
