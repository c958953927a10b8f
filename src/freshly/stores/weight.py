"""How many bytes an entry takes, for a store that is bounded by bytes.

``weight_of`` follows a value into containers and objects and adds up what ``sys.getsizeof`` says of
each part, once. Of a container with many elements it looks at some, evenly spread, and takes the
others to be like them; past a number of parts it looks no further. So no value takes long.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from ..core.entry import Entry
from ..errors import ConfigurationError

Weigh = Callable[[Any], int]

#: What an entry takes beside key, value and tags, the places of its key in all tables included.
ENTRY_BYTES = 280
#: So many elements of a container are looked at, ...
SAMPLE = 32
#: ... and so many parts of a value: about a millisecond.
PARTS = 1_000

#: What is shared by the whole program is not a part of a value.
_SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)
_PLAIN = frozenset({int, float, complex, bool, str, bytes, bytearray, type(None), range})


def weight_of(value: object) -> int:
    """Return about how many bytes of memory ``value`` takes, with all that it refers to.

    A part that other values refer to as well is counted in each of them. What an extension
    module keeps outside of Python's objects counts if its ``__sizeof__`` says so.
    """
    return int(_Scales().weigh(value))


class _Scales:
    def __init__(self) -> None:
        self._seen: set[int] = set()

    def weigh(self, thing: object) -> float:
        if id(thing) in self._seen or isinstance(thing, _SHARED):
            return 0
        self._seen.add(id(thing))
        size = sys.getsizeof(thing, 0)
        if type(thing) in _PLAIN or len(self._seen) > PARTS:
            return size
        return size + self._parts(thing)

    def _parts(self, thing: object) -> float:
        if isinstance(thing, dict):
            return self._keys_and_values(thing)
        if isinstance(thing, list | tuple | set | frozenset | deque):
            return self._elements(thing)
        return sum(map(self.weigh, _attributes(thing)))

    def _keys_and_values(self, thing: dict[Any, Any]) -> float:
        # The same keys come again in dicts of one kind: they weigh once.
        return self._elements(thing) + self._elements(thing.values())

    def _elements(self, elements: Collection[Any]) -> float:
        count, looked, total = len(elements), 0, 0.0
        # Another thread may change the container meanwhile, or it is too deep for Python: then what
        # was seen has to do.
        with suppress(RuntimeError):
            for element in islice(elements, 0, None, max(1, count // SAMPLE)):
                if looked and len(self._seen) > PARTS:
                    break
                looked += 1
                total += self.weigh(element)
        return total * count / looked if looked else 0.0


def _attributes(thing: object) -> Iterable[object]:
    attributes = getattr(thing, "__dict__", None)
    if isinstance(attributes, dict):
        yield attributes
    for cls in type(thing).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__"):
                yield getattr(thing, name, None)


class Weights:
    """The weights of the entries of one store, and their sum; ``weigh`` weighs a value."""

    def __init__(self, limit: int, weigh: Weigh) -> None:
        self.limit = limit
        self.total = 0
        self._weigh = weigh
        self._by_key: dict[str, int] = {}

    def of(self, entry: Entry[Any]) -> int:
        """Return how many bytes ``entry`` takes."""
        weight: object = self._weigh(entry.value)
        if not isinstance(weight, int) or weight < 0:
            raise ConfigurationError(
                f"weigh={self._weigh!r} gave {weight!r} for a value of {entry.key!r}: it has to return "
                f"a whole number of bytes"
            )
        texts = sys.getsizeof(entry.key) + sum(map(sys.getsizeof, entry.tags))
        return ENTRY_BYTES + texts + weight

    def have_room(self, key: str, weight: int) -> bool:
        return self.total - self._by_key.get(key, 0) + weight <= self.limit

    def put(self, key: str, weight: int) -> None:
        self.total += weight - self._by_key.get(key, 0)
        self._by_key[key] = weight

    def remove(self, key: str) -> None:
        self.total -= self._by_key.pop(key)
