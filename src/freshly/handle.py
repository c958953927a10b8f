"""What the handles of all decorated functions have: where they read and write, and who looks on."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import TYPE_CHECKING, Any

from .core.key import KeyMaker
from .core.recipe import Recipe
from .core.tags import Tags
from .side import Side

if TYPE_CHECKING:
    from .parts import Parts


@dataclass(frozen=True)
class ByHand:
    """Stands for the handle where the loader was given to a command, as ``get_or_set`` takes one.

    ``keys`` are those that one run of it loads.
    """

    recipe: Recipe
    keys: tuple[str, ...]

    @property
    def vary(self) -> tuple[ContextVar[Any], ...]:
        # Its key was made by the caller.
        return ()


class Handle:
    """The handle of one decorated function.

    ``keys`` and ``tags`` make what one entry is found by; ``is_bypassed`` says whether its cache is
    switched off.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        recipe: Recipe,
        keys: KeyMaker,
        tags: Tags,
        is_bypassed: Callable[[], bool],
    ) -> None:
        self.function = function
        self.recipe = recipe
        self.is_async = iscoroutinefunction(function) or isasyncgenfunction(function)
        self._keys = keys
        self._tags = tags
        self._is_bypassed = is_bypassed
        self._parts: Parts

    def wire(self, parts: Parts) -> None:
        """Put ``parts`` behind the function: from now on it reads and writes there."""
        self._parts = parts

    @property
    def parts(self) -> Parts:
        return self._parts

    @property
    def side(self) -> Side:
        return self._parts.awaited if self.is_async else self._parts.stepped

    @property
    def is_bypassed(self) -> bool:
        return self._is_bypassed()

    @property
    def vary(self) -> tuple[ContextVar[Any], ...]:
        """The context variables that are in the key."""
        return self._keys.vary

    def _instrumented(self, loader: Callable[[], Any]) -> Callable[[], Any]:
        return self._parts.instrumented(self, loader)
