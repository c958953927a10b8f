"""Cached methods: what stands in the class, and what an instance gives of it.

In a class the decorated function is a real function too, but what ``service.get_user`` gives has
to know ``service``, so that ``service.get_user.delete(1)`` works. A bound method of Python hands
on the attributes of its function and forgets the instance; so these are partials that remember.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _Static = staticmethod[..., Any]
else:
    _Static = staticmethod

#: What a decorated function can do besides being called.
VERBS = ("key", "tags", "peek", "refresh", "delete", "uncached")

_OF_STATICMETHOD = frozenset(dir(staticmethod))

#: What it is called.
LOOKS = ("__name__", "__qualname__", "__annotations__", "__globals__")


class BoundCached(partial[Any]):
    """A cached method with its object, or its class, filled in as the first argument."""

    # Made at each call of a method: without this, making one takes half as long again.
    __slots__ = ()

    @property
    def __self__(self) -> Any:
        return self.args[0]

    @property
    def __func__(self) -> Callable[..., Any]:
        return self.func

    def __getattr__(self, name: str) -> Any:
        if name in VERBS:
            return partial(getattr(self.func, name), *self.args)
        if name in LOOKS:
            return getattr(self.func, name)
        raise AttributeError(f"{self.func.__qualname__} has no attribute {name!r}")

    # A property, since the class has a docstring of its own. What else a function has, such as its
    # code, is not handed on: inspect would take this for a function that still has its first argument.
    __doc__ = property(lambda self: self.func.__doc__)  # pyright: ignore[reportAssignmentType]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundCached):
            return NotImplemented
        return self.func is other.func and self.args[0] is other.args[0]

    def __hash__(self) -> int:
        return hash((self.func, id(self.args[0])))


class CachedMethod(_Static):
    """The class's side of a cached method.

    It derives from ``staticmethod`` for what that is to others: pydantic takes it in the body of a
    model for a method and not for a field, and ``abc`` and ``inspect`` look through it. How it
    binds is its own.
    """

    # It is run at each call of a method: a slot is quicker to read than a dict.
    __slots__ = ("_function",)

    def __init__(self, function: FunctionType) -> None:
        super().__init__(function)
        self._function = function
        # What else the function has, for who looks at what stands in the class. Copied rather than
        # handed on by __getattr__: of a class that has one Python reads every attribute slowly.
        beyond = (name for name in dir(function) if name not in _OF_STATICMETHOD)
        vars(self).update({name: getattr(function, name) for name in beyond})

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self._function
        return BoundCached(self._function, instance)

    @property
    def __isabstractmethod__(self) -> bool:
        return getattr(self._function, "__isabstractmethod__", False)

    @__isabstractmethod__.setter
    def __isabstractmethod__(self, is_abstract: bool) -> None:
        vars(self._function)["__isabstractmethod__"] = is_abstract


class CachedClassMethod(CachedMethod):
    """The same for what was a classmethod."""

    __slots__ = ()

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return BoundCached(self._function, type(instance) if owner is None else owner)
