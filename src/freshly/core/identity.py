"""Tokens for plain objects: which of several services a method was called on.

An address is no identity: when an object is gone, the next one may get its address, and with it the
dead one's entries. A token is a number that is never given twice in a process and dies with its
object.

There is no lock. Python may collect garbage at any line, and the death of an object then runs our
code, and our callers', in the middle of whatever that thread was doing, a locked section included:
any lock here could be waited for by a thread that waits for us. Instead each step is one operation
of a dict, and two threads that name an object at the same time agree on whichever came first
(``setdefault``); the other number is lost, which costs nothing.

An entry of the dict is never older than the object at its address: CPython calls the callbacks of
weak references before it frees an object's memory.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from typing import Any, Self
from weakref import ref

from ..errors import KeyTextError
from .typename import type_name

__all__ = ["IDENTITIES", "Identities"]


class Identity(ref[object]):
    """A weak reference that knows its object's token and who waits for its death."""

    __slots__ = ("address", "at_death", "token")

    def __new__(cls, obj: object, forget: Callable[[Any], None], token: int) -> Self:
        return super().__new__(cls, obj, forget)

    def __init__(self, obj: object, forget: Callable[[Any], None], token: int) -> None:
        self.address = id(obj)
        self.token = token
        self.at_death = ExitStack()


class Identities:
    """The tokens of living objects. Safe to use from any thread; forgets the dead."""

    def __init__(self) -> None:
        self._known: dict[int, Identity] = {}
        self._tokens = count(1)

    def __len__(self) -> int:
        return len(self._known)

    def token(self, obj: object) -> int:
        """Return the number of ``obj``: the same as long as it lives, and never another's.

        Raises:
            KeyTextError: if nothing tells when ``obj`` is gone: it has ``__slots__`` without
                ``__weakref__``.
        """
        return self._identity(obj).token

    def on_death(self, obj: object, callback: Callable[[], object]) -> None:
        """Call ``callback`` when ``obj`` is gone, before another object can have its address.

        It is called once, in whichever thread lets go of the object, between any two lines: it must
        take no lock that this thread may hold, and it must not raise (Python would report that and
        go on). It must not refer to ``obj``, or that would never die.

        Raises:
            KeyTextError: as ``token``.
        """
        self._identity(obj).at_death.callback(callback)

    def _identity(self, obj: object) -> Identity:
        known = self._known.get(id(obj))
        return known if known is not None and known() is obj else self._new(obj)

    def _new(self, obj: object) -> Identity:
        try:
            identity = Identity(obj, self._forget, next(self._tokens))
        except TypeError:
            raise _refusal(obj) from None
        return self._known.setdefault(identity.address, identity)

    def _forget(self, identity: Identity) -> None:
        if self._known.get(identity.address) is identity:
            del self._known[identity.address]
            identity.at_death.close()  # calls all, also if one of them raises


#: The identities of this process.
IDENTITIES = Identities()


def _refusal(obj: object) -> KeyTextError:
    name = type_name(type(obj))
    return KeyTextError(
        f"a method of {name} was called on an object that cannot be told from the next one at its "
        f"address, because it takes no weak reference (__slots__ without '__weakref__'). Give "
        f'{type(obj).__name__} a __cache_key__, leave the object out with exclude=("self", ...), '
        f"or use a key= template without {{self}}"
    )
