"""Pickle, for those who ask for it: it carries nearly anything, and runs code when it is read.

Whoever can write to the store can make a reader run what they like, unless nobody but us makes
bytes that are taken. So it is refused without signing or encryption keys, and a payload is read only
behind their check.
"""

from __future__ import annotations

import pickle
from typing import Any

from ..errors import ConfigurationError
from .envelope import Wire

__all__ = ["PICKLE", "Pickle", "require_authentic"]


class Pickle:
    """Values by pickle's protocol 5."""

    name = "pickle 5"

    def encode(self, value: Any) -> bytes:
        return pickle.dumps(value, protocol=5)

    def decode(self, data: bytes) -> Any:
        return pickle.loads(data)  # noqa: S301 - behind require_authentic


PICKLE = Pickle()


def require_authentic(codec: object, wire: Wire, whose: str) -> None:
    """Refuse a codec that runs code where others may write.

    Raises:
        ConfigurationError: if ``codec`` is pickle, and ``wire`` has no keys.
    """
    if (codec == "pickle" or isinstance(codec, Pickle)) and not wire.is_authentic:
        raise ConfigurationError(
            f"codec='pickle' of {whose} needs signing_keys= (or encryption_keys=) in setup(): to read "
            f"a pickle is to run it, and without keys anybody who can write to the store may have put "
            f"it there. Or leave codec= out, and values are stored by their return annotation"
        )
