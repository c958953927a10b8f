"""Secret keys: what a user gives, and the ring that new bytes are written and old ones read with."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from ..errors import ConfigurationError

__all__ = ["ID_BYTES", "KeyRing"]

#: How many bytes of a frame name the key.
ID_BYTES = 4

_MIN_BYTES = 16
_HOW = "python -c 'import secrets; print(secrets.token_urlsafe(32))' prints a good one"


class KeyRing:
    """Keys by their id. The one called ``id`` writes, each one reads.

    To rotate, put the new key behind the old one everywhere, then in front of it, and drop the old
    one when no entry from before can be left: after ``max_ttl``. ``purpose`` keeps a secret that is
    given for two things from being one key.
    """

    def __init__(self, secrets: object, option: str, purpose: bytes) -> None:
        keys = [_derived(secret, purpose) for secret in _checked(secrets, option)]
        self._keys = {_id(key): key for key in keys}
        if len(self._keys) < len(keys):
            raise ConfigurationError(f"{option} has one key twice: leave one out")
        self.id = _id(keys[0])

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self._keys.items())


def _checked(secrets: object, option: str) -> list[bytes]:
    given = [secrets] if isinstance(secrets, str | bytes) else secrets
    if not isinstance(given, list | tuple) or not given:
        raise ConfigurationError(
            f"{option} is no key and no list of keys: give texts or bytes of at least "
            f"{_MIN_BYTES} bytes; {_HOW}"
        )
    return [_secret(secret, option) for secret in given]


def _secret(secret: object, option: str) -> bytes:
    # The message shows no secret, not even a bad one.
    if not isinstance(secret, str | bytes):
        raise ConfigurationError(f"{option}: a key is a text or bytes, not {type(secret).__name__}")
    raw = secret.encode() if isinstance(secret, str) else secret
    if len(raw) < _MIN_BYTES:
        raise ConfigurationError(
            f"{option}: a key of {len(raw)} bytes can be guessed; give at least {_MIN_BYTES}; {_HOW}"
        )
    return raw


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return blake2b(secret, digest_size=32, person=purpose).digest()


def _id(key: bytes) -> bytes:
    return blake2b(key, digest_size=ID_BYTES, person=b"freshly key id").digest()
