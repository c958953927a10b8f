"""The reader of replies: however they come to pieces, the same replies in the same order."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ResponseError

from freshly.stores.near.resp import Push, Reader

STREAM = (
    b"+PONG\r\n"
    b":17\r\n"
    b"$5\r\nhe\r\no\r\n"
    b"$-1\r\n"
    b"_\r\n"
    b"*3\r\n$1\r\na\r\n:-2\r\n*-1\r\n"
    b">3\r\n+smessage\r\n$1\r\nc\r\n$2\r\n\x00\xff\r\n"
    b"%2\r\n+proto\r\n:3\r\n*0\r\n#t\r\n"
    b"~1\r\n,1.5\r\n"
    b"=7\r\ntxt:abc\r\n"
    b"|1\r\n+ttl\r\n:1\r\n+attributed\r\n"
    b"(12345678901234567890\r\n"
    b"#f\r\n"
)
REPLIES = [
    b"PONG",
    17,
    b"he\r\no",
    None,
    None,
    [b"a", -2, None],
    [b"smessage", b"c", b"\x00\xff"],
    {b"proto": 3, b"[]": True},
    [b"1.5"],
    b"abc",
    b"attributed",
    b"12345678901234567890",
    False,
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_pieces_do_not_matter(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    reader, found = Reader(), []
    for start, end in pairwise(places):
        found += reader.feed(STREAM[start:end])

    assert found == REPLIES
    assert [isinstance(one, Push) for one in found].index(True) == 6


@pytest.mark.parametrize("data", [b"-ERR no\r\n", b"!6\r\nERR no\r\n"])
def test_an_error_is_returned(data: bytes) -> None:
    (error,) = Reader().feed(data)

    assert isinstance(error, ResponseError)
    assert str(error) == "ERR no"


@pytest.mark.parametrize("data", [b"HTTP/1.1 400\r\n", b":x\r\n", b"$x\r\n"])
def test_what_is_no_reply_ends_the_connection(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(Reader().feed(data))
