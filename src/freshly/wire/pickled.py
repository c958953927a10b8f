"""Pickle, for those who ask for it: it carries nearly anything, and runs code when it is read.

Whoever can write to the store can make a reader run what they like, unless nobody but us makes
bytes that are taken. So it is refused without signing or encryption keys, and a payload is read only
behind their check.
"""

from __future__ import annotations

import pickle
from typing import Any

from ..errors import ConfigurationError, EncodeError
from .codec import Undecodable
from .envelope import Wire

__all__ = ["PickleCodec", "require_authentic"]


class PickleCodec:
    """Values by pickle's protocol 5."""

    schema = b"\x00pickle5"

    def reads(self, schema: bytes) -> bool:
        return schema == self.schema

    def encode(self, value: Any) -> bytes:
        try:
            return pickle.dumps(value, protocol=5)
        except Exception as error:  # pickle asks each object, and each may fail in its own way
            raise EncodeError(
                f"a value of type {type(value).__name__} cannot be pickled: {error}"
            ) from error

    def decode(self, payload: bytes) -> Any:
        try:
            return pickle.loads(payload)  # noqa: S301 - behind require_authentic
        except Exception as error:  # a class that moved, a module that is gone
            raise Undecodable(repr(error)) from None


def require_authentic(codec: object, wire: Wire, function: str) -> None:
    """Refuse a codec that runs code where others may write.

    Raises:
        ConfigurationError: if ``codec`` pickles, and ``wire`` has no keys.
    """
    if isinstance(codec, PickleCodec) and not wire.is_authentic:
        raise ConfigurationError(
            f"codec='pickle' of {function} runs whatever lies in the store: give signing_keys= or "
            f"encryption_keys= to setup(), or leave codec= out and annotate what {function} returns"
        )
