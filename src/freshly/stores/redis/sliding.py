"""An entry of the server that reads renew."""

from __future__ import annotations

from typing import Any, TypeVar

from ...core.special import SpecialEntry
from ...wire.frame import Frame

T = TypeVar("T")


class SlidingEntry(SpecialEntry[T]):
    """``frame`` is what lies on the server of it: when it was read last, as far as that is written."""

    __slots__ = ("frame",)

    def __init__(self, key: str, value: T, *, frame: Frame, **common: Any) -> None:
        read_at, idle = (frame.born + frame.read) / 1000, frame.idle / 1000
        super().__init__(key, value, read_at=read_at, idle=idle, **common)
        self.frame = frame
