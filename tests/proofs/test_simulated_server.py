"""The simulated server answers as real ones do: the same commands and scripts, the same replies.

Hypothesis plays the same commands to both, as bytes on a connection. What differs between any two
servers is levelled: what time it is, and the words of an error behind its first. The simulated one is
told the identity of the real one, so that fences are the same.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Sequence
from random import Random
from typing import Any

import hiredis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshly.stores.redis.layout import HEAD, Layout
from freshly.stores.redis.scripts import (
    CLEAR,
    LAND,
    LEASE,
    OPEN,
    PRUNE,
    RELEASE,
    RIGHT,
    STAMP,
    Call,
)
from proofs.simulation.node import Node
from proofs.simulation.session import Session
from tests.servers.fixtures import Servers
from tests.servers.kinds import KINDS
from tests.servers.server import Server

Words = Sequence[bytes | str | int]

#: Milliseconds: what expires so soon is waited for.
SHORT = 2
LONG = 100_000
LAYOUT = Layout("ns", max_hold=LONG)
OTHER = Layout("ns", buckets=2)


class Failed(Exception):
    """An error reply."""


def packed(words: Words) -> bytes:
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


class Real:
    """A connection to a real server."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(path)
        self._reader = hiredis.Reader(replyError=Failed)

    def ask(self, words: Words) -> Any:
        self._socket.sendall(packed(words))
        while (reply := self._reader.gets()) is False:
            self._reader.feed(self._socket.recv(65536))
        return reply

    def close(self) -> None:
        self._socket.close()


class Simulated:
    """A connection to a simulated server that calls itself what ``info`` says."""

    def __init__(self, info: bytes) -> None:
        self.shift = 0.0
        self.node = Node("a", Random(0), lambda: time.time() + self.shift, time.time)
        text = info.decode()
        self.node.version = _found(r"redis_version:([\d.]+)", text)
        self.node.run_id = _found(r"run_id:(\w+)", text)
        self.node.replid = _found(r"master_replid:(\w+)", text)
        self._reader = hiredis.Reader(replyError=Failed)
        self._session = Session(self.node, self._reader.feed)

    def ask(self, words: Words) -> Any:
        self._session.receive(packed(words))
        return self._reader.gets()


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None
    return match[1]


def levelled(reply: Any) -> Any:
    """Return ``reply`` without what differs between two servers, or between two instants."""
    match reply:
        case Failed():
            return f"error {str(reply).split()[0]}"
        case bytes() if re.fullmatch(rb"[\w-]{12}", reply):
            return "a nonce"
        case bytes():
            return re.sub(rb"\d{10,16}", b"T", reply)
        case int() if reply > 10**10:
            return "an instant"
        case int() if 2 * SHORT < reply <= LONG:
            return "some time"
        case list():
            return [levelled(part) for part in reply]
        case dict():
            return {name: levelled(part) for name, part in reply.items()}
        case _:
            return reply


# -- what is played ------------------------------------------------------------------------------

TEXTS = (LAYOUT.value("k"), LAYOUT.value("n"), LAYOUT.lease("k"))
BUCKET = LAYOUT.bucket(0)
KEYS = (*TEXTS, BUCKET)
FIELDS = (b"!", b"#", b"hred", b"hblue", b"kk", b"dred", b"D", b"*", b"^", b"~")
VALUES = (b"", b"1", b"7", b"x\r\n\xff", b"0:0:0:0")
NAMES = (b"hred", b"hblue", b"sred", b"kk", b"kn", b"*k*", b"*[a-c]*")

keys, fields, values = st.sampled_from(KEYS), st.sampled_from(FIELDS), st.sampled_from(VALUES)
some_names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)


def words(*parts: Any) -> st.SearchStrategy[Words]:
    return st.tuples(*[st.just(part) if isinstance(part, str | int) else part for part in parts])


plain = st.one_of(
    words("GET", keys),
    words("MGET", keys, keys),
    words("SET", keys, values),
    words("SET", keys, values, "NX", "PX", LONG),
    words("SET", keys, values, "PX", st.sampled_from((1, LONG, 0, "x"))),
    words("DEL", keys, keys),
    words("UNLINK", keys),
    words("EXISTS", keys),
    words("HGET", keys, fields),
    words("HMGET", keys, fields, fields),
    words("HSET", keys, fields, values, fields, values),
    words("HDEL", keys, fields, fields),
    words("HINCRBY", keys, fields, 2),
    words("HGETALL", keys),
    words("HSCAN", keys, "0", "COUNT", 1000),
    words("PTTL", keys),
    words("PEXPIRE", keys, st.sampled_from((1, LONG, 0))),
    words("SCAN", "0", "MATCH", "fr:{ns:*}:v", "COUNT", 1000),
    words("PING"),
    words("TIME"),
    words("SCRIPT", "FLUSH"),
    words("FLUSHALL"),
)

layouts = st.sampled_from((LAYOUT, LAYOUT, LAYOUT, OTHER))
tokens = st.sampled_from(("", "t1", "t2"))
nonces = st.sampled_from((b"", b"none"))


@st.composite
def calls(draw: st.DrawFn) -> tuple[Call, bool]:
    """A call of a script, and whether it is sent short."""
    text = draw(layouts).text
    bucket = [BUCKET, LAYOUT.channel(0)]
    match draw(
        st.sampled_from(
            ["open", "stamp", "stamp", "clear", "release", "lease", "right", "land", "prune"]
        )
    ):
        case "open":
            call = OPEN.command(bucket[:1], ["aa", text, *HEAD, *FIELDS])
        case "stamp":
            token, hold = draw(tokens), draw(st.sampled_from((0, LONG // 2)))
            call = STAMP.command(bucket, ["aa", text, LONG, token, hold, *draw(some_names)])
        case "clear":
            call = CLEAR.command(bucket, ["aa", text])
        case "release":
            call = RELEASE.command(bucket[:1], ["aa", text, draw(tokens), *draw(some_names)])
        case "lease":
            call = LEASE.command(TEXTS[2:], [draw(values), draw(st.sampled_from((0, LONG)))])
        case "right":
            verb = draw(st.sampled_from(("take", "renew", "release")))
            call = RIGHT.command(TEXTS[2:], [draw(st.sampled_from(("1", "2"))), LONG, verb])
        case "land":
            until = round(time.time() * 1000) + draw(st.sampled_from((-LONG, LONG)))
            numbers = st.integers(0, 6)
            stamps = [draw(fields), draw(numbers)]
            call = LAND.command(
                [BUCKET, TEXTS[0], TEXTS[2]],
                ["data", until, "NONCE", draw(numbers), draw(values), *stamps],
            )
        case _:
            call = PRUNE.command([BUCKET], ["NONCE", draw(st.integers(0, 6)), *draw(some_names)])
    return call, draw(st.booleans())


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name, scope="session")
def real_server(request: pytest.FixtureRequest, servers: Servers) -> Server:
    return servers.get(request.param)


@pytest.mark.real_time  # what has expired on a real server takes time to do so
@pytest.mark.parametrize("protocol", [2, 3])
@settings(max_examples=60)
@given(played=st.lists(st.one_of(plain, calls()), min_size=1, max_size=14))
def test_the_same_commands_get_the_same_replies(
    real_server: Server, protocol: int, played: list[Any]
) -> None:
    real_server.reset()
    real = Real(str(real_server.socket))
    info = real.ask(["INFO", "server"]) + real.ask(["INFO", "replication"])
    simulated = Simulated(info)
    try:
        for server in (real, simulated):
            server.ask(["HELLO", protocol])
        for one in played:
            both_answer(real, simulated, one)
    finally:
        real.close()


def both_answer(real: Real, simulated: Simulated, one: Any) -> None:
    for said in said_by(one, real, simulated):
        theirs, ours = (levelled(reply) for reply in said)
        assert comparable(one, ours) == comparable(one, theirs), one
    if 1 in one[2:]:
        # It has expired at both before anybody asks for it.
        time.sleep(2 * SHORT / 1000)


def comparable(one: Any, reply: Any) -> Any:
    """Return ``reply`` without the order that a command does not promise."""
    match one[0]:
        case "TIME":
            return [len(reply), reply[0]]
        case "SCAN":
            return reply[0], sorted(reply[1])
        case "HSCAN" if isinstance(reply, list):
            return reply[0], sorted(zip(reply[1][::2], reply[1][1::2], strict=True))
        case "HGETALL" if isinstance(reply, list):
            return sorted(zip(reply[::2], reply[1::2], strict=True))
        case _:
            return reply


def said_by(one: Any, real: Real, simulated: Simulated) -> list[tuple[Any, Any]]:
    """Return the replies to a command; a script that is not known is sent again as a whole."""
    if isinstance(one[0], str):
        return [(real.ask(one), simulated.ask(one))]
    call, is_short = one
    modern = simulated.node.version >= "7"
    sent = [call.short(is_modern=modern)] if is_short else []
    sent.append(call.whole(is_modern=modern))
    nonces = [server.ask(["HGET", BUCKET, "!"]) for server in (real, simulated)]
    return [
        tuple(
            server.ask(with_nonce(words, nonce))
            for server, nonce in zip((real, simulated), nonces, strict=True)
        )
        for words in sent
    ]


def with_nonce(words: Words, nonce: Any) -> Words:
    """Put the server's own nonce where a call asks for it: no two are the same."""
    known = nonce if isinstance(nonce, bytes) else b"none"
    return [known if word == "NONCE" else word for word in words]
