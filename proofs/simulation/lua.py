"""Run the store's own Lua files, in Lua 5.1, as a server does.

What a script gets and returns is converted as the manual of Redis says ("Lua API", data type
conversion): nil is ``false`` there and back, numbers lose what is behind the point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha1
from typing import Any

from lupa.lua51 import LuaRuntime, lua_type  # type: ignore[import-untyped]

from .reply import Failure, Pairs, Status, Verbatim

Call = Callable[[Sequence[bytes]], Any]

_PRELUDE = b"""
local ask, pack, sha1hex = ...
local function gathered(first, ...)
  if first == true then return { ... } end
  return first
end
local function quiet(...) return gathered(ask(...)) end
local function raising(...)
  local reply = gathered(ask(...))
  if type(reply) == 'table' and reply.err then error(reply, 0) end
  return reply
end
local function spread(reply)
  if type(reply) ~= 'table' then return reply end
  if reply.err then return 'err', reply.err end
  if reply.ok then return 'ok', reply.ok end
  -- A list ends before its first nil.
  local count = 0
  while reply[count + 1] ~= nil do count = count + 1 end
  return true, count, unpack(reply, 1, count)
end
redis = { call = raising, pcall = quiet,
          sha1hex = sha1hex,
          error_reply = function(said) return { err = said } end,
          status_reply = function(said) return { ok = said } end }
cmsgpack = { pack = pack }
local function run(script, keys, arguments)
  local went_well, reply = pcall(script, keys, arguments)
  if went_well or (type(reply) == 'table' and reply.err) then return spread(reply) end
  return 'err', 'ERR ' .. tostring(reply)
end
local function run_few(script, count, ...)
  if count == 1 then return run(script, { (...) }, { select(2, ...) }) end
  local words = { ... }
  return run(script, { unpack(words, 1, count) }, { unpack(words, count + 1) })
end
return run, run_few, spread
"""

#: What is more crosses over as a table.
_FEW = 100


class Scripts:
    """A Lua state, and the scripts that were compiled in it. One runs at a time."""

    def __init__(self) -> None:
        self._lua = LuaRuntime(encoding=None, register_eval=False, unpack_returned_tuples=True)
        self._call: Call | None = None
        loaded = self._lua.eval(b"loadstring")(_PRELUDE)
        # What these get and return, and what calls get, are several values where it is a list: it takes
        # longer to make a table from the other side, or to reach into one.
        self._run, self._run_few, self._spread = loaded(self._ask, self._packed, _sha1hex)
        self._compiled: dict[bytes, Any] = {}

    def run(self, source: bytes, keys: Sequence[bytes], arguments: Sequence[bytes], call: Call) -> Any:
        """Run a script and return its reply. ``call`` executes a command and returns its reply."""
        script = self._compiled.get(source)
        if script is None:
            script = self._compiled[source] = self._compile(source)
        self._call = call
        try:
            if len(keys) + len(arguments) <= _FEW:
                return self._from_lua(self._run_few(script, len(keys), *keys, *arguments))
            table = self._lua.table_from
            return self._from_lua(self._run(script, table(keys), table(arguments)))
        finally:
            self._call = None

    def _compile(self, source: bytes) -> Any:
        # The first line may say what the script asks of the server.
        body = source.partition(b"\n")[2] if source.startswith(b"#!") else source
        return self._lua.execute(b"return function(KEYS, ARGV) " + body + b"\nend")

    def _ask(self, *words: Any) -> Any:
        assert self._call is not None
        reply = self._call([w if type(w) is bytes else _as_argument(w) for w in words])
        kind = type(reply)
        if kind is bytes or kind is int:
            return reply
        if kind is Verbatim:
            return reply.text
        if kind is list and len(reply) <= _FEW:
            return True, *[part if type(part) is bytes else self._to_lua(part) for part in reply]
        return self._to_lua(reply)

    def _to_lua(self, reply: Any) -> Any:
        if reply is None:
            return False
        match reply:
            case bytes():
                return reply
            case bool():
                return int(reply)
            case list():
                return self._lua.table_from([self._to_lua(part) for part in reply])
            case Pairs(flat):
                return self._lua.table_from([self._to_lua(part) for part in flat])
            case Failure(said):
                return self._lua.table_from({b"err": said.encode()})
            case Status(text):
                return self._lua.table_from({b"ok": text})
            case Verbatim(text):
                return text
            case _:
                return reply

    def _from_lua(self, reply: Any) -> Any:
        if type(reply) is bytes:
            return reply
        if reply is None or reply is False:
            return None
        if reply is True:
            return 1
        if isinstance(reply, (int, float)):
            return int(reply)
        if type(reply) is not tuple:
            return self._from_lua(self._spread(reply)) if lua_type(reply) == "table" else reply
        kind, first, *rest = reply
        if kind is True:
            return [part if type(part) is bytes else self._from_lua(part) for part in rest]
        return Failure(first.decode()) if kind == b"err" else Status(first)

    def _packed(self, table: Any) -> bytes:
        _, _, *parts = self._spread(table)
        return _msgpack(parts)


def _sha1hex(text: Any) -> bytes:
    return sha1(_as_argument(text)).hexdigest().encode()


def _as_argument(word: Any) -> bytes:
    if isinstance(word, bytes):
        return word
    return b"%d" % word if isinstance(word, int) else b"%.17g" % word


def _msgpack(part: Any) -> bytes:
    """Return what ``cmsgpack.pack`` makes of bytes, whole numbers from 0 and lists."""
    if isinstance(part, bytes):
        return _head(len(part), 0xA0, 32, (0xD9, 0xDA, 0xDB)) + part
    if isinstance(part, int):
        return _head(part, 0x00, 128, (0xCC, 0xCD, 0xCE))
    return _head(len(part), 0x90, 16, (0, 0xDC, 0xDD)) + b"".join(_msgpack(one) for one in part)


def _head(number: int, small: int, limit: int, larger: tuple[int, int, int]) -> bytes:
    if number < limit:
        return bytes([small | number])
    for place, mark in enumerate(larger):
        if mark and number < 1 << (8 << place):
            return bytes([mark]) + number.to_bytes(1 << place, "big")
    raise ValueError(f"{number} is more than any script packs")


@cache
def scripts() -> Scripts:
    """Return the Lua state of this process: scripts keep nothing in it, so servers may share it."""
    return Scripts()
