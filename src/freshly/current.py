"""``cache.current``: what a loader may know about its own load, and say about what comes of it."""

from __future__ import annotations

from typing import Any

from .core.entry import Entry
from .core.load import Load
from .core.tags import check_named
from .core.wishes import UNSAID, Wishes
from .errors import ConfigurationError
from .lifetimes import TTLValue, end_of, is_over


class CurrentLoad:
    """The load that the code runs inside. What is said here holds for this one entry.

    Where nothing is loaded, because the function was called as ``uncached`` or the cache is switched
    off, ``is_running`` is False, ``older`` and ``etag`` are ``None``, and what is said has no effect.
    Nor has it once the loader has returned.
    """

    __slots__ = ("_load",)

    def __init__(self, load: Load | None) -> None:
        self._load = load

    def __repr__(self) -> str:
        return "<CurrentLoad: none>" if self._load is None else f"<CurrentLoad {self.key!r}>"

    @property
    def is_running(self) -> bool:
        """Whether there is a load."""
        return self._load is not None and not self._load.is_over

    @property
    def key(self) -> str | None:
        """The key that is loaded."""
        return None if self._load is None else self._load.flight.key

    @property
    def older(self) -> Entry[Any] | None:
        """The entry that this load may replace: fresh, stale, or expired and within its grace.

        ``None`` if there is none, and if it was invalidated: its value is not to be used any more.
        """
        look = None if self._load is None else self._load.look
        entry = None if look is None else look.entry
        return None if entry is None or entry.raised is not None else entry

    @property
    def etag(self) -> str | None:
        """The validator of the older value, for a conditional request; set it to that of the new one.

        It is there for an invalidated value too: a source that is asked now, and says that its data
        have not changed, confirms that value. Then raise ``NotModified``.
        """
        if self._load is None:
            return None
        if self._load.wishes is not None and self._load.wishes.etag is not None:
            return self._load.wishes.etag
        older = self._load.confirmable
        return None if older is None else older.etag

    @etag.setter
    def etag(self, etag: str | None) -> None:
        given: object = etag
        if given is not None and (not isinstance(given, str) or not given):
            raise ConfigurationError(
                f"current.etag={etag!r} is no validator: set what the source sent, a text, or None"
            )
        self._wishes.etag = etag

    @property
    def ttl(self) -> TTLValue:
        """The ttl that this load has asked for in place of the option, ``None`` if it has not."""
        return self._said("ttl")

    @ttl.setter
    def ttl(self, ttl: TTLValue) -> None:
        if is_over(ttl):
            self._wishes.is_refused = True
        else:
            self._wishes.ttl = end_of(ttl, "current.ttl")

    @property
    def soft_ttl(self) -> TTLValue:
        """The soft ttl that this load has asked for, ``None`` if it has not."""
        return self._said("soft_ttl")

    @soft_ttl.setter
    def soft_ttl(self, soft_ttl: TTLValue) -> None:
        self._wishes.soft_ttl = end_of(soft_ttl, "current.soft_ttl")

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that were added so far, by hand and by the cached calls inside."""
        return () if self._load is None else self._load.tags

    def tag(self, *tags: str) -> None:
        """Add ``tags`` to the entry, as ``cache.tag`` does."""
        named = check_named(tags, "tag")
        if self._load is not None:
            self._load.add(named)

    def do_not_store(self) -> None:
        """Return the value to those who wait for it, and keep nothing."""
        self._wishes.is_refused = True

    @property
    def _wishes(self) -> Wishes:
        if self._load is None or self._load.is_over:
            return Wishes()
        if self._load.wishes is None:
            self._load.wishes = Wishes()
        return self._load.wishes

    def _said(self, name: str) -> TTLValue:
        wishes = None if self._load is None else self._load.wishes
        said: TTLValue = None if wishes is None else getattr(wishes, name)
        return None if said is UNSAID else said
