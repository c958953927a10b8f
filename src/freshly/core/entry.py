"""What the cache keeps: a value, the five instants of its life, its tags and its stamp.

Entries are many, so they are small. Nearly all have one end: they turn stale, expire and die at the
instant at which a read next has to think, and that is the one number they keep for all of it. Their
birth and the time their load took share an object: a complex number has room for two. An entry with
a soft or early ttl, or a grace, keeps a tuple of all. What only few entries need belongs into a
subclass, not into a slot here: tests/stores/test_size.py weighs them.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from .counts import Counts, NoRows
    from .raised import Raised
    from .rows import Rows, SharedRows

T = TypeVar("T")

NEVER = float("-inf")

#: ``(born, early_at, stale_at, expires_at, dead_at)``.
Instants = tuple[float, float, float, float, float]


class Entry(Generic[T]):
    """A cached value with its timeline. Read it; only the cache writes it.

    Instants are seconds on the clock of the store that keeps the entry, and never decrease:
    ``born <= early_at <= stale_at <= expires_at <= dead_at``. At an instant itself the later
    state holds: at ``stale_at`` the value is already stale.

    ``seen`` is the reading of the store's logical clock at which the entry was last found valid: at
    first its stamp, which was taken before the load that made ``value``. ``load_seconds`` is how long
    the load took. ``uses`` counts the hits. The other fields serve the hit path: ``next_at`` is
    the first instant at which a read has to think, ``rows`` and ``row`` say where a decorated
    function finds the entry by its raw arguments, ``noted`` belongs to the eviction. Rows know whose
    hits ``uses`` are, which is ``counts``.

    ``raised`` is set if the loader did not return but raised what is cached as its answer; then
    ``value`` is ``None``, and a read raises it anew. ``etag`` is the validator that the source gave
    with the value, if any.
    """

    # Those that have one of these are of a class of their own: see special.py.
    raised: Raised | None = None
    etag: str | None = None
    idle: float | None = None
    slides = False

    __slots__ = (
        "_life",
        "key",
        "next_at",
        "noted",
        "row",
        "rows",
        "seen",
        "tags",
        "uses",
        "value",
    )

    def __init__(
        self,
        key: str,
        value: T,
        instants: Instants,
        tags: tuple[str, ...],
        stamp: Any,
        counts: Counts,
        load_seconds: float = 0.0,
    ) -> None:
        born, early_at, stale_at, expires_at, dead_at = instants
        self.key = key
        self.value = value
        self._life: complex | tuple[float, float, float, float, float, float] = (
            complex(born, load_seconds)
            if early_at == dead_at
            else (born, early_at, stale_at, expires_at, dead_at, load_seconds)
        )
        self.next_at = early_at
        self.tags = tags
        self.seen = stamp
        self.uses = 0
        self.noted: int | None = None
        self.rows: NoRows | Rows | SharedRows = counts.no_rows
        self.row: Hashable = None

    @property
    def counts(self) -> Counts:
        """The counts of the function, or of the commands, whose entry it is."""
        return self.rows.counts

    @property
    def valid_at(self) -> Any:
        """The reading that a load which is made from this value is told: it was valid then."""
        return self.seen

    @property
    def instants(self) -> Instants:
        """The five instants that it was made with: what moves while it lives is not in them."""
        life = self._life
        if isinstance(life, tuple):
            return life[:5]
        end = self.next_at
        return life.real, end, end, end, end

    @property
    def born(self) -> float:
        life = self._life
        return life[0] if isinstance(life, tuple) else life.real

    @property
    def early_at(self) -> float:
        life = self._life
        return life[1] if isinstance(life, tuple) else self.next_at

    @property
    def stale_at(self) -> float:
        life = self._life
        return life[2] if isinstance(life, tuple) else self.next_at

    @property
    def expires_at(self) -> float:
        life = self._life
        return life[3] if isinstance(life, tuple) else self.next_at

    @property
    def dead_at(self) -> float:
        life = self._life
        return life[4] if isinstance(life, tuple) else self.next_at

    @property
    def load_seconds(self) -> float:
        life = self._life
        return life[5] if isinstance(life, tuple) else life.imag

    def mark_stale(self) -> None:
        """Make the entry stale from its birth on; its later instants stay."""
        at = min(self.stale_at, self.born)
        self._life = (self.born, at, at, self.expires_at, self.dead_at, self.load_seconds)
        # After the tuple: until there is one, this is the end of the entry.
        self.next_at = NEVER

    def renew(self, now: float) -> None:
        """Note that the entry is served at ``now``."""

    def divert(self) -> None:
        """Have every read think, until ``rejoin``. The instants stay."""
        self._life = (
            self.born,
            self.early_at,
            self.stale_at,
            self.expires_at,
            self.dead_at,
            self.load_seconds,
        )
        self.next_at = NEVER

    def rejoin(self) -> None:
        """Undo ``divert``."""
        if isinstance(self._life, tuple):
            self.next_at = self.early_at

    def retire(self) -> None:
        """Take the entry off the hit path: it has left the store."""
        self.rows.forget(self)

    def __repr__(self) -> str:
        return f"<Entry {self.key!r} tags={self.tags!r} born={self.born:g} dead_at={self.dead_at:g}>"
