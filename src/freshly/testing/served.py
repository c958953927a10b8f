"""What the next read would be served: a hit, a load, or a value that is out of date."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from ..core.entry import Entry
from ..handle import Handle
from ..iterator import CachedIterator
from ..many import CachedMany
from ..runtime.threads import finish
from .around import Args, Named
from .snapshot import difference, snapshot
from .subject import INDENT, call_text, entry_text, handle_of, listed, short

P = ParamSpec("P")
R = TypeVar("R")


class AsyncPeek(Protocol[P, R]):
    """A decorated ``async def``. What is asked about an entry takes one id where there are many."""

    def peek(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, Entry[R] | None]: ...


class BlockingPeek(Protocol[P, R]):
    """A decorated plain ``def``."""

    def peek(self, *args: P.args, **kwargs: P.kwargs) -> Entry[R] | None: ...


@overload
def assert_hit(
    function: AsyncPeek[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> Coroutine[Any, Any, Entry[R]]: ...
@overload
def assert_hit(function: BlockingPeek[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Entry[R]: ...
def assert_hit(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Assert that a read with these arguments would be served from the cache, and return its entry.

    Nothing is read, loaded or counted. Await it for an ``async def``. A stale value counts as a
    hit; one that has expired and is kept for ``grace`` does not, since a read would try a load.
    """

    def judge(entry: Entry[Any] | None) -> Entry[Any]:
        if entry is None:
            raise AssertionError(
                f"{call_text(function, args, kwargs)} is not cached: a read would load it"
                f"{INDENT}its key: {function.key(*args, **kwargs)}"
                f"{INDENT}cached of this function: {listed(_keys_of(handle_of(function)))}"
            )
        return entry

    return _peeked(function, args, kwargs, judge)


@overload
def assert_miss(
    function: AsyncPeek[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> Coroutine[Any, Any, None]: ...
@overload
def assert_miss(function: BlockingPeek[P, R], /, *args: P.args, **kwargs: P.kwargs) -> None: ...
def assert_miss(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Assert that a read with these arguments would load. Nothing is read, loaded or counted.

    Await it for an ``async def``.
    """

    def judge(entry: Entry[Any] | None) -> None:
        if entry is not None:
            raise AssertionError(
                f"{call_text(function, args, kwargs)} is cached: a read would be served "
                f"{short(entry.value)}{INDENT}{_about(handle_of(function), entry)}"
            )

    return _peeked(function, args, kwargs, judge)


@overload
def assert_fresh(
    function: AsyncPeek[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> Coroutine[Any, Any, None]: ...
@overload
def assert_fresh(function: BlockingPeek[P, R], /, *args: P.args, **kwargs: P.kwargs) -> None: ...
def assert_fresh(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Assert that a read with these arguments would not be served what the source no longer says.

    The loader runs once, with its cache switched off, so that cached calls inside it ask the source
    too; what it gives is compared with what is cached. If nothing is cached a read would load, and
    all is well. Nothing is stored or counted. Await it for an ``async def``. Values are equal if
    ``==`` says so, or if they have the same types and contents. Nobody should change the source
    meanwhile. Of a generator the whole sequence is compared.
    """
    handle = handle_of(function)

    def judge(entry: Entry[Any] | None, said: Any) -> None:
        if entry is None or _equal(entry.value, said):
            return
        where = difference(snapshot(entry.value), snapshot(said))
        differ = "" if where is None else f"{INDENT}they differ in {where.place}"
        raise AssertionError(
            f"{call_text(function, args, kwargs)} would be served a value that is out of date"
            f"{INDENT}cached:     {short(entry.value)}"
            f"{INDENT}the source: {short(said)}"
            f"{differ}"
            f"{INDENT}{_about(handle, entry)}"
            f"{INDENT}whoever changed it has to invalidate one of these tags, or delete the key"
        )

    async def asserted() -> None:
        entry = await _peek(handle, function, args, kwargs)
        if entry is not None:
            with handle.parts.disabled():
                said = await _said_by_source(handle, function, args, kwargs)
            judge(entry, said)

    return asserted() if handle.is_async else finish(asserted())


class LoadCount:
    """How often loaders ran since a block began; ``count`` goes on until the block ends."""

    def __init__(self, handles: list[Handle]) -> None:
        self._handles = handles
        self._before = self._now()
        self._after: tuple[int, int] | None = None

    def _now(self) -> tuple[int, int]:
        counts = [handle.recipe.counts for handle in self._handles]
        return sum(one.loads for one in counts), sum(one.load_errors for one in counts)

    @property
    def count(self) -> int:
        """Loads that have begun, refreshes included."""
        return (self._after or self._now())[0] - self._before[0]

    @property
    def errors(self) -> int:
        """Those of them that raised."""
        return (self._after or self._now())[1] - self._before[1]

    def _stop(self) -> None:
        self._after = self._now()

    def __repr__(self) -> str:
        names = ", ".join(handle.recipe.counts.name for handle in self._handles)
        return f"<LoadCount of {names}: count={self.count} errors={self.errors}>"


@contextmanager
def count_loads(*functions: Callable[..., Any]) -> Iterator[LoadCount]:
    """Count how often the loaders of ``functions`` run while the ``with`` block lasts."""
    loads = LoadCount([handle_of(function) for function in functions])
    try:
        yield loads
    finally:
        loads._stop()


def _peeked(function: Any, args: Args, kwargs: Named, judge: Callable[[Entry[Any] | None], Any]) -> Any:
    handle = handle_of(function)

    async def asserted() -> Any:
        return judge(await _peek(handle, function, args, kwargs))

    return asserted() if handle.is_async else finish(asserted())


async def _peek(handle: Handle, function: Any, args: Args, kwargs: Named) -> Entry[Any] | None:
    found = function.peek(*args, **kwargs)
    entry: Entry[Any] | None = await found if handle.is_async else found
    return entry


async def _said_by_source(handle: Handle, function: Any, args: Args, kwargs: Named) -> Any:
    """Run the loader. Its cache is switched off."""
    given = (*getattr(function, "args", ()), *args)  # a bound method has its object there
    if isinstance(handle, CachedMany):
        return await handle.read_one(given, kwargs)
    if isinstance(handle, CachedIterator):
        return await handle.said_by_source(given, kwargs)
    said = function.uncached(*args, **kwargs)
    return await said if handle.is_async else said


def _keys_of(handle: Handle) -> list[str]:
    living = handle.parts.store.living()
    return [entry.key for entry in living if entry.counts is handle.recipe.counts]


def _about(handle: Handle, entry: Entry[Any]) -> str:
    return entry_text(entry, handle.parts.clock.now())


def _equal(one: Any, other: Any) -> bool:
    try:
        is_equal = bool(one == other)
    except Exception:
        # An array compares by element and will not say yes or no.
        is_equal = False
    return is_equal or snapshot(one) == snapshot(other)
