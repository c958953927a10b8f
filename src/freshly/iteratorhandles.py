"""The types of decorated generators, as a type checker sees them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from .core.entry import Entry

P = ParamSpec("P")
Q = ParamSpec("Q")
T = TypeVar("T")
S = TypeVar("S")


class AsyncCachedIterator(Protocol[P, T]):
    """A decorated async generator."""

    __name__: str
    __qualname__: str

    @property
    def uncached(self) -> Callable[P, AsyncIterator[T]]:
        """The function as it was written."""
        ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T, None]: ...

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key of the entry of these arguments."""
        ...

    def tags(self, *args: P.args, **kwargs: P.kwargs) -> tuple[str, ...]:
        """Return the tags of these arguments, without those that only the elements tell."""
        ...

    async def peek(self, *args: P.args, **kwargs: P.kwargs) -> Entry[tuple[T, ...]] | None:
        """Return the entry that a read would be served now, or ``None``. Nothing is run."""
        ...

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> tuple[T, ...]:
        """Run the generator to its end, store the elements and return them."""
        ...

    async def delete(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Delete the entry of these arguments; return whether there was one that was valid."""
        ...

    @overload
    def __get__(self, instance: None, owner: type, /) -> AsyncCachedIterator[P, T]: ...
    @overload
    def __get__(
        self: AsyncCachedIterator[Concatenate[S, Q], T],
        instance: S,
        owner: type | None = None,
        /,
    ) -> AsyncCachedIterator[Q, T]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None, /) -> AsyncCachedIterator[P, T]: ...


class BlockingCachedIterator(Protocol[P, T]):
    """A decorated plain generator."""

    __name__: str
    __qualname__: str

    @property
    def uncached(self) -> Callable[P, Iterator[T]]:
        """The function as it was written."""
        ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]: ...

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key of the entry of these arguments."""
        ...

    def tags(self, *args: P.args, **kwargs: P.kwargs) -> tuple[str, ...]:
        """Return the tags of these arguments, without those that only the elements tell."""
        ...

    def peek(self, *args: P.args, **kwargs: P.kwargs) -> Entry[tuple[T, ...]] | None:
        """Return the entry that a read would be served now, or ``None``. Nothing is run."""
        ...

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> tuple[T, ...]:
        """Run the generator to its end, store the elements and return them."""
        ...

    def delete(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Delete the entry of these arguments; return whether there was one that was valid."""
        ...

    @overload
    def __get__(self, instance: None, owner: type, /) -> BlockingCachedIterator[P, T]: ...
    @overload
    def __get__(
        self: BlockingCachedIterator[Concatenate[S, Q], T],
        instance: S,
        owner: type | None = None,
        /,
    ) -> BlockingCachedIterator[Q, T]: ...
    @overload
    def __get__(
        self, instance: object, owner: type | None = None, /
    ) -> BlockingCachedIterator[P, T]: ...


class AsyncIteratorOfClass(AsyncCachedIterator[Concatenate[type[S], Q], T], Generic[S, Q, T]):
    """A decorated async generator whose first parameter is a class: the ``cls`` of a classmethod."""

    def __get__(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self, instance: object, owner: type | None = None, /
    ) -> AsyncCachedIterator[Q, T]:
        raise NotImplementedError


class BlockingIteratorOfClass(BlockingCachedIterator[Concatenate[type[S], Q], T], Generic[S, Q, T]):
    """A decorated plain generator whose first parameter is a class: the ``cls`` of a classmethod."""

    def __get__(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self, instance: object, owner: type | None = None, /
    ) -> BlockingCachedIterator[Q, T]:
        raise NotImplementedError


class IteratorDecorator(Protocol):
    """What ``cache.iterator(...)`` returns: put it on a generator, plain or async."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[type[S], Q], AsyncIterator[T]], /
    ) -> AsyncIteratorOfClass[S, Q, T]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[type[S], Q], Iterator[T]], /
    ) -> BlockingIteratorOfClass[S, Q, T]: ...
    @overload
    def __call__(self, function: Callable[P, AsyncIterator[T]], /) -> AsyncCachedIterator[P, T]: ...
    @overload
    def __call__(self, function: Callable[P, Iterator[T]], /) -> BlockingCachedIterator[P, T]: ...
