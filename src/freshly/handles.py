"""The types of decorated functions, as a type checker sees them.

At run time a decorated function is a function, and a cached method what ``bound.py`` says; both
have these attributes. The types say that it takes what it took before and returns what it
returned before, alone and on an instance.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from .core.entry import Entry

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")


class AsyncCached(Protocol[P, R]):
    """A decorated ``async def``."""

    __name__: str
    __qualname__: str

    @property
    def uncached(self) -> Callable[P, Coroutine[Any, Any, R]]:
        """The function as it was written."""
        ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]: ...

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key of the entry of these arguments."""
        ...

    def tags(self, *args: P.args, **kwargs: P.kwargs) -> tuple[str, ...]:
        """Return the tags of these arguments, without those that only a result tells."""
        ...

    async def peek(self, *args: P.args, **kwargs: P.kwargs) -> Entry[R] | None:
        """Return the entry that a read would be served now, or ``None``. Nothing is loaded."""
        ...

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Load and store anew, and return the value. The load begins after this call did.

        Processes that keep an older value near see it after ``max_staleness`` at most.
        """
        ...

    async def delete(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Delete the entry of these arguments; return whether there was one that was valid.

        Keeps the promise: a load that runs meanwhile is not stored.
        """
        ...

    @overload
    def __get__(self, instance: None, owner: type, /) -> AsyncCached[P, R]: ...
    @overload
    def __get__(
        self: AsyncCached[Concatenate[S, Q], R], instance: S, owner: type | None = None, /
    ) -> AsyncCached[Q, R]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None, /) -> AsyncCached[P, R]: ...


class BlockingCached(Protocol[P, R]):
    """A decorated plain ``def``."""

    __name__: str
    __qualname__: str

    @property
    def uncached(self) -> Callable[P, R]:
        """The function as it was written."""
        ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key of the entry of these arguments."""
        ...

    def tags(self, *args: P.args, **kwargs: P.kwargs) -> tuple[str, ...]:
        """Return the tags of these arguments, without those that only a result tells."""
        ...

    def peek(self, *args: P.args, **kwargs: P.kwargs) -> Entry[R] | None:
        """Return the entry that a read would be served now, or ``None``. Nothing is loaded."""
        ...

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Load and store anew, and return the value. The load begins after this call did.

        Processes that keep an older value near see it after ``max_staleness`` at most.
        """
        ...

    def delete(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Delete the entry of these arguments; return whether there was one that was valid.

        Keeps the promise: a load that runs meanwhile is not stored.
        """
        ...

    @overload
    def __get__(self, instance: None, owner: type, /) -> BlockingCached[P, R]: ...
    @overload
    def __get__(
        self: BlockingCached[Concatenate[S, Q], R], instance: S, owner: type | None = None, /
    ) -> BlockingCached[Q, R]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None, /) -> BlockingCached[P, R]: ...


class AsyncOfClass(AsyncCached[Concatenate[type[S], Q], R], Generic[S, Q, R]):
    """A decorated ``async def`` whose first parameter is a class: the ``cls`` of a classmethod."""

    def __get__(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self, instance: object, owner: type | None = None, /
    ) -> AsyncCached[Q, R]:
        raise NotImplementedError


class BlockingOfClass(BlockingCached[Concatenate[type[S], Q], R], Generic[S, Q, R]):
    """A decorated plain ``def`` whose first parameter is a class: the ``cls`` of a classmethod."""

    def __get__(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self, instance: object, owner: type | None = None, /
    ) -> BlockingCached[Q, R]:
        raise NotImplementedError


class Decorator(Protocol):
    """What ``cache(...)`` returns: put it on a function of either colour."""

    @overload
    def __call__(  # type: ignore[overload-overlap]  # pyright: ignore[reportOverlappingOverload]
        self, function: Callable[Concatenate[type[S], Q], Coroutine[Any, Any, R]], /
    ) -> AsyncOfClass[S, Q, R]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[type[S], Q], R], /
    ) -> BlockingOfClass[S, Q, R]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncCached[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> BlockingCached[P, R]: ...
