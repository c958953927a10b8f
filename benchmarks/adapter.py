"""The one thing that a library has to offer to be measured: an adapter, in ``peers/``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

#: Whatever a decorator takes and gives.
Function = Callable[..., Any]

#: Asked for one key after the other, it says whether each was a hit; a miss puts the key in.
Access = Callable[[Any], bool]


class NotSupported(Exception):
    """The library has no such feature. The row is left out."""


class Adapter:
    """One way to use one library. What it cannot do stays as it is here."""

    name = ""
    #: The distribution on the package index.
    dist = ""
    #: The decorated function is called and not awaited.
    sync = False
    #: Of "mem" and "redis".
    backends: Sequence[str] = ("mem",)
    #: Stands beside the row.
    note = ""
    #: Scenarios that would only repeat another adapter of the same library.
    skips: Sequence[str] = ()

    def __init__(
        self,
        backend: str = "mem",
        url: str = "",
        *,
        size: int = 2_000_000,
        sweep: float | None = None,
    ) -> None:
        """``size`` is how many entries there is room for, ``sweep`` the seconds between two looks
        for dead ones, where a library lets one say so."""
        if backend not in self.backends:
            raise NotSupported(backend)
        self.backend = backend
        self.url = url
        self.size = size
        self.sweep = sweep

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def decorate(
        self, function: Function, *, ttl: float = 3600, tags: Sequence[str] = (), key: str | None = None
    ) -> Function:
        """Return ``function`` cached. ``tags`` and ``key`` are templates: ``"user:{a}"``."""
        raise NotSupported("decorate")

    async def get(self, key: str) -> Any:
        raise NotSupported("get")

    async def set(self, key: str, value: Any, ttl: float, tags: Sequence[str] = ()) -> None:
        raise NotSupported("set")

    async def delete_tags(self, *tags: str) -> None:
        raise NotSupported("delete_tags")

    def policy(self, size: int) -> Access:
        """Return the eviction of a store of ``size`` entries, to replay traces."""
        raise NotSupported("policy")

    @classmethod
    def has_tags(cls) -> bool:
        return cls.delete_tags is not Adapter.delete_tags
