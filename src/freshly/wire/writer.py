"""Writes labelled values: msgpack, with an extension for each type that it lacks.

It carries builtin values of any kind, and instances of the classes that an annotation names, and no
others. What msgpack can say is left to msgspec as it is, whole lists and dicts at once; only the
rest is walked.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from types import NoneType
from typing import Any, TypeAlias

from ..core.typename import type_name
from ..errors import EncodeError
from . import labels
from .extras import need
from .makers import Maker, maker
from .outline import Members, Own, Record
from .ownership import Owner, registered
from .plain import EXTENSIONS, NoForm

__all__ = ["Class", "Writer"]

# Levels of values within values. Each takes a few of Python's 1000 frames, also where it is read.
_DEPTH = 100

_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1

#: A class that an annotation names.
Class: TypeAlias = Record | Members | Own

#: From a value and its depth to what msgspec writes for it.
Write: TypeAlias = Callable[[Any, int], Any]


class Writer:
    """Writes values in which instances of ``classes`` may occur, whose order numbers them.

    ``mark`` stands in front of what it writes.
    """

    def __init__(self, classes: Sequence[Class] = (), mark: bytes = labels.MARK) -> None:
        self._mark = mark
        self._hasty = _Walk(classes, is_careful=False)
        self._careful = _Walk(classes, is_careful=True)

    def write(self, value: Any) -> bytes:
        """Return the bytes of ``value``.

        Raises:
            EncodeError: if it is, or holds, a value of a class that is not known here.
        """
        try:
            return self._mark + self._hasty.write(value)
        except (OverflowError, UnicodeEncodeError):
            # An int beyond 64 bits, or half a surrogate pair, which is a text for Python and none for
            # UTF-8. Both are rare, and looking for them costs a look at each int and text.
            return self._mark + self._careful.write(value)
        except RecursionError:
            raise _too_deep() from None
        except NoForm as error:
            raise EncodeError(
                f"a value of type {type_name(type(value))} cannot be stored: {error}"
            ) from None


class _Walk:
    def __init__(self, classes: Sequence[Class], *, is_careful: bool) -> None:
        msgspec = need("msgspec", "a store outside of the process")
        self._ext: Callable[[int, bytes], Any] = msgspec.msgpack.Ext
        self._pack: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
        scalars = {NoneType, bool, float, bytes}
        self._scalars = frozenset(scalars if is_careful else scalars | {int, str})
        self._is_careful = is_careful
        self._writes: dict[type, Write] = {
            **{cls: self._atom(cls) for cls in EXTENSIONS if cls not in (int, str)},
            **dict.fromkeys(self._scalars, _as_it_is),
            type(msgspec.UNSET): lambda value, depth: self._ext(labels.UNSET, b""),
            list: self._list,
            dict: self._dict,
            tuple: self._labelled(labels.TUPLE),
            set: self._labelled(labels.SET),
            frozenset: self._labelled(labels.FROZENSET),
            deque: self._deque,
            OrderedDict: self._flat(labels.ORDERED),
            defaultdict: self._defaultdict,
            Counter: self._flat(labels.COUNTER),
            range: self._range,
        }
        if is_careful:
            self._writes |= {int: self._int, str: self._str}
        for number, each in enumerate(classes):
            self._learn(number, each)

    def _learn(self, number: int, each: Class) -> None:
        match each:
            case Record(style="typeddict"):
                pass  # its values are dicts
            case Record():
                self._writes[each.cls] = self._record(number, maker(each))
            case Members():
                self._writes[each.cls] = self._member(number)
            case Own(owner=own) if own is not None:
                self._writes[each.cls] = self._own(own)
            case Own():
                pass  # registered, and found where it is met

    def write(self, value: Any) -> bytes:
        return self._pack(self._writes.get(type(value), self._stranger)(value, 0))

    # -- values without parts ----------------------------------------------------------------

    def _atom(self, cls: type) -> Write:
        ext, (code, write, _) = self._ext, EXTENSIONS[cls]
        return lambda value, depth: ext(code, write(value))

    def _int(self, value: int, depth: int) -> Any:
        if _MIN_INT <= value <= _MAX_INT:
            return value
        code, write, _ = EXTENSIONS[int]
        return self._ext(code, write(value))

    def _str(self, value: str, depth: int) -> Any:
        try:
            value.encode()
        except UnicodeEncodeError:
            code, write, _ = EXTENSIONS[str]
            return self._ext(code, write(value))
        return value

    # -- containers --------------------------------------------------------------------------

    def _list(self, value: list[Any], depth: int) -> Any:
        # Lists are often long and of one type: those without anything to write are left as they are.
        return value if self._scalars.issuperset(map(type, value)) else self._parts(value, depth)

    def _parts(self, value: Iterable[Any], depth: int) -> list[Any]:
        if depth > _DEPTH:
            raise _too_deep()
        scalars, find, stranger = self._scalars, self._writes.get, self._stranger
        depth += 1
        return [
            each if type(each) in scalars else find(type(each), stranger)(each, depth) for each in value
        ]

    def _dict(self, value: dict[Any, Any], depth: int) -> Any:
        if depth > _DEPTH:
            raise _too_deep()
        scalars, find, stranger = self._scalars, self._writes.get, self._stranger
        depth += 1
        written = {}
        for key, each in value.items():
            if type(key) not in scalars and find(type(key), stranger)(key, depth) is not key:
                return self._ext(labels.PAIRS, self._pack(self._pairs(value, depth)))
            kind = type(each)
            written[key] = each if kind in scalars else find(kind, stranger)(each, depth)
        return written

    def _pairs(self, value: dict[Any, Any], depth: int) -> list[Any]:
        return self._parts((each for pair in value.items() for each in pair), depth)

    def _labelled(self, code: int) -> Write:
        ext, pack, parts = self._ext, self._pack, self._parts
        return lambda value, depth: ext(code, pack(parts(value, depth)))

    def _flat(self, code: int) -> Write:
        return lambda value, depth: self._ext(code, self._pack(self._pairs(value, depth)))

    def _behind(self, code: int, first: Any, rest: Iterable[Any], depth: int) -> Any:
        return self._ext(code, self._pack([first, *self._parts(rest, depth)]))

    def _deque(self, value: deque[Any], depth: int) -> Any:
        return self._behind(labels.DEQUE, value.maxlen, value, depth)

    def _defaultdict(self, value: defaultdict[Any, Any], depth: int) -> Any:
        factory = value.default_factory
        number = next((n for n, each in enumerate(labels.FACTORIES) if each is factory), None)
        if number is None:
            raise EncodeError(
                f"a defaultdict of {factory!r} cannot be stored: code is no data; return a dict of it"
            )
        return self._ext(labels.DEFAULT, self._pack([number, *self._pairs(value, depth)]))

    def _range(self, value: range, depth: int) -> Any:
        ends = [value.start, value.stop, value.step]
        return self._ext(labels.RANGE, self._pack(self._parts(ends, depth)))

    # -- instances ---------------------------------------------------------------------------

    def _record(self, number: int, made: Maker) -> Write:
        ext, pack, parts = self._ext, self._pack, self._parts

        def written(value: Any, depth: int) -> Any:
            taken = made.take(value)
            if taken is None:
                return self._behind(labels.STATE, number, [made.state(value)], depth)
            return ext(labels.RECORD, pack([number, *parts(taken, depth)]))

        return written

    def _member(self, number: int) -> Write:
        def written(value: Any, depth: int) -> Any:
            if value.name in type(value).__members__:
                return self._ext(labels.MEMBER, self._pack([number, value.name]))
            return self._behind(labels.FLAGS, number, [value.value], depth)

        return written

    def _own(self, own: Owner) -> Write:
        def written(value: Any, depth: int) -> Any:
            parts = self._parts([own.parts(value)], depth)
            return self._ext(labels.OWN, self._pack([own.name, own.version, *parts]))

        return written

    def _stranger(self, value: Any, depth: int) -> Any:
        """Write a value of a class that the annotation does not name: a registered one, or none."""
        found = registered(type(value))
        if found is not None:
            return self._own(found)(value, depth)
        name = type_name(type(value))
        raise EncodeError(
            f"a value of type {name} cannot be stored: the return annotation does not name the type. "
            f"Annotate what the function returns, return plain values, or say how to store it with "
            f"register_type({type(value).__name__}, encode=..., decode=...)"
        )


def _as_it_is(value: Any, depth: int) -> Any:
    return value


def _too_deep() -> EncodeError:
    return EncodeError(
        f"the value is nested more than {_DEPTH} levels deep, or contains itself: store it flatter"
    )
