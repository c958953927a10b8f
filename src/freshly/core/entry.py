"""What the cache keeps: a value, the five instants of its life, its tags and its stamp."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from .counts import Counts
    from .rows import Rows

T = TypeVar("T")

NEVER = float("-inf")


class Entry(Generic[T]):
    """A cached value with its timeline. Read it; only the cache writes it.

    Instants are seconds on the clock of the store that keeps the entry, and never decrease:
    ``born <= early_at <= stale_at <= expires_at <= dead_at``. At an instant itself the later
    state holds: at ``stale_at`` the value is already stale.

    ``stamp`` is the reading of the store's logical clock taken before the load that made ``value``;
    ``seen`` the reading at which the entry was last found valid. ``load_seconds`` is how long
    the load took. ``uses`` counts the hits. The other fields serve the hit path: ``next_at`` is
    the first instant at which a read has to think, ``rows`` and ``row`` say where a decorated
    function finds the entry by its raw arguments, ``noted`` belongs to the eviction.
    """

    __slots__ = (
        "__weakref__",  # pyright: ignore[reportUninitializedInstanceVariable]
        "born",
        "counts",
        "dead_at",
        "early_at",
        "expires_at",
        "key",
        "load_seconds",
        "next_at",
        "noted",
        "row",
        "rows",
        "seen",
        "stale_at",
        "stamp",
        "tags",
        "uses",
        "value",
    )

    def __init__(
        self,
        key: str,
        value: T,
        *,
        instants: tuple[float, float, float, float, float],
        tags: tuple[str, ...],
        stamp: Any,
        counts: Counts,
        load_seconds: float = 0.0,
    ) -> None:
        self.key = key
        self.value = value
        self.born, self.early_at, self.stale_at, self.expires_at, self.dead_at = instants
        self.tags = tags
        self.stamp = stamp
        self.load_seconds = load_seconds
        self.counts = counts
        self.next_at = self.early_at
        self.seen = stamp
        self.uses = 0
        self.noted = 0
        self.rows: Rows | None = None
        self.row: Hashable = None

    def mark_stale(self) -> None:
        """Make the entry stale from its birth on; its later instants stay."""
        self.early_at = self.stale_at = min(self.stale_at, self.born)
        self.next_at = NEVER

    def retire(self) -> None:
        """Take the entry off the hit path: it has left the store."""
        self.next_at = NEVER
        if self.rows is not None:
            self.rows.forget(self)

    def __repr__(self) -> str:
        return f"<Entry {self.key!r} tags={self.tags!r} born={self.born:g} dead_at={self.dead_at:g}>"
