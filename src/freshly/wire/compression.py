"""Compression by zstd, of payloads for which it pays."""

from __future__ import annotations

from threading import local
from typing import Any

from .extras import need
from .refusal import Refused

__all__ = ["Compression"]

# On payloads of a few kilobytes higher levels cost several times as much and save a few percent.
_LEVEL = 3

# Each compressor holds buffers, and is for one thread at a time.
_of_thread = local()


class Compression:
    """Compresses payloads from ``above`` bytes on, and never makes more than ``limit`` of one."""

    def __init__(self, above: int, limit: int) -> None:
        self._zstd = need("zstandard", "compression='zstd'")
        self._above = above
        self._limit = limit

    def compress(self, payload: bytes) -> bytes | None:
        """Return fewer bytes than ``payload`` has, or ``None`` if it is small or does not shrink."""
        if len(payload) < self._above:
            return None
        packed: bytes = self._coder("compressor", level=_LEVEL).compress(payload)
        return packed if len(packed) < len(payload) else None

    def decompress(self, packed: bytes) -> bytes:
        """Return what was compressed.

        Raises:
            Refused: if that says to be larger than the limit, or does not say how large it is.
        """
        # The decompressor believes what the frame says about its size and allocates it at once.
        size = self._zstd.frame_content_size(packed)
        if size < 0:
            raise Refused(Refused.DAMAGED)
        if size > self._limit:
            raise Refused(Refused.TOO_LARGE)
        payload: bytes = self._coder("decompressor").decompress(packed, allow_extra_data=False)
        return payload

    def _coder(self, name: str, **options: int) -> Any:
        coder = getattr(_of_thread, name, None)
        if coder is None:
            coder = getattr(self._zstd, f"Zstd{name.capitalize()}")(**options)
            setattr(_of_thread, name, coder)
        return coder
