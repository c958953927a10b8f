"""The types of decorated functions of many ids, as a type checker sees them.

Called, they take any iterable of ids first, and return what the function returns. Where it takes
something else first, or a set, the types of its parameters are kept as they are, and those of the
verbs about one id are not known.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from .core.entry import Entry

P = ParamSpec("P")
Q = ParamSpec("Q")
K = TypeVar("K")
R = TypeVar("R")
S = TypeVar("S")
R_co = TypeVar("R_co", covariant=True)
S_contra = TypeVar("S_contra", contravariant=True)


class AsyncMany(Protocol[K, Q, R_co]):
    """A decorated ``async def`` of a list of ids."""

    __name__: str
    __qualname__: str

    @property
    def uncached(self) -> Callable[Concatenate[list[K], Q], Coroutine[Any, Any, R_co]]:
        """The function as it was written."""
        ...

    def __call__(
        self, ids: Iterable[K], /, *args: Q.args, **kwargs: Q.kwargs
    ) -> Coroutine[Any, Any, R_co]: ...

    def key(self, each: K, /, *args: Q.args, **kwargs: Q.kwargs) -> str:
        """Return the key of the entry of one id."""
        ...

    def tags(self, each: K, /, *args: Q.args, **kwargs: Q.kwargs) -> tuple[str, ...]:
        """Return the tags of one id, without those that only a result tells."""
        ...

    async def peek(self, each: K, /, *args: Q.args, **kwargs: Q.kwargs) -> Entry[Any] | None:
        """Return the entry of one id that a read would be served now. Nothing is loaded."""
        ...

    async def refresh(self, ids: Iterable[K], /, *args: Q.args, **kwargs: Q.kwargs) -> R_co:
        """Load and store anew, and return the values. The load begins after this call did."""
        ...

    async def delete(self, each: K, /, *args: Q.args, **kwargs: Q.kwargs) -> bool:
        """Delete the entry of one id; return whether there was one that was valid."""
        ...


class BlockingMany(Protocol[K, Q, R_co]):
    """A decorated plain ``def`` of a list of ids."""

    __name__: str
    __qualname__: str

    @property
    def uncached(self) -> Callable[Concatenate[list[K], Q], R_co]:
        """The function as it was written."""
        ...

    def __call__(self, ids: Iterable[K], /, *args: Q.args, **kwargs: Q.kwargs) -> R_co: ...

    def key(self, each: K, /, *args: Q.args, **kwargs: Q.kwargs) -> str:
        """Return the key of the entry of one id."""
        ...

    def tags(self, each: K, /, *args: Q.args, **kwargs: Q.kwargs) -> tuple[str, ...]:
        """Return the tags of one id, without those that only a result tells."""
        ...

    def peek(self, each: K, /, *args: Q.args, **kwargs: Q.kwargs) -> Entry[Any] | None:
        """Return the entry of one id that a read would be served now. Nothing is loaded."""
        ...

    def refresh(self, ids: Iterable[K], /, *args: Q.args, **kwargs: Q.kwargs) -> R_co:
        """Load and store anew, and return the values. The load begins after this call did."""
        ...

    def delete(self, each: K, /, *args: Q.args, **kwargs: Q.kwargs) -> bool:
        """Delete the entry of one id; return whether there was one that was valid."""
        ...


class AsyncManyMethod(Protocol[S_contra, K, Q, R_co]):
    """A decorated ``async def`` of an object and a list of ids: a method in its class."""

    key: Callable[..., str]
    tags: Callable[..., tuple[str, ...]]
    peek: Callable[..., Coroutine[Any, Any, Entry[Any] | None]]
    delete: Callable[..., Coroutine[Any, Any, bool]]

    async def refresh(
        self, instance: S_contra, ids: Iterable[K], /, *args: Q.args, **kwargs: Q.kwargs
    ) -> R_co: ...

    def __call__(
        self, instance: S_contra, ids: Iterable[K], /, *args: Q.args, **kwargs: Q.kwargs
    ) -> Coroutine[Any, Any, R_co]: ...

    @overload
    def __get__(self, instance: None, owner: type, /) -> AsyncManyMethod[S_contra, K, Q, R_co]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None, /) -> AsyncMany[K, Q, R_co]: ...


class BlockingManyMethod(Protocol[S_contra, K, Q, R_co]):
    """A decorated plain ``def`` of an object and a list of ids: a method in its class."""

    def __call__(
        self, instance: S_contra, ids: Iterable[K], /, *args: Q.args, **kwargs: Q.kwargs
    ) -> R_co: ...

    @overload
    def __get__(self, instance: None, owner: type, /) -> BlockingManyMethod[S_contra, K, Q, R_co]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None, /) -> BlockingMany[K, Q, R_co]: ...


class AsyncManyOfClass(Generic[S, K, Q, R]):
    """A decorated ``async def`` of a class and a list of ids: a classmethod."""

    def __get__(self, instance: object, owner: type | None = None, /) -> AsyncMany[K, Q, R]:
        raise NotImplementedError


class BlockingManyOfClass(Generic[S, K, Q, R]):
    """A decorated plain ``def`` of a class and a list of ids: a classmethod."""

    def __get__(self, instance: object, owner: type | None = None, /) -> BlockingMany[K, Q, R]:
        raise NotImplementedError


class AsyncManyOf(Protocol[P, R_co]):
    """A decorated ``async def`` whose ids stand anywhere, or in another collection."""

    __name__: str
    __qualname__: str
    key: Callable[..., str]
    tags: Callable[..., tuple[str, ...]]
    peek: Callable[..., Coroutine[Any, Any, Entry[Any] | None]]
    delete: Callable[..., Coroutine[Any, Any, bool]]

    @property
    def uncached(self) -> Callable[P, Coroutine[Any, Any, R_co]]: ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]: ...

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class BlockingManyOf(Protocol[P, R_co]):
    """A decorated plain ``def`` whose ids stand anywhere, or in another collection."""

    __name__: str
    __qualname__: str
    key: Callable[..., str]
    tags: Callable[..., tuple[str, ...]]
    peek: Callable[..., Entry[Any] | None]
    delete: Callable[..., bool]

    @property
    def uncached(self) -> Callable[P, R_co]: ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class ManyDecorator(Protocol):
    """What ``cache.many(...)`` returns: put it on a function of many ids, of either colour."""

    @overload
    def __call__(  # type: ignore[overload-overlap]  # pyright: ignore[reportOverlappingOverload]
        self, function: Callable[Concatenate[list[K], Q], Coroutine[Any, Any, R]], /
    ) -> AsyncMany[K, Q, R]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[list[K], Q], R], /
    ) -> BlockingMany[K, Q, R]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[type[S], list[K], Q], Coroutine[Any, Any, R]], /
    ) -> AsyncManyOfClass[S, K, Q, R]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[type[S], list[K], Q], R], /
    ) -> BlockingManyOfClass[S, K, Q, R]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[S, list[K], Q], Coroutine[Any, Any, R]], /
    ) -> AsyncManyMethod[S, K, Q, R]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[S, list[K], Q], R], /
    ) -> BlockingManyMethod[S, K, Q, R]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> AsyncManyOf[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> BlockingManyOf[P, R]: ...
