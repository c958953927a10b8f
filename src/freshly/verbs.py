"""The verbs of a decorated function whose calls are made in steps: many ids, a generator."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import BoundArguments
from types import FunctionType
from typing import Any

from .bound import VERBS
from .core.entry import Entry
from .core.recipe import Call
from .handle import Handle
from .runtime.threads import finish


class InSteps(Handle):
    """The handle of such a function: ``one`` makes the call of one entry, ``bound`` all arguments."""

    def one(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        raise NotImplementedError

    def bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> BoundArguments:
        raise NotImplementedError

    async def refresh(self, bound: BoundArguments) -> Any:
        raise NotImplementedError


def stand_on(wrapper: FunctionType, handle: InSteps) -> None:
    """Give ``wrapper`` the verbs of ``handle``, in its colour."""
    verbs = AsyncVerbs(handle) if handle.is_async else BlockingVerbs(handle)
    for verb in VERBS:
        setattr(wrapper, verb, getattr(verbs, verb))
    # Keeps the handle alive as long as the function, and no longer.
    vars(wrapper)["__freshly__"] = handle


class Verbs:
    """Both colours. What is about an entry takes one id, if there are many."""

    def __init__(self, handle: InSteps) -> None:
        self._handle = handle
        self.uncached = handle.function

    def key(self, /, *args: Any, **kwargs: Any) -> str:
        return self._handle.one(args, kwargs).key

    def tags(self, /, *args: Any, **kwargs: Any) -> tuple[str, ...]:
        return self._handle.one(args, kwargs).tags

    async def _peek(self, call: Call) -> Entry[Any] | None:
        if self._handle.is_bypassed:
            return None
        return await self._handle.side.engine.peek(call.key, call.tags, call.shape)

    async def _delete(self, call: Call) -> bool:
        return await self._handle.side.delete((call.key,)) > 0


class AsyncVerbs(Verbs):
    async def peek(self, /, *args: Any, **kwargs: Any) -> Entry[Any] | None:
        return await self._peek(self._handle.one(args, kwargs))

    async def refresh(self, /, *args: Any, **kwargs: Any) -> Any:
        return await self._handle.refresh(self._handle.bound(args, kwargs))

    async def delete(self, /, *args: Any, **kwargs: Any) -> bool:
        return await self._delete(self._handle.one(args, kwargs))


class BlockingVerbs(Verbs):
    def peek(self, /, *args: Any, **kwargs: Any) -> Entry[Any] | None:
        return finish(self._peek(self._handle.one(args, kwargs)))

    def refresh(self, /, *args: Any, **kwargs: Any) -> Any:
        return finish(self._handle.refresh(self._handle.bound(args, kwargs)))

    def delete(self, /, *args: Any, **kwargs: Any) -> bool:
        return finish(self._delete(self._handle.one(args, kwargs)))
