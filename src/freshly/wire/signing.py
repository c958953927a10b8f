"""Signatures: without the key nobody makes bytes that are taken, nor moves them to another name.

The algorithm is the configuration's. What lies in the store names a key and nothing else, so that
nobody who writes there has a say in how it is checked.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import blake2b
from typing import TypeAlias

from ..errors import ConfigurationError, did_you_mean
from .keys import ID_BYTES, KeyRing
from .refusal import Refused

__all__ = ["TAIL_BYTES", "Signer"]

SIGNATURE_BYTES = 16
TAIL_BYTES = ID_BYTES + SIGNATURE_BYTES

#: From signed data and the name it lies under to the signature.
Mac: TypeAlias = Callable[[bytes, bytes], bytes]


def _blake2b(key: bytes) -> Mac:
    base = blake2b(key=key, digest_size=SIGNATURE_BYTES, person=b"freshly sign")

    def mac(signed: bytes, name: bytes) -> bytes:
        state = base.copy()
        state.update(_length(name))
        state.update(name)
        state.update(signed)
        return state.digest()

    return mac


def _hmac_sha256(key: bytes) -> Mac:
    def mac(signed: bytes, name: bytes) -> bytes:
        whole = hmac.digest(key, b"".join((_length(name), name, signed)), "sha256")
        return whole[:SIGNATURE_BYTES]

    return mac


def _length(name: bytes) -> bytes:
    # Without it, the end of a name could be taken for the beginning of what lies under a shorter one.
    return len(name).to_bytes(4, "big")


_ALGORITHMS: dict[str, Callable[[bytes], Mac]] = {"blake2b": _blake2b, "hmac-sha256": _hmac_sha256}


class Signer:
    """Puts signatures behind data, and verifies them.

    A signature covers the name under which the data lies, the data, and the id of the key.
    """

    def __init__(self, secrets: object, algorithm: object = "blake2b") -> None:
        if algorithm not in _ALGORITHMS:
            raise ConfigurationError(
                f"signature={algorithm!r} is no algorithm"
                f"{did_you_mean(str(algorithm), _ALGORITHMS)}; there is {' and '.join(_ALGORITHMS)}"
            )
        # One secret under two algorithms is two keys: a signature of one is none of the other.
        ring = KeyRing(secrets, "signing_keys", f"sign {algorithm}".encode())
        self._id = ring.id
        self._macs = {id: _ALGORITHMS[str(algorithm)](key) for id, key in ring}

    def sign(self, data: bytes, name: bytes) -> bytes:
        signed = data + self._id
        return signed + self._macs[self._id](signed, name)

    def verify(self, data: bytes, name: bytes) -> None:
        """Return if ``data`` ends in its signature.

        Raises:
            Refused: if it does not, or in one of a key that is not in the ring.
        """
        mac = self._macs.get(data[-TAIL_BYTES:-SIGNATURE_BYTES])
        if mac is None:
            raise Refused(Refused.UNKNOWN_KEY)
        if not hmac.compare_digest(mac(data[:-SIGNATURE_BYTES], name), data[-SIGNATURE_BYTES:]):
            raise Refused(Refused.FORGED)
