"""Why bytes from a store were not taken: for a count and a log, never for the caller."""

from __future__ import annotations

from typing import Final

__all__ = ["Refused"]


class Refused(Exception):
    """Bytes are not an entry of ours. ``reason`` is one of the words below."""

    FOREIGN: Final = "foreign"  # they do not begin as ours do
    NEWER: Final = "newer"  # of a version, or with a flag, that this release does not know
    DAMAGED: Final = "damaged"
    UNPROTECTED: Final = "unprotected"  # less or otherwise protected than the options ask for
    UNKNOWN_KEY: Final = "unknown key"  # signed or encrypted with a key that is not in the ring
    FORGED: Final = "forged"  # signature or encryption do not fit these bytes under this name
    TOO_LARGE: Final = "too large"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
