"""Reads labelled values.

Whatever the bytes say, nothing is imported by name, and only classes that the reader's annotation
names are made: the bytes have numbers for them. No constructor of a user's class runs, but those of
enums, structs, registered types, and types that only pydantic knows, which it validates.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias

from . import labels
from .extras import need
from .makers import Maker, maker
from .outline import Members, Own, Record
from .ownership import Owner, registered_as
from .plain import EXTENSIONS
from .writer import Class

__all__ = ["Reader"]

#: From the data of an extension to the value.
Read: TypeAlias = Callable[[memoryview], Any]


class Reader:
    """Reads what a ``Writer`` with the same ``classes``, in their order, wrote."""

    def __init__(self, classes: Sequence[Class] = ()) -> None:
        msgspec = need("msgspec", "a store outside of the process")
        self._reads: dict[int, Read] = {each.code: each.read for each in EXTENSIONS.values()}
        decoder = partial(msgspec.msgpack.Decoder, ext_hook=self._read)
        self._parts: Callable[[Any], Any] = decoder(list).decode
        self._any: Callable[[Any], Any] = decoder().decode
        self._classes: dict[int, Any] = {}
        self._owners: dict[str, Owner] = {}
        self._reads |= {
            labels.UNSET: lambda data: msgspec.UNSET,
            labels.TUPLE: decoder(tuple).decode,
            labels.SET: decoder(set).decode,
            labels.FROZENSET: decoder(frozenset).decode,
            **{code: self._of_parts(build) for code, build in _BUILDERS.items()},
            labels.RECORD: self._record,
            labels.STATE: self._state,
            labels.MEMBER: self._member,
            labels.FLAGS: self._flags,
            labels.OWN: self._own,
        }
        for number, each in enumerate(classes):
            self._learn(number, each)

    def _learn(self, number: int, each: Class) -> None:
        match each:
            case Record(style="typeddict"):
                pass
            case Record():
                self._classes[number] = maker(each)
            case Members():
                self._classes[number] = each.cls
            case Own(owner=own) if own is not None:
                self._owners[own.name] = own
            case Own():
                pass

    def read(self, payload: bytes) -> Any:
        """Return the value, with or without a mark. Raises anything on bytes that no writer wrote."""
        marked = payload[:1] == labels.MARK
        return self._any(memoryview(payload)[1:] if marked else payload)

    def _read(self, code: int, data: memoryview) -> Any:
        return self._reads[code](data)

    def _of_parts(self, build: Callable[[list[Any]], Any]) -> Read:
        return lambda data: build(self._parts(data))

    def _record(self, data: memoryview) -> Any:
        number, *parts = self._parts(data)
        return self._maker(number).make(parts)

    def _state(self, data: memoryview) -> Any:
        number, state = self._parts(data)
        return self._maker(number).remake(state)

    def _maker(self, number: int) -> Maker:
        found = self._classes[number]
        if not isinstance(found, Maker):
            raise ValueError("not a record")
        return found

    def _member(self, data: memoryview) -> Any:
        number, name = self._parts(data)
        return self._classes[number].__members__[name]

    def _flags(self, data: memoryview) -> Any:
        number, value = self._parts(data)
        return self._classes[number](value)

    def _own(self, data: memoryview) -> Any:
        name, version, parts = self._parts(data)
        own = self._owners.get(name) or registered_as(name, version)
        return own.made(parts)


def _in_pairs(flat: list[Any]) -> Iterable[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)


_BUILDERS: dict[int, Callable[[list[Any]], Any]] = {
    labels.PAIRS: lambda parts: dict(_in_pairs(parts)),
    labels.DEQUE: lambda parts: deque(parts[1:], parts[0]),
    labels.ORDERED: lambda parts: OrderedDict(_in_pairs(parts)),
    labels.DEFAULT: lambda parts: defaultdict(labels.FACTORIES[parts[0]], _in_pairs(parts[1:])),
    labels.COUNTER: lambda parts: Counter(dict(_in_pairs(parts))),
    labels.RANGE: lambda parts: range(*parts),
}
