"""A store with something around each of its operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import getmro, iscoroutinefunction
from typing import Any, TypeAlias

from ..core.ports import Store

Operation: TypeAlias = Callable[..., Awaitable[Any]]
Args: TypeAlias = tuple[Any, ...]
Named: TypeAlias = dict[str, Any]

#: What a store can be asked: the coroutines of the port, by name.
OPERATIONS = tuple(
    sorted(
        {
            name
            for port in getmro(Store)
            for name, each in vars(port).items()
            if iscoroutinefunction(each)
        }
    )
)


class StoreAround:
    """Passes everything on to ``store``; a child says in ``do`` what happens around an operation.

    Whatever the port gains passes through here. The hit path of decorated functions does not: behind
    a store with something around it every read asks.
    """

    glance = None
    recall = None

    def __init__(self, store: Any) -> None:
        self._store = store

    def around(self, store: Any) -> StoreAround:
        """Return the same around another store: the stepped side of this one."""
        raise NotImplementedError

    async def do(self, operation: str, call: Operation, args: Args, kwargs: Named) -> Any:
        raise NotImplementedError

    @property
    def blocking(self) -> StoreAround:
        return self.around(self._store.blocking)

    def bind(self, entry: object, rows: object, row: object) -> None:
        """Keep the hit path out."""

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._store, name)
        if name not in OPERATIONS:
            return attribute

        async def operation(*args: Any, **kwargs: Any) -> Any:
            return await self.do(name, attribute, args, kwargs)

        return operation
