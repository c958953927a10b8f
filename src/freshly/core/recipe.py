"""What a decorated function, or a command, asks for each of its entries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .answers import Answers
from .counts import Counts
from .lifetime import Lifetime
from .patience import Timeouts
from .rows import Rows
from .shape import ANY, LOCAL, Shape

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make an entry of a value, for one function.

    The callables get the arguments of the call by name and the value the loader returned.
    ``lifetime`` gives ``None`` for a value that is not kept; ``is_kept``, if there is one, is asked
    before. ``answers`` tells which exceptions are kept as if they were values. ``slides`` says that
    reads renew the value, as its lifetime has it.
    ``give`` is what a caller gets of a stored value, ``keep`` what is stored of a loaded one.
    ``retry_after`` is in seconds; ``shape`` is what a store outside of the process makes bytes by.
    """

    counts: Counts
    lifetime: Callable[[Arguments, Any], Lifetime | None]
    result_tags: Callable[[Arguments, Any], tuple[str, ...]]
    is_kept: Callable[[Arguments, Any], bool] | None
    retry_after: float
    copy: Callable[[Any], Any] | None = None
    shape: Shape = ANY
    timeouts: Timeouts | None = None
    answers: Answers | None = None
    slides: bool = False


@dataclass(slots=True, eq=False)
class Call:
    """One call of a cached function: its key, its tags, and how to load its value.

    Nobody changes it; it is not frozen, because one is made for each read that is no quick hit.

    ``tags`` are those known before the load. ``rows`` and ``row`` say where the hit path would
    look for it; ``rows`` is ``None`` if it cannot. ``is_local`` says that the key means
    something in this process only.
    """

    key: str
    tags: tuple[str, ...]
    recipe: Recipe
    loader: Callable[[], Awaitable[Any]]
    arguments: Arguments = field(default_factory=dict)
    rows: Rows | None = None
    row: Hashable = None
    is_local: bool = False

    @property
    def shape(self) -> Shape:
        """What a store outside of the process has to know of the value."""
        return LOCAL if self.is_local else self.recipe.shape
