"""The gate of a store without entries in the process: every read takes the long way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...core.entry import Entry


class ShutGate:
    gate: int | None = None

    def holds(self, entry: Entry[Any], now: float) -> bool:
        return False

    def detour(
        self, tags: Iterable[str], keys: Iterable[str], *, everything: bool = False
    ) -> Callable[[], None]:
        return _nothing

    def close_gate(self) -> None: ...

    def open_gate(self) -> None: ...


def _nothing() -> None:
    return
