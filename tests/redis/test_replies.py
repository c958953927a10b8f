"""Replies read in Python are those that hiredis reads, wherever the bytes are cut."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import InvalidResponse

from freshly.stores.redis.replies import NOTHING, PlainReader, Push, packer_for, reader_for

hiredis = pytest.importorskip("hiredis")


class Said(Exception):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Said) and self.args == other.args

    __hash__ = Exception.__hash__


BYTES = b"".join(
    [
        b"+OK\r\n",
        b":-7\r\n",
        b"$5\r\nva\r\ne\r\n",
        b"$0\r\n\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"-ERR no\r\n",
        b"*3\r\n$1\r\na\r\n-NOSCRIPT none\r\n*2\r\n:1\r\n*0\r\n",
        b"_\r\n",
        b"#t\r\n",
        b",1.5\r\n",
        b"=5\r\ntxt:x\r\n",
        b"~2\r\n:1\r\n:2\r\n",
    ]
)


def all_of(reader: Any, pieces: list[bytes]) -> list[Any]:
    found = []
    for piece in pieces:
        reader.feed(piece)
        while (reply := reader.gets()) is not NOTHING:
            found.append(reply)
    return found


def by_hiredis(data: bytes) -> list[Any]:
    return all_of(hiredis.Reader(replyError=Said, notEnoughData=NOTHING), [data])


@given(st.lists(st.integers(0, len(BYTES)), max_size=8))
def test_wherever_the_bytes_are_cut_the_same_replies_come_out(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(BYTES)]
    pieces = [BYTES[a:b] for a, b in pairwise(places)]

    found = all_of(PlainReader(Said), pieces)

    assert found == [list(one) if isinstance(one, set) else one for one in by_hiredis(BYTES)]


def test_byte_by_byte_too() -> None:
    pieces = [BYTES[place : place + 1] for place in range(len(BYTES))]

    assert len(all_of(PlainReader(Said), pieces)) == 13


def test_what_comes_unasked_can_be_told_apart() -> None:
    (push,) = all_of(PlainReader(Said), [b">2\r\n$3\r\nfoo\r\n:1\r\n"])

    assert isinstance(push, Push)
    assert push == [b"foo", 1]


@pytest.mark.parametrize("data", [b"?\r\n", b"$x\r\n", b":\r\n", b"HTTP/1.1 400 Bad Request\r\n"])
def test_what_is_no_reply_is_an_error(data: bytes) -> None:
    with pytest.raises((InvalidResponse, ValueError)):
        all_of(PlainReader(Said), [data])


def test_the_reader_and_the_packer_are_of_the_kind_that_the_client_has() -> None:
    class OfHiredis:
        parse_error = Said

    class OfPython:
        parse_error = Said

    OfHiredis.__name__ = "_AsyncHiredisParser"
    fast = SimpleNamespace(_parser=OfHiredis(), pack_commands=list)
    plain = SimpleNamespace(_parser=OfPython(), pack_commands=list)

    assert isinstance(reader_for(fast)[0], hiredis.Reader)
    assert isinstance(reader_for(plain)[0], PlainReader)
    assert packer_for(plain) is list
    assert packer_for(fast)([("GET", b"k", 1)]) == [b"*3\r\n$3\r\nGET\r\n$1\r\nk\r\n$1\r\n1\r\n"]
