"""Values that say themselves what they are: msgpack, with an extension for each type it lacks.

It carries builtin values of any kind, and instances of the classes that an annotation names; of no
other class, whatever the bytes say. Nothing is imported by name, and no constructor of a user's
class runs. Slower than fit.py's way, and there for what that cannot carry exactly.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias

from ..core.typename import type_name
from ..errors import EncodeError
from .extras import need
from .makers import Maker, maker
from .ownership import Owner, registered, registered_as
from .plain import EXTENSIONS, READERS
from .shape import Members, Own, Record

__all__ = ["MARK", "Tagged"]

#: What a tagged payload begins with: the one byte that no msgpack begins with.
MARK = b"\xc1"

# Levels of values within values. Each takes a few of Python's 1000 frames, also where it is read.
_DEPTH = 100

# Extensions of values with parts. Those without are numbered in plain.py, from 1 up to 30.
_UNSET: Final = 31  # msgspec.UNSET
_TUPLE: Final = 32
_SET: Final = 33
_FROZENSET: Final = 34
_PAIRS: Final = 35  # a dict whose keys msgpack cannot carry
_DEQUE: Final = 36
_ORDERED: Final = 37
_DEFAULT: Final = 38
_COUNTER: Final = 39
_RANGE: Final = 40
_RECORD: Final = 64  # number of the class, its fields
_STATE: Final = 65  # number of the class, attributes by name: with more or fewer than its fields
_MEMBER: Final = 66  # number of the enum, name
_FLAGS: Final = 67  # number of the enum, value of a combination
_OWN: Final = 68  # name of the class, version, parts

_AS_THEY_ARE = frozenset({type(None), bool, float, bytes})
_FACTORIES = (None, bool, bytes, dict, float, frozenset, int, list, set, str, tuple)
_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1

Class: TypeAlias = Record | Members | Own
#: From a value and its depth to what msgpack writes for it.
Writer: TypeAlias = Callable[[Any, int], Any]


class Tagged:
    """The tagged form of values, where the instances of ``classes`` may occur.

    Their order counts: it numbers them.
    """

    def __init__(self, classes: Sequence[Class] = ()) -> None:
        msgpack = need("msgspec", "a store outside of the process").msgpack
        self._ext = msgpack.Ext
        self._pack: Callable[[Any], bytes] = msgpack.Encoder().encode
        self._unpack: Callable[[Any], Any] = msgpack.Decoder(ext_hook=self._read).decode
        self._makers: dict[int, Maker] = {}
        self._enums: dict[int, type[Enum]] = {}
        self._owners: dict[str, Owner] = {}
        self._builders: dict[int, Callable[[list[Any]], Any]] = {
            **_BUILDERS,
            _RECORD: lambda parts: self._makers[parts[0]].make(parts[1:]),
            _STATE: lambda parts: self._makers[parts[0]].remake(parts[1]),
            _MEMBER: lambda parts: self._enums[parts[0]][parts[1]],
            _FLAGS: lambda parts: self._enums[parts[0]](parts[1]),
            _OWN: self._owned,
        }
        self._writers: dict[type, Writer] = {
            **{cls: self._atom(cls) for cls in EXTENSIONS if cls not in (int, str)},
            **dict.fromkeys(_AS_THEY_ARE, lambda value, depth: value),
            int: self._int,
            str: self._str,
            list: self._list,
            dict: self._dict,
            tuple: self._parts(_TUPLE),
            set: self._parts(_SET),
            frozenset: self._parts(_FROZENSET),
            deque: self._deque,
            OrderedDict: self._flat(_ORDERED),
            defaultdict: self._defaultdict,
            Counter: self._flat(_COUNTER),
            range: self._range,
        }
        unset = need("msgspec", "a store outside of the process").UNSET
        self._writers[type(unset)] = lambda value, depth: self._ext(_UNSET, b"")
        self._readers: dict[int, Callable[[bytes], Any]] = {**READERS, _UNSET: lambda data: unset}
        for number, each in enumerate(classes):
            self._learn(number, each)

    def _learn(self, number: int, each: Class) -> None:
        match each:
            case Record(style="typeddict"):
                pass  # its values are dicts
            case Record():
                self._makers[number] = made = maker(each)
                self._writers[each.cls] = self._record(number, made)
            case Members():
                self._enums[number] = each.cls
                self._writers[each.cls] = self._member(number)
            case Own(owner=own) if own is not None:
                self._owners[own.name] = own
                self._writers[each.cls] = self._own(own)
            case Own():
                pass  # registered, and found where it is met

    def encode(self, value: Any) -> bytes:
        """Return the bytes of ``value``.

        Raises:
            EncodeError: if it is, or holds, a value of a class that is not known here.
        """
        try:
            return MARK + self._pack(self._write(value, 0))
        except RecursionError:
            raise EncodeError(_too_deep()) from None

    def decode(self, payload: bytes) -> Any:
        """Return the value of what ``encode`` returned. Raises anything on other bytes."""
        return self._unpack(memoryview(payload)[1:])

    # -- writing -----------------------------------------------------------------------------

    def _write(self, value: Any, depth: int) -> Any:
        if depth > _DEPTH:
            raise EncodeError(_too_deep())
        writer = self._writers.get(type(value))
        return self._stranger(value, depth) if writer is None else writer(value, depth + 1)

    def _nested(self, code: int, parts: Any) -> Any:
        return self._ext(code, self._pack(parts))

    def _atom(self, cls: type) -> Writer:
        code, write, _ = EXTENSIONS[cls]

        def written(value: Any, depth: int) -> Any:
            try:
                return self._ext(code, write(value))
            except TypeError as error:
                raise EncodeError(f"{value!r} cannot be stored: {error}") from None

        return written

    def _int(self, value: int, depth: int) -> Any:
        if _MIN_INT <= value <= _MAX_INT:
            return value
        code, write, _ = EXTENSIONS[int]
        return self._ext(code, write(value))

    def _str(self, value: str, depth: int) -> Any:
        # A half of a surrogate pair is a text for Python and none for UTF-8.
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            code, write, _ = EXTENSIONS[str]
            return self._ext(code, write(value))
        return value

    def _list(self, value: list[Any], depth: int) -> Any:
        write = self._write
        return [write(each, depth) for each in value]

    def _dict(self, value: dict[Any, Any], depth: int) -> Any:
        write = self._write
        written = {}
        for key, each in value.items():
            name = write(key, depth)
            if type(name) is self._ext or type(name) is list:
                return self._ext(_PAIRS, self._pack(self._pairs(value, depth)))
            written[name] = write(each, depth)
        return written

    def _pairs(self, value: dict[Any, Any], depth: int) -> list[Any]:
        return [self._write(each, depth) for pair in value.items() for each in pair]

    def _parts(self, code: int) -> Writer:
        return lambda value, depth: self._nested(code, [self._write(each, depth) for each in value])

    def _flat(self, code: int) -> Writer:
        return lambda value, depth: self._nested(code, self._pairs(value, depth))

    def _deque(self, value: deque[Any], depth: int) -> Any:
        return self._nested(_DEQUE, [value.maxlen, *(self._write(each, depth) for each in value)])

    def _defaultdict(self, value: defaultdict[Any, Any], depth: int) -> Any:
        number = next((n for n, each in enumerate(_FACTORIES) if each is value.default_factory), None)
        if number is None:
            raise EncodeError(
                f"a defaultdict of {value.default_factory!r} cannot be stored: code is no data; "
                f"return dict(...) of it"
            )
        return self._nested(_DEFAULT, [number, *self._pairs(value, depth)])

    def _range(self, value: range, depth: int) -> Any:
        ends = (value.start, value.stop, value.step)
        return self._nested(_RANGE, [self._int(end, depth) for end in ends])

    def _record(self, number: int, made: Maker) -> Writer:
        def written(value: Any, depth: int) -> Any:
            parts = made.take(value)
            if parts is None:
                return self._nested(_STATE, [number, self._write(made.state(value), depth)])
            write = self._write
            return self._nested(_RECORD, [number, *[write(each, depth) for each in parts]])

        return written

    def _member(self, number: int) -> Writer:
        def written(value: Any, depth: int) -> Any:
            if value.name in type(value).__members__:
                return self._nested(_MEMBER, [number, value.name])
            return self._nested(_FLAGS, [number, self._write(value.value, depth)])

        return written

    def _own(self, own: Owner) -> Writer:
        return lambda value, depth: self._nested(
            _OWN, [own.name, own.version, self._write(own.parts(value), depth)]
        )

    def _stranger(self, value: Any, depth: int) -> Any:
        """Write a value of a class that the annotation does not name: a registered one, or none."""
        found = registered(type(value))
        return self._refuse(value) if found is None else self._own(found)(value, depth)

    def _refuse(self, value: Any) -> Any:
        name = type_name(type(value))
        raise EncodeError(
            f"a value of type {name} cannot be stored: the return annotation does not name the type. "
            f"Annotate what the function returns, return plain values, or say how to store it with "
            f"register_type({type(value).__name__}, encode=..., decode=...)"
        )

    # -- reading -----------------------------------------------------------------------------

    def _read(self, code: int, view: memoryview) -> Any:
        reader = self._readers.get(code)
        if reader is not None:
            return reader(bytes(view))
        return self._builders[code](self._unpack(view))

    def _owned(self, parts: list[Any]) -> Any:
        name, version, inner = parts
        own = self._owners.get(name) or registered_as(name, version)
        return own.made(inner)


def _in_pairs(flat: list[Any]) -> Iterable[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)


_BUILDERS: dict[int, Callable[[list[Any]], Any]] = {
    _TUPLE: tuple,
    _SET: set,
    _FROZENSET: frozenset,
    _PAIRS: lambda parts: dict(_in_pairs(parts)),
    _DEQUE: lambda parts: deque(parts[1:], parts[0]),
    _ORDERED: lambda parts: OrderedDict(_in_pairs(parts)),
    _DEFAULT: lambda parts: defaultdict(_FACTORIES[parts[0]], _in_pairs(parts[1:])),
    _COUNTER: lambda parts: Counter(dict(_in_pairs(parts))),
    _RANGE: lambda parts: range(*parts),
}


def _too_deep() -> str:
    return f"the value is nested more than {_DEPTH} levels deep, or contains itself: store it flatter"
