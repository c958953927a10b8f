"""Bytes and replies on the coherence connection that no cache of ours sent.

Whatever they are, a message is understood or is none of ours, and a session goes on or ends as a lost
connection does. None of it has near entries served for longer than a lease.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import ResponseError

from freshly.stores.near.message import Message, Names, message_of
from freshly.stores.redis.replies import Push
from tests.stores.test_near_session import Stand

KINDS = {"tags": "h", "stale": "s", "keys": "k", "patterns": "*", "replaced": "r"}

plain = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()
packable = st.recursive(
    plain | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
#: Nearly a message: each part may be something else.
nearly = st.tuples(
    st.just("nonce") | packable,
    st.integers(0, 99) | packable,
    st.sampled_from(("stamp", "clear")) | packable,
    st.lists(st.text("hskr*d!") | packable, max_size=4),
).map(lambda parts: [*parts[:3], *parts[3]])
names = st.fixed_dictionaries({name: st.lists(st.text(), max_size=3) for name in KINDS})

reply = st.recursive(
    st.none() | st.integers() | st.binary(max_size=20) | st.builds(ResponseError, st.text()),
    lambda inner: st.lists(inner, max_size=6),
    max_leaves=8,
)
verb = st.sampled_from((b"message", b"smessage", b"subscribe", b"sunsubscribe", b"invalidate"))
push = st.lists(verb | reply, max_size=4).map(Push)


@given(st.binary())
@example(b"\x91" * 100_000)
@example(b"\x93\xa1n\x01" + b"\x91" * 100_000)
@example(b"\xdd\xff\xff\xff\xff")
def test_bytes_are_a_message_or_none_of_ours(data: bytes) -> None:
    assert isinstance(message_of(data), Message | None)


@given(packable | nearly)
@example(["nonce", True, "clear"])
def test_so_is_whatever_can_be_packed(said: Any) -> None:
    message = message_of(msgspec.msgpack.encode(said))

    if message is not None:
        assert (message.nonce.decode(), message.sequence) == (said[0], said[1])
        assert type(message.sequence) is int
        told = [kind + name for field, kind in KINDS.items() for name in getattr(message.names, field)]
        assert message.names.everything == (said[2] == "clear")
        assert message.names.everything or sorted(told) == sorted(said[3:])


@given(st.text(), st.integers(0, 2**53), names)
def test_what_a_script_publishes_is_understood(
    nonce: str, sequence: int, said: dict[str, list[str]]
) -> None:
    flat = [kind + name for field, kind in KINDS.items() for name in said[field]]

    message = message_of(msgspec.msgpack.encode([nonce, sequence, "stamp", *flat]))

    assert message == Message(nonce.encode(), sequence, Names(**said))


@given(st.lists(reply | push, max_size=6))
@example([Push([b"message"])])
@example([Push([b"smessage", b"channel", 7])])
@example([[None] * 5, [b"x", b"y"], b"role:master\r\n"])
@example([[b"n1", None, b"x", None, None], 1, 2])
def test_a_session_goes_on_or_ends_as_a_lost_connection(came: list[Any]) -> None:
    stand = Stand().begun()
    before = stand.mirror.until
    stand.link.is_silent = True
    stand.link.inbox.extend(came)

    try:
        for _ in range(3):
            stand.session.turn()
    except NoConnection:
        pass

    assert stand.mirror.until <= before


def test_an_answer_that_nobody_asked_for_ends_the_session() -> None:
    stand = Stand().begun()
    stand.link.is_silent = True
    stand.link.inbox.extend([[], [], b""])

    with pytest.raises(NoConnection, match="no answer"):
        stand.session.turn()
