"""Encryption of payloads by AES-256-GCM, with a key of its own for each frame.

GCM breaks when a nonce meets a key twice, and its nonces are short: 12 bytes by chance are good for
2**32 frames of one key (NIST SP 800-38D, 8.3), which a busy cache writes within days. So each frame
takes 24 bytes by chance and derives from them and the ring's key both the key and the nonce for
itself (as XAES-256-GCM does, C2SP). Two frames with equal 24 bytes are not to be expected before
2**80 of them, whatever wrote them: nothing is counted, and processes need not know of each other.
"""

from __future__ import annotations

import os
from hashlib import blake2b

from .extras import need
from .keys import ID_BYTES, KeyRing
from .refusal import Refused

__all__ = ["Cipher"]

_SALT_BYTES = 24
_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16


class Cipher:
    """Encrypts payloads, bound to the name they lie under and to the head in front of them."""

    def __init__(self, secrets: object) -> None:
        aead = need("cryptography.hazmat.primitives.ciphers.aead", "encryption_keys")
        broken = need("cryptography.exceptions", "encryption_keys")
        self._aesgcm = aead.AESGCM
        self._invalid_tag = broken.InvalidTag
        ring = KeyRing(secrets, "encryption_keys", b"encrypt aes-gcm")
        self._id = ring.id
        self._keys = dict(ring)

    def encrypt(self, payload: bytes, head: bytes, name: bytes) -> bytes:
        salt = os.urandom(_SALT_BYTES)
        key, nonce = _derived(self._keys[self._id], salt)
        sealed: bytes = self._aesgcm(key).encrypt(nonce, payload, _bound(head, name))
        return b"".join((self._id, salt, sealed))

    def decrypt(self, body: bytes, head: bytes, name: bytes) -> bytes:
        """Return the payload.

        Raises:
            Refused: if body, head and name do not belong together, or the key is not in the ring.
        """
        start = ID_BYTES + _SALT_BYTES
        if len(body) < start + _TAG_BYTES:
            raise Refused(Refused.DAMAGED)
        ring_key = self._keys.get(body[:ID_BYTES])
        if ring_key is None:
            raise Refused(Refused.UNKNOWN_KEY)
        key, nonce = _derived(ring_key, body[ID_BYTES:start])
        try:
            payload: bytes = self._aesgcm(key).decrypt(nonce, body[start:], _bound(head, name))
        except self._invalid_tag:
            raise Refused(Refused.FORGED) from None
        return payload


def _derived(ring_key: bytes, salt: bytes) -> tuple[bytes, bytes]:
    both = blake2b(
        salt, key=ring_key, digest_size=_KEY_BYTES + _NONCE_BYTES, person=b"freshly encrypt"
    ).digest()
    return both[:_KEY_BYTES], both[_KEY_BYTES:]


def _bound(head: bytes, name: bytes) -> bytes:
    return b"".join((len(name).to_bytes(4, "big"), name, head))
