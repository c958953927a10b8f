"""The Lua that runs on the server, read from its files."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1
from importlib.resources import files

Command = Sequence[bytes | str | int]

# From Redis 7 on a full server still takes invalidations; before, a script begins without this line.
EVEN_WHEN_FULL = "#!lua flags=allow-oom\n"

# They touch no bucket, or only read it, and so need not make sure whose it is.
HEADLESS = ("bid", "land", "lease", "renew", "right")


class Script:
    """One script, in two forms: as any server runs it, and as one from Redis 7 on does."""

    __slots__ = ("_sources", "name")

    def __init__(self, name: str, *, even_when_full: bool) -> None:
        self.name = name
        plain = _read(name) if name in HEADLESS else _read("own") + "\n" + _read(name)
        modern = EVEN_WHEN_FULL + plain if even_when_full else plain
        self._sources = [(text, sha1(text.encode()).hexdigest()) for text in (plain, modern)]

    def command(self, keys: Sequence[bytes], arguments: Sequence[bytes | str | int]) -> Call:
        return Call(self, keys, arguments)

    def source(self, *, is_modern: bool) -> tuple[str, str]:
        """Return the text and its digest."""
        return self._sources[is_modern]


class Call:
    """A script with what it is called with."""

    __slots__ = ("_arguments", "keys", "script")

    def __init__(
        self, script: Script, keys: Sequence[bytes], arguments: Sequence[bytes | str | int]
    ) -> None:
        self.script = script
        self.keys = keys
        self._arguments = arguments

    def short(self, *, is_modern: bool) -> Command:
        """Return the command for a server that knows the script."""
        digest = self.script.source(is_modern=is_modern)[1]
        return ("EVALSHA", digest, len(self.keys), *self.keys, *self._arguments)

    def whole(self, *, is_modern: bool) -> Command:
        """Return the command for one that does not, and will then."""
        text = self.script.source(is_modern=is_modern)[0]
        return ("EVAL", text, len(self.keys), *self.keys, *self._arguments)


def _read(name: str) -> str:
    return (files("freshly.stores.redis") / "lua" / f"{name}.lua").read_text("utf-8")


OPEN = Script("open", even_when_full=False)
STAMP = Script("stamp", even_when_full=True)
RELEASE = Script("release", even_when_full=True)
CLEAR = Script("clear", even_when_full=True)
BID = Script("bid", even_when_full=False)
LEASE = Script("lease", even_when_full=True)
LAND = Script("land", even_when_full=False)
RENEW = Script("renew", even_when_full=False)
RIGHT = Script("right", even_when_full=False)
PRUNE = Script("prune", even_when_full=True)
