"""A hundred thousand strings of bytes under our keys, read through the whole store.

tests/wire/test_fuzz.py gives such strings to the codec. Here they lie on a server, and everything that
a read does with an entry is behind them: stamps, instants, tags, events. Half of them bear a checksum
that fits, as somebody would write them who knows the format: those get past the first look.
"""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from freshly import Cache, StoreError
from freshly.wire.checksum import CHECKSUM_BYTES, put_checksum
from freshly.wire.envelope import Wire
from tests.redis.fixtures import Open
from tests.servers.server import Server
from tests.wire import models as m
from tests.wire.cases import ACCOUNT, NOON, POST
from tests.wire.look import look
from tests.wire.samples import frame
from tests.wire.test_fuzz import MUTATIONS, Watch

# Strings of one part; there are 20 parts for each way of protecting entries.
COUNT = 5_000
BATCH = 500
# How many are read while memory is traced, which makes all of it four times as slow.
TRACED = 3_000
KEY = "a secret of more than sixteen bytes"
#: The instants of each entry are read as dates by nobody; a value may be, and is looked at.
SAMPLES: dict[Any, Any] = {
    m.Post: POST,
    m.Account: ACCOUNT,
    m.Row: {"id": 1, "name": "a", "at": NOON},
    dict: {"a": [1, 2.0, b"x", (NOON, {1})]},
}


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


def names(start: int, count: int) -> list[str]:
    return [f"key:{number}" for number in range(start, start + count)]


def mutants(chance: random.Random, samples: list[bytes], name: bytes) -> bytes:
    """Return bytes that were changed, with a checksum that fits or does not."""
    sample = chance.choice(samples)
    changed = chance.choice(MUTATIONS)(chance, sample)
    return put_checksum(changed[:-CHECKSUM_BYTES], name) if chance.random() < 0.5 else changed


async def store(cache: Cache, server: Server) -> dict[Any, list[bytes]]:
    """Store one value of each type, as functions do; return what lies there."""
    found: dict[Any, list[bytes]] = {}
    for index, (kind, value) in enumerate(SAMPLES.items()):
        key = f"sample:{index}"

        async def load(value: Any = value) -> Any:
            return value

        load.__annotations__["return"] = kind
        for more in ({}, {"tags": ["a", "b", "c"], "soft_ttl": "1m", "grace": "1h"}):
            await cache("1h", key=key, **more)(load).refresh()  # type: ignore[arg-type]
            found.setdefault(kind, []).append(server.admin.get(f"fr:{{fuzz:{key}}}:v"))
    return found


def chunks() -> Iterator[tuple[int, int]]:
    for start in range(0, COUNT, BATCH):
        yield start, min(BATCH, COUNT - start)


@pytest.mark.parametrize("part", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 20))])
@pytest.mark.parametrize("keys", [None, KEY], ids=["bare", "signed"])
async def test_no_bytes_under_our_keys_do_more_than_miss(
    open_cache: Open, server: Server, watch: Watch, keys: str | None, part: int
) -> None:
    options = {} if keys is None else {"signing_keys": keys}
    cache = open_cache(namespace="fuzz", **options)
    stored, chance = await store(cache, server), random.Random(f"{keys} {part}")
    errors: set[type] = set()
    cache.observe(lambda event: errors.add(type(getattr(event, "error", None))))
    assert Wire().unpack(Wire(compression="zstd", compress_above=1).pack(frame(), b"n"), b"n")
    for index, (kind, value) in enumerate(SAMPLES.items()):  # codecs are compiled, once
        assert await cache.get(f"sample:{index}", type=kind) == value
    found = peak = 0

    tracemalloc.start()
    for start, some in chunks():
        kind = list(stored)[start // BATCH % len(stored)]
        asked = names(start, some)
        pipe = server.admin.pipeline(transaction=False)
        for key in asked:
            name = f"fr:{{fuzz:{key}}}:v".encode()
            pipe.set(name, mutants(chance, stored[kind], name), px=60_000)
        pipe.execute()
        with watch.on():
            values = await cache.get_many(asked, type=kind)
        for value in values.values():
            look(value)  # an instance may lack a field: one that was stored so would, too
        found += len(values)
        if start >= TRACED and tracemalloc.is_tracing():
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()

    assert errors == {StoreError}
    assert cache.stats().refused > COUNT * (0.4 if keys is None else 0.99)
    assert found == 0 if keys else found > 0, (
        "some that bear a checksum get to the end, others never do"
    )
    assert 0 < peak < 64 * 2**20
    assert [each for each in watch.seen if "zoneinfo" not in each and "tzdata" not in each] == []


def test_that_audit_sees_what_it_is_there_for(watch: Watch) -> None:
    with watch.on():
        exec("1")

    assert watch.seen.pop().startswith("exec")


async def test_a_decompression_bomb_on_the_server_is_not_blown_up(
    open_cache: Open, server: Server
) -> None:
    cache = open_cache(namespace="fuzz", max_value_bytes=2**16)
    (whole, *_) = (await store(cache, server))[dict]
    name = b"fr:{fuzz:sample:3}:v"
    frame = Wire().unpack(whole, name)
    assert frame is not None
    bomb = frame._replace(payload=bytes(2**26))
    server.admin.set(name, Wire(compression="zstd", max_value_bytes=2**28).pack(bomb, name))

    tracemalloc.start()
    assert await cache.get("sample:3") is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 2**20
