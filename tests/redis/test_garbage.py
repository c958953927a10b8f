"""Bytes in a bucket that nobody of us wrote: a read loads, and nothing old comes back."""

from __future__ import annotations

import contextlib
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
        self.loads = 0

        @cache(ttl="1h", key="row", tags=["rows"])
        async def read() -> int:
            self.loads += 1
            return self.version

        self.read = read


async def stays_true(cache: Cache, source: Source) -> None:
    """The promise holds, or the invalidation raises."""
    assert await source.read() == source.version
    source.version += 1
    # If it raises, somebody has to know, and this process serves nothing older all the same.
    with contextlib.suppress(StoreError):
        await cache.delete_tags("rows")
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


@pytest.mark.parametrize("field", ["!", "@", "#", "_", "^", "D", "*"])
async def test_a_damaged_bucket_is_made_anew(field: str, open_cache: Open, server: Server) -> None:
    """Also by an invalidation, which does not raise."""
    cache = open_cache()
    source = Source(cache)
    for command in (source.read, lambda: cache.delete_tags("rows")):
        await source.read()
        server.admin.hset(BUCKET, field, b"garbage")

        await command()
        await source.read()
        before = source.loads
        await source.read()
        assert source.loads == before


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
