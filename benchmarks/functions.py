"""The functions that are cached in the measurements: each call makes a new one, so that no two
libraries share what Python has learnt about it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from .adapter import Adapter, Function, NotSupported

BARE = "· bare await f(x)"


def coroutine() -> Callable[[int], Coroutine[Any, Any, int]]:
    async def f(a: int) -> int:
        return a

    return f


def plain() -> Callable[[int], int]:
    def f(a: int) -> int:
        return a

    return f


def of_its_colour(adapter: type[Adapter]) -> Function:
    return plain() if adapter.sync else coroutine()


async def opened(adapter: type[Adapter], scenario: str, **options: Any) -> Adapter | None:
    """Return the adapter, ready to be used in memory, or ``None`` if it has no place here."""
    if scenario in adapter.skips:
        return None
    try:
        it = adapter("mem", **options)
    except NotSupported:
        return None
    await it.open()
    return it


async def close_all(adapters: Sequence[Adapter]) -> None:
    for it in adapters:
        await it.close()
