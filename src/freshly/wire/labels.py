"""The numbers by which labelled values say what they are: those of msgpack extensions.

They stand in docs/concepts/wire.md and never get another meaning: bytes of an older release must
always be read. What has no parts is in plain.py, with numbers below 32.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "COUNTER",
    "DEFAULT",
    "DEQUE",
    "FACTORIES",
    "FLAGS",
    "FROZENSET",
    "MARK",
    "MEMBER",
    "ORDERED",
    "OWN",
    "PAIRS",
    "RANGE",
    "RECORD",
    "SET",
    "STATE",
    "TUPLE",
    "UNSET",
]

#: What a labelled payload begins with: the one byte that no msgpack begins with.
MARK: Final = b"\xc1"

UNSET: Final = 31  # msgspec.UNSET: nothing
TUPLE: Final = 32  # an array
SET: Final = 33
FROZENSET: Final = 34
PAIRS: Final = 35  # a dict whose keys msgpack cannot carry: key, value, key, value
DEQUE: Final = 36  # its maximal length, then its parts
ORDERED: Final = 37  # key, value, key, value
DEFAULT: Final = 38  # number of the factory, then key, value, key, value
COUNTER: Final = 39  # key, value, key, value
RANGE: Final = 40  # start, stop, step
RECORD: Final = 64  # number of the class, its fields
STATE: Final = 65  # number of the class, attributes by name: with more or fewer than its fields
MEMBER: Final = 66  # number of the enum, name
FLAGS: Final = 67  # number of the enum, value of a combination
OWN: Final = 68  # name of the class, version, parts

#: What a defaultdict may call, by number.
FACTORIES: Final = (None, bool, bytes, dict, float, frozenset, int, list, set, str, tuple)
