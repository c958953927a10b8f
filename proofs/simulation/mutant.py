"""The code with one guard taken out. The judge has to notice each, or it would notice nothing.

Each mutant replaces a few attributes, or a piece of a Lua file, while it is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

#: Replaces an attribute of an object, and sees to it that it comes back.
Replace = Callable[[Any, str, Any], None]
Change = Callable[[Replace], None]


@dataclass(frozen=True)
class Mutant:
    """``says`` tells in one line what is different; histories of ``profile`` are likely to show it."""

    name: str
    says: str
    change: Change
    profile: str

    @contextmanager
    def applied(self) -> Iterator[None]:
        undo: list[tuple[Any, str, Any]] = []

        def put(where: Any, name: str, value: Any) -> None:
            undo.append((where, name, where.__dict__[name]))
            setattr(where, name, value)

        self.change(put)
        try:
            yield
        finally:
            for where, name, value in reversed(undo):
                setattr(where, name, value)


class Mutants(dict[str, Mutant]):
    """Mutants by name; the code as it is has none."""

    def one(self, says: str, profile: str = "all") -> Callable[[Change], Change]:
        """Name a mutant after the function that makes it."""

        def named(change: Change) -> Change:
            name = "" if change.__name__ == "as_it_is" else change.__name__
            self[name] = Mutant(name, says, change, profile)
            return change

        return named
