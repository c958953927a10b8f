"""Bytes in a bucket that nobody of us wrote: a read loads, and nothing old comes back."""

from __future__ import annotations

import random

import pytest

from freshly import Cache, StoreError
from tests.redis.fixtures import Open
from tests.servers.server import Server

BUCKET = "fr:{freshly#0}:t"
FIELDS = ("!", "@", "#", "_", "%", "^", "D", "*", "hrows", "krow", "srows", "drows", "erow")
GARBAGE = (
    b"", b"x", b"-1", b"1e9", b"0x1", b"\xff\xfe", b" 1", b"1_0", b"9" * 400, b"nan", b"1:", b"1:2",
    b"1:99:a", b"\xc3\xa9:1:a", b"=", b"t=", b"t=x;", b"\xff=1;", b";;;", b"1:1:[\x00",
)  # fmt: skip


class Source:
    def __init__(self, cache: Cache) -> None:
        self.version = 1

        @cache(ttl="1h", key="row", tags=["rows"])
        async def read() -> int:
            return self.version

        self.read = read


async def stays_true(cache: Cache, source: Source) -> None:
    """The promise holds, or the invalidation raises."""
    assert await source.read() == source.version
    source.version += 1
    try:
        await cache.delete_tags("rows")
    except StoreError:
        # Somebody has to know. This process serves nothing older all the same.
        pass
    assert await source.read() == source.version
    assert await source.read() == source.version


@pytest.mark.parametrize("field", FIELDS)
async def test_garbage_in_a_field_fails_no_read(field: str, open_cache: Open, server: Server) -> None:
    for bytes_ in GARBAGE:
        server.reset()
        cache = open_cache()
        source = Source(cache)
        await source.read()
        server.admin.hset(BUCKET, field, bytes_)

        await stays_true(cache, source)
        await cache.close()


async def test_nor_does_noise(open_cache: Open, server: Server) -> None:
    chance = random.Random(7)
    for _ in range(200):
        server.reset()
        cache = open_cache()
        source = Source(cache)
        await source.read()
        for field in chance.sample(FIELDS, chance.randint(1, 4)):
            server.admin.hset(BUCKET, field, chance.randbytes(chance.randrange(30)))

        await stays_true(cache, source)
        await cache.close()
