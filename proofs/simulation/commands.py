"""The commands that the store sends, on one database.

A command is a function of the database and its words. Only what the store uses is here; what it does
not use is an error, so a store that begins to use something more is noticed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import translate
from re import compile as compile_pattern
from typing import Any

from .database import Database, Hash
from .reply import OK, WRONG_TYPE, Failure, Pairs

Words = Sequence[bytes]
Command = Callable[[Database, Words], Any]

SYNTAX = Failure("ERR syntax error")
NO_NUMBER = Failure("ERR value is not an integer or out of range")


class WrongType(Exception):
    """Something of another type lies under the key."""


def _hash(data: Database, key: bytes) -> Hash | None:
    found = data.find(key)
    if isinstance(found, bytes):
        raise WrongType
    return found


def _text(data: Database, key: bytes) -> bytes | None:
    found = data.find(key)
    if isinstance(found, dict):
        raise WrongType
    return found


def get(data: Database, words: Words) -> Any:
    return _text(data, words[0])


def mget(data: Database, words: Words) -> Any:
    # What is no string counts as nothing here.
    found = [data.find(key) for key in words]
    return [value if isinstance(value, bytes) else None for value in found]


def set_(data: Database, words: Words) -> Any:
    key, value, *options = words
    expires, only_new = None, False
    names = iter(options)
    for name in names:
        match name.upper():
            case b"NX":
                only_new = True
            case b"PX" | b"EX" as unit:
                try:
                    span = int(next(names, b""))
                except ValueError:
                    return NO_NUMBER
                if span <= 0:
                    return Failure("ERR invalid expire time in 'set' command")
                expires = data.now + span * (1 if unit == b"PX" else 1000)
            case _:
                return SYNTAX
    if only_new and data.find(key) is not None:
        return None
    data.put(key, value, expires)
    return OK


def delete(data: Database, words: Words) -> Any:
    return sum(data.find(key) is not None and data.drop(key) for key in words)


def exists(data: Database, words: Words) -> Any:
    return sum(data.find(key) is not None for key in words)


def hget(data: Database, words: Words) -> Any:
    return (_hash(data, words[0]) or {}).get(words[1])


def hmget(data: Database, words: Words) -> Any:
    found = _hash(data, words[0]) or {}
    return list(map(found.get, words[1:]))


def hgetall(data: Database, words: Words) -> Any:
    found = _hash(data, words[0]) or {}
    return Pairs([part for pair in found.items() for part in pair])


def hset(data: Database, words: Words) -> Any:
    key, *rest = words
    found = _hash(data, key)
    if found is None:
        found = {}
        data.put(key, found)
    fresh = sum(field not in found for field in dict.fromkeys(rest[::2]))
    found.update(zip(rest[::2], rest[1::2], strict=True))
    data.touch(key)
    return fresh


def hdel(data: Database, words: Words) -> Any:
    key, *fields = words
    found = _hash(data, key)
    if found is None:
        return 0
    gone = sum(found.pop(field, None) is not None for field in fields)
    data.touch(key)
    if not found:
        data.drop(key)
    return gone


def hincrby(data: Database, words: Words) -> Any:
    key, field, by = words
    found = _hash(data, key)
    try:
        number = int((found or {}).get(field, b"0")) + int(by)
    except ValueError:
        return Failure("ERR hash value is not an integer")
    hset(data, [key, field, b"%d" % number])
    return number


def hscan(data: Database, words: Words) -> Any:
    # A small hash is told at once, whatever COUNT says.
    found = _hash(data, words[0]) or {}
    return [b"0", [part for pair in found.items() for part in pair]]


def scan(data: Database, words: Words) -> Any:
    options = dict(zip([word.upper() for word in words[1::2]], words[2::2], strict=True))
    pattern = options.get(b"MATCH", b"*").decode("latin-1")
    matches = compile_pattern(translate(_unescaped(pattern))).match
    return [b"0", [name for name in data.names() if matches(name.decode("latin-1"))]]


def _unescaped(pattern: str) -> str:
    """Return a glob of Python's that means what ``pattern`` means with its backslashes."""
    text, rest = "", iter(pattern)
    for letter in rest:
        text += f"[{next(rest, '')}]" if letter == "\\" else letter
    return text


def pttl(data: Database, words: Words) -> Any:
    if data.find(words[0]) is None:
        return -2
    return data.expires[words[0]] - data.now if words[0] in data.expires else -1


def pexpire(data: Database, words: Words) -> Any:
    key, span = words
    if data.find(key) is None:
        return 0
    if int(span) <= 0:
        data.drop(key)
    else:
        data.expires[key] = data.now + int(span)
        data.touch(key)
    return 1


def flushall(data: Database, words: Words) -> Any:
    data.clear()
    return OK


READING: dict[bytes, Command] = {
    b"GET": get,
    b"MGET": mget,
    b"EXISTS": exists,
    b"HGET": hget,
    b"HMGET": hmget,
    b"HGETALL": hgetall,
    b"HSCAN": hscan,
    b"SCAN": scan,
    b"PTTL": pttl,
}
WRITING: dict[bytes, Command] = {
    b"SET": set_,
    b"DEL": delete,
    b"UNLINK": delete,
    b"HSET": hset,
    b"HDEL": hdel,
    b"HINCRBY": hincrby,
    b"PEXPIRE": pexpire,
    b"FLUSHALL": flushall,
    b"FLUSHDB": flushall,
}


def execute(command: Command, data: Database, words: Words) -> Any:
    """Return the reply; a command that fails changes nothing."""
    try:
        return command(data, words)
    except WrongType:
        return WRONG_TYPE
