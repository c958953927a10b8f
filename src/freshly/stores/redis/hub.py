"""What both colours of one store share: layout, codecs, what was invalidated and not yet delivered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

from ...core.undelivered import Undelivered
from ...errors import PartlyInvalidatedError, StoreError
from ..delivery import Delivery
from .codecs import Codecs
from .copies import Copies
from .journal import Journal
from .keeper import Keeper
from .kept import Kept
from .known import KnownRows
from .layout import Layout
from .met import Met
from .presence import Presence
from .reading import Moment, Position


class Hub:
    """``shift`` tells by how many seconds the store's time is ahead of the server's: it is 0, but where
    a clock is moved by hand.
    """

    def __init__(
        self,
        layout: Layout,
        codecs: Codecs,
        *,
        max_ttl: float,
        now: Callable[[], float],
        shift: Callable[[], float],
        delivery: Callable[[Undelivered], Delivery],
        keeper: Keeper,
        copies: Copies | None = None,
    ) -> None:
        self.layout = layout
        self.codecs = codecs
        self.max_ttl = max_ttl
        self._shift = shift
        self._make_delivery = delivery
        self.keeper = keeper
        #: What invalidations wait for besides.
        self.copies = copies
        self.invalidations = 0
        self.journal = Journal(now)
        self.met = Met(self.journal)
        self.presence = Presence(now)
        self.known = KnownRows(layout)
        self._begin()

    def forget_parent(self) -> None:
        """Begin anew in a forked child: what the parent owes, the parent delivers."""
        self.journal.begin()
        self.keeper.begin()
        self.met.begin()
        self._begin()

    def _begin(self) -> None:
        self.undelivered = Undelivered()
        self.kept = Kept()
        # Keys of entries that are being renewed, as a reader found them.
        self.renewing: set[str] = set()
        self.delivery = self._make_delivery(self.undelivered)
        # The position up to which a bucket may be pruned, as the last stamp told.
        self.prunable: dict[int, Position] = {}
        self.moment: Moment | None = None

    @property
    def shift(self) -> float:
        return self._shift()

    def on_server(self, seconds: float) -> float:
        return seconds - self._shift()

    @contextmanager
    def owing(
        self,
        *,
        tags: Sequence[str] = (),
        stale: Sequence[str] = (),
        keys: Sequence[str] = (),
        pattern: str | None = None,
        everything: bool = False,
    ) -> Iterator[None]:
        """Keep the invalidation inside if it fails, obey it here, and have it tried again.

        One that was given up half-way counts as failed: nobody knows whether it arrived.
        """
        try:
            yield
        except BaseException as error:
            if isinstance(error, PartlyInvalidatedError):
                # Patterns, and a clear, concern all servers.
                tags, stale, keys = (_those(names, error.failed) for names in (tags, stale, keys))
            self.undelivered.add(
                tags=tags, stale=stale, keys=keys, pattern=pattern, everything=everything
            )
            if isinstance(error, StoreError):
                self.delivery.begin(error)
            else:
                self.delivery.begin(StoreError("the invalidation was given up before its answer came"))
            raise

    def close(self) -> Future[None] | None:
        """End what runs behind the callers; return what is done when the last try to deliver is."""
        self.kept.clear()
        self.keeper.stop()
        return self.delivery.stop()


def _those(names: Sequence[str], among: Collection[str]) -> Sequence[str]:
    return [name for name in names if name in among]
