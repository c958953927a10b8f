"""What a store may use of the process around it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from ..core.clocks import Clock
from ..core.events import Emit

__all__ = ["World"]


@dataclass(frozen=True, slots=True)
class World:
    """The cache's clock, numbers by chance from 0 up to 1, who is told, and how to step a coroutine."""

    clock: Clock
    dice: Callable[[], float]
    emit: Emit
    step: Callable[[Coroutine[Any, Any, Any]], Any]
